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


def conference_options(default_name: str) -> Callable[[F], F]:
    """Where to join, as whom, and how the node is trusted."""
    return _stack(
        [
            click.argument("conference", metavar="ALIAS", envvar="PEXRTC_CONFERENCE"),
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
            option("--ca-file", type=click.Path(path_type=Path), metavar="FILE", help="Trust this certificate authority (PEM)."),
            option("--insecure", is_flag=True, help="Do not verify the node's certificate; loopback nodes only."),
            option("--proxy", metavar="URL", help="HTTP proxy for signaling (default: HTTPS_PROXY)."),
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
    """The PIN from the option or the first line of the file; raises a usage error that names the file, never the PIN.

    Of a PIN and a file the one from the command line is taken when the other comes from the environment.
    """
    if pin is not None and pin_file is not None:
        pin, pin_file = _stronger(pin, pin_file)
    if pin_file is None:
        return pin
    try:
        lines = pin_file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"The PIN file {pin_file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not lines or not lines[0].strip():
        raise usage(f"The PIN file {pin_file} is empty; its first line must be the PIN.")
    return lines[0].strip()


def _stronger(pin: str, pin_file: Path) -> tuple[str | None, Path | None]:
    context = click.get_current_context()
    pin_is_flag, file_is_flag = (
        context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in ("pin", "pin_file")
    )
    if pin_is_flag and file_is_flag:
        raise usage("--pin and --pin-file were both given; leave one out.")
    return (pin, None) if pin_is_flag else (None, pin_file)


def usage(message: str) -> click.UsageError:
    """A usage error with the current command's usage line."""
    return click.UsageError(message, ctx=click.get_current_context(silent=True))
