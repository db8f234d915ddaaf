"""Decoding on demand: whoever iterates frames pays for them, and what nobody reads is not decoded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from fractions import Fraction
from time import perf_counter
from typing import NamedTuple, Self

from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.engine.pump import UnitStream
from pexrtc_py.engine.receiver import EncodedReceiver
from pexrtc_py.engine.types import Slot

MAX_VIDEO_FRAMES = 4
"""Decoded pictures that wait for a slow reader; it gets the newest."""
MAX_AUDIO_FRAMES = 50
"""One second of speech."""

Frame = VideoFrame | AudioFrame


class Decoded(NamedTuple):
    """A frame and the access unit it was made of, which knows its sender's time, its arrival and its epoch."""

    unit: AccessUnit
    frame: Frame


def frames(receiver: EncodedReceiver, *, maxsize: int | None = None) -> FrameStream:
    """Iterate what a receiver gets as decoded frames, from now on; `maxsize` frames may wait (4 of video, 50 of audio)."""
    return FrameStream(receiver, maxsize=maxsize)


class FrameStream(AsyncIterator[Frame]):
    """Decoded frames for one reader: `yuv420p` video, or `s16` stereo audio of 48 kHz.

    `pts` is the unwrapped RTP timestamp, `time_base` one tick of its clock. A reader that is too slow misses the oldest
    frames; nothing is skipped in decoding, so the picture stays whole. Lost audio shows as a step in `pts`. A unit that
    cannot be decoded is counted and a keyframe asked for; it raises nothing. Raises MediaError when this PyAV lacks the codec.
    """

    def __init__(self, receiver: EncodedReceiver, *, maxsize: int | None = None) -> None:
        audio = receiver.slot is Slot.AUDIO
        self._units = UnitStream(receiver)
        self._receiver = receiver
        self._decoding = _Decoding(maxsize or (MAX_AUDIO_FRAMES if audio else MAX_VIDEO_FRAMES))
        self._ready: deque[Decoded] = deque()
        self._maxsize = self._decoding.maxsize
        self._late = 0
        self._job: asyncio.Future[list[Decoded]] | None = None

    @property
    def dropped(self) -> int:
        """Frames and units missed because the reader was too slow."""
        return self._late + self._decoding.late + self._units.dropped

    @property
    def damaged(self) -> int:
        """Units that could not be decoded."""
        return self._decoding.damaged

    async def __anext__(self) -> Frame:
        return (await self._next()).frame

    async def with_units(self) -> AsyncIterator[Decoded]:
        """Iterate frames together with the units they were made of."""
        while True:
            try:
                yield await self._next()
            except StopAsyncIteration:
                return

    async def aclose(self) -> None:
        """Stop receiving and end the iteration; calling it again does nothing."""
        await self._units.aclose()
        self._ready.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _next(self) -> Decoded:
        while True:
            await self._decode()
            if self._ready:
                return self._ready.popleft()
            if not await self._units.wait():
                raise StopAsyncIteration

    async def _decode(self) -> None:
        """Decode what is waiting, all at once: a reader that falls behind must not fall further behind by decoding one by one."""
        if self._job is None:
            units = self._units.take()
            if not units:
                return
            self._job = asyncio.get_running_loop().run_in_executor(None, self._decoding.decode, units)
        job = self._job
        await asyncio.wait([job])  # a reader that gives up waiting leaves its frames to the next call
        self._job = None
        self._ready += job.result()
        self._receiver.decoded(*self._decoding.work())
        while len(self._ready) > self._maxsize:
            self._ready.popleft()
            self._late += 1
        if self._decoding.needs_keyframe:
            self._units.request_keyframe()


class _Decoding:
    """The decoder of the present codec and epoch; used by one thread at a time."""

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        self.late = 0
        self.damaged = 0
        self.needs_keyframe = False
        self._count, self._seconds = 0, 0.0
        self._decoder: VideoDecoder | AudioDecoder | None = None
        self._made_for: tuple[str, int] | None = None

    def work(self) -> tuple[int, float]:
        """How many frames were decoded since the last call, in how many seconds."""
        done, self._count, self._seconds = (self._count, self._seconds), 0, 0.0
        return done

    def decode(self, units: list[AccessUnit]) -> list[Decoded]:
        """The newest `maxsize` frames of these units."""
        began, newest = perf_counter(), deque[Decoded](maxlen=self.maxsize)
        for unit in units:
            for frame in self._frames(unit):
                frame.pts, frame.time_base = unit.timestamp, Fraction(1, unit.clock_rate)
                self.late += len(newest) == self.maxsize
                newest.append(Decoded(unit, frame))
                self._count += 1
        self._seconds += perf_counter() - began
        return list(newest)

    def _frames(self, unit: AccessUnit) -> list[VideoFrame] | list[AudioFrame]:
        if self.needs_keyframe and not unit.keyframe:
            return []
        decoder = self._decoder_for(unit)
        before = decoder.damaged
        decoded = decoder.decode(unit)
        failed = decoder.damaged > before
        self.damaged += failed
        self.needs_keyframe = failed and unit.codec != "opus"
        return decoded

    def _decoder_for(self, unit: AccessUnit) -> VideoDecoder | AudioDecoder:
        wanted = (unit.codec, unit.epoch)
        if self._decoder is None or self._made_for != wanted:
            self._decoder = AudioDecoder() if unit.codec == "opus" else VideoDecoder(unit.codec)
            self._made_for = wanted
        return self._decoder
