"""Runs a source into a sender: waits until each item is due, drops what is late, goes on when the source ends.

This is the only place that paces media on its way out. Sources just give what they have.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import TypeAlias

from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit, MediaError, Source, Timeline
from pexrtc_py.engine.outlets import AudioOutlet, OutboundStats, Workshop
from pexrtc_py.engine.pacing import Clock, Pace, SystemClock
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.types import Slot
from pexrtc_py.engine.video_outlet import VideoOutlet
from pexrtc_py.errors import UsageError

logger = logging.getLogger(__name__)

Item: TypeAlias = AudioFrame | VideoFrame | AccessUnit

LATE_VIDEO = 0.15
LATE_AUDIO = 0.25
LATE_ENCODED = 1.0
"""Encoded video is patient: what comes after a dropped unit is worth nothing until the next keyframe."""
_CAUGHT_UP = 0.02
_AUDIO_GAP = 1.0
_VIDEO_GAP = 60.0
"""Slides may be a minute apart."""
_REORDER = 0.5

_MAX_SIZE = {Slot.VIDEO: (1280, 720), Slot.PRESENTATION: (1920, 1080)}
_FPS = {Slot.VIDEO: 30.0, Slot.PRESENTATION: 5.0}


class Outbound:
    """What one slot sends: a source that can be exchanged at any time, or nothing.

    Frames are converted and encoded in `executor` (the loop's own by default), access units pass through. `bitrate` is
    what to encode with (default: by picture size), `max_bitrate` an upper bound, both in bits/s; the other side's
    estimate (REMB) lowers it while running. Larger video is scaled down into `max_size`. `on_error` hears once of a source
    that raised or cannot be sent; it is then treated as ended. A source with `live = True` is never held back.
    """

    def __init__(
        self,
        sender: RtpSender,
        *,
        bitrate: int | None = None,
        max_bitrate: int | None = None,
        max_size: tuple[int, int] | None = None,
        clock: Clock | None = None,
        executor: Executor | None = None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.stats = OutboundStats()
        self.ended = asyncio.Event()
        """The current source has ended or failed."""
        self.on_error = on_error
        self._sender, self._slot = sender, sender.slot
        self._clock = clock or SystemClock()
        self._source: Source[Item] | None = None
        self._task: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._swapping = asyncio.Lock()
        self._closed = self._behind = False
        workshop = Workshop(executor)
        self._outlet: AudioOutlet | VideoOutlet
        if self._slot is Slot.AUDIO:
            self._outlet = AudioOutlet(sender, workshop, self._clock, self.stats, bitrate=bitrate)
        else:
            self._outlet = self._video(workshop, bitrate, max_bitrate, max_size)

    def _video(self, workshop: Workshop, bitrate: int | None, max_bitrate: int | None, max_size: tuple[int, int] | None) -> VideoOutlet:
        outlet = VideoOutlet(
            self._sender,
            workshop,
            self._clock,
            self.stats,
            bitrate=bitrate,
            max_bitrate=max_bitrate,
            max_size=max_size or _MAX_SIZE[self._slot],
            fps=_FPS[self._slot],
        )
        self._sender.on_keyframe_request = self._sender.on_ready = outlet.want_keyframe
        self._sender.on_bitrate = outlet.limit
        return outlet

    @property
    def muted(self) -> bool:
        """Whether silence or black is sent while the source goes on unheard and unseen."""
        return self._outlet.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._outlet.muted = muted

    @property
    def source(self) -> Source[Item] | None:
        """What is sent, also after its end; None: nothing."""
        return self._source

    @property
    def max_bitrate(self) -> int | None:
        """The most that is encoded with, in bits/s; None for audio, whose rate is fixed, and without a bound."""
        return self._outlet.max_bitrate if isinstance(self._outlet, VideoOutlet) else None

    @max_bitrate.setter
    def max_bitrate(self, bps: int | None) -> None:
        if isinstance(self._outlet, VideoOutlet):
            self._outlet.max_bitrate = bps

    async def send(self, source: Source[Item] | None) -> None:
        """Send this source from now on; None: nothing. The iterator of the source before is closed.

        At the end of the source black or silence goes on. Raises UsageError after `aclose()`.
        """
        async with self._swapping:
            before = self._source
            await self._exchange(source)
            if before is not source and isinstance(before, AsyncIterator):
                await self._close(before)

    async def detach(self) -> None:
        """Send nothing any more, and leave the source open: one that is its own iterator goes on where it is sent next."""
        async with self._swapping:
            await self._exchange(None)

    async def _exchange(self, source: Source[Item] | None) -> None:
        if self._closed:
            raise UsageError(f"The call has ended; a source for {self._slot} cannot be sent any more.")
        await self._stop()
        ask = getattr(source, "request_keyframe", None)
        self._outlet.restart(ask, attached=source is not None)
        self._source = source
        self.ended.clear()
        if source is not None:
            self._task = asyncio.create_task(self._run(source))
            if isinstance(self._outlet, VideoOutlet) and self._refreshing is None:
                self._refreshing = asyncio.create_task(self._outlet.refresh())

    async def aclose(self) -> None:
        """Stop sending and close the source; calling it again does nothing."""
        async with self._swapping:
            if self._closed:
                return
            self._closed = True
            await self._stop()
            await _cancel(self._refreshing)
            self._sender.on_keyframe_request = self._sender.on_ready = self._sender.on_bitrate = None
            if self._source is not None:
                await self._close(self._source)

    async def _stop(self) -> None:
        await _cancel(self._task)
        self._task = None

    async def _run(self, source: Source[Item]) -> None:
        try:
            await self._play(source)
        except Exception as error:
            self._report(error)
        self.ended.set()
        try:
            await self._outlet.idle()
        except Exception as error:
            self._report(error)

    async def _play(self, source: Source[Item]) -> None:
        iterator = aiter(source)
        timeline = getattr(source, "timeline", None)
        pace = Pace(timeline or Timeline(), longest_gap=_AUDIO_GAP if self._slot is Slot.AUDIO else _VIDEO_GAP)
        live = bool(getattr(source, "live", False))
        epoch: int | None = None
        try:
            async for item in iterator:
                if isinstance(item, AccessUnit) and item.epoch != epoch:
                    if epoch is not None:
                        pace.restart(_media(item), self._clock.now())
                    epoch = item.epoch
                await self._take(item, pace, live=live)
        finally:
            self.stats.anchored += pace.anchored
            pace.close()
            if iterator is not source:  # else it is closed with its source, which may be sent again before that
                await self._close(iterator)

    async def _take(self, item: Item, pace: Pace, *, live: bool) -> None:
        self.stats.taken += 1
        self._check(item)
        media = _media(item)
        due = _due(item, media, pace, self._clock.now(), live=live)
        await self._clock.sleep_until(due)
        lateness = self._clock.now() - due
        if lateness <= self._allowed(item):
            self._behind = False
            pace.in_time()
        elif pace.is_hopeless(lateness, self._clock.now()):
            self._behind = False
            due = pace.fall_behind(media, self._clock.now())
        else:
            self._behind = True
            self.stats.late += 1
            self._outlet.miss(item)
            return
        await self._outlet.take(item, media=media, due=due)

    def _check(self, item: Item) -> None:
        if isinstance(item, AccessUnit) and self._sender.ready and not self._sender.accepts(item.codec):
            agreed = ", ".join(codec.name for codec in self._sender.codecs)
            raise MediaError(f"The source gives {item.codec}, but {agreed} was negotiated for {self._slot}; give frames instead.")

    def _allowed(self, item: Item) -> float:
        if isinstance(item, AccessUnit) and (item.arrival or self._slot is not Slot.AUDIO):
            return LATE_ENCODED
        if self._slot is not Slot.AUDIO:
            return LATE_VIDEO
        # Once something is missing, catch up: a source that stays just below the limit would be late for good.
        return _CAUGHT_UP if self._behind else LATE_AUDIO

    def _report(self, error: Exception) -> None:
        self.stats.errors += 1
        logger.warning("The source for %s failed: %s: %s", self._slot, type(error).__name__, error)
        if self.on_error is not None:
            self.on_error(error)

    async def _close(self, thing: Source[Item] | AsyncIterator[Item]) -> None:
        aclose = getattr(thing, "aclose", None)
        if aclose is None:
            return
        try:
            await aclose()
        except Exception as error:
            logger.warning("The source for %s cannot be closed: %s: %s", self._slot, type(error).__name__, error)


def _media(item: Item) -> float:
    if isinstance(item, AccessUnit):
        return item.timestamp / item.clock_rate
    if item.pts is None or item.time_base is None:
        raise MediaError(f"The source gives {type(item).__name__}s without pts and time_base; it must say when each is due.")
    return float(item.pts * item.time_base)


def _due(item: Item, media: float, pace: Pace, now: float, *, live: bool) -> float:
    if not isinstance(item, AccessUnit):
        return pace.live(media, now) if live else pace.due(media, now)
    return pace.live(media, now) if live or item.arrival else pace.due(media, now, reorder=_REORDER)


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    await asyncio.wait([task])
