"""Options that several commands share; each also comes from the environment as `PEXRTC_<NAME>`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """A click option whose environment variable is `PEXRTC_` and its long name; a flag wins over the environment."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "PEXRTC_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


def _stack(decorators: list[Callable[[F], F]]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


_TRUST: list[Callable[[Any], Any]] = [
    option("--ca-file", type=click.Path(path_type=Path), metavar="FILE", help="Trust this certificate authority (PEM)."),
    option("--insecure", is_flag=True, help="Do not verify the node's certificate; loopback nodes only."),
    option("--proxy", metavar="URL", help="HTTP proxy for signaling (default: HTTPS_PROXY)."),
]
"""How the node is reached and trusted."""


def conference_options(default_name: str, *, required: bool = True) -> Callable[[F], F]:
    """Where to join, as whom, and how the node is trusted; `required`: whether the conference must be named."""
    return _stack(
        [
            click.argument("conference", metavar="ALIAS" if required else "[ALIAS]", required=required, envvar="PEXRTC_CONFERENCE"),
            option(
                "--node",
                metavar="URL",
                help="The conferencing node, e.g. https://node.example.com (default: found in the DNS of ALIAS's domain).",
            ),
            option("--name", default=default_name, show_default=True, help="The name others see."),
            option("--pin", metavar="PIN", help="The conference's PIN; visible to other users of this machine: prefer --pin-file."),
            option("--pin-file", type=click.Path(path_type=Path), metavar="FILE", help="A file whose first line is the PIN."),
            option("--extension", metavar="TEXT", help="The conference wanted, where a virtual reception asks for it."),
            option("--idp", metavar="NAME", help="The identity provider to sign in with, by name or uuid, where several are offered."),
            option(
                "--sso-token",
                metavar="TOKEN",
                help="What signing in elsewhere has yielded. Without it a browser is opened here, where a conference wants one to sign in.",
            ),
            *_TRUST,
        ]
    )


def registrar_options() -> Callable[[F], F]:
    """Which device to register, where, with what credentials, and how the node is trusted."""
    return _stack(
        [
            click.argument("alias", metavar="ALIAS", envvar="PEXRTC_DEVICE"),
            option("--node", metavar="URL", help="The conferencing node, e.g. https://node.example.com (default: the host in ALIAS)."),
            option("--user", metavar="NAME", help="The user name of the device's credentials (default: ALIAS)."),
            option("--password", metavar="TEXT", help="Their password; visible to other users of this machine: prefer --password-file."),
            option("--password-file", type=click.Path(path_type=Path), metavar="FILE", help="A file whose first line is the password."),
            *_TRUST,
        ]
    )


def call_type_option() -> Callable[[F], F]:
    """`--call-type`."""
    kinds = click.Choice(["webrtc", "rtmp"], case_sensitive=False)
    return option("--call-type", type=kinds, default="webrtc", show_default=True, help="How media travel; rtmp is H.264 and AAC over TCP.")


def log_options(json_help: str = "Print one JSON object at the end instead of text.") -> Callable[[F], F]:
    """`--log-level` and `--json`."""
    levels = click.Choice(["debug", "info", "warning", "error"], case_sensitive=False)
    return _stack(
        [
            option("--log-level", type=levels, default="warning", show_default=True, help="How much the log on stderr tells."),
            option("--json", "as_json", is_flag=True, help=json_help),
        ]
    )


def read_pin(pin: str | None, pin_file: Path | None) -> str | None:
    """The PIN of `--pin` or `--pin-file`, as `read_secret` reads it."""
    return read_secret(pin, pin_file, "PIN")


def read_secret(text: str | None, file: Path | None, name: str) -> str | None:
    """A PIN or password from its option or the first line of its file; raises a usage error that names the file, never the secret.

    Of the two the one from the command line is taken when the other comes from the environment.
    """
    if text is not None and file is not None:
        text, file = _stronger(text, file, name.lower())
    if file is None:
        return text
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"The {name} file {file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not lines or not lines[0].strip():
        raise usage(f"The {name} file {file} is empty; its first line must be the {name}.")
    return lines[0].strip()


def _stronger(text: str, file: Path, name: str) -> tuple[str | None, Path | None]:
    context = click.get_current_context()
    text_is_flag, file_is_flag = (
        context.get_parameter_source(parameter) is click.core.ParameterSource.COMMANDLINE for parameter in (name, f"{name}_file")
    )
    if text_is_flag and file_is_flag:
        raise usage(f"--{name} and --{name}-file were both given; leave one out.")
    return (text, None) if text_is_flag else (None, file)


def usage(message: str) -> click.UsageError:
    """A usage error with the current command's usage line."""
    return click.UsageError(message, ctx=click.get_current_context(silent=True))
