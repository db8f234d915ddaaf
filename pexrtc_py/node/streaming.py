"""Sound and pictures of a room on their way out by RTMP: decoded, brought to one size, encoded as AAC and H.264."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from av import VideoFrame

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.rtmp.chunks import Message
from pexrtc_media.rtmp.client import publish
from pexrtc_media.rtmp.connection import Connection
from pexrtc_media.rtmp.flv import PicturesOut, SoundOut, about
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.engine.types import Slot
from pexrtc_py.errors import CallError
from pexrtc_py.node.legs import LocalPort

logger = logging.getLogger(__name__)

SIZE = (1280, 720)
FPS = 30.0
BITRATE = 1_500_000
BACKLOG = 150
"""Units that may wait to be encoded, two seconds of a call; beyond it they are left out, and pictures go on with a keyframe."""
PICTURES = ("vp8", "h264")
LOST = "The streaming server closed the connection."


class Feed:
    """One stream on its way out over a connection. `left_out` counts units that could not be kept up with; `sent` messages."""

    def __init__(
        self,
        connection: Connection,
        stream: int,
        *,
        executor: Executor,
        need_keyframe: Callable[[], None],
        bitrate: int | None = None,
    ) -> None:
        self.left_out = self.sent = 0
        self._connection, self._stream = connection, stream
        self._executor, self._need_keyframe = executor, need_keyframe
        self._sound, self._pictures = SoundOut(), PicturesOut(SIZE, bitrate=bitrate or BITRATE)
        self._hearing = AudioDecoder()
        self._seeing: VideoDecoder | None = None
        self._zero: float | None = None
        self._units: deque[tuple[AccessUnit, float]] = deque()
        self._arrived = asyncio.Event()
        self._put(about(SIZE, FPS))
        self._put(self._sound.configuration)
        self._task = asyncio.create_task(self._run())

    def put(self, unit: AccessUnit, captured: float) -> bool:
        """Take a unit captured at this time (Unix seconds)."""
        if len(self._units) >= BACKLOG:
            self.left_out += 1
            if unit.codec != "opus":
                self._need_keyframe()
            return False
        self._units.append((unit, captured))
        self._arrived.set()
        return True

    async def aclose(self) -> None:
        """Stop, and close the connection."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._connection.aclose()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            units = tuple(self._units)
            self._units.clear()
            try:
                messages = await loop.run_in_executor(self._executor, self._encode, units)
            except Exception:
                logger.exception("A stream cannot be encoded; going on with what comes next")
                self._seeing = None
                self._need_keyframe()
                continue
            for message, keyframe in messages:
                self.sent += 1
                self._connection.put_media(replace(message, stream=self._stream), keyframe=keyframe)

    def _encode(self, units: tuple[tuple[AccessUnit, float], ...]) -> list[tuple[Message, bool]]:
        messages: list[tuple[Message, bool]] = []
        picture = None
        for unit, captured in units:
            seconds = self._since_start(captured)
            if unit.codec == "opus":
                found = [message for frame in self._hearing.decode(unit) for message in self._sound.encode(frame, seconds)]
                messages += [(message, True) for message in found]
                continue
            if unit.keyframe and (self._seeing is None or self._seeing.codec != unit.codec):
                self._seeing = VideoDecoder(unit.codec)
            for frame in self._seeing.decode(unit) if self._seeing is not None else ():
                picture = frame, seconds
        if picture is not None:
            messages += self._shown(*picture)
        return sorted(messages, key=lambda pair: pair[0].time)

    def _shown(self, frame: VideoFrame, seconds: float) -> list[tuple[Message, bool]]:
        first = self._pictures.configuration is None
        encoded = self._pictures.encode(frame, seconds)
        if first and self._pictures.configuration is not None:
            return [(replace(self._pictures.configuration, time=encoded[0][0].time), True), *encoded]
        return encoded

    def _since_start(self, captured: float) -> float:
        if self._zero is None:
            self._zero = captured
        return max(0.0, captured - self._zero)

    def _put(self, message: Message) -> None:
        self._connection.put(replace(message, stream=self._stream))


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
