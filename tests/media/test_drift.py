"""The sender's clocks are apart: its sound counts samples of a clock that is too fast or too slow, by the sender's own reports."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_media.clock import Reference, TrackClock

BEGIN = 1_700_000_000.0
REPORT = 2.5
"""Seconds between two reports; between them the media time is all there is."""


def units(step: float, rate: int, seconds: float, fast: float) -> Iterator[tuple[float, AccessUnit]]:
    """When each unit was captured in truth, and the unit as it was received: its media time runs `fast` (0.001: a thousandth too fast)."""
    reported: tuple[float, int] | None = None
    for index in range(round(seconds / step)):
        timestamp = round(index * step * rate)
        truth = index * step / (1 + fast)
        if reported is None or truth - reported[0] >= REPORT:
            reported = truth, timestamp
        ntp = BEGIN + reported[0] + (timestamp - reported[1]) / rate
        yield (
            truth,
            AccessUnit(b"x", "opus" if rate == 48000 else "vp8", timestamp, rate, keyframe=True, ntp=ntp, arrival=BEGIN - 9 + truth + 0.04),
        )


@pytest.mark.parametrize(("fast", "seconds"), [(1e-4, 600.0), (-1e-4, 600.0), (3e-3, 60.0), (-3e-3, 60.0)])
def test_sound_and_picture_stay_within_twenty_milliseconds(fast: float, seconds: float) -> None:
    reference = Reference()
    sound, picture = TrackClock(reference), TrackClock(reference)
    tracks = [((truth, 0, sound, unit) for truth, unit in units(0.02, 48000, seconds, fast))]
    tracks.append(((truth, 1, picture, unit) for truth, unit in units(1 / 30, 90000, seconds, 0.0)))
    apart: dict[int, float] = {}
    worst = 0.0
    for truth, track, clock, unit in heapq.merge(*tracks, key=lambda each: each[:2]):
        apart[track] = clock.place(unit, 0.0) - BEGIN - truth
        if len(apart) == 2:
            worst = max(worst, abs(apart[1] - apart[0]))

    print(f"{fast * 1e6:+.0f} ppm for {seconds:.0f} s: at most {worst * 1000:.2f} ms apart")
    assert worst < 0.020
