"""All recorders side by side, on the same calls, in one go.

`python -m benchmarks.recording [--seconds 40] [--rounds 3] [--calls 1,4] [--peers ours,janus,..] [--write docs/benchmarks.md]`: rounds are
interleaved, the figures are medians with their range; a row that kept less than 98 % of the frames has no CPU figure. The load average
stands with each. Exits with 1 when ours is not below Janus at four calls, or not below half of GStreamer at one.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.recording.measuring import Run, measure, system_python

HERE = Path(__file__).parent / "peers"
CLIP = Path(tempfile.gettempdir()) / "pexrtc-benchmark-clip.webm"


@dataclass(frozen=True)
class Peer:
    """A recorder that takes part."""

    name: str
    words: str
    command: Callable[[], list[str]]
    missing: Callable[[], str | None]
    """What to install, when it is not there."""


def _module(name: str, *more: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-m", f"benchmarks.recording.peers.{name}", *more]


def _needs(program: str, package: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"apt-get install {package}"


def _gstreamer_missing() -> str | None:
    code = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst; Gst.init(None); "
    code += "assert Gst.ElementFactory.find('webrtcbin')"
    found = subprocess.run([system_python(), "-c", code], capture_output=True, check=False).returncode == 0
    packages = "python3-gi gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-nice gstreamer1.0-plugins-{base,good,bad}"
    return None if found else f"apt-get install {packages}"


PEERS = (
    Peer("ours", "this project, undecoded into .webm", _module("ours"), lambda: None),
    Peer("janus", "Janus recordplay, raw packets into .mjr, not playable as they are", _module("janus"), _needs("janus", "janus")),
    Peer("gstreamer", "webrtcbin, webmmux", lambda: [system_python(), str(HERE / "gstreamer.py")], _gstreamer_missing),
    Peer("aiortc", "aiortc's MediaRecorder into .mp4, decoded and encoded", _module("stock"), lambda: None),
)


GATED = {"ours / Janus, four calls", "ours / GStreamer, one call"}
"""The ratios without which a run has shown nothing."""


def main() -> int:
    """Measure, tell, and perhaps write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", default="1,4")
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS))
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    wanted = asked.peers.split(",")
    if unknown := set(wanted) - {peer.name for peer in PEERS}:
        parser.error(f"there is no peer {min(unknown)}; there are {', '.join(peer.name for peer in PEERS)}")
    peers = [peer for peer in PEERS if peer.name in wanted]
    absent = {peer.name: needed for peer in peers if (needed := peer.missing())}
    for name, needed in absent.items():
        print(f"{name} is not installed: {needed}")
    runs: list[Run] = []
    with _sender() as url:
        for number in range(asked.rounds):
            for calls in map(int, asked.calls.split(",")):
                for peer in peers:
                    if peer.name not in absent:
                        runs.append(measure(peer.name, peer.command(), url, calls, asked.seconds))
                        print(f"round {number + 1}: {_line(runs[-1])}", flush=True)
    text = _table(runs, peers, absent, asked.seconds, asked.rounds)
    print(text)
    if asked.write:
        asked.write.write_text(text)
    gates = _gates(runs)
    missing = GATED - {words for words, _, _ in gates}
    if missing:
        print(f"not compared, so not passed: {', '.join(sorted(missing))}")
    return 0 if not missing and all(ok for _, _, ok in gates) else 1


@contextmanager
def _sender() -> Iterator[str]:
    if not CLIP.exists():
        video = "testsrc2=size=1280x720:rate=30"
        encode = "-c:v libvpx -b:v 1500k -g 60 -deadline realtime -lag-in-frames 0 -auto-alt-ref 0 -c:a libopus -b:a 96k -ac 2"
        source = ["-f", "lavfi", "-i", video, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
        made = CLIP.with_name("making-" + CLIP.name)
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, "-t", "60", *encode.split(), str(made)], check=True)
        made.rename(CLIP)
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.recording.sender", str(CLIP)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _line(run: Run) -> str:
    words = f"  {'; '.join(run.problems)}" if run.problems else ""
    figures = f"{run.cpu:6.2f} CPU s/min  {run.rss:6.0f} MB  first picture {run.first * 1000:5.0f} ms"
    return f"{run.peer:10} x{run.calls}  {figures}  load {run.load:.2f}{words}"


def _of(runs: list[Run], peer: str, calls: int) -> list[Run]:
    return [run for run in runs if (run.peer, run.calls) == (peer, calls) and not run.problems and not math.isnan(run.cpu)]


def _cpu(runs: list[Run], peer: str, calls: int) -> float:
    return median([run.cpu for run in _of(runs, peer, calls)] or [float("nan")])


def _gates(runs: list[Run]) -> list[tuple[str, float, bool]]:
    """The ratios that must hold, as far as both sides were measured."""
    wanted = (
        ("ours / Janus, four calls", ("ours", 4), ("janus", 4), 1.0),
        ("ours / GStreamer, one call", ("ours", 1), ("gstreamer", 1), 0.5),
        ("ours / Janus, one call", ("ours", 1), ("janus", 1), math.inf),
        ("ours, twenty calls / four", ("ours", 20), ("ours", 4), 0.7),
    )
    ratios = [(words, _cpu(runs, *one) / _cpu(runs, *other), limit) for words, one, other, limit in wanted]
    return [(words, ratio, ratio < limit) for words, ratio, limit in ratios if not math.isnan(ratio)]


def _table(runs: list[Run], peers: list[Peer], absent: dict[str, str], seconds: float, rounds: int) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}"
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
        rows += [
            _row(peer, calls, [run for run in runs if (run.peer, run.calls) == (peer.name, calls)])
            for peer in peers
            if peer.name not in absent
        ]
    rows += ["", *(f"- {peer.name}: {peer.words}" for peer in peers)]
    rows += [f"- {name} was not installed and not measured: `{needed}`" for name, needed in absent.items()]
    rows += ["", "| ratio | value |", "|---|---|", *(f"| {words} | {ratio:.2f} |" for words, ratio, _ in _gates(runs)), ""]
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


if __name__ == "__main__":
    sys.exit(main())
