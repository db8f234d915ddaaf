"""Is the demo's recording what it should be? Pure functions of what was decoded, each of which ends in a `Check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import Any

import numpy as np

from pexrtc_media.stamp import Mark, unwrap
from pexrtc_py.bot.inspecting import StreamReport
from pexrtc_py.demo.correlation import Found, find
from pexrtc_py.demo.evidence import Evidence, Thumbnail
from pexrtc_py.demo.voices import Samples, Turns

DURATION_MARGIN = 0.5
MOST_SILENCE = 0.5
"""Seconds of sound that may be missing in all: a machine that is busy for longer than the node mixes ahead loses some."""
LEAST_PICTURES = 0.8
"""Share of the pictures of whoever is shown that must be in the file; a busy machine leaves some out before sending."""
LEAST_STAMPED = 0.9
"""Share of the main video's pictures that must say who sent them."""
LEAST_CORRELATION = 0.5
LARGEST_OFFSET_MS = 45.0
LEAST_SPEAKER = 0.5
"""Share of the time in which the picture must be the speaker's; a switch takes the node some tenths of a second."""
SLIDES_MARGIN = 1.0
"""Seconds around the beginning and the end of the presentation in which either is right."""
SLIDE_DISTANCE = 30.0
"""Mean difference of the levels (0 to 255) up to which a small picture is the slide."""
BLACK = 24.0
_STEP = 0.1


@dataclass(frozen=True)
class Part:
    """What one participant sent."""

    name: str
    stream: int
    """Its number in the stamps."""
    voice: Samples
    """What it said, at 48 kHz from media time zero."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the recording should show; times are seconds of the recording."""

    seconds: float
    parts: tuple[Part, ...]
    turns: Turns
    slides: tuple[Thumbnail, ...]
    presented: tuple[float, float]
    """From when to when the slides were shown."""


@dataclass(frozen=True)
class Check:
    """One line of the verdict."""

    name: str
    value: str
    limit: str
    ok: bool
    measured: Any = None
    """The value for machines: a number, or plain lists and dicts."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"name": self.name, "ok": self.ok, "value": self.value, "limit": self.limit, "measured": self.measured}


def judge(evidence: Evidence, expected: Expected) -> list[Check]:
    """All checks, in the order in which they are told. A check that cannot be made fails, with the reason as its value."""
    whole, found = evidence.inspection, {part.stream: find(part.voice, evidence.sound) for part in expected.parts}
    checks = [
        streams(evidence),
        decode_errors(evidence),
        duration(evidence, expected.seconds),
        gaps("gaps in the sound", whole.audio, allowed=MOST_SILENCE),
        gaps("gaps in the video", whole.video[:1]),
        identified(evidence.pictures),
    ]
    for part in expected.parts:
        checks.append(pictures(part, evidence.pictures))
    for part in expected.parts:
        checks.append(voice(part, found[part.stream]))
    for part in expected.parts:
        checks.append(lips(part, found[part.stream], evidence.pictures))
    checks.append(speaker(expected, found, evidence.pictures))
    checks.append(slides(expected, evidence.slides, whole.duration))
    return checks


def streams(evidence: Evidence) -> Check:
    """One Opus track, the main video and the slides."""
    whole = evidence.inspection
    told = [f"{s.codec} {s.size[0]}x{s.size[1]}" if s.size else s.codec for s in (*whole.audio, *whole.video)]
    ok = [s.codec for s in whole.audio] == ["opus"] and len(whole.video) == 2
    return Check("streams", ", ".join(told) or "none", "1 Opus, 2 video", ok, [s.codec for s in whole.streams])


def decode_errors(evidence: Evidence) -> Check:
    """Everything in the file decodes."""
    whole = evidence.inspection
    frames = sum(s.frames for s in whole.streams)
    return Check("decode errors", f"{whole.errors} in {frames} frames", "0", whole.errors == 0 and frames > 0, whole.errors)


def duration(evidence: Evidence, seconds: float) -> Check:
    """The file is as long as the recording was asked to be."""
    length = evidence.inspection.duration
    ok = abs(length - seconds) <= DURATION_MARGIN
    return Check("duration", f"{length:.2f} s", f"{seconds:g} s +/- {DURATION_MARGIN:g} s", ok, round(length, 3))


def gaps(name: str, reports: Sequence[StreamReport], *, allowed: float = 0.0) -> Check:
    """Nothing is missing in the middle of a track; its beginning and end are the duration's business."""
    limit = f"<= {allowed:g} s in all" if allowed else "none"
    if not reports or not reports[0].frames:
        return _failed(name, limit, "there is no such track, or nothing in it")
    found = [gap for report in reports for gap in report.gaps]
    told = ", ".join(f"{length:.2f} s at {start:.1f} s" for start, length in found[:3]) + (" ..." if len(found) > 3 else "")
    ok = sum(length for _, length in found) <= allowed
    return Check(name, told or "none", limit, ok, [list(gap) for gap in found])


def identified(pictures: Sequence[tuple[float, Mark | None]]) -> Check:
    """The stamps in the main video can be read; what has none is the node's splash picture, or damaged."""
    name, limit = "main video", f">= {LEAST_STAMPED:.0%} stamped"
    if len(pictures) < 2:
        return _failed(name, limit, "there are no pictures")
    share = sum(mark is not None for _, mark in pictures) / len(pictures)
    rate = (len(pictures) - 1) / max(pictures[-1][0] - pictures[0][0], 1e-3)
    value = f"{len(pictures)} pictures, {rate:.1f} fps, {share:.1%} stamped"
    return Check(name, value, limit, share >= LEAST_STAMPED, {"pictures": len(pictures), "fps": round(rate, 2), "stamped": round(share, 4)})


def pictures(part: Part, seen: Sequence[tuple[float, Mark | None]]) -> Check:
    """While a participant is shown, its pictures follow each other without loss: the stamps count them."""
    name, limit = f"pictures of {part.name}", f">= {LEAST_PICTURES:.0%}"
    got = sent = 0
    length = 0.0
    for shot in shots(seen, part.stream):
        got += len(shot)
        sent += sum((after.frame - before.frame) % 0x10000 for (_, before), (_, after) in pairwise(shot)) + 1
        length += shot[-1][0] - shot[0][0]
    if got < 2 or not length:
        return _failed(name, limit, "it was never shown")
    share = got / sent
    value = f"{got} of {sent} while shown, {share:.1%}"
    return Check(name, value, limit, LEAST_PICTURES <= share <= 1, {"got": got, "sent": sent, "shown_seconds": round(length, 2)})


def shots(seen: Sequence[tuple[float, Mark | None]], stream: int) -> Iterator[list[tuple[float, Mark]]]:
    """The stretches of the main video that show one participant; a picture that could not be read interrupts none."""
    read = [(time, mark) for time, mark in seen if mark is not None]
    for shown, group in groupby(read, key=lambda each: each[1].stream):
        if shown == stream:
            yield list(group)


def voice(part: Part, found: Sequence[Found]) -> Check:
    """The voice is in the sound: it correlates with what was said."""
    name, limit = f"voice of {part.name}", f"correlation >= {LEAST_CORRELATION:g}"
    if not found:
        return _failed(name, limit, "there is no sound to find it in")
    score = median(match.score for match in found)
    value = f"{score:.2f}"
    return Check(name, value, limit, score >= LEAST_CORRELATION, round(score, 4))


def lips(part: Part, found: Sequence[Found], seen: Sequence[tuple[float, Mark | None]]) -> Check:
    """Sound and picture of a participant are in step: positive when the picture is late."""
    name, limit = f"A/V offset of {part.name}", f"+/- {LARGEST_OFFSET_MS:g} ms"
    if not found or median(match.score for match in found) < LEAST_CORRELATION:
        return _failed(name, limit, "its voice was not found")
    offsets = [_offset_ms(time, mark, found) for time, mark in seen if mark is not None and mark.stream == part.stream]
    if len(offsets) < 10:
        return _failed(name, limit, f"only {len(offsets)} pictures of it were seen")
    middle, (low, high) = median(offsets), np.percentile(offsets, (5, 95))
    value = f"{middle:+.1f} ms (most {low:+.0f} to {high:+.0f})"
    measured = {"median_ms": round(middle, 2), "p5_ms": round(float(low), 2), "p95_ms": round(float(high), 2)}
    return Check(name, value, limit, abs(middle) <= LARGEST_OFFSET_MS, measured)


def _offset_ms(time: float, mark: Mark, found: Sequence[Found]) -> float:
    """How much later the picture is in the file than the sound of the same media time."""
    lag = min(found, key=lambda match: abs(match.time - time)).lag
    media_ms = unwrap(mark.ms, round((time - lag) * 1000))
    return (time - lag) * 1000 - media_ms


def speaker(expected: Expected, found: dict[int, list[Found]], seen: Sequence[tuple[float, Mark | None]]) -> Check:
    """The main video shows who speaks."""
    name, limit = "picture is the speaker's", f">= {LEAST_SPEAKER:.0%} of the time, everybody's"
    if not all(found.values()):
        return _failed(name, limit, "not every voice was found")
    lag = median(match.lag for matches in found.values() for match in matches)
    right = total = 0.0
    shown: set[int] = set()
    for (time, mark), (until, _) in pairwise(seen):
        total += until - time
        if time >= lag and mark is not None and mark.stream == expected.parts[expected.turns.speaker(time - lag)].stream:
            right += until - time
            shown.add(mark.stream)
    if not total:
        return _failed(name, limit, "there are no pictures")
    switches = sum(1 for _ in groupby(mark.stream for _, mark in seen if mark is not None)) - 1
    ok = right / total >= LEAST_SPEAKER and len(shown) == len(expected.parts)
    return Check(name, f"{right / total:.0%}, {switches} switches", limit, ok, {"share": round(right / total, 3), "switches": switches})


def slides(expected: Expected, seen: Sequence[tuple[float, Thumbnail]], length: float) -> Check:
    """The slides track shows slides while they are presented, each of them, and is black otherwise."""
    begin, end = expected.presented
    name, limit = "slides", f"{begin:.1f} to {end:.1f} s +/- {SLIDES_MARGIN:g} s, black otherwise"
    if not seen:
        return _failed(name, limit, "there is no track for slides, or nothing in it")
    standing = [(time, what_is_shown(picture, expected.slides)) for time, picture in standing_at(seen, np.arange(0, length, _STEP))]
    wrong = [(time, what) for time, what in standing if not _fits(time, what, begin, end)]
    shown = [time for time, what in standing if what.isdigit()]
    order = [what for what, _ in groupby(what for _, what in standing if what.isdigit())]
    missing = sorted({str(number + 1) for number in range(len(expected.slides))} - set(order))
    measured = {"order": order, "from": shown[0] if shown else None, "to": shown[-1] if shown else None, "wrong_at": wrong[:10]}
    if not shown:
        return Check(name, "never recognised", limit, False, measured)
    value = f"{', '.join(order)} from {shown[0]:.1f} to {shown[-1] + _STEP:.1f} s"
    if wrong:
        value += f"; {wrong[0][1]} at {wrong[0][0]:.1f} s"
    if missing:
        value += f"; missing {', '.join(missing)}"
    return Check(name, value, limit, not wrong and not missing, measured)


def standing_at(
    seen: Sequence[tuple[float, Thumbnail]], times: Sequence[float] | np.ndarray[Any, Any]
) -> Iterator[tuple[float, Thumbnail]]:
    """The picture that stands at each of the times (rising); nothing before the first picture."""
    index = -1
    for time in times:
        while index + 1 < len(seen) and seen[index + 1][0] <= time:
            index += 1
        if index >= 0:
            yield round(float(time), 3), seen[index][1]


def what_is_shown(picture: Thumbnail, slides: Sequence[Thumbnail]) -> str:
    """`"black"`, the number of the slide counted from 1, or `"something else"`."""
    levels = picture.astype(np.int16)
    if levels.max() <= BLACK:
        return "black"
    distances = [float(np.abs(levels - slide).mean()) for slide in slides]
    best = int(np.argmin(distances)) if distances else -1
    return str(best + 1) if distances and distances[best] <= SLIDE_DISTANCE else "something else"


def _fits(time: float, what: str, begin: float, end: float) -> bool:
    """Whether this may be seen at this time; around the beginning and the end of the presentation black and slides may."""
    if begin + SLIDES_MARGIN <= time <= end - SLIDES_MARGIN:
        return what.isdigit()
    if begin - SLIDES_MARGIN <= time <= end + SLIDES_MARGIN:
        return what != "something else"
    return what == "black"


def _failed(name: str, limit: str, why: str) -> Check:
    return Check(name, why, limit, False)
