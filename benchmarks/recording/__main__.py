"""All recorders side by side, on the same calls, in one go.

`python -m benchmarks.recording [--seconds 40] [--rounds 3] [--calls 1,4] [--peers ours,janus,..] [--write docs/benchmarks.md]`: rounds are
interleaved, the figures are medians with their range; a row that kept less than 98 % of the frames has no CPU figure. The load average
stands with each. Exits with 1 when ours is not below Janus at four calls, not below half of GStreamer at one, or when Chromium needs less
than fifteen times ours at four; without a row of Chromium that keeps its frames that is not compared.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.recording.clip import clip
from benchmarks.recording.measuring import Run, measure
from benchmarks.recording.recorders import PEERS
from benchmarks.recording.table import judged, line, table


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
                        print(f"round {number + 1}: {line(runs[-1])}", flush=True)
    text = table(runs, peers, absent, asked.seconds, asked.rounds)
    print(text)
    if asked.write:
        asked.write.write_text(text)
    return 0 if judged(runs) else 1


@contextmanager
def _sender() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.recording.sender", str(clip())], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
