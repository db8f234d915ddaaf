"""Small sinks: throw away, keep the latest, call a function, queue, and send to several."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable
from typing import Generic, TypeVar

from pexrtc_media.base import MediaError, Sink

F = TypeVar("F")


class Discard(Generic[F]):
    """Takes everything, keeps nothing, and counts in `count`."""

    def __init__(self, *, encoded: bool = False) -> None:
        self.encoded = encoded
        self.count = 0

    async def write(self, frame: F, /) -> None:
        """Count one frame."""
        self.count += 1

    async def aclose(self) -> None:
        """Nothing to do."""


class Latest(Generic[F]):
    """Remembers the newest frame in `frame`, and how many there were in `count`."""

    encoded = False

    def __init__(self) -> None:
        self.frame: F | None = None
        self.count = 0
        self._news = asyncio.Event()

    async def write(self, frame: F, /) -> None:
        """Remember one frame."""
        self.frame = frame
        self.count += 1
        self._news.set()

    async def next(self) -> F:
        """The next frame that is written from now on."""
        self._news.clear()
        await self._news.wait()
        assert self.frame is not None
        return self.frame

    async def aclose(self) -> None:
        """The last frame stays."""


class Callback(Generic[F]):
    """Calls a function, which may be a coroutine function, with each frame; what it raises reaches the writer."""

    def __init__(self, function: Callable[[F], Awaitable[None] | None], *, encoded: bool = False) -> None:
        self.encoded = encoded
        self._function = function

    async def write(self, frame: F, /) -> None:
        """Hand over one frame."""
        result = self._function(frame)
        if isawaitable(result):
            await result

    async def aclose(self) -> None:
        """Nothing to do."""


class Queue(Generic[F]):
    """Holds up to `size` frames for whoever iterates over it; when full the oldest is dropped and counted in `drops`."""

    def __init__(self, size: int = 100, *, encoded: bool = False) -> None:
        if size < 1:
            raise MediaError(f"A queue of {size} frames can hold nothing; its size is at least 1.")
        self.encoded = encoded
        self.drops = 0
        self._frames: deque[F] = deque()
        self._size = size
        self._changed = asyncio.Event()
        self._closed = False

    async def write(self, frame: F, /) -> None:
        """Add one frame; never waits."""
        if self._closed:
            self.drops += 1
            return
        if len(self._frames) == self._size:
            self._frames.popleft()
            self.drops += 1
        self._frames.append(frame)
        self._changed.set()

    async def aclose(self) -> None:
        """End the iteration after the frames that are left."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[F]:
        return self

    async def __anext__(self) -> F:
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._frames.popleft()


class Tee(Generic[F]):
    """Writes each frame to all `sinks`, which all want frames or all want access units; MediaError for a mixture.

    A sink that raises is left out from then on and its error kept in `failed`.
    """

    def __init__(self, *sinks: Sink[F]) -> None:
        kinds = {bool(getattr(sink, "encoded", False)) for sink in sinks}
        if len(kinds) > 1:
            raise MediaError("A tee cannot feed sinks that want frames together with sinks that want access units; use one tee for each.")
        self.encoded = kinds == {True}
        self.failed: list[tuple[Sink[F], Exception]] = []
        self._sinks = list(sinks)

    async def write(self, frame: F, /) -> None:
        """Write one frame to each sink."""
        for sink in list(self._sinks):
            try:
                await sink.write(frame)
            except Exception as error:
                self._sinks.remove(sink)
                self.failed.append((sink, error))

    async def aclose(self) -> None:
        """Close each sink, those left out too."""
        async with contextlib.AsyncExitStack() as stack:
            for sink in [*self._sinks, *(sink for sink, _ in self.failed)]:
                stack.push_async_callback(sink.aclose)
