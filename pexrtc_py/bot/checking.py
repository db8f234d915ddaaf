"""Is a recording what its manifest and summary say? Decodes it, and compares; each line of the verdict is a `Finding`."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pexrtc_media.base import MediaError
from pexrtc_media.container import Chapter
from pexrtc_media.mending import Mended, mend
from pexrtc_py.bot.inspecting import Inspection, inspect
from pexrtc_py.bot.manifest import manifest_path
from pexrtc_py.bot.summary import LARGEST_OFFSET, read_summary
from pexrtc_py.errors import RecordingError

DURATION_MARGIN = 0.5
GAP_MARGIN = 1.0
"""Seconds by which a gap in the file may begin or end elsewhere than the manifest says."""
_MOST_LINES = 10_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the verdict."""

    name: str
    ok: bool
    value: str
    limit: str = ""


@dataclass(frozen=True)
class Verdict:
    """What was found in one file."""

    inspection: Inspection
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether all of it is as it should be."""
        return all(finding.ok for finding in self.findings)


def check(path: str | Path) -> Verdict:
    """Decode a file and judge it by what lies beside it; blocking. Raises `RecordingError` when it is no media file."""
    path = Path(path)
    inspection, lines, summary = inspect(path), list(read_manifest(path)), read_summary(_first(path))
    findings = [_decodes(inspection), *_tracks(inspection)]
    segment = _segment(summary, path)
    if segment is not None:
        findings.append(_duration(inspection, segment))
    findings += _gaps(inspection, lines, segment)
    if (apart := _av_offset(lines)) is not None:
        text = f"{apart * 1000:+.1f} ms by the sender's clock"
        findings.append(Finding("sound and picture", abs(apart) <= LARGEST_OFFSET, text, f"{LARGEST_OFFSET * 1000:.0f} ms"))
    if summary is not None:
        findings.append(Finding("ended", summary.get("exit") == 0, str(summary.get("reason", "unknown"))))
    elif lines:
        findings.append(Finding("ended", False, "without a summary: the recorder was killed; --repair makes the file whole"))
    return Verdict(inspection, tuple(findings))


def repair(path: str | Path) -> Mended:
    """Make a file that a killed recorder left whole, with the chapters of its manifest; blocking. Raises `RecordingError`."""
    path = Path(path)
    try:
        return mend(path, _chapters_of(path, list(read_manifest(path))))
    except MediaError as error:
        raise RecordingError(str(error)) from error


def read_manifest(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of the manifest beside a recording, as far as they can be read; none when there is no manifest."""
    try:
        with manifest_path(_first(path)).open(encoding="utf-8", errors="replace") as file:
            for _, text in zip(range(_MOST_LINES), file, strict=False):
                try:
                    line = json.loads(text)
                except (ValueError, RecursionError):
                    continue  # the last one of a killed recorder
                if isinstance(line, dict):
                    yield line
    except OSError:
        return


def _first(path: Path) -> Path:
    """The first file of the recording that this one is a segment of: what lies beside has its name."""
    stem, dot, number = path.stem.rpartition(".")
    whole = path.with_name(stem + path.suffix)
    return whole if dot and len(number) == 4 and number.isdigit() and whole.exists() else path


def _segment(summary: dict[str, Any] | None, path: Path) -> dict[str, Any] | None:
    segments = summary.get("files", []) if summary is not None else []
    return next((one for one in segments if isinstance(one, dict) and one.get("file") == path.name), None)


def _decodes(inspection: Inspection) -> Finding:
    return Finding("decodes", not inspection.errors, f"{inspection.errors} errors" if inspection.errors else "without an error")


def _tracks(inspection: Inspection) -> Iterator[Finding]:
    for stream in inspection.streams:
        size = f" {stream.size[0]}x{stream.size[1]}" if stream.size else ""
        text = f"{stream.codec}{size}, {stream.frames} frames from {stream.start:.2f} to {stream.end:.2f} s"
        yield Finding(f"stream {stream.index}", stream.frames > 0, text)


def _duration(inspection: Inspection, segment: dict[str, Any]) -> Finding:
    start, end = segment.get("start"), segment.get("end")
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return Finding("duration", False, "the summary does not tell it")
    apart = abs(inspection.duration - (end - start))
    return Finding("duration", apart <= DURATION_MARGIN, f"{inspection.duration:.2f} s", f"{end - start:.2f} s +/- {DURATION_MARGIN}")


def _gaps(inspection: Inspection, lines: Sequence[dict[str, Any]], segment: dict[str, Any] | None) -> Iterator[Finding]:
    """Holes in sound and main video, known or not; both are told, and an unknown one is worse."""
    begin = float(segment.get("start") or 0.0) if segment is not None else 0.0
    known = {track: [(_number(line, "t"), _number(line, "end")) for line in _of(lines, "gap", track)] for track in ("audio", "video")}
    for name, streams in (("audio", inspection.audio[:1]), ("video", inspection.video[:1])):
        for stream in streams:
            for start, length in stream.gaps:
                at = start + begin
                told = any(abs(at - first) < GAP_MARGIN and abs(at + length - last) < GAP_MARGIN for first, last in known[name])
                yield Finding(
                    f"gap in {name}", False, f"{length:.2f} s at {start:.2f} s" + (", written down" if told else ", not written down")
                )
        until = begin + inspection.duration
        for first, last in known[name] if name == "audio" else ():
            if first >= until or last <= begin:
                continue  # in another file of the recording
            yield Finding("silence for sound", False, f"{last - first:.2f} s at {first - begin:.2f} s did not arrive")


def _av_offset(lines: Sequence[dict[str, Any]]) -> float | None:
    """Seconds by which main video stands later than sound: each note of the one against the nearest of the other."""
    sound = sorted((_number(line, "ntp"), _number(line, "t")) for line in _of(lines, "clock", "audio"))
    apart = []
    for line in _of(lines, "clock", "video"):
        ntp, at = _number(line, "ntp"), _number(line, "t")
        place = bisect_left(sound, (ntp, 0.0))
        near = min(sound[max(place - 1, 0) : place + 1], key=lambda each: abs(each[0] - ntp), default=None)
        if near is not None:
            apart.append((at - ntp) - (near[1] - near[0]))
    return median(apart) if apart else None


def _chapters_of(path: Path, lines: Sequence[dict[str, Any]]) -> list[Chapter]:
    """The chapters of one file of a recording, in its own time."""
    segments = [(_number(line, "t"), line.get("file")) for line in lines if line.get("kind") == "segment"]
    begin = next((at for at, name in segments if name == path.name), 0.0)
    end = min((at for at, _ in segments if at > begin), default=math.inf)
    inside = [chapter for chapter in _chapters(lines) if chapter.start < end and chapter.end > begin]
    return [Chapter(max(chapter.start - begin, 0.0), min(chapter.end, end) - begin, chapter.title) for chapter in inside]


def _chapters(lines: Sequence[dict[str, Any]]) -> Iterator[Chapter]:
    end = max((_number(line, "t") for line in lines), default=0.0)
    begun: tuple[float, str] | None = None
    for line in lines:
        if line.get("kind") != "presentation":
            continue
        at = _number(line, "t")
        if begun is not None:
            yield Chapter(begun[0], at, f"{begun[1] or 'Somebody'} presents")
        begun = (at, str(line.get("name", ""))) if line.get("event") == "start" else None
    if begun is not None:
        yield Chapter(begun[0], max(end, begun[0]), f"{begun[1] or 'Somebody'} presents")


def _of(lines: Sequence[dict[str, Any]], kind: str, track: str) -> Iterator[dict[str, Any]]:
    return (line for line in lines if line.get("kind") == kind and line.get("track") == track)


def _number(line: dict[str, Any], key: str) -> float:
    value = line.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
