"""`pexrtc register`: a device that can be called, the directory, and its portraits."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.bot.stopping import unless
from pexrtc_py.cli.entering import STOPPED_EARLY
from pexrtc_py.cli.options import log_options, option, read_secret, registrar_options, usage
from pexrtc_py.cli.running import first_of, run_until_stopped, set_up_logging
from pexrtc_py.cli.wording import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pexrtc_py.cli.sources import Sources
    from pexrtc_py.registering import IncomingCall, Registration
    from pexrtc_py.signaling.ending import Ended

    Work = Callable[[Registration], Awaitable[int]]

_ANSWERS = click.Choice(["ring", "reject", "accept"], case_sensitive=False)


@click.command()
@registrar_options()
@option("--directory", metavar="TEXT", help="Print who can be called, those with this text in name or alias, and leave.")
@option("--avatar", metavar="ALIAS", help="Fetch the portrait of somebody in the directory into --out, and leave.")
@option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where --avatar goes.")
@option("--answer", type=_ANSWERS, default="ring", show_default=True, help="What to do with calls: let them ring, reject, or accept them.")
@option("--video", default="none", metavar="FILE|pattern|none", help="What to send as main video in accepted calls.")
@option("--audio", default="none", metavar="FILE|tone|none", help="What to send as sound in accepted calls.")
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Be registered for this long.")
@log_options("Print one JSON line for each event or entry instead of text.")
def register(
    *,
    directory: str | None,
    avatar: str | None,
    out: Path | None,
    answer: str,
    video: str,
    audio: str,
    seconds: float | None,
    log_level: str,
    as_json: bool,
    **where: Any,
) -> int:
    """Register the device ALIAS and tell of the calls that ring, or look into the directory.

    Stays registered until SIGINT or SIGTERM, or for --seconds. An accepted call is taken until it ends.
    """
    set_up_logging(log_level)
    if (avatar is None) != (out is None):
        raise usage("--avatar ALIAS and --out FILE belong together: a portrait is a file.")
    from pexrtc_py.cli.sources import Sources

    device = _Device(answer, lambda: Sources(video, audio), as_json=as_json)

    async def work(registration: Registration) -> int:
        if directory is not None:
            return await device.look_up(registration, directory)
        if avatar is not None and out is not None:
            return await device.fetch(registration, avatar, out)
        return await device.wait_for_calls(registration)

    return run_until_stopped(lambda stop: _register(stop, work, seconds, where))


async def _register(
    stop: asyncio.Event, work: Callable[[Registration], Awaitable[int]], seconds: float | None, where: dict[str, Any]
) -> int:
    import pexrtc_py

    if where["node"] is None and "@" not in where["alias"]:
        raise usage(f"{where['alias']!r} does not say where to register: give --node URL, or write ALIAS@DOMAIN.")
    password = read_secret(where.pop("password"), where.pop("password_file"), "password")
    alias = where.pop("alias")
    registration = await unless(stop, pexrtc_py.register(alias, username=where.pop("user") or alias, password=password or "", **where))
    if registration is None:
        return STOPPED_EARLY
    try:
        working = asyncio.ensure_future(work(registration))
        await first_of(stop.wait(), working, seconds=seconds)
        return working.result() if working.done() and not working.cancelled() else 0
    finally:
        await registration.leave()


class _Device:
    """What the command does while it is registered, and how it tells."""

    def __init__(self, answer: str, playing: Callable[[], Sources], *, as_json: bool) -> None:
        self._answer, self._playing, self._as_json = answer, playing, as_json
        self._ringing: list[IncomingCall] = []

    async def look_up(self, registration: Registration, text: str) -> int:
        from pexrtc_py.protocol.wire import encode

        for entry in await registration.directory(text):
            click.echo(json.dumps(encode(entry)) if self._as_json else f"{plain(entry.alias)}  {plain(entry.description or '')}".rstrip())
        return 0

    async def fetch(self, registration: Registration, alias: str, out: Path) -> int:
        picture = await registration.avatar(alias)
        try:
            await asyncio.to_thread(out.write_bytes, picture)
        except OSError as error:
            raise usage(f"--out {out} cannot be written: {error.strerror}.") from error
        self._tell(f"The portrait of {alias} is in {out}.", "avatar", file=str(out), bytes=len(picture))
        return 0

    async def wait_for_calls(self, registration: Registration) -> int:
        from pexrtc_py.cli.entering import exit_code
        from pexrtc_py.protocol.events import IncomingCancelled
        from pexrtc_py.registering import IncomingCall

        self._tell(f"Registered as {registration.alias}; calls ring here.", "registered", alias=registration.alias)
        ended: Ended | None = None
        async with asyncio.TaskGroup() as answering:
            async for event in registration.hub.events():
                match event:
                    case IncomingCall():
                        self._tell(f"{plain(event.caller)} calls from {plain(event.conference)}.", "incoming", **_of(event))
                        self._ringing.append(event)
                        answering.create_task(self._take(event))
                    case IncomingCancelled():
                        self._gone()
            ended = registration.ended
        return exit_code(ended)

    async def _take(self, call: IncomingCall) -> None:
        from pexrtc_py.errors import PexRTCError

        try:
            if self._answer == "reject":
                await call.reject()
                self._tell(f"Rejected {plain(call.caller)}.", "rejected", **_of(call))
            elif self._answer == "accept":
                await self._talk(call)
        except PexRTCError as error:
            self._tell(f"The call from {plain(call.caller)} could not be taken: {error}", "failed", error=str(error), **_of(call))

    async def _talk(self, call: IncomingCall) -> None:
        async with self._playing() as sources, call.accept(audio=sources.audio, video=sources.video) as conference:
            self._tell(f"Talking with {plain(call.caller)} in {plain(call.conference)}.", "accepted", **_of(call))
            async for _ in conference.events():
                pass
        self._tell(f"The call with {plain(call.caller)} is over: {conference.ended}", "ended", **_of(call))

    def _gone(self) -> None:
        for call in [one for one in self._ringing if one.over]:
            self._ringing.remove(call)
            self._tell(f"{plain(call.caller)} rings no more.", "over", **_of(call))

    def _tell(self, text: str, event: str, **fields: object) -> None:
        click.echo(json.dumps({"ts": round(time.time(), 3), "event": event, **fields}) if self._as_json else text)


def _of(call: IncomingCall) -> dict[str, object]:
    return {"conference": call.conference, "caller": call.caller, "caller_alias": call.caller_alias}
