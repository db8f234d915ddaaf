"""Work that goes on whether somebody waits for it or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Pending(Generic[T]):
    """What methods return: await it for the result, or leave it. What goes wrong is raised to who awaits it, else told to `failed`."""

    def __init__(self, work: Coroutine[Any, Any, T], failed: Callable[[BaseException], None]) -> None:
        self._task = asyncio.ensure_future(work)
        self._failed = failed
        self._awaited = False
        self._task.add_done_callback(self._settled)

    def __await__(self) -> Generator[Any, None, T]:
        self._awaited = True
        return self._task.__await__()

    def cancel(self) -> None:
        """Give it up."""
        self._task.cancel()

    def _settled(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._awaited:
            self._failed(error)
