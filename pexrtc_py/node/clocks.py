"""Capture times of received media on the node's own clock: one offset per call, one anchor per stream.

All senders stamp their media with their own clock (RFC 3550 6.4.1). The node maps each of these clocks to its own,
so that what it mixes and forwards to one receiver is on one clock and lip sync survives the node.
"""

from __future__ import annotations

RISE = 0.0005
"""How fast an offset may grow, in seconds per second: crystals differ by less than 200 ppm."""
STEP = 0.05
"""A distance that stays this much above the offset for a whole window is believed, be it that the sender's clock was set or that
the way has become longer: what comes later than the mix waits for would be lost packet by packet. In seconds."""
WINDOW = 1.0
LEAP = 2.0
"""No network delays by as much as this: such a step is believed at once, in seconds."""
SYNCED_TOLERANCE = 0.010
ARRIVAL_TOLERANCE = 0.060
"""Arrival times carry the jitter of the network; capture times by sender reports do not."""


class ClockMap:
    """Maps one sender's clock to ours: `ours = theirs + offset`, shared by all streams of a call.

    The offset is the smallest `arrival - ntp` seen, so that the packet with the least delay decides; it may rise
    slowly, which follows drift, and is taken anew after a step of the sender's clock. All times are Unix seconds.
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self._observed = 0.0
        self._lowest = float("inf")
        self._window_from = 0.0

    def capture(self, ntp: float | None, arrival: float) -> float:
        """When a unit was captured, on our clock; its arrival while the sender has not reported yet."""
        if ntp is None:
            return arrival
        return ntp + self._observe(arrival - ntp, arrival)

    def _observe(self, distance: float, now: float) -> float:
        if self.offset is None or distance - self.offset > LEAP:
            self._window_from, self._lowest = now, distance
            self.offset = distance
        else:
            self.offset = min(distance, self.offset + RISE * max(0.0, now - self._observed))
        self._observed = now
        return self._follow_steps(distance, now, self.offset)

    def _follow_steps(self, distance: float, now: float, offset: float) -> float:
        self._lowest = min(self._lowest, distance)
        if now - self._window_from >= WINDOW:
            if self._lowest - offset > STEP:
                self.offset = offset = self._lowest
            self._lowest, self._window_from = float("inf"), now
        return offset


class StreamClock:
    """Capture times of one stream: as even as its RTP timestamps, as right as the clock map.

    Timestamps decide while they agree with the mapped time; when they part by more than the tolerance (drift, a new
    epoch, a corrected offset) the stream is anchored anew. `anchored` counts how often.
    """

    def __init__(self, clock_rate: int) -> None:
        self.anchored = 0
        self._rate = clock_rate
        self._epoch: int | None = None
        self._time = 0.0
        self._timestamp = 0

    def capture(self, timestamp: int, *, epoch: int, mapped: float, synced: bool) -> float:
        """When the unit of this timestamp was captured; `mapped` is the clock map's answer, `synced` whether by reports."""
        even = self._time + (timestamp - self._timestamp) / self._rate
        tolerance = SYNCED_TOLERANCE if synced else ARRIVAL_TOLERANCE
        if epoch == self._epoch and abs(even - mapped) <= tolerance:
            return even
        self._epoch, self._time, self._timestamp = epoch, mapped, timestamp
        self.anchored += 1
        return mapped
