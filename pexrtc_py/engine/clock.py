"""The engine's time: Unix seconds on a clock that nobody sets.

The machine's own clock may be set by an hour in the middle of a call, by its user or by NTP. What counts from one moment to
another (pacing, silence, reports, the node's mix) would then wait for as long, or give up what is well. So the machine's
clock is asked once, when this module is loaded; from then on time goes on by the monotonic clock, which NTP steers but
never sets.
"""

from __future__ import annotations

import asyncio
import time

LONGEST_WAIT = 1.0
"""Seconds that a datagram may have waited in its socket; a stamp that is older, or of the future, was made by another clock."""

# The largest of some, for a process that has to wait between the two looks finds too little.
_BEGIN = max(time.time() - time.monotonic() for _ in range(10))


def unix_time() -> float:
    """Unix seconds; differences are true whatever happens to the machine's clock."""
    return _BEGIN + time.monotonic()


def unix_time_of(stamp: float) -> float:
    """When something happened that the machine's clock stamped a moment ago, such as the arrival of a datagram."""
    age = time.time() - stamp
    return unix_time() - (age if 0.0 <= age < LONGEST_WAIT else 0.0)


def until_next(interval: float) -> float:
    """Seconds to the next multiple of `interval` on the running event loop's clock, so that timers of one interval share a wake-up."""
    return interval - asyncio.get_running_loop().time() % interval
