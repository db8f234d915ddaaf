"""What becomes of a source's items on their way to the sender: the outlet of audio, and what it shares with that of video."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.encoders import OPUS_RATE, OPUS_SAMPLES, SILENT_OPUS, OpusEncoder
from pexrtc_py.engine.pacing import Clock, grid
from pexrtc_py.engine.sender import RtpSender

logger = logging.getLogger(__name__)

_PACKET = OPUS_SAMPLES / OPUS_RATE
_SHORT = 0.06
"""Sound that is encoded where it is, in seconds."""
_SEAM = 0.1
"""Silence follows sound without a step in time if it begins within these seconds."""

T = TypeVar("T")


@dataclass
class OutboundStats:
    """Counts since the start: what sources gave, and what became of it."""

    taken: int = 0
    sent: int = 0
    """Access units handed to the sender and accepted."""
    late: int = 0
    """Items dropped because their time had passed."""
    unready: int = 0
    """Items dropped because the sender could not send yet or may not."""
    waiting_for_keyframe: int = 0
    """Encoded video dropped because what it builds on was not sent."""
    filled: int = 0
    """Black pictures and packets of silence."""
    anchored: int = 0
    """How often a source's time was tied to the clock."""
    errors: int = 0


class Workshop:
    """Runs codec work in an executor, one job at a time; who is cancelled while waiting still waits for the job's end."""

    def __init__(self, executor: Executor | None) -> None:
        self._executor = executor
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`."""
        async with self._lock:
            job = asyncio.get_running_loop().run_in_executor(self._executor, work)
            try:
                return await asyncio.shield(job)
            except asyncio.CancelledError:
                # The codec is not free before; nobody else may touch it, however often this task is cancelled.
                while not job.done():
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.wait([job])
                if not job.cancelled() and (error := job.exception()):
                    logger.debug("An abandoned encoding job failed: %s", error)
                raise


class AudioOutlet:
    """Sends audio: frames as Opus, packets as they are, silence of the same length when muted."""

    def __init__(self, sender: RtpSender, workshop: Workshop, clock: Clock, stats: OutboundStats, *, bitrate: int | None) -> None:
        self.muted = False
        self._sender, self._workshop, self._clock, self._stats = sender, workshop, clock, stats
        self._encoder = OpusEncoder(bitrate=bitrate) if bitrate else OpusEncoder()
        self._next = 0.0

    def restart(self, ask: Callable[[], None] | None, *, attached: bool) -> None:
        """Another source begins, or none; packets of sound depend on nothing before them."""

    def miss(self, item: AudioFrame | VideoFrame | AccessUnit) -> None:
        """An item came too late."""

    async def take(self, item: AudioFrame | VideoFrame | AccessUnit, *, media: float, due: float) -> None:
        """Send one item of media time `media` (seconds), which was due at `due`."""
        if isinstance(item, VideoFrame):
            raise TypeError("The source gives video frames, but the slot is audio; send it in a video slot.")
        if not self._sender.ready:
            self._stats.unready += 1
        elif isinstance(item, AccessUnit):
            self._send(item, due)
        else:
            for unit in await self._encoded(item):
                # Relative to the item first: media time and Unix time are too large to be added without loss.
                self._send(unit, due + (unit.timestamp / OPUS_RATE - media))

    async def _encoded(self, frame: AudioFrame) -> list[AccessUnit]:
        if frame.samples <= _SHORT * frame.sample_rate:
            return self._encoder.encode(frame)  # half a millisecond: in an executor it would take longer to get there, behind pictures
        return await self._workshop.run(partial(self._encoder.encode, frame))

    async def idle(self) -> None:
        """Send silence until cancelled."""
        now = self._clock.now()
        start, count = self._next if now - self._next < _SEAM else grid(now), 0
        while True:
            await self._clock.sleep_until(start + count * _PACKET)
            if self._clock.now() > start + (count + 10) * _PACKET:
                start, count = grid(self._clock.now()), 0
            if self._sender.send(_silence(), captured=start + count * _PACKET):
                self._stats.filled += 1
            count += 1

    def _send(self, unit: AccessUnit, captured: float) -> None:
        unit = _silence() if self.muted else unit
        sent = self._sender.send(unit, captured=captured)
        self._stats.sent += sent
        self._stats.filled += sent and self.muted
        self._next = captured + _PACKET


def _silence() -> AccessUnit:
    return AccessUnit(SILENT_OPUS, "opus", 0, OPUS_RATE)
