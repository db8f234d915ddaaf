"""Main video and slides of a call, decoded, composed into one picture, and encoded: what a recording costs that must play everywhere."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from pexrtc_media.composed import Composed
from pexrtc_media.composing import Composer
from pexrtc_media.encoding import VideoEncoding
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.engine.types import Slot

if TYPE_CHECKING:
    import av

    from pexrtc_media.base import AccessUnit

logger = logging.getLogger(__name__)

MOST_WAITING = 240
"""Units that wait to be decoded; beyond that pictures are missing until the next key frame."""
LATE = 30
"""Units waiting, beyond which pictures are decoded but not composed."""
BATCH = 4
HOLD = 0.5
"""Seconds without main video after which slides have pictures of their own."""


class Transcoder:
    """Takes the units of main video and slides, and gives `put` one composed picture for each of main video, at its time.

    `want_keyframe` is called with a slot whose pictures cannot be decoded any further. What the machine is too slow for is left out, and
    counted in `drops`.
    """

    def __init__(self, composed: Composed, codec: str, put: Callable[[AccessUnit], None], want_keyframe: Callable[[Slot], None]) -> None:
        self.drops: Counter[str] = Counter()
        self._put, self._want_keyframe = put, want_keyframe
        self._work = _Work(composed, codec)
        self._waiting: deque[tuple[Slot, AccessUnit | None]] = deque()
        self._broken: set[Slot] = set()
        self._some = asyncio.Event()
        self._ending = False
        self._task = asyncio.create_task(self._run())

    def take(self, slot: Slot, unit: AccessUnit) -> None:
        """Take one unit; returns at once."""
        if slot in self._broken and not unit.keyframe:
            self.drops["too busy"] += 1
        elif len(self._waiting) >= MOST_WAITING:
            self._broken.add(slot)
            self.drops["too busy"] += 1
            self._want_keyframe(slot)
        else:
            self._broken.discard(slot)
            self._add(slot, unit)

    def blank(self) -> None:
        """Slides have ended."""
        self._add(Slot.PRESENTATION, None)

    def key(self) -> None:
        """The next picture is to be a key frame."""
        self._work.key_wanted = True

    async def aclose(self) -> None:
        """Work off what waits."""
        self._ending = True
        self._some.set()
        await asyncio.gather(self._task, return_exceptions=True)

    def _add(self, slot: Slot, unit: AccessUnit | None) -> None:
        self._waiting.append((slot, unit))
        self._some.set()

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                if self._ending:
                    return
                self._some.clear()
                await self._some.wait()
            batch = [self._waiting.popleft() for _ in islice(range(BATCH), len(self._waiting))]
            late = len(self._waiting) > LATE and not self._ending
            for unit in await asyncio.to_thread(self._work.on, batch, late=late):
                self._put(unit)
            self._look_after()

    def _look_after(self) -> None:
        for slot in self._work.damaged:
            self._want_keyframe(slot)
        self._work.damaged.clear()
        if self._work.skipped:
            if not self.drops["too busy"]:
                logger.warning("This machine is too slow to compose every picture; some are left out. Use a smaller size.")
            self.drops["too busy"] += self._work.skipped
            self._work.skipped = 0


class _Work:
    """What happens in a thread, one batch at a time."""

    def __init__(self, composed: Composed, codec: str) -> None:
        self.key_wanted = False
        self.skipped = 0
        self.damaged: set[Slot] = set()
        self._interval = 0.8 / composed.frame_rate
        self._composer = Composer(composed.size)
        self._encoding = VideoEncoding(codec, bitrate=composed.bitrate)
        self._decoders: dict[Slot, VideoDecoder] = {}
        self._shown: dict[Slot, av.VideoFrame] = {}
        self._main_arrived = 0.0
        self._source: tuple[Slot, int] | None = None
        self._epoch = 0
        self._last = 0.0
        self._seconds = 0.0

    def on(self, batch: list[tuple[Slot, AccessUnit | None]], *, late: bool) -> list[AccessUnit]:
        """Decode these; the pictures that they make."""
        made: list[AccessUnit] = []
        for slot, unit in batch:
            if unit is None:
                self._shown.pop(slot, None)
                self._decoders.pop(slot, None)
            elif self._decode(slot, unit) and self._is_due(slot, unit):
                if late:
                    self.skipped += 1
                else:
                    made += self._compose(slot, unit)
        return made

    def _decode(self, slot: Slot, unit: AccessUnit) -> bool:
        decoder = self._decoders.get(slot)
        if decoder is None or decoder.codec != unit.codec:
            if not unit.keyframe:
                return False
            decoder = self._decoders[slot] = VideoDecoder(unit.codec)
        damaged = decoder.damaged
        frames = decoder.decode(unit)
        if decoder.damaged > damaged:
            self.damaged.add(slot)
        if frames:
            self._shown[slot] = frames[-1]
        return bool(frames)

    def _is_due(self, slot: Slot, unit: AccessUnit) -> bool:
        """Whether a picture is made now: for each of main video, and for each of the slides while main video rests."""
        if slot is Slot.VIDEO:
            self._main_arrived = unit.arrival
        elif unit.arrival - self._main_arrived < HOLD:
            return False
        seconds = unit.timestamp / unit.clock_rate
        return self._source != (slot, unit.epoch) or not 0 <= seconds - self._last < self._interval

    def _compose(self, slot: Slot, unit: AccessUnit) -> list[AccessUnit]:
        """The picture at the time of this unit."""
        seconds = unit.timestamp / unit.clock_rate
        same = self._source == (slot, unit.epoch)
        self._epoch += not same
        step = seconds - self._last if same and 0 < seconds - self._last < 10 else self._interval
        self._source, self._last, self._seconds = (slot, unit.epoch), seconds, self._seconds + step
        if self.key_wanted:
            self.key_wanted = False
            self._encoding.key()
        picture = self._composer.compose(self._shown.get(Slot.VIDEO), self._shown.get(Slot.PRESENTATION))
        made = self._encoding.encode(picture, self._seconds)
        return [replace(unit, data=each.data, codec=each.codec, keyframe=each.keyframe, epoch=self._epoch) for each in made]
