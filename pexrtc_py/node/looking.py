"""The latest picture of each source that somebody composes, decoded as it arrives."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from av import VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import VideoDecoder

logger = logging.getLogger(__name__)

BACKLOG = 30
"""Units that may wait for the decoder; with more it starts over at a keyframe."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, when it was captured, and when it was decoded; Unix seconds of our clock."""

    frame: VideoFrame
    captured: float
    decoded: float


class Eye:
    """Decodes one source; `seen` is called on the event loop with each newer picture, `ask` requests a keyframe."""

    def __init__(self, *, executor: Executor, now: Callable[[], float], seen: Callable[[], None], ask: Callable[[], None]) -> None:
        self.latest: Picture | None = None
        self.dropped = 0
        """Units given up."""
        self._executor, self._now, self._seen, self._ask = executor, now, seen, ask
        self._decoder: VideoDecoder | None = None
        self._queue: deque[tuple[AccessUnit, float]] = deque()
        self._arrived = asyncio.Event()
        self._started = False
        self._task = asyncio.create_task(self._run())
        ask()

    @property
    def waiting(self) -> int:
        """Units not decoded yet."""
        return len(self._queue)

    def put(self, unit: AccessUnit, captured: float) -> None:
        """Take a unit; what cannot be decoded or kept up with is dropped."""
        if len(self._queue) >= BACKLOG:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._started = False
        if not (self._started or unit.keyframe):
            self.dropped += 1
            self._ask()
            return
        self._started = True
        self._queue.append((unit, captured))
        self._arrived.set()

    async def aclose(self) -> None:
        """Stop; what is being decoded is thrown away."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            units = tuple(self._queue)
            self._queue.clear()
            frame, damaged = await loop.run_in_executor(self._executor, self._decode, units)
            if damaged:
                self._started = False
            if frame is not None:
                self.latest = Picture(frame, units[-1][1], self._now())
                self._seen()

    def _decode(self, units: tuple[tuple[AccessUnit, float], ...]) -> tuple[VideoFrame | None, bool]:
        """The last picture of these units, and whether any of them was damaged."""
        last, before = None, self._decoder.damaged if self._decoder else 0
        for unit, _ in units:
            if self._decoder is None or self._decoder.codec != unit.codec:
                self._decoder, before = VideoDecoder(unit.codec), 0
            last = next(iter(self._decoder.decode(unit)), last)
        assert self._decoder is not None  # there is at least one unit
        return last, self._decoder.damaged > before
