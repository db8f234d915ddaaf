"""Packets of one RTP stream brought into order, and the account of what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pexrtc_py.engine.rtp import RtpPacket

MAX_STORED = 2048
"""Packets kept behind a hole: about eight seconds of 720p."""
MAX_MISSING = 512
"""More missing packets than a sender remembers; then only a new start helps."""


@dataclass(slots=True)
class _Hole:
    since: float
    asked: float
    tries: int


class ReorderBuffer:
    """Numbers count on over wraps. `next` is the first packet not taken out yet, `highest` the last one seen."""

    def __init__(self, first: int) -> None:
        self.next = first
        self.highest = first - 1
        self.missing: dict[int, _Hole] = {}
        self._stored: dict[int, RtpPacket] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def number_of(self, sequence_number: int) -> int:
        """The unwrapped number nearest to the highest one."""
        return self.highest + ((sequence_number - self.highest + 0x8000) & 0xFFFF) - 0x8000

    def open_hole(self, number: int, now: float) -> list[int]:
        """Note as missing what lies between the highest number and this one; returns it."""
        found = list(range(self.highest + 1, number))
        self.missing |= {lost: _Hole(now, now, 1) for lost in found}
        return found

    def store(self, number: int, packet: RtpPacket) -> bool:
        """Keep a packet until its turn; False when it is late or a duplicate."""
        if number < self.next or number in self._stored:
            return False
        self.missing.pop(number, None)
        self._stored[number] = packet
        self.highest = max(self.highest, number)
        return True

    def take(self) -> Iterator[RtpPacket]:
        """Take out what is in order."""
        while (packet := self._stored.pop(self.next, None)) is not None:
            self.next += 1
            yield packet

    def overdue(self, now: float, patience: float) -> bool:
        """Whether the hole that holds everything up is older than `patience` seconds, or too much waits behind it."""
        hole = self.missing.get(self.next)
        return hole is not None and (not 0 <= now - hole.since <= patience or len(self._stored) > MAX_STORED)

    def skip_hole(self) -> int:
        """Give up the hole that holds everything up; returns how many packets it had."""
        first = self.next
        while self.missing.pop(self.next, None) is not None:
            self.next += 1
        return self.next - first

    def due(self, now: float, interval: float) -> list[int]:
        """What was last asked for at least `interval` seconds ago; from now on it counts as asked again."""
        found = [number for number, hole in self.missing.items() if not 0 <= now - hole.asked < interval]
        for number in found:
            hole = self.missing[number]
            hole.asked, hole.tries = now, hole.tries + 1
        return found

    def round_trip(self, number: int, now: float) -> float | None:
        """Seconds since a packet was asked for; None when it was asked for twice, as the answer may be to either."""
        hole = self.missing.get(number)
        return now - hole.asked if hole is not None and hole.tries == 1 else None
