"""Media between calls and RTMP connections: access units to messages of a stream, and messages to access units."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_media.rtmp.chunks import Kind, Message
from pexrtc_media.rtmp.connection import Connection
from pexrtc_media.rtmp.flv import FramesIn, PicturesIn, PicturesOut, SoundOut, about, is_configuration
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.engine.encoders import OpusEncoder, VideoEncoder

logger = logging.getLogger(__name__)

SIZE = (1280, 720)
FPS = 30.0
BITRATE = 1_500_000
BACKLOG = 150
"""Units that may wait to be encoded, two seconds of a call; beyond it they are left out, and pictures go on with a keyframe."""
ASTRAY = 2.0
"""Seconds by which a stream's time may be off its arrival; beyond it the stream has begun anew."""


class Feed:
    """One stream on its way out over a connection. `left_out` counts units that could not be kept up with; `sent` messages.

    Pictures are brought to one size; with `passes`, H.264 goes as it comes.
    """

    def __init__(
        self,
        connection: Connection,
        stream: int,
        *,
        executor: Executor | None,
        need_keyframe: Callable[[], None],
        bitrate: int | None = None,
        passes: bool = False,
    ) -> None:
        self.left_out = self.sent = 0
        self._connection, self._stream, self._passes = connection, stream, passes
        self._executor, self._need_keyframe = executor, need_keyframe
        self._sound, self._pictures = SoundOut(), PicturesOut(SIZE, bitrate=bitrate or BITRATE)
        self._hearing = AudioDecoder()
        self._seeing: VideoDecoder | None = None
        self._zero: float | None = None
        self._units: deque[tuple[AccessUnit, float]] = deque()
        self._arrived = asyncio.Event()
        if not passes:
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
            if unit.codec == "h264" and self._passes:
                messages += self._pictures.pass_on(unit, seconds)
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


class Timing:
    """When what arrives was captured: what comes latest sets the time of all, for RTMP comes in bursts and a mix does not wait."""

    def __init__(self) -> None:
        self._zero: float | None = None

    def see(self, message: Message, now: float) -> None:
        """A message arrives `now` (Unix seconds)."""
        zero = now - message.time / 1000
        if self._zero is None or not self._zero - ASTRAY < zero < self._zero:
            self._zero = zero

    def captured(self, seconds: float) -> float:
        """Unix seconds of what is at `seconds` of the stream."""
        return (self._zero or 0.0) + seconds


class Played:
    """Messages of a stream in, access units out: Opus, and H.264 as it came, or VP8. It computes: call it in an executor."""

    def __init__(self) -> None:
        self.keyframe = False
        """VP8 shall go on with a keyframe; H.264 has one when the server likes."""
        self._frames, self._pictures = FramesIn(), PicturesIn()
        self._speaking, self._showing = OpusEncoder(), VideoEncoder("vp8")

    @property
    def damaged(self) -> int:
        """Messages that could not be understood."""
        return self._frames.damaged + self._pictures.damaged

    def units(self, message: Message, codec: str) -> list[tuple[AccessUnit, float]]:
        """The units of a message, each with its seconds in the stream; pictures in `codec`."""
        if message.kind == Kind.VIDEO and (codec == "h264" or is_configuration(message)):
            found = self._pictures.units(message)
            if codec == "h264" and not is_configuration(message):  # which both need, for the codec may change
                return [(unit, unit.timestamp / unit.clock_rate) for unit in found]
        units: list[tuple[AccessUnit, float]] = []
        for frame in self._frames.decode(message):
            if isinstance(frame, AudioFrame):
                units += [(unit, unit.timestamp / unit.clock_rate) for unit in self._speaking.encode(frame)]
            else:
                keyframe, self.keyframe = self.keyframe, False
                units += [(unit, message.time / 1000) for unit in self._showing.encode(frame, keyframe=keyframe)]
        return units
