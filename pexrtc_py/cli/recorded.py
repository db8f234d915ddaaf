"""What `pexrtc record` says at the end: what was recorded, why it ended, where more is known; and its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.entering import STOPPED_EARLY

if TYPE_CHECKING:
    from pexrtc_media.recording import RecordingResult
    from pexrtc_py.bot.running import Outcome

_AS_ASKED = {"length reached", "stopped"}


def report(outcome: Outcome, *, as_json: bool, stopped: bool, alone: bool = True) -> int:
    """Say what was recorded, and the exit code it deserves."""
    end, result = outcome.end, outcome.result
    if outcome.bundle is not None and not as_json:
        click.echo(f"What is known of it: {outcome.bundle}", err=True)
    if result is None or not result.duration:
        return _report_nothing(outcome, as_json=as_json, stopped=stopped, alone=alone)
    code = outcome.exit_code
    why = "as asked" if end.reason.value in _AS_ASKED else f"{end.reason.value}: {end.detail}" if end.detail else end.reason.value
    if as_json:
        _print(outcome, code, why, _recorded(result) | {"evidence": end.evidence})
        return code
    for segment in result.segments:
        length = (result.duration if segment.end is None else segment.end) - segment.start
        click.echo(f"{segment.path}  {length:.1f} s, {segment.path.stat().st_size / 1e6:.2f} MB")
    for path in result.others:
        click.echo(f"{path}  beside it, on the same clock")
    if code or why != "as asked":
        click.echo(f"The recording ended: {why}", err=bool(code))
    return code


def _recorded(result: RecordingResult) -> dict[str, Any]:
    tracks = {
        name: {"codec": track.codec, "units": track.units, "dropped": track.dropped, "gaps": track.gaps}
        for name, track in result.tracks.items()
    }
    files = [*(str(segment.path) for segment in result.segments), *map(str, result.others)]
    return {"files": files, "seconds": round(result.duration, 3), "bytes": result.bytes, "tracks": tracks}


def _print(outcome: Outcome, code: int, why: str, more: dict[str, Any]) -> None:
    """One JSON object."""
    bundle = {"bundle": str(outcome.bundle)} if outcome.bundle is not None else {}
    click.echo(json.dumps({"exit": code, "why": why, "reason": outcome.end.reason.value, **more, **bundle}, default=str))


def _report_nothing(outcome: Outcome, *, as_json: bool, stopped: bool, alone: bool) -> int:
    from pexrtc_py.bot.reasons import Reason
    from pexrtc_py.errors import PexRTCError

    end = outcome.end
    code = STOPPED_EARLY if end.reason is Reason.STOPPED and stopped else outcome.exit_code
    if isinstance(end.error, PexRTCError | click.ClickException):
        if as_json:
            _print(outcome, end.error.exit_code, str(end.error), {"files": []})
        if alone:
            raise end.error
        return outcome.exit_code
    detail = "stopped before anything arrived" if end.reason is Reason.STOPPED and outcome.result is not None else end.detail
    if as_json:
        _print(outcome, code, detail, {"files": [str(outcome.result.path)] if outcome.result is not None else [], "seconds": 0.0})
    else:
        click.echo(f"{detail[:1].upper()}{detail[1:]}.", err=True)
    return code
