"""How large a composed picture is, and how many bits a second it gets, by what its receivers can take; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pexrtc_py.engine.encoders import default_bitrate

Size = tuple[int, int]

LADDER: tuple[Size, ...] = ((1920, 1080), (1280, 720), (960, 540), (640, 360), (480, 270), (320, 180))
"""Widths and heights of composed pictures, from the largest to the smallest."""
FPS = 25.0
SLOW_FPS = 12.5
"""For those who can take so little that fewer pictures are better ones."""
LITTLE = 150_000
"""Bits a second from which on down they get `SLOW_FPS`."""
ENOUGH = 0.5
"""The part of a size's usual bitrate at which it is still the best one to have."""
STEP = 1.25
"""What somebody can take is only told apart in steps of this factor: each distinct rate is an encoder of its own."""
LEGIBLE: Size = (640, 360)
"""A picture is not made smaller than this because its sources are small, since there may be names in it."""
TOLERANCE = 0.95
_FIRST = 50_000


@dataclass(frozen=True)
class Quality:
    """Size, rate and bitrate of one composed picture."""

    size: Size
    fps: float
    bitrate: int


def quality(limit: int | None, *, largest: Size, is_upright: bool = False) -> Quality:
    """What suits somebody who can take `limit` bits/s (None: anything), with pictures of at most `largest` (as wide ones)."""
    rate = _step(limit) if limit is not None else None
    fps = SLOW_FPS if rate is not None and rate < LITTLE else FPS
    fitting = [size for size in LADDER if size[0] <= largest[0] and size[1] <= largest[1]] or [LADDER[-1]]
    good = [size for size in fitting if rate is None or rate >= ENOUGH * default_bitrate(*size, fps)]
    size = good[0] if good else fitting[-1]
    usual = default_bitrate(*size, fps)
    return Quality((size[1], size[0]) if is_upright else size, fps, usual if rate is None else min(usual, rate))


def sufficient(size: Size, shown: Iterable[tuple[Size, Size]]) -> Size:
    """The least size up to `size`, from `LEGIBLE` on, at which one of the pictures at least is not scaled down.

    Each of those shown has its own size, and that of its place in a picture of `size`.
    """
    factor = min((max(own[0] / place[0], own[1] / place[1]) for own, place in shown), default=1.0)
    enough = max(max(size) * factor * TOLERANCE, LEGIBLE[0])
    wide = next((one for one in reversed(LADDER) if one[0] >= enough), LADDER[0])
    if wide[0] >= max(size):
        return size
    return (wide[1], wide[0]) if size[1] > size[0] else wide


def _step(limit: int) -> int:
    """The greatest step that is not above."""
    rate = float(_FIRST)
    while rate * STEP <= limit:
        rate *= STEP
    return round(rate)
