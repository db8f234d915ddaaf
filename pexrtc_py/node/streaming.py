"""Sound and pictures of a room on their way out by RTMP: decoded, brought to one size, encoded as AAC and H.264."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from pexrtc_media.base import MediaError
from pexrtc_media.rtmp.client import publish
from pexrtc_media.rtmp.connection import Connection
from pexrtc_py.engine.rtmp import Feed
from pexrtc_py.engine.types import Slot
from pexrtc_py.errors import CallError
from pexrtc_py.node.legs import LocalPort

logger = logging.getLogger(__name__)

PICTURES = ("vp8", "h264")
LOST = "The streaming server closed the connection."


class StreamingService:
    """A leg to a streaming service, or two: the mix and the main picture go to one address, slides to another if there is one."""

    def __init__(self, *, executor: Executor, lost: Callable[[str], None]) -> None:
        self._executor, self._lost = executor, lost
        self._main: Feed | None = None
        self._slides: Feed | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.transceivers: dict[Slot, LocalPort] = {
            Slot.AUDIO: LocalPort(("opus",), lambda unit, captured: self._main is not None and self._main.put(unit, captured)),
            Slot.VIDEO: LocalPort(PICTURES, lambda unit, captured: self._main is not None and self._main.put(unit, captured)),
            Slot.PRESENTATION: LocalPort(PICTURES, lambda unit, captured: self._slides is not None and self._slides.put(unit, captured)),
        }

    async def start(self, url: str, slides_url: str | None) -> None:
        """Reach the servers. Raises CallError."""
        try:
            self._main = await self._feed(url, Slot.VIDEO)
            self._slides = await self._feed(slides_url, Slot.PRESENTATION) if slides_url is not None else None
        except MediaError as error:
            await self.close()
            raise CallError(str(error)) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the streams."""
        for task in self._tasks:
            task.cancel()
        for feed in (self._main, self._slides):
            if feed is not None:
                await feed.aclose()

    async def _feed(self, url: str, slot: Slot) -> Feed:
        connection, stream = await publish(url)
        self._tasks.append(asyncio.create_task(self._listen(connection)))
        return Feed(connection, stream, executor=self._executor, need_keyframe=self.transceivers[slot].need_keyframe)

    async def _listen(self, connection: Connection) -> None:
        """Servers say little; that they are gone is what matters."""
        try:
            while await connection.receive() is not None:
                pass
            self._lost(LOST)
        except MediaError as error:
            self._lost(str(error))
