"""What a recorder survives, and whether it stays as small as it was.

- `python -m benchmarks.endurance kills --times 200`: recorders are killed at random moments; each file must play, miss at most a second,
  and be clean after `--repair`.
- `... full --times 50`: the same with a disk that fills up (a small tmpfs; needs the right to mount).
- `... joins --times 500`: joins and leaves in one process, which must leave no task, thread, descriptor or file behind.
- `... memory --minutes 20`: one recording; the slope of its memory by regression.
- `... crowd --minutes 5`: twenty recordings of two videos in one process beside their sender; nothing may be missing, and no turn of the
  event loop may take 5 ms.
- `... command --times 5`: memory of `pexrtc record`, and how long it takes until it records.

Each exits with 1 when it does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from benchmarks.endurance.command import command
from benchmarks.endurance.crowd import crowd
from benchmarks.endurance.joining import joins
from benchmarks.endurance.killing import full_disks, kills
from benchmarks.endurance.memory import memory


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kills", "full", "joins", "memory", "crowd", "command"])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=20.0)
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.2f}")
    todo = {
        "kills": lambda: kills(asked.times),
        "full": lambda: full_disks(asked.times),
        "joins": lambda: joins(asked.times),
        "memory": lambda: memory(asked.minutes),
        "crowd": lambda: crowd(20, asked.minutes),
        "command": lambda: command(asked.times),
    }
    return asyncio.run(todo[asked.what]())


if __name__ == "__main__":
    sys.exit(main())
