"""Places units of several tracks on one clock: the sender's, by its RTCP sender reports, or ours where there are none.

Trust is ordered. The media time stamps carry the rhythm; the reports (`AccessUnit.ntp`) say where it sits on the common clock
and correct it slowly; arrival is the stopgap, and the judge when the first two disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pexrtc_media.base import AccessUnit, Timeline

JUMP = 2.0
"""Seconds by which a report may disagree with the media time; beyond that the sender has set its clock, or its media time has jumped."""

SETTLED = 3.0
"""Seconds for which all reports disagree before the sender has set its clock; media time that jumped is set right by the next report."""

ASTRAY = 5.0
"""Seconds by which a unit may sit away from its arrival; beyond that its media time has jumped. No network delays by that much."""

_BY_REPORT = (0.1, 0.005)
_BY_ARRIVAL = (0.002, 0.001)


class Reference:
    """The clock that all tracks of a recording share, in Unix seconds of the sender or, if `local`, of this machine."""

    def __init__(self) -> None:
        self.local = False
        self.offset: float | None = None
        """Sender's clock minus ours, as seen with the shortest transit; None before the first report."""
        self.timeline = Timeline()
        self._set = 0.0
        """How far the sender has set its clock since the beginning."""
        self._apart: float | None = None

    def see(self, unit: AccessUnit, now: float) -> None:
        """Learn from `unit`, handed in at `now`, how far the sender's clock is from ours, or where local media time begins."""
        if unit.ntp is None and not unit.arrival:
            self.timeline.anchor(now, unit.timestamp / unit.clock_rate)
        if unit.ntp is None or not unit.arrival:
            return
        offset = unit.ntp - self._set - unit.arrival
        if self.offset is None:
            self.offset = offset
        elif abs(offset - self.offset) >= JUMP:
            self._apart = unit.arrival if self._apart is None else self._apart
            if not 0 <= unit.arrival - self._apart <= SETTLED:
                self._set += offset - self.offset
                self._apart = None
            return
        elif not self.local:
            # Delay only ever makes it smaller; the small step down follows clocks that drift apart.
            self.offset = max(offset, self.offset + (offset - self.offset) * 0.0005)
        self._apart = None

    def of_arrival(self, arrival: float) -> float:
        """The common time of a moment on our clock."""
        return arrival if self.local or self.offset is None else arrival + self.offset

    def of_report(self, ntp: float) -> float:
        """The common time of a moment on the sender's clock."""
        return ntp - self._set - (self.offset if self.local and self.offset is not None else 0.0)


class TrackClock:
    """Maps the time stamps of one track onto the `reference`; small errors are corrected a little with each unit."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._epoch: int | None = None
        self._offset = 0.0

    def place(self, unit: AccessUnit, now: float) -> float:
        """The common time of `unit` in seconds; `now` (Unix seconds) is when a unit that was never received is handed in first."""
        self._reference.see(unit, now)
        seconds = unit.timestamp / unit.clock_rate
        measured, (gain, limit) = self._measure(unit, seconds, now)
        arrived = self._reference.of_arrival(unit.arrival) if unit.arrival else measured
        if unit.epoch != self._epoch:
            self._epoch = unit.epoch
            self._offset = (measured if abs(measured - arrived) < JUMP else arrived) - seconds
        error = measured - seconds - self._offset
        if abs(error) < JUMP:
            self._offset += min(max(error * gain, -limit), limit)
        elif abs(measured - arrived) < JUMP:
            self._offset += error  # the media time has jumped: reports and arrival say the same
        if abs(seconds + self._offset - arrived) > ASTRAY:
            self._offset = arrived - seconds
        return seconds + self._offset

    def _measure(self, unit: AccessUnit, seconds: float, now: float) -> tuple[float, tuple[float, float]]:
        if unit.ntp is not None:
            return self._reference.of_report(unit.ntp), _BY_REPORT
        if unit.arrival:
            return self._reference.of_arrival(unit.arrival), _BY_ARRIVAL
        return self._reference.of_arrival(self._reference.timeline.anchor(now, seconds) + seconds), _BY_REPORT


def backdated(units: Sequence[AccessUnit]) -> list[AccessUnit]:
    """Units of one track in which those from before the first report of their epoch are placed by it."""
    reports: dict[int, AccessUnit] = {}
    for unit in units:
        if unit.ntp is not None:
            reports.setdefault(unit.epoch, unit)
    return [_by_report(unit, reports.get(unit.epoch)) for unit in units]


def _by_report(unit: AccessUnit, report: AccessUnit | None) -> AccessUnit:
    if unit.ntp is not None or report is None or report.ntp is None:
        return unit
    return replace(unit, ntp=report.ntp + (unit.timestamp - report.timestamp) / unit.clock_rate)
