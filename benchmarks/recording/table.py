"""What the runs of a comparison come to: a line each, a table of medians, and the ratios that must hold."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.recording.measuring import Run
from benchmarks.recording.recorders import CHROMIUM, Peer


@dataclass(frozen=True)
class Gate:
    """A ratio of CPU that a run shows."""

    words: str
    one: tuple[str, ...]
    """The recorders above; the best that keeps its frames counts."""
    other: str
    calls: tuple[int, int]
    holds: Callable[[float], bool]
    needed: bool = False
    """Whether a run without it has shown nothing."""

    def ratio(self, runs: list[Run]) -> float:
        """What it is; not a number where a side was not measured."""
        best = min((cpu for peer in self.one if not math.isnan(cpu := _cpu(runs, peer, self.calls[0]))), default=math.nan)
        return best / _cpu(runs, self.other, self.calls[1])


GATES = (
    Gate("ours / Janus, four calls", ("ours",), "janus", (4, 4), lambda ratio: ratio < 1, needed=True),
    Gate("ours / GStreamer, one call", ("ours",), "gstreamer", (1, 1), lambda ratio: ratio < 0.5, needed=True),
    Gate("Chromium's best row that keeps its frames / ours, four calls", CHROMIUM, "ours", (4, 4), lambda ratio: ratio >= 15),
    Gate("ours / Janus, one call", ("ours",), "janus", (1, 1), lambda ratio: True),
    Gate("ours, twenty calls / four", ("ours",), "ours", (20, 4), lambda ratio: ratio < 0.7),
)


def judged(runs: list[Run]) -> bool:
    """Whether all that was compared holds and nothing that must be compared is missing; tells what does not."""
    ratios = [(gate, gate.ratio(runs)) for gate in GATES]
    told = [(gate, ratio) for gate, ratio in ratios if not math.isnan(ratio)]
    absent = [gate for gate, ratio in ratios if math.isnan(ratio)]
    for gate, ratio in told:
        if not gate.holds(ratio):
            print(f"does not hold: {gate.words}: {ratio:.2f}")
    for gate in absent:
        print(f"not compared{', so not passed' if gate.needed else ''}: {gate.words}")
    return all(gate.holds(ratio) for gate, ratio in told) and not any(gate.needed for gate in absent)


def line(run: Run) -> str:
    """A run, as it is told at once."""
    words = f"  {'; '.join(run.problems)}" if run.problems else ""
    figures = f"{run.cpu:6.2f} CPU s/min  {run.rss:6.0f} MB  first picture {run.first * 1000:5.0f} ms"
    return f"{run.peer:12} x{run.calls}  {figures}  load {run.load:.2f}{words}"


def _cpu(runs: list[Run], peer: str, calls: int) -> float:
    good = [run.cpu for run in runs if (run.peer, run.calls) == (peer, calls) and not run.problems and not math.isnan(run.cpu)]
    return median(good or [math.nan])


def table(runs: list[Run], peers: list[Peer], absent: dict[str, str], seconds: float, rounds: int) -> str:
    """All of it as a document."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    present = [peer for peer in peers if peer.name not in absent]
    rows = [
        "# Recorders, side by side",
        "",
        f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())} with `python -m benchmarks.recording`: {machine}.",
        "VP8 1280x720 at 30 frames and about 1.5 Mbit/s with Opus, encoded beforehand; one neutral sender for all;",
        f"{rounds} rounds of {seconds:.0f} s, interleaved; medians, with the range in brackets. CPU is user and system time of all",
        "processes of a recorder for each recorded minute of each call, from five seconds after the first picture on. Ratios are",
        "what counts; figures of another machine are others.",
        "",
        "| recorder | calls | CPU s/min | MB | offer to first picture, ms | load average |",
        "|---|---|---|---|---|---|",
    ]
    for calls in sorted({run.calls for run in runs}):
        rows += [_row(peer, calls, [run for run in runs if (run.peer, run.calls) == (peer.name, calls)]) for peer in present]
    rows += ["", *(f"- {peer.name}: {peer.words}; {peer.version()}" for peer in present)]
    rows += [f"- {name} was not installed and not measured: `{needed}`" for name, needed in absent.items()]
    ratios = [(gate.words, gate.ratio(runs)) for gate in GATES]
    rows += ["", "| ratio | value |", "|---|---|", *(f"| {words} | {ratio:.2f} |" for words, ratio in ratios if not math.isnan(ratio)), ""]
    return "\n".join(rows)


def _row(peer: Peer, calls: int, runs: list[Run]) -> str:
    good = [run for run in runs if not run.problems]
    if not good:
        return f"| {peer.name} | {calls} | {runs[0].problems[0] if runs else 'not measured'} | | | |"

    def spread(values: list[float], digits: int) -> str:
        return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"

    failed = f", {len(runs) - len(good)} of {len(runs)} rounds failed" if len(good) < len(runs) else ""
    cells = (spread([run.cpu for run in good], 2), spread([run.rss for run in good], 0), spread([run.first * 1000 for run in good], 0))
    return f"| {peer.name} | {calls} | {' | '.join(cells)} | {median(run.load for run in good):.1f}{failed} |"
