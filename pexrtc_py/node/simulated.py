"""The media of a simulated endpoint: a tone and a moving test picture, encoded once and said again and again; it keeps what it gets."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from av import VideoFrame

from pexrtc_media import stamp as stamping
from pexrtc_media.base import AccessUnit
from pexrtc_media.synthetic import RATE
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.engine.types import Slot
from pexrtc_py.node.bots import Bot
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.legs import LocalPort
from pexrtc_py.node.performing import BLOCK, FPS, Performance, bars, performed, tone
from pexrtc_py.node.plan import Perceived
from pexrtc_py.node.sound import Block, level

SLIDE_EVERY = 0.5
"""Seconds between two copies of what is presented, each a keyframe."""
AHEAD = 0.1
"""Seconds by which what it says is set later than it is said, so that an event loop that was busy does not cost any of it."""
LATE = 0.5
"""What is due longer ago than this, after a stall, is left out."""
KEPT = {Slot.AUDIO: 50, Slot.VIDEO: 300, Slot.PRESENTATION: 0}
"""Units that are kept of what it gets: a second of sound, and pictures from a keyframe on."""


class SimulatedEndpoint:
    """A leg with a tone and a test picture, which keeps the latest units that it is sent."""

    def __init__(self, endpoint: Endpoint, *, video: bool, bot: Bot | None = None) -> None:
        self._perform = partial(performed, bot) if bot is not None else partial(of_endpoint, endpoint, video=video)
        self._got: dict[Slot, deque[AccessUnit]] = {slot: deque(maxlen=kept) for slot, kept in KEPT.items()}
        self._counts = dict.fromkeys(Slot, 0)
        codecs = {Slot.AUDIO: ("opus",), **dict.fromkeys((Slot.VIDEO, Slot.PRESENTATION), ("vp8", "h264") if video else ())}
        self.transceivers: dict[Slot, LocalPort] = {slot: LocalPort(codecs[slot], self._keeper(slot)) for slot in Slot}
        self._restart = False
        self.transceivers[Slot.VIDEO].wants_keyframe = self._begin_again
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to speak and to show."""
        performance = await asyncio.to_thread(self._perform)
        if not self._closed:  # meanwhile
            self._task = asyncio.create_task(self._play(performance))

    async def close(self) -> None:
        """Fall silent."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def perceived(self) -> Perceived:
        """What it hears and sees; decodes, which takes some tens of milliseconds."""
        sound, frame = _sound(self._got[Slot.AUDIO]), _last_picture(self._got[Slot.VIDEO])
        luma = stamping.luma_of(frame) if frame is not None else None
        mark = stamping.read_at(luma) if luma is not None else None
        return Perceived(
            hz=_loudest(sound),
            level=level(sound),
            packets=self._counts[Slot.AUDIO],
            size=(frame.width, frame.height) if frame is not None else None,
            light=float(luma.mean()) if luma is not None else 0.0,
            stream=mark.stream if mark is not None else None,
            pictures=self._counts[Slot.VIDEO],
        )

    def _keeper(self, slot: Slot) -> Callable[[AccessUnit, float], bool]:
        def keep(unit: AccessUnit, captured: float) -> bool:
            self._counts[slot] += 1
            if slot is Slot.VIDEO and unit.keyframe:
                self._got[slot].clear()
            self._got[slot].append(unit)
            return True

        return keep

    def _begin_again(self) -> None:
        self._restart = True

    async def _play(self, performance: Performance) -> None:
        sound, pictures, slides = performance.sound, performance.pictures, performance.slides
        due, block, shown = unix_time(), 0, 0
        while True:
            await asyncio.sleep(due - unix_time())
            if sound:
                self.transceivers[Slot.AUDIO].say(sound[block % len(sound)].data, "opus", due + AHEAD)
            if pictures and block % round(1 / BLOCK / FPS) == 0:
                shown, self._restart = 0 if self._restart else shown, False
                self._say(Slot.VIDEO, pictures[shown % len(pictures)], due)
                shown += 1
            if slides and block % round(SLIDE_EVERY / BLOCK) == 0:
                self._say(Slot.PRESENTATION, slides[0], due)
            due, block = due + BLOCK, block + 1
            if unix_time() - due > LATE:
                due = unix_time()

    def _say(self, slot: Slot, unit: AccessUnit, due: float) -> None:
        self.transceivers[slot].say(unit.data, unit.codec, due + AHEAD, keyframe=unit.keyframe)


def of_endpoint(endpoint: Endpoint, *, video: bool) -> Performance:
    """What somebody who was called shows and says."""
    return Performance(tone(endpoint.tone) if endpoint.tone else (), bars() if video else ())


def _sound(units: Iterable[AccessUnit]) -> Block:
    decoder = AudioDecoder()
    frames = [np.asarray(frame.to_ndarray(), np.int16).reshape(-1, 2) for unit in units for frame in decoder.decode(unit)]
    return np.concatenate(frames) if frames else np.zeros((0, 2), np.int16)


def _loudest(sound: Block) -> float:
    spectrum = np.abs(np.fft.rfft(sound[:, 0] * np.hanning(len(sound)))) if len(sound) else np.zeros(1)
    return float(spectrum.argmax() * RATE / len(sound)) if spectrum.max() > 0 else 0.0


def _last_picture(units: Iterable[AccessUnit]) -> VideoFrame | None:
    decoder: VideoDecoder | None = None
    last = None
    for unit in units:
        decoder = decoder or VideoDecoder(unit.codec)
        last = next(iter(decoder.decode(unit)), last)
    return last
