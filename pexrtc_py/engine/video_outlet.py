"""The outlet of video: encodes or passes on, answers keyframe requests, knows what to show when the source has nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.encoders import VideoEncoder, black_frame
from pexrtc_py.engine.outlets import OutboundStats, Workshop
from pexrtc_py.engine.pacing import Clock
from pexrtc_py.engine.sender import RtpSender

logger = logging.getLogger(__name__)

BLACK_INTERVAL = 1.0
KEYFRAME_INTERVAL = 0.1
"""Requests that come faster, often several for the same loss, are answered with one keyframe."""
STANDSTILL = 0.2
"""Seconds that a keyframe request waits for the source's next frame before the last one is shown again."""
ASK_INTERVAL = 0.5
"""A source of encoded video is asked for keyframes no more often than this (seconds)."""

_UNKNOWN_SIZE = (640, 360)


class VideoOutlet:
    """Sends video: frames encoded, access units as they are, black when muted or at the end.

    A keyframe goes out at each start and on request. If the source stands still then, its last picture is shown again.
    """

    def __init__(
        self,
        sender: RtpSender,
        workshop: Workshop,
        clock: Clock,
        stats: OutboundStats,
        *,
        bitrate: int | None,
        max_bitrate: int | None,
        max_size: tuple[int, int],
        fps: float,
    ) -> None:
        self._sender, self._workshop, self._clock, self._stats = sender, workshop, clock, stats
        self._bitrate, self._max_size, self._fps = bitrate, max_size, fps
        self.max_bitrate = max_bitrate
        """The most to encode with, in bits/s, whatever the other side can take."""
        self._remote_bitrate: int | None = None
        self._encoder: VideoEncoder | None = None
        self._muted = False
        self._wake = asyncio.Event()
        self._blacked = float("-inf")
        self._scene = 0
        self.restart(None, attached=False)

    def restart(self, ask: Callable[[], None] | None, *, attached: bool) -> None:
        """Another source begins, or none; `ask` requests a keyframe of it."""
        self._ask, self._attached = ask, attached
        self._scene += 1
        self._picture: VideoFrame | None = None
        self._ended = self._flowing = False
        self._wanted = True
        self._keyed = self._asked = float("-inf")

    @property
    def muted(self) -> bool:
        """Whether black is sent instead of the source."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        changed, self._muted = muted != self._muted, muted
        if changed:
            self._scene += 1
            self._flowing = False
            self._blacked = float("-inf")
            self.want_keyframe()

    def want_keyframe(self) -> None:
        """Send a keyframe as soon as there is a picture for it."""
        self._wanted = True
        self._wake.set()
        if self._ask is not None and not self._muted and self._clock.now() - self._asked >= ASK_INTERVAL:
            self._asked = self._clock.now()
            self._ask()

    def limit(self, bps: int) -> None:
        """The other side can take this many bits/s."""
        self._remote_bitrate = max(bps, 1)  # 0 means as little as possible, not "no limit"

    def miss(self, item: AudioFrame | VideoFrame | AccessUnit) -> None:
        """An item came too late."""
        if isinstance(item, VideoFrame):
            self._picture = item
        elif self._flowing:
            self._flowing = False
            self.want_keyframe()

    async def take(self, item: AudioFrame | VideoFrame | AccessUnit, *, media: float, due: float) -> None:
        """Send one item, which was due at `due`."""
        if isinstance(item, AudioFrame):
            raise TypeError(f"The source gives audio frames, but the slot is {self._sender.slot}; send it in the audio slot.")
        self._picture = item if isinstance(item, VideoFrame) else None
        if not self._sender.ready:
            self._stats.unready += 1
            self._flowing, self._wanted = False, True
        elif self._muted:
            await self._darken(due)
        elif isinstance(item, AccessUnit):
            self._pass(item, due)
        else:
            await self._show(item, due, keyframe=self._keyframe_due())

    async def idle(self) -> None:
        """Send black, a keyframe each second, until cancelled."""
        self._ended = True
        while True:
            if self._sender.ready:
                await self._darken(self._clock.now())
            await self._clock.sleep_until(self._clock.now() + BLACK_INTERVAL)

    async def refresh(self) -> None:
        """Answer keyframe requests that come while the source stands still; until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._clock.sleep_until(self._clock.now() + STANDSTILL)
            try:
                await self._show_again()
            except Exception:
                logger.exception("%s: the last picture cannot be sent again", self._sender.slot)

    async def _show_again(self) -> None:
        if not (self._wanted and self._attached and self._sender.ready):
            return
        if self._muted or self._ended:
            await self._darken(self._clock.now())
        elif self._picture is not None:
            await self._show(self._picture, self._clock.now(), keyframe=True)

    async def _darken(self, captured: float) -> None:
        if self._keyframe_due() or captured - self._blacked >= BLACK_INTERVAL:
            self._blacked = captured
            self._stats.filled += 1
            await self._show(None, captured, keyframe=True)

    def _keyframe_due(self) -> bool:
        return self._wanted and self._clock.now() - self._keyed >= KEYFRAME_INTERVAL

    async def _show(self, picture: VideoFrame | None, captured: float, *, keyframe: bool) -> None:
        encoder, scene = self._current_encoder(), self._scene
        if keyframe:
            self._wanted, self._keyed = False, self._clock.now()
        units = await self._workshop.run(partial(_encode, encoder, picture, keyframe=keyframe))
        if scene != self._scene:
            return  # muted, unmuted or exchanged meanwhile: this picture shall not be seen any more
        for unit in units:
            self._stats.sent += self._sender.send(unit, captured=captured)

    def _current_encoder(self) -> VideoEncoder:
        codec = self._sender.codec
        assert codec is not None  # the sender is ready
        if self._encoder is None or self._encoder.codec != codec.name:
            self._encoder = VideoEncoder(codec.name, bitrate=self._bitrate, fps=self._fps, max_size=self._max_size)
        self._encoder.limit = min((rate for rate in (self.max_bitrate, self._remote_bitrate) if rate), default=None)
        return self._encoder

    def _pass(self, unit: AccessUnit, due: float) -> None:
        if not (self._flowing or unit.keyframe):
            self._stats.waiting_for_keyframe += 1
            self.want_keyframe()
            return
        sent = self._sender.send(unit, captured=due)
        self._stats.sent += sent
        self._flowing = sent
        self._wanted = self._wanted and not unit.keyframe


def _encode(encoder: VideoEncoder, picture: VideoFrame | None, *, keyframe: bool) -> list[AccessUnit]:
    return encoder.encode(picture or black_frame(*(encoder.size or _UNKNOWN_SIZE)), keyframe=keyframe)
