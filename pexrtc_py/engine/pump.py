"""From the receiver's callbacks to whoever reads: bounded streams of access units, and the task that feeds a sink."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, ParamSpec, Self, TypeVar

from pexrtc_media.base import AccessUnit, Sink, Source
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.receiver import EncodedReceiver
from pexrtc_py.engine.types import Slot

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

MAX_UNITS = 64
"""Units that wait for a slow reader: about two seconds of video, a little more than one of audio."""


class UnitStream(AsyncIterator[AccessUnit]):
    """A receiver's access units from now on, to be iterated by one reader; ends when the receiver is closed.

    Video begins with a keyframe. A reader that is too slow loses the oldest: single packets of audio, whole runs up to
    the next keyframe of video, so that what it gets can be decoded. Who stops reading calls `aclose()`, or just
    forgets the stream.
    """

    def __init__(self, receiver: EncodedReceiver, *, maxsize: int = MAX_UNITS, now: Callable[[], float] = unix_time) -> None:
        self.dropped = 0
        """Units lost because the reader was too slow."""
        self._receiver, self._maxsize, self._now = receiver, maxsize, now
        self._waiting: deque[AccessUnit] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._video = receiver.slot is not Slot.AUDIO
        self._needs_keyframe = self._video
        # The receiver must not keep a forgotten stream alive.
        unsubscribe = receiver.subscribe(_weakly(self._put), on_close=_weakly(self._end))
        self._unsubscribe = weakref.finalize(self, unsubscribe)
        if receiver.ssrc is not None:
            self.request_keyframe()

    def request_keyframe(self) -> None:
        """Ask the sender for a keyframe; nothing for audio."""
        self._receiver.request_keyframe(self._now())

    def take(self) -> list[AccessUnit]:
        """All units that are waiting, without waiting for more."""
        units = list(self._waiting)
        self._waiting.clear()
        return units

    async def wait(self) -> bool:
        """Wait until there is a unit to take; False when none will come any more."""
        while not self._waiting and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        return bool(self._waiting)

    async def __anext__(self) -> AccessUnit:
        if not await self.wait():
            raise StopAsyncIteration
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop listening and end the iteration; calling it again does nothing."""
        self._unsubscribe()
        self._waiting.clear()
        self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _put(self, unit: AccessUnit) -> None:
        if self._needs_keyframe and not unit.keyframe:
            return
        self._needs_keyframe = False
        if len(self._waiting) >= self._maxsize:
            self._make_room(unit)
        if not self._needs_keyframe:
            self._waiting.append(unit)
            self._changed.set()

    def _make_room(self, unit: AccessUnit) -> None:
        """Drop the oldest; of video all that depends on it too."""
        self._waiting.popleft()
        self.dropped += 1
        while self._video and self._waiting and not self._waiting[0].keyframe:
            self._waiting.popleft()
            self.dropped += 1
        if self._video and not self._waiting and not unit.keyframe:
            self.dropped += 1
            self._needs_keyframe = True
            self.request_keyframe()

    def _end(self) -> None:
        self._ended = True
        self._changed.set()


def _weakly(method: Callable[P, None]) -> Callable[P, None]:
    reference = weakref.WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        found = reference()
        if found is not None:
            found(*args, **kwargs)

    return call


class Pump(Generic[T]):
    """Writes what a source yields into a sink, in a task that begins at once; closes both at the end, whatever ends it.

    The sink sets the pace: while it writes, a live source waits or drops. An exception of either ends the pump; it is
    logged and stays in `error`.
    """

    def __init__(self, source: Source[T], sink: Sink[T], *, name: str = "pump") -> None:
        self.name = name
        self.written = 0
        self.error: Exception | None = None
        self._source, self._sink = source, sink
        self._finished = False
        self._task = asyncio.create_task(self._run(), name=name)

    @property
    def running(self) -> bool:
        """Whether more may be written."""
        return not self._task.done()

    async def wait(self) -> None:
        """Wait until the source has ended or failed and the sink is closed."""
        await asyncio.wait([self._task])

    async def aclose(self) -> None:
        """Stop now and wait until the sink is closed; calling it again does nothing."""
        if self._task is asyncio.current_task():
            raise RuntimeError(f"The sink of {self.name} cannot wait for the end of its own pump; close it from another task.")
        self._task.cancel()
        await self.wait()
        await self._finish()  # a task that never began did not

    async def _run(self) -> None:
        try:
            async for item in self._source:
                await self._sink.write(item)
                self.written += 1
        except Exception as error:
            self._failed("stopped", error)
        finally:
            await self._finish()

    async def _finish(self) -> None:
        if not self._finished:
            self._finished = True
            await self._close(self._source)
            await self._close(self._sink)

    async def _close(self, end: Source[T] | Sink[T]) -> None:
        aclose = getattr(end, "aclose", None)
        try:
            if aclose is not None:
                await aclose()
        except Exception as error:
            self._failed("could not be closed cleanly", error)

    def _failed(self, what: str, error: Exception) -> None:
        self.error = self.error or error
        logger.error("%s %s after %d items: %s", self.name, what, self.written, error, exc_info=error)
