"""Keeps a track of sound unbroken: where packets are missing, packets of silence stand.

Some players take the next packet for the continuation of the last one, whatever its time says; after a hole sound and picture
would then be apart for the rest of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

PACKET = bytes.fromhex("fcfffe")
"""20 ms of silence in stereo (RFC 6716 3.1: CELT, full band, one frame without content)."""
LENGTH = 0.02
LAG = 0.4
"""Seconds by which sound may be behind the picture before silence stands in for it; more where it always is."""
LONGEST = 30.0
"""Seconds of a hole that are filled; a longer one is left open and only written down."""
_FORGET = 0.999


class Filler:
    """Says when packets of silence are due; times are seconds of the recording. Pure."""

    def __init__(self) -> None:
        self.end: float | None = None
        """Where the track ends so far; None before its first packet."""
        self.filled = 0.0
        """Seconds of silence so far."""
        self._late = 0.0

    def before(self, seconds: float, newest: float) -> Iterator[float]:
        """The times of packets that are to come before one at `seconds`, while the newest unit of any track is at `newest`."""
        self._late = max(newest - seconds, self._late * _FORGET)
        return self._until(seconds)

    def while_waiting(self, newest: float) -> Iterator[float]:
        """The times of packets that are due since other tracks have gone on to `newest` without this one."""
        if self.end is None:
            return iter(())
        return self._until(newest - LAG - self._late)

    def taken(self, seconds: float, length: float) -> None:
        """A packet was written."""
        self.end = max(self.end or 0.0, seconds + length)

    def overtook(self, seconds: float) -> bool:
        """Whether silence stands already where a packet of this time would."""
        return self.filled > 0 and self.end is not None and seconds < self.end - LENGTH / 2

    def _until(self, seconds: float) -> Iterator[float]:
        begin = self.end or 0.0
        if seconds - begin > LONGEST:
            self.end = seconds
            return
        for index in range(round((seconds - begin) / LENGTH)):
            self.filled += LENGTH
            yield begin + index * LENGTH
