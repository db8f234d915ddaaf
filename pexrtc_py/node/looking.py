"""The latest picture of each source that somebody composes, decoded as it arrives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from av import VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.node.backlog import Backlog

logger = logging.getLogger(__name__)


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
        self._executor, self._now, self._seen = executor, now, seen
        self._decoder: VideoDecoder | None = None
        self._backlog = Backlog(ask)
        self._task = asyncio.create_task(self._run())
        ask()

    @property
    def waiting(self) -> int:
        """Units not decoded yet."""
        return len(self._backlog)

    @property
    def dropped(self) -> int:
        """Units given up."""
        return self._backlog.dropped

    def put(self, unit: AccessUnit, captured: float) -> None:
        """Take a unit; what cannot be decoded or kept up with is dropped."""
        self._backlog.put(unit, captured)

    async def aclose(self) -> None:
        """Stop; what is being decoded is thrown away."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            units = await self._backlog.take()
            try:
                frame, damaged = await loop.run_in_executor(self._executor, self._decode, units)
            except Exception:
                logger.exception("A picture cannot be decoded; going on with the next keyframe")
                self._decoder, frame, damaged = None, None, True
            if damaged:
                self._backlog.start_over()
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
