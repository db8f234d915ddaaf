"""`pexrtc join`: a participant without devices."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.entering import entered, exit_code
from pexrtc_py.cli.options import call_type_option, conference_options, log_options, option, usage
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import first_of, run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.cli.sources import Sources
    from pexrtc_py.conference import Conference
    from pexrtc_py.signaling.ending import Ended

SHOW = 0.5
_DEVICES_LATER = (
    "Leaving out {option} will mean the local {device} one day; that is not built yet. "
    "Say {option} {example}, {option} FILE, or {option} none."
)


@click.command()
@conference_options("Participant")
@option("--video", metavar="FILE|pattern|none", help="What to send as main video: a film or a picture, colour bars, or nothing.")
@option("--audio", metavar="FILE|tone|none", help="What to send as sound: a file, a tone, or nothing.")
@option("--present", type=click.Path(path_type=Path), metavar="FILE", help="Present this picture or film as slides.")
@call_type_option()
@option("--direct-media", is_flag=True, help="Send to the other participant instead of the node, where the conference allows it.")
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Leave after this long.")
@log_options()
def join(
    *,
    video: str | None,
    audio: str | None,
    present: Path | None,
    call_type: str,
    direct_media: bool,
    seconds: float | None,
    log_level: str,
    as_json: bool,
    **where: Any,
) -> int:
    """Take part in a conference with a film, a picture, a test pattern or a tone.

    Files are played in a loop; a film named for both --video and --audio keeps its lips in step. What is received is not
    decoded. Ends with the conference, after --seconds, or by SIGINT or SIGTERM.
    """
    set_up_logging(log_level)
    if video is None:
        raise usage(_DEVICES_LATER.format(option="--video", device="camera", example="pattern"))
    if audio is None:
        raise usage(_DEVICES_LATER.format(option="--audio", device="microphone", example="tone"))
    from pexrtc_py.cli.sources import Sources

    if present is not None and call_type == "rtmp":
        raise usage("Slides cannot be presented by RTMP; leave out --present, or --call-type rtmp.")
    if direct_media and call_type == "rtmp":
        raise usage("Direct media are WebRTC; leave out --direct-media, or --call-type rtmp.")
    playing = Sources(video, audio, present)
    call = {"call_type": call_type, "direct_media": direct_media}
    return run_until_stopped(lambda stop: _join(stop, playing, call, seconds=seconds, as_json=as_json, where=where))


async def _join(
    stop: asyncio.Event, playing: Sources, call: dict[str, Any], *, seconds: float | None, as_json: bool, where: dict[str, Any]
) -> int:
    progress = Progress()
    async with contextlib.AsyncExitStack() as stack:
        sources = await stack.enter_async_context(playing)
        media: dict[str, Any] = {"audio": sources.audio, "video": sources.video}
        conference = await stack.enter_async_context(entered(where, stop, progress, **media, **call))
        if conference is not None:
            if sources.presentation is not None:
                await stack.enter_async_context(conference.present(sources.presentation))
            await _stay(conference, stop, seconds, progress, where["conference"])
    return _report(conference.ended if conference is not None else None, where["conference"], as_json=as_json)


async def _stay(conference: Conference, stop: asyncio.Event, seconds: float | None, progress: Progress, alias: str) -> None:
    loop = asyncio.get_running_loop()
    began, code = loop.time(), None
    while conference.ended is None and not stop.is_set():
        elapsed = loop.time() - began
        code = _tell_code(conference, code, progress)
        if seconds is not None and elapsed >= seconds:
            return
        names = ", ".join(person.display_name for person in conference.participants.values())
        until = f" of {seconds:g}" if seconds is not None else ""
        progress.update(f"In {alias} for {elapsed:.0f}{until} s with {names}", state="joined", seconds=round(elapsed), participants=names)
        await first_of(stop.wait(), seconds=SHOW if seconds is None else max(0.01, min(SHOW, seconds - elapsed)))


def _tell_code(conference: Conference, told: str | None, progress: Progress) -> str | None:
    """Say the check code of direct media once for each partner; the code that is told now."""
    code = conference.call.check_code if conference.call is not None else None
    if code is not None and code != told:
        progress.say(f"Media are direct. Compare the secure check code: {code}", check_code=code)
    return code


def _report(ended: Ended | None, alias: str, *, as_json: bool) -> int:
    from pexrtc_py.signaling.ending import EndReason

    code = exit_code(ended)
    reason = str(ended.reason) if ended is not None else "stopped before joining"
    if as_json:
        detail = ended.detail if ended is not None else ""
        click.echo(json.dumps({"exit": code, "conference": alias, "reason": reason, "detail": detail}))
    elif ended is None:
        click.echo(f"Stopped before {alias} was joined.")
    elif ended.reason is EndReason.LEFT:
        click.echo(f"Left {alias}.")
    else:
        click.echo(f"{alias} is over for us: {ended}", err=bool(code))
    return code
