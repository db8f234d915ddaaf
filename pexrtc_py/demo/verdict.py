"""From the demo's outcome to the verdict that is printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from pexrtc_media.synthetic import load_image
from pexrtc_py.bot.inspecting import Inspection, contact_sheet
from pexrtc_py.demo.evidence import Thumbnail, gather, thumbnail
from pexrtc_py.demo.judging import Check, Expected, Part, judge
from pexrtc_py.demo.pictures import FILM, PORTRAIT
from pexrtc_py.demo.staging import Outcome

BUSY = 0.2
NAMES = {FILM: "Film", PORTRAIT: "Portrait"}
_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[1;31m", "\x1b[0m"


@dataclass(frozen=True)
class Verdict:
    """The checks of a recording, with the file and its contact sheet."""

    checks: list[Check]
    inspection: Inspection
    sheet: Path
    held_up: float = 0.0
    """For how long at most the event loop could do nothing, in seconds."""

    @property
    def ok(self) -> bool:
        """Whether the recording is what it should be."""
        return all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Everything, as plain values for JSON."""
        return {
            "ok": self.ok,
            "file": str(self.inspection.path),
            "contact_sheet": str(self.sheet),
            "event_loop_held_up_seconds": round(self.held_up, 3),
            "checks": [check.as_dict() for check in self.checks],
            "inspection": self.inspection.as_dict(),
        }

    def lines(self, *, colour: bool = False) -> list[str]:
        """The verdict as an aligned table, the sentence that sums it up, and where to look."""
        rows = [("check", "value", "limit"), *((check.name, check.value, check.limit) for check in self.checks)]
        marks = ["", *(_mark(check.ok, colour=colour) for check in self.checks)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
        table = ["  ".join([*row, mark]).rstrip() for row, mark in zip(cells, marks, strict=True)]
        failed = [check.name for check in self.checks if not check.ok]
        said = f"FAIL: {', '.join(failed)}." if failed else f"All {len(self.checks)} checks passed."
        if failed and self.held_up > BUSY:
            said += f" The machine was busy (nothing went on for up to {self.held_up:.1f} s): try again when it does nothing else."
        return [*table, "", said, f"Recording:     {self.inspection.path}", f"Contact sheet: {self.sheet}"]


def reach(outcome: Outcome, seconds: float) -> Verdict:
    """Decode the recording, judge it and draw its contact sheet; blocking. Raises RecordingError."""
    evidence = gather(outcome.path)
    parts = tuple(Part(NAMES[stream], stream, voice.until(outcome.spoken)) for stream, voice in outcome.voices.items())
    slides = tuple(small(path) for path in outcome.shown_slides)
    presented = outcome.presented or (0.0, 0.0)
    expected = Expected(seconds=seconds, parts=parts, turns=outcome.turns, slides=slides, presented=presented)
    checks = judge(evidence, expected)
    return Verdict(checks, evidence.inspection, contact_sheet(outcome.path, outcome.path.with_suffix(".png")), outcome.held_up)


def small(path: Path) -> Thumbnail:
    """A picture in a file as a thumbnail."""
    return thumbnail(av.VideoFrame.from_ndarray(load_image(path), format="rgb24"))


def _mark(ok: bool, *, colour: bool) -> str:
    word, paint = ("ok", _GREEN) if ok else ("FAIL", _RED)
    return f"{paint}{word}{_PLAIN}" if colour else word
