"""Nothing may be left of a call: every test here ends with the tasks, sockets and threads it began with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.media_checks import until
from tests.phenomena.machine import Machine


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    before = _sockets()
    yield
    with contextlib.suppress(AssertionError):
        await until(lambda: not _tasks(), 5)
    assert not _tasks(), f"tasks are left: {_tasks()}"
    await until(lambda: not _threads(), 5, what=f"threads are left: {_threads()}")
    await until(lambda: not _sockets() - before, 5, what="sockets are left")


@pytest.fixture
def machine() -> Machine:
    """How busy others keep the machine since the test began."""
    return Machine()


def _tasks() -> list[str]:
    return [str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def _threads() -> list[str]:
    """All but the event loop's own executor, which lives as long as the loop."""
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    return [name for name in names if not name.startswith("asyncio_")]


def _sockets() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue  # the one that was listing them
        if target.startswith("socket:"):
            found.add(target)
    return found
