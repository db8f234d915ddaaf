"""When things are due: the clock that a sender waits by, and the line from a source's time stamps to that clock."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from pexrtc_media.base import Timeline
from pexrtc_py.engine.clock import unix_time

PATIENCE = 1.0
"""Seconds for which a source may be late throughout; one that does not catch up is taken as it comes from then on."""
_CATCHES_UP = 0.5
_LONGEST_ITEM = 1.0
_ROUNDING = 1e-5


class Clock(Protocol):
    """Unix seconds, and waiting for them; a test brings its own."""

    def now(self) -> float:
        """The time."""
        ...

    async def sleep_until(self, when: float) -> None:
        """Wait until then, and let other tasks run in any case."""
        ...


class SystemClock:
    """The engine's own clock."""

    def now(self) -> float:
        """Unix seconds."""
        return unix_time()

    async def sleep_until(self, when: float) -> None:
        """Wait until `when`; if that has passed, for one round of the event loop."""
        await asyncio.sleep(max(0.0, when - unix_time()))


class Pace:
    """Maps the media time of one source to our clock, on the time line that it may share with others.

    The first item of a time line is due at once and anchors it. `longest_gap` is how far (seconds) an item may lie ahead;
    farther ahead, or back in time, means that the source's clock jumped: it is anchored anew.
    """

    def __init__(self, timeline: Timeline, *, longest_gap: float) -> None:
        self.anchored = 0
        """How often the source was anchored; more than once after a jump or when it could not keep up."""
        self._timeline = timeline
        self._longest_gap = longest_gap
        self._origin: float | None = None
        self._last: float | None = None
        self._step = self._next = 0.0
        self._shifted = timeline.shifted
        self._late: tuple[float, float] | None = None

    def due(self, media: float, now: float, *, reorder: float = 0.0) -> float:
        """When the item of this media time is due. Going back by up to `reorder` seconds is no jump (B-frames)."""
        followed = self._follow()
        origin = self._nearest(media, now)
        back = self._last is not None and media < self._last - reorder and origin == self._origin
        if back:
            # Most likely a loop: the first item follows when the last one has had its time, not on its heels.
            origin = self._anchor(media, max(now, min(self._next, now + _LONGEST_ITEM)))
        elif origin is None or (origin + media > now + self._longest_gap and not followed):
            origin = self._anchor(media, now)
        if self._last is not None and 0 < media - self._last < _LONGEST_ITEM:
            self._step = media - self._last
        self._origin, self._last, self._next = origin, media, origin + media + self._step
        if self._timeline.origin is None:
            # Somebody who shared it has left; who comes next shall find it again.
            self._timeline.origin = origin
        return origin + media

    def live(self, media: float, now: float) -> float:
        """The same for an item that has just been received: due now at the latest, for it cannot come before its time."""
        due = self.due(media, now)
        return due if due <= now else self.restart(media, now)

    def is_hopeless(self, lateness: float, now: float) -> bool:
        """Tell of an item that comes too late by `lateness` seconds; True when its source will not catch up."""
        since, worst = self._late or (now, lateness)
        self._late = (since, worst)
        if now - since < PATIENCE:
            return False
        self._late = None
        return lateness > worst - min(_CATCHES_UP, worst / 2)

    def in_time(self) -> None:
        """Tell that an item came in time."""
        self._late = None

    def restart(self, media: float, now: float) -> float:
        """Let the item of this media time be due now."""
        origin = grid(now) - media
        if self._timeline.origin == self._origin:
            self._timeline.origin = origin
        self._origin, self._last = origin, media
        self.anchored += 1
        return origin + media

    def fall_behind(self, media: float, now: float) -> float:
        """The same for a source that cannot keep up: whoever shares its time line waits for it, so that lips and sound stay together.

        Another that fell behind in the same moment is followed first; what is then in time need not shift anybody.
        """
        if self._follow() and self._origin is not None and self._origin + media > now:
            self._last = media
            return self._origin + media
        if self._origin is not None and self._timeline.origin == self._origin:
            self._timeline.shifted += grid(now) - media - self._origin
            self._shifted = self._timeline.shifted
        return self.restart(media, now)

    def close(self) -> None:
        """Give up the anchor, so that a source on this time line can begin again."""
        if self._timeline.origin == self._origin:
            self._timeline.origin = None

    def _follow(self) -> bool:
        """Move our anchor as far as another source on the time line had to; whether it did."""
        shift, self._shifted = self._timeline.shifted - self._shifted, self._timeline.shifted
        if self._origin is None or not shift:
            return False
        self._origin += shift
        if self._timeline.origin is not None and math.isclose(self._timeline.origin, self._origin, rel_tol=0, abs_tol=_ROUNDING):
            self._origin = self._timeline.origin
        return True

    def _nearest(self, media: float, now: float) -> float | None:
        """Of our anchor and that of the time line, which others may have set anew, the one by which the item is less off."""
        known = [origin for origin in (self._origin, self._timeline.origin) if origin is not None]
        return min(known, key=lambda origin: abs(origin + media - now), default=None)

    def _anchor(self, media: float, now: float) -> float:
        self._timeline.origin = None
        self.anchored += 1
        return self._timeline.anchor(grid(now), media)


def grid(now: float) -> float:
    """The whole millisecond before, where all clock rates have whole ticks."""
    return math.floor(now * 1000) / 1000
