"""What became of a recording: one result per file and track, and the tally kept while it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_GAP = 1.0
_MOST_GAPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackResult:
    """What was written of one input; times are seconds of the recording."""

    codec: str | None
    """`"opus"`, `"vp8"`, `"h264"`, or None when nothing arrived."""
    path: Path | None
    units: int
    first: float | None
    last: float | None
    """When the last unit ends."""
    gaps: tuple[tuple[float, float], ...]
    """From when to when nothing arrived for more than a second."""
    drops: dict[str, int]
    """Units that were not written, by reason."""

    @property
    def dropped(self) -> int:
        """How many units were not written."""
        return sum(self.drops.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """What a recorder wrote: its file, the files beside it, and how each input fared."""

    path: Path
    others: tuple[Path, ...]
    duration: float
    """Seconds from the earliest unit to the end of the last."""
    bytes: int
    """Size of all files together."""
    tracks: dict[str, TrackResult]


@dataclass(slots=True)
class Tally:
    """Counts what happens to the units of one input."""

    codec: str | None = None
    path: Path | None = None
    units: int = 0
    first: float | None = None
    end: float | None = None
    gaps: list[tuple[float, float]] = field(default_factory=list)
    drops: Counter[str] = field(default_factory=Counter)

    def written(self, seconds: float, duration: float) -> None:
        """A unit was written for `seconds`, lasting `duration`."""
        self.units += 1
        if self.first is None or self.end is None:
            self.first = seconds
        elif seconds - self.end > _GAP and len(self.gaps) < _MOST_GAPS:
            self.gaps.append((self.end, seconds))
        self.end = seconds + duration

    def result(self) -> TrackResult:
        """The tally as a value."""
        gaps, drops = tuple(self.gaps), dict(self.drops)
        return TrackResult(codec=self.codec, path=self.path, units=self.units, first=self.first, last=self.end, gaps=gaps, drops=drops)
