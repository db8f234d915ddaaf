"""What the demo's participants say, sample by sample: one voice each, in turns; computed the same way for sending and for judging."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import av
import numpy as np
import numpy.typing as npt

from pexrtc_media.base import Timeline
from pexrtc_media.synthetic import sound_frame

RATE = 48000
BLOCK = 960
"""20 ms; everything is counted in these."""
LONGEST_TURN = 4.0
_FADE = 240
"""5 ms, so that no turn begins with a click."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Turns:
    """Participants, numbered from 0, speak one after the other for `length` seconds (a multiple of 20 ms) of media time."""

    length: float
    of: int = 2

    @staticmethod
    def within(seconds: float) -> Turns:
        """Turns of some seconds, short enough that everybody speaks twice within `seconds`."""
        return Turns(round(min(LONGEST_TURN, max(1.0, seconds / 5)) / 0.02) * 0.02)

    @property
    def blocks(self) -> int:
        """Blocks in a turn."""
        return round(self.length * RATE / BLOCK)

    def speaker(self, media: float) -> int:
        """Whose turn it is at this media time."""
        return int(media / self.length) % self.of


class Voice:
    """One participant's voice: a recording that goes on where it stopped whenever it is `number`'s turn, and starts over at its end."""

    def __init__(self, recording: Samples, turns: Turns, number: int) -> None:
        self._recording, self.turns, self.number = recording, turns, number

    def block(self, index: int) -> Samples:
        """The samples (-1 to 1) of the 20 ms that begin at media time `index * 0.02`."""
        turn, into = divmod(index, self.turns.blocks)
        if turn % self.turns.of != self.number:
            return np.zeros(BLOCK, np.float32)
        spoken = (turn // self.turns.of * self.turns.blocks + into) * BLOCK
        samples = np.take(self._recording, np.arange(spoken, spoken + BLOCK), mode="wrap")
        ramp = np.linspace(0, 1, _FADE, dtype=np.float32)
        if into == 0:
            samples[:_FADE] *= ramp
        if into == self.turns.blocks - 1:
            samples[-_FADE:] *= ramp[::-1]
        return samples

    def until(self, seconds: float) -> Samples:
        """All that is said from media time zero to `seconds`."""
        return np.concatenate([self.block(index) for index in range(max(1, round(seconds * RATE / BLOCK)))])


class Speech:
    """A `Voice` as a source: s16 mono frames of 20 ms at 48 kHz on the time line of the picture that goes with it."""

    def __init__(self, voice: Voice, timeline: Timeline) -> None:
        self.timeline = timeline
        self._voice = voice

    def __aiter__(self) -> AsyncIterator[av.AudioFrame]:
        return self._frames()

    async def _frames(self) -> AsyncIterator[av.AudioFrame]:
        index = 0
        while True:
            yield sound_frame(self._voice.block(index), pts=index * BLOCK)
            index += 1


@lru_cache(maxsize=4)
def recording(name: str) -> Samples:
    """A voice among the assets, as 48 kHz mono samples."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with as_file(files("pexrtc_py.demo") / "assets" / name) as path, av.open(str(path)) as container:
        frames = [ready for frame in container.decode(audio=0) for ready in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([samples_of(frame) for frame in frames])


def samples_of(frame: av.AudioFrame) -> Samples:
    """The samples of a mono frame in the format `flt`."""
    return np.asarray(frame.to_ndarray().reshape(-1), np.float32)
