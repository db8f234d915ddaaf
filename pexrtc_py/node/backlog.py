"""What of a source's video waits to be decoded: from a keyframe on, and never much."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from pexrtc_media.base import AccessUnit

BACKLOG = 30
"""Units that may wait; with more it starts over at a keyframe."""


class Backlog:
    """Units with their capture times, for one reader; `ask` requests a keyframe. What cannot be decoded or kept up with is dropped."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.taken = self.dropped = 0
        """Units put in and kept; units given up."""
        self._ask = ask
        self._units: deque[tuple[AccessUnit, float]] = deque()
        self._arrived = asyncio.Event()
        self._started = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._units)

    def put(self, unit: AccessUnit, captured: float) -> None:
        """Take a unit."""
        if len(self._units) >= BACKLOG:
            self.dropped += len(self._units)
            self._units.clear()
            self._started = False
        if not (self._started or unit.keyframe):
            self.dropped += 1
            self._ask()
            return
        self._started = True
        self.taken += 1
        self._units.append((unit, captured))
        self._arrived.set()

    async def take(self) -> tuple[tuple[AccessUnit, float], ...]:
        """All that wait, once there are any."""
        await self._arrived.wait()
        self._arrived.clear()
        units = tuple(self._units)
        self._units.clear()
        return units

    def start_over(self) -> None:
        """What came last cannot be built upon: wait for a keyframe."""
        self._started = False
