"""How long single steps keep the event loop, in CPU time, so that what else the machine does is not counted."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Longest:
    """From `begin()` on, the longest step of the event loop in milliseconds of CPU; `take()` begins anew."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def begin(self) -> None:
        """Watch all loops of this process."""
        handle: Any = asyncio.Handle
        run = handle._run

        def timed(step: asyncio.Handle) -> None:
            before = time.thread_time()
            try:
                run(step)
            finally:
                self._seconds = max(self._seconds, time.thread_time() - before)

        handle._run = timed

    def take(self) -> float:
        """Milliseconds of the longest step since the last time."""
        longest, self._seconds = self._seconds, 0.0
        return longest * 1000
