"""What the other side can take, told from its estimates (draft-alvestrand-rmcat-remb); pure, `now` is given.

A receiver's estimate follows what it gets, at most half as much again: while little is sent it is low, and says nothing about the network.
Taken for a limit then, it would keep the little from ever becoming more. One that stays the same is no estimate but a wish, and holds.
"""

from __future__ import annotations

NEAR = 1.25
"""An estimate below so many times what is sent is about the network."""
GROWTH = 1.25
"""By this factor a second the limit grows while less is sent than the other side could take."""
LEAST = 0.5
"""Seconds over which what is sent is measured at least."""


class Ceiling:
    """The limit in bits/s that follows from estimates; None before there is one."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self._last: int | None = None
        self._when: float | None = None
        self._since, self._octets, self._rate = 0.0, 0, 0.0

    def estimate(self, bps: int, octets: int, now: float) -> None:
        """The other side estimates `bps` bits/s; `octets` were sent to it so far."""
        self._measure(octets, now)
        elapsed = now - self._when if self._when is not None else 0.0
        if bps == self._last or bps < NEAR * self._rate:
            self.limit = bps
        elif self.limit is not None:
            self.limit = max(bps, round(self.limit * GROWTH ** min(elapsed, 1.0)))
        self._last, self._when = bps, now

    def _measure(self, octets: int, now: float) -> None:
        if self._when is None:
            self._since, self._octets = now, octets
        elif now - self._since >= LEAST:
            self._rate = 8 * (octets - self._octets) / (now - self._since)
            self._since, self._octets = now, octets
