"""Whether composing keeps up, and how much smaller its pictures have to be while it does not; pure."""

from __future__ import annotations

from pexrtc_py.node.sizes import LADDER, LEGIBLE

BUSY = 0.9
"""The part of the time that composing may take."""
IDLE = 0.35
"""Below this, larger pictures are tried again: they cost about twice as much."""
PATIENCE = 3
"""Windows of being too slow before pictures become smaller."""
CAUTION = 30
"""Windows of being idle before they become larger again."""
WINDOW = 1.0
"""Seconds over which the part is taken."""


class Pressure:
    """Steps down the ladder of sizes while composing takes all the time there is, and up again when there has been time to spare."""

    def __init__(self) -> None:
        self.steps = 0
        """How many sizes smaller than wanted pictures are."""
        self._begun: float | None = None
        self._busy = 0.0
        self._slow = self._idle = 0

    def see(self, now: float, took: float) -> None:
        """Composing what was due took so many seconds, until `now`."""
        begun = self._begun = now - took if self._begun is None else self._begun
        self._busy += took
        if now - begun < WINDOW:
            return
        load, self._begun, self._busy = self._busy / (now - begun), now, 0.0
        self._slow = self._slow + 1 if load > BUSY else 0
        self._idle = self._idle + 1 if load < IDLE else 0
        if self._slow >= PATIENCE or self._idle >= CAUTION:
            self.steps = min(max(self.steps + (1 if self._slow else -1), 0), LADDER.index(LEGIBLE))
            self._slow = self._idle = 0

    def fitted(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that can be kept up with; below `LEGIBLE` there come fewer pictures instead."""
        upright = size[1] > size[0]
        wide = (max(size), min(size))
        if not self.steps or wide not in LADDER or wide <= LEGIBLE:
            return size
        fitted = LADDER[min(LADDER.index(wide) + self.steps, LADDER.index(LEGIBLE))]
        return (fitted[1], fitted[0]) if upright else fitted
