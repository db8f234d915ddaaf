"""Whether the machine is ours: what other processes take of it cannot be held against a call."""

from __future__ import annotations

import os
import time
from pathlib import Path

OTHERS = 0.4
"""Cores used by others from which on delays and gaps are theirs."""

_TICKS = os.sysconf("SC_CLK_TCK")


class Machine:
    """Tells how busy others keep the machine; `ours` are the processes of the test beside its own."""

    def __init__(self, *ours: int) -> None:
        self._ours = (os.getpid(), *ours)
        self._before = self._look()

    def others(self) -> float:
        """Cores that other processes, or other machines on the same host, used since the last time."""
        before, self._before = self._before, self._look()
        passed, busy, ours = (now - then for now, then in zip(self._before, before, strict=True))
        return max(0.0, busy - ours) / max(passed, 0.01)

    def patience(self, seconds: float) -> float:
        """A bound in time: as it is on a machine that was ours since the last look, three times as long on one that others kept busy."""
        return seconds if self.others() < OTHERS else 3 * seconds

    def _look(self) -> tuple[float, float, float]:
        return time.monotonic(), _busy(), sum(map(_used, self._ours))


def _busy() -> float:
    """Seconds of all processors together that were not idle; without those of niced processes, which give way."""
    user, _, system, _, _, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + system + sum(rest)) / _TICKS


def _used(process: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
