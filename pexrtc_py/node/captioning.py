"""Runs the sources of captions, one task per conference in which somebody wants them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, nullcontext
from inspect import isasyncgen
from typing import Any

from pexrtc_py.node import captions
from pexrtc_py.node.captions import Source
from pexrtc_py.node.room import Room

_logger = logging.getLogger(__name__)


class Captioning:
    """The running sources of a node; `settle` is called after each caption, to send it. `clock` gives Unix seconds."""

    def __init__(self, *, clock: Callable[[], float], settle: Callable[[], None]) -> None:
        self._clock, self._settle = clock, settle
        self._running: dict[str, asyncio.Task[None]] = {}

    def tend(self, room: Room) -> None:
        """Begin or end the captions of a room, as its participants want."""
        source = room.captions.source
        wanted = source is not None and captions.wanted(room)  # a look at everybody, after every change: only where it can be true
        if wanted and source is not None and room.uuid not in self._running:
            self._running[room.uuid] = asyncio.create_task(self._run(room, source))
        elif not wanted:
            self.stop(room.uuid)

    def stop(self, room: str) -> None:
        """End the captions of a room, by its uuid; nothing happens where there are none."""
        if (task := self._running.pop(room, None)) is not None:
            task.cancel()

    async def aclose(self) -> None:
        """End all of them."""
        tasks, self._running = list(self._running.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, room: Room, source: Source) -> None:
        try:
            said_so_far = source()
            closing: Any = aclosing(said_so_far) if isasyncgen(said_so_far) else nullcontext()
            async with closing:
                async for said in said_so_far:
                    captions.tell(room, said, self._clock())
                    self._settle()
        except Exception:
            _logger.exception("the captions of %s ended", room.name)
