"""What became of a recording: one result per file and track, and the tally kept while it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    filled: float = 0.0
    """Seconds of silence that stand in for sound that did not come."""
    offset: float | None = None
    """Mean seconds by which units stand later than the sender's reports say; None without reports."""

    @property
    def dropped(self) -> int:
        """How many units were not written."""
        return sum(self.drops.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One of the files that follow each other; times are seconds of the recording."""

    path: Path
    start: float
    end: float | None
    """None while it is written."""


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a recording while it ran, for whoever keeps a record: `kind` is "segment", "size", "gap" or "clock"."""

    kind: str
    seconds: float
    about: dict[str, Any]


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
    segments: tuple[Segment, ...] = ()
    """The files that follow each other, `path` first."""

    @property
    def av_offset(self) -> float | None:
        """Seconds by which main video stands later than sound, as far as the sender's reports tell."""
        sound, picture = (self.tracks[name].offset if name in self.tracks else None for name in ("audio", "video"))
        return None if sound is None or picture is None else picture - sound


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
    filled: float = 0.0
    _apart: float = 0.0
    _reports: int = 0

    def reported(self, apart: float) -> None:
        """A unit was written so many seconds later than the sender's report says."""
        self._apart += apart
        self._reports += 1

    def written(self, seconds: float, duration: float) -> tuple[float, float] | None:
        """A unit was written for `seconds`, lasting `duration`; the gap before it, if there was one."""
        self.units += 1
        gap = None
        if self.first is None or self.end is None:
            self.first = seconds
        elif seconds - self.end > _GAP:
            gap = (self.end, seconds)
            if len(self.gaps) < _MOST_GAPS:
                self.gaps.append(gap)
        self.end = seconds + duration
        return gap

    def result(self) -> TrackResult:
        """The tally as a value."""
        gaps, drops = tuple(self.gaps), dict(self.drops)
        return TrackResult(
            codec=self.codec,
            path=self.path,
            units=self.units,
            first=self.first,
            last=self.end,
            gaps=gaps,
            drops=drops,
            filled=self.filled,
            offset=self._apart / self._reports if self._reports else None,
        )
