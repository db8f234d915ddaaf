"""Events for their users: call back by event class, iterate, or wait for one; nothing here ever hangs or grows without bound."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar, overload
from weakref import WeakSet

from pexrtc_py.errors import Disconnected
from pexrtc_py.signaling.ending import Ended

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
_logger = logging.getLogger(__name__)

LIMIT = 1000
"""How many events wait for one slow reader, and how many runs of asynchronous callbacks may be open."""


class Events(AsyncIterator[E_co]):
    """The events of one reader, from the moment it was made; the last item is `Ended`, after which it stops.

    Holds at most `limit` events; when the reader is slower than that, the oldest is dropped and counted in `dropped`.
    """

    def __init__(self, kinds: tuple[type[Any], ...], limit: int) -> None:
        self.dropped = 0
        self._kinds = kinds
        self._waiting: deque[Any] = deque()
        self._limit = limit
        self._over = False
        self._news = asyncio.Event()

    def __aiter__(self) -> Events[E_co]:
        return self

    async def __anext__(self) -> E_co:
        """Raise StopAsyncIteration after the last event."""
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        event: E_co = self._waiting.popleft()
        return event

    def close(self) -> None:
        """Take no more events: what is already here can still be read, then the iteration stops."""
        self._over = True
        self._news.set()

    def _put(self, event: object) -> None:
        if self._over or not isinstance(event, self._kinds):
            return
        if len(self._waiting) >= self._limit:
            self._waiting.popleft()
            self._count_drop()
        self._waiting.append(event)
        self._news.set()

    def _count_drop(self) -> None:
        self.dropped += 1
        if str(self.dropped).strip("0") == "1":  # 1, 10, 100...
            _logger.warning("a reader of events is too slow: %d dropped so far", self.dropped)


class Hub:
    """Publishes events to callbacks, iterators and waiters; the class of an event is the key.

    `snapshot` makes the item every new iterator starts with, so that a late reader misses nothing that lasts.
    """

    def __init__(self, snapshot: Callable[[], object] | None = None) -> None:
        self.ended: Ended | None = None
        self.dropped = 0
        """Runs of asynchronous callbacks that were left out, because `LIMIT` of them were still open."""
        self._snapshot = snapshot
        self._callbacks: list[tuple[type[Any], Callable[[Any], object]]] = []
        self._readers: WeakSet[Events[Any]] = WeakSet()
        self._waiters: dict[asyncio.Future[Any], Callable[[object], bool]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, kind: type[E]) -> Callable[[Callable[[E], object]], Callable[[E], object]]:
        """Call the decorated function with each event of this class or a class below it; it may be asynchronous.

        An asynchronous callback runs as a task of its own. What a callback raises is logged with its event.
        """

        def subscribe(callback: Callable[[E], object]) -> Callable[[E], object]:
            self._callbacks.append((kind, callback))
            return callback

        return subscribe

    def off(self, callback: Callable[[Any], object]) -> None:
        """Call this function no more; unknown functions are fine."""
        self._callbacks = [(kind, known) for kind, known in self._callbacks if known != callback]

    @overload
    def events(self, *, limit: int = LIMIT) -> Events[object]: ...

    @overload
    def events(self, kind: type[E], /, *more: type[E], limit: int = LIMIT) -> Events[E]: ...

    def events(self, *kinds: type[Any], limit: int = LIMIT) -> Events[Any]:
        """Iterate the events from now on; without classes all of them, after a first snapshot of what is already there."""
        events: Events[Any] = Events(kinds or (object,), limit)
        if self._snapshot is not None:
            events._put(self._snapshot())
        if self.ended is not None:
            events._put(self.ended)
            events.close()
        self._readers.add(events)
        return events

    def wait_for(self, kind: type[E], *, where: Callable[[E], bool] | None = None, timeout: float | None = None) -> Coroutine[Any, Any, E]:
        """Wait for the first event of this class that satisfies `where`, counted from this call (not from the await).

        Raises TimeoutError after `timeout` seconds, and `Disconnected` when the conference ends before.
        """
        future: asyncio.Future[E] = asyncio.get_running_loop().create_future()
        self._waiters[future] = lambda event: isinstance(event, kind) and (where is None or where(event))
        if self.ended is not None:
            self._wake(self.ended)
            self._release_waiters(self.ended)
        return self._wait(future, kind, timeout)

    async def _wait(self, future: asyncio.Future[E], kind: type[E], seconds: float | None) -> E:
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise TimeoutError(f"no {kind.__name__} came within {seconds} s") from None
        finally:
            self._waiters.pop(future, None)

    def publish(self, event: object) -> None:
        """Hand an event to everybody; `Ended` is the last one, what follows it is ignored."""
        if self.ended is not None:
            return
        if isinstance(event, Ended):
            self.ended = event
        for reader in list(self._readers):
            reader._put(event)
        self._wake(event)
        self._call_back(event)
        if isinstance(event, Ended):
            self._finish(event)

    async def drain(self, seconds: float) -> None:
        """Let asynchronous callbacks that still run come to their end; cancel those that need longer than `seconds`."""
        running = self._tasks - {asyncio.current_task()}
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _finish(self, ended: Ended) -> None:
        for reader in list(self._readers):
            reader.close()
        self._release_waiters(ended)

    def _release_waiters(self, ended: Ended) -> None:
        for future in list(self._waiters):
            if not future.done():
                future.set_exception(Disconnected(str(ended)))
                future.exception()  # retrieved: a waiter that was given up must not complain when it is collected

    def _wake(self, event: object) -> None:
        for future, wanted in list(self._waiters.items()):
            if future.done():
                continue
            try:
                if wanted(event):
                    future.set_result(event)
            except Exception as error:  # the condition is the user's; whoever waits is the one to hear of it
                future.set_exception(error)

    def _call_back(self, event: object) -> None:
        for kind, callback in list(self._callbacks):
            if isinstance(event, kind):
                with _logged(callback, event):
                    self._start(callback, event, callback(event))

    def _start(self, callback: Callable[[Any], object], event: object, result: object) -> None:
        if not inspect.isawaitable(result):
            return
        if len(self._tasks) >= LIMIT:
            self.dropped += 1
            if inspect.iscoroutine(result):
                result.close()
            _logger.warning("%d callbacks are still running: %s is not called with %r", LIMIT, callback, event)
            return
        task = asyncio.ensure_future(_run(callback, event, result))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _run(callback: Callable[[Any], object], event: object, result: Any) -> None:
    with _logged(callback, event):
        await result


@contextlib.contextmanager
def _logged(callback: Callable[[Any], object], event: object) -> Iterator[None]:
    try:
        yield
    except Exception:
        _logger.exception("callback %s failed on %r", getattr(callback, "__qualname__", callback), event)
