"""`pexrtc record`: the recording bot."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.entering import entered, exit_code
from pexrtc_py.cli.options import call_type_option, conference_options, log_options, option
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import first_of, run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from pexrtc_py.recording import Recording
    from pexrtc_py.signaling.ending import Ended

SHOW = 0.25
FIRST_MEDIA = 20.0
"""Seconds to wait for something to record before giving up."""
AS_ASKED = "as asked"
STOPPED_EARLY = 130
"""Exit code of being stopped before there was a file to finish."""


@click.command()
@conference_options("Recorder")
@option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Ending in .mkv, .webm or .mp4.")
@call_type_option()
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Stop after this much recording.")
@log_options()
def record(*, out: Path, call_type: str, seconds: float | None, log_level: str, as_json: bool, **where: Any) -> int:
    """Record a conference: what arrives is written as it is, nothing is decoded.

    Ends with the conference, after --seconds, or by SIGINT or SIGTERM, which finish the file and leave.
    """
    set_up_logging(log_level)
    return run_until_stopped(lambda stop: _record(stop, out, call_type, seconds=seconds, as_json=as_json, where=where))


async def _record(stop: asyncio.Event, out: Path, call_type: str, *, seconds: float | None, as_json: bool, where: dict[str, Any]) -> int:
    from pexrtc_py.recording import recordable

    codecs = recordable(out)
    _check_writable(out)
    progress = Progress()
    async with entered(where, stop, progress, codecs=codecs, call_type=call_type) as conference:
        if conference is None:
            click.echo("Stopped before anything was recorded.", err=True)
            return STOPPED_EARLY
        recording = await conference.record(out)
        try:
            await _until_done(stop, seconds, conference, recording, progress)
        finally:
            await recording.stop()
    return _report(conference.ended, recording, as_json=as_json, stopped=stop.is_set())


def _check_writable(out: Path) -> None:
    """Find out before we join, and perhaps wait in a lobby, what can be known without creating the file."""
    from pexrtc_py.errors import RecordingError

    if out.is_dir():
        raise RecordingError(f"{out} is a directory; name a file in it with --out.")
    if not out.parent.is_dir():
        raise RecordingError(f"{out} cannot be written: there is no directory {out.parent}. Choose one that exists with --out.")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise RecordingError(f"{out} cannot be written: permission denied. Choose a place that you may write to with --out.")


async def _until_done(stop: asyncio.Event, seconds: float | None, conference: Conference, recording: Recording, progress: Progress) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while conference.ended is None and not recording.failed.is_set():
        length = recording.duration
        if seconds is not None and length >= seconds:
            return
        if length == 0 and loop.time() - began > FIRST_MEDIA:
            return
        size = recording.result.bytes
        people = len(conference.participants)
        text = f"Recording {recording.path}  {length:6.1f} s  {size / 1e6:6.2f} MB  {people} participant{'s' if people != 1 else ''}"
        progress.update(text, state="recording", seconds=round(length, 1), bytes=size)
        wait = SHOW if seconds is None else max(0.01, min(SHOW, seconds - length))
        await first_of(stop.wait(), recording.failed.wait(), seconds=wait)
        if stop.is_set():
            return


def _report(ended: Ended | None, recording: Recording, *, as_json: bool, stopped: bool) -> int:
    """Say what was recorded, and the exit code it deserves."""
    result = recording.result
    code, why = _outcome(ended, recording, stopped=stopped)
    if as_json:
        tracks = {
            name: {"codec": track.codec, "units": track.units, "dropped": track.dropped, "gaps": track.gaps}
            for name, track in result.tracks.items()
        }
        files = [str(result.path), *map(str, result.others)]
        fields = {"exit": code, "why": why, "files": files, "seconds": round(result.duration, 3), "bytes": result.bytes, "tracks": tracks}
        click.echo(json.dumps(fields))
        return code
    click.echo(f"{result.path}  {result.duration:.1f} s, {result.bytes / 1e6:.2f} MB")
    for path in result.others:
        click.echo(f"{path}  beside it, on the same clock")
    if code or why != AS_ASKED:
        click.echo(f"The recording ended: {why}", err=bool(code))
    return code


def _outcome(ended: Ended | None, recording: Recording, *, stopped: bool) -> tuple[int, str]:
    from pexrtc_py.errors import IceFailed
    from pexrtc_py.signaling.ending import EndReason

    if recording.error is not None:
        return recording.error.exit_code, str(recording.error)
    if not recording.result.duration:
        return (
            (STOPPED_EARLY, "stopped before anything arrived")
            if stopped
            else (IceFailed.exit_code, f"nothing to record arrived within {FIRST_MEDIA:.0f} s")
        )
    if ended is None or ended.reason is EndReason.LEFT:
        return 0, AS_ASKED
    return exit_code(ended), str(ended)
