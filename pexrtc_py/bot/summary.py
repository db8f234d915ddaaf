"""`NAME.summary.json`: how a recording ended, what is in it, and whether it is what it should be."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pexrtc_py.errors import RecordingError

if TYPE_CHECKING:
    from pexrtc_media.recording import RecordingResult, TrackResult
    from pexrtc_py.bot.job import Job
    from pexrtc_py.bot.running import Outcome

SCHEMA = 1
LARGEST_OFFSET = 0.06
"""Seconds by which sound and picture may be apart by the sender's clock."""


def summary_path(recording: Path) -> Path:
    """Where the summary of a recording is."""
    return recording.with_name(f"{recording.stem}.summary.json")


def verdict(outcome: Outcome) -> str:
    """One word: "good"; "incomplete" with gaps, drops or sound beside the picture; "empty"; "failed" when it could not be written."""
    result = outcome.result
    if outcome.end.reason.exit_code == 31:
        return "failed"
    if result is None or not result.duration:
        return "empty"
    offset = result.av_offset
    apart = offset is not None and abs(offset) > LARGEST_OFFSET
    holes = any(track.gaps for track in (result.tracks["audio"], result.tracks["video"]) if track.codec is not None)
    return "incomplete" if apart or holes else "good"


def told(outcome: Outcome, job: Job, states: Mapping[Any, float]) -> dict[str, Any]:
    """What the file holds."""
    end, result = outcome.end, outcome.result
    assert result is not None
    return {
        "schema": SCHEMA,
        "run": outcome.run,
        "conference": job.conference,
        "reason": end.reason.value,
        "detail": end.detail,
        "evidence": end.evidence,
        "exit": outcome.exit_code,
        "verdict": verdict(outcome),
        "states": {str(state): round(at, 3) for state, at in states.items()},
        "seconds": round(result.duration, 3),
        "bytes": result.bytes,
        "files": files(result),
        "others": [path.name for path in result.others],
        "av_offset_ms": None if result.av_offset is None else round(result.av_offset * 1000, 2),
        "tracks": {name: _track(track) for name, track in result.tracks.items()},
    }


def files(result: RecordingResult) -> list[dict[str, Any]]:
    """The files that follow each other."""
    return [
        {"file": segment.path.name, "start": round(segment.start, 3), "end": None if segment.end is None else round(segment.end, 3)}
        for segment in result.segments
    ]


def _track(track: TrackResult) -> dict[str, Any]:
    return {
        "codec": track.codec,
        "units": track.units,
        "first": track.first,
        "last": track.last,
        "gaps": [[round(start, 3), round(end, 3)] for start, end in track.gaps],
        "filled": round(track.filled, 2),
        "drops": track.drops,
    }


async def write_summary(outcome: Outcome, job: Job, states: Mapping[Any, float]) -> Path | None:
    """Write the summary; None when there is no room for it."""
    assert outcome.result is not None
    path = summary_path(outcome.result.path)
    text = json.dumps(told(outcome, job, states), indent=2, ensure_ascii=False, default=str) + "\n"
    try:
        await asyncio.to_thread(_replace, path, text)
    except OSError:
        return None
    return path


def _replace(path: Path, text: str) -> None:
    """Write it whole or not at all."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def read_summary(recording: Path) -> dict[str, Any] | None:
    """The summary beside a recording; None when there is none. Raises `RecordingError` for one that cannot be read."""
    path = summary_path(recording)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RecordingError(f"{path} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise RecordingError(f"{path} holds no summary.")
    return found
