"""`pexrtc`: a whole conference from the command line."""

from __future__ import annotations

if __name__ == "__main__":  # before anything slow is loaded
    from pexrtc_py.cli.entry import stand_before

    stand_before()

import importlib
import logging
import sys

import click

COMMANDS = {
    "demo": "Show a whole call on this machine and judge its recording.",
    "node": "Run a conferencing node of our own.",
    "join": "Take part in a conference without devices.",
    "record": "Record a conference into a file.",
    "inspect": "Look into a recording: what is in it, and is it whole.",
    "impair": "Pass datagrams on as a bad network would.",
    "roster": "Show who is in a conference.",
    "chat": "Say something to a conference, or follow what is said.",
    "control": "Send any request of the API.",
    "register": "Be a device that can be called, or look into the directory.",
    "watch": "Watch a conference live in the terminal.",
}
"""Each command: the function of that name in the module `pexrtc_py.cli.<command>`, which is loaded when it is used."""


class _Commands(click.Group):
    """Loads a command's module when it is asked for, so that `--help` costs no media library."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"pexrtc_py.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="pexrtc-py", prog_name="pexrtc")
def pexrtc() -> None:
    """Join, present in and record Pexip Infinity conferences; test with a node of your own.

    Every option also comes from the environment variable its help names; a flag wins.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run a command and end the process with the code that says how it went."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code. Errors are one sentence on stderr; the traceback is in the debug log."""
    from pexrtc_py.errors import PexRTCError

    try:
        result = pexrtc.main(args=arguments, prog_name="pexrtc", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return 130
    except PexRTCError as error:
        logging.getLogger(__name__).debug("The command failed", exc_info=True)
        text = str(error)
        click.echo(f"Error: {text if text.endswith(('.', '?')) else text + '.'}", err=True)
        return error.exit_code
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
