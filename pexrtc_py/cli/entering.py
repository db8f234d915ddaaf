"""What `join` and `record` share: entering a conference until told to stop, and the exit code of how it ended."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.bot.stopping import unless
from pexrtc_py.cli.options import read_pin, usage
from pexrtc_py.cli.running import first_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable

    from pexrtc_py.cli.progress import Progress
    from pexrtc_py.conference import Conference
    from pexrtc_py.errors import JoinNeedsMore, NodeUnreachable
    from pexrtc_py.signaling.ending import Ended
    from pexrtc_py.signaling.joining import Answers

STOPPED_EARLY = 130
"""Exit code of being stopped before what was asked for was done."""


@contextlib.asynccontextmanager
async def entered(
    where: dict[str, Any],
    stop: asyncio.Event,
    progress: Progress,
    *,
    lobby: float | None = None,
    on_lobby: Callable[[], None] | None = None,
    **media: Any,
) -> AsyncIterator[Conference | None]:
    """The conference that the options `where` name, left at the end of the block; None when `stop` is set before we are let in.

    Waits in the lobby for `lobby` seconds, or as long as the node allows. Raises `click.UsageError`, `LobbyTimeout`, and what
    `pexrtc_py.join` raises.
    """
    import pexrtc_py
    from pexrtc_py.errors import NodeUnreachable

    alias = where["conference"]
    if where["node"] is None and "@" not in alias:
        raise usage(f"{alias!r} does not say where the conference is: give --node URL, or write ALIAS@DOMAIN.")
    joining = pexrtc_py.join(
        alias,
        node=where["node"],
        display_name=where["name"],
        pin=read_pin(where["pin"], where["pin_file"]),
        extension=where["extension"],
        idp=where["idp"],
        sso_token=where["sso_token"],
        ask=_Missing(),
        ca_file=where["ca_file"],
        insecure=where["insecure"],
        proxy=where["proxy"],
        **media,
    )
    progress.update(f"Joining {alias} ...", state="joining")
    try:
        conference = await unless(stop, joining)
    except NodeUnreachable as error:
        raise _explained(error, where["node"] or alias.rpartition("@")[2]) from error
    finally:
        progress.done()
    if conference is None:
        yield None
        return
    try:
        if conference.in_lobby:
            if on_lobby is not None:
                on_lobby()
            progress.update(f"Waiting in the lobby of {alias} until a host lets us in ...", state="waiting")
            await first_of(conference.admitted(timeout=lobby), stop.wait())
        yield conference if not conference.in_lobby else None
    finally:
        progress.done()
        await conference.leave()


class _Missing:
    """Has the user sign in with a browser; for anything else that is missing there is an option, which the error names."""

    def __init__(self) -> None:
        from pexrtc_py.browser_sso import BrowserSso

        self._browser = BrowserSso(show=_shown)

    async def __call__(self, wanted: JoinNeedsMore) -> Answers:
        from pexrtc_py.errors import ExtensionRequired, IdpRequired

        try:
            return await self._browser(wanted)
        except (ExtensionRequired, IdpRequired) as error:
            option = "--extension TEXT" if isinstance(error, ExtensionRequired) else "--idp NAME"
            error.args = (f"{error} On the command line: {option}.",)
            raise


def _shown(url: str) -> None:
    """Tell the address, since there may be no browser here, or one on another screen; and open it."""
    import webbrowser

    click.echo(f"Sign in with a browser on this machine: {url}", err=True)
    webbrowser.open(url)


def _explained(error: NodeUnreachable, node: str) -> NodeUnreachable:
    """The same error, with the node's address in it and in the words of the command line."""
    from pexrtc_py.errors import TlsNotTrusted

    text = str(error)
    if isinstance(error, TlsNotTrusted):
        text += " On the command line: --ca-file FILE."
    return type(error)(text if node in text else f"{node}: {text}")


def exit_code(ended: Ended | None) -> int:
    """0 when the conference was left, or ended by those in it; otherwise what was lost."""
    from pexrtc_py.errors import MediaLost, TokenExpired
    from pexrtc_py.signaling.ending import EndReason

    lost = {
        EndReason.MEDIA_LOST: MediaLost.exit_code,
        EndReason.NODE_LOST: MediaLost.exit_code,
        EndReason.TOKEN_LOST: TokenExpired.exit_code,
    }
    return lost.get(ended.reason, 0) if ended is not None else 0
