"""Running a command's coroutine: logging, signals, and the errors of other libraries as ours."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KILLED = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""What an ending by a second signal exits with, before anything was finalised."""


def set_up_logging(level: str, *, keep: bool = False) -> None:
    """Log to stderr from this level on; only the command line configures logging, the library never does.

    With `keep`, our own loggers let everything through, for whoever keeps it for a debug bundle.
    """
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    if keep:
        for handler in logging.getLogger().handlers:
            handler.setLevel(level.upper())
        for name in ("pexrtc_py", "pexrtc_media"):
            logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger("aioice").setLevel(max(logging.WARNING, logging.getLogger().level))


def run_until_stopped(job: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run a job that ends by itself or soon after its event is set by SIGINT or SIGTERM; a second signal ends the process."""
    with asyncio.Runner(loop_factory=_faster_loop()) as runner:
        return runner.run(_run(job))


def _faster_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed (the extra `fast`); it reads sockets with less work."""
    try:
        return cast("Callable[[], asyncio.AbstractEventLoop]", import_module("uvloop").new_event_loop)
    except ImportError:
        return None


async def _run(job: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    from pexrtc_media.base import MediaError
    from pexrtc_py.errors import DeviceError

    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def stopped(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(KILLED[number])
        stop.set()

    for number in KILLED:
        loop.add_signal_handler(number, stopped, number)
    try:
        return await job(stop)
    except MediaError as error:
        raise DeviceError(str(error)) from error
    finally:
        for number in KILLED:
            loop.remove_signal_handler(number)


async def first_of(*waiting: Awaitable[object], seconds: float | None = None) -> None:
    """Wait until one of these is done or the time is up; the others are cancelled, an exception of a done one is raised."""
    tasks = [asyncio.ensure_future(item) for item in waiting]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
