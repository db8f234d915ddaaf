"""Pieces of sound as numbers: where a caller's samples wait, when it is heard, how sums are kept in range.

Blocks are int16 arrays of shape `(960, 2)`: 20 ms of stereo at 48 kHz. Positions count samples of the node's clock
(`Unix seconds * 48000`), so what different callers said at the same time is added at the same place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 48000
BLOCK = 960
CAPACITY = RATE
FADE = 120
"""2.5 ms: long enough that a missing packet does not click."""
KNEE = 24000
CEILING = 32767
GATE_LEVEL = -55.0
"""A caller that stays below this many dBFS is not mixed; nobody could hear it, and its listeners can share one mix."""
SILENCE = -110.0
"""The gate of a caller whose sound is left as it is: below this many dBFS there is nothing."""
GATE_HOLD = 50
"""Blocks a gate stays open after the last audible one."""
VOICE_ON = -42.0
VOICE_OFF = -48.0
VOICE_HOLD = 40

DUCKED = 0.2
"""The gain (-14 dB) of whoever gives way to a prominent speaker: still to be heard, and easy to talk over."""
FALL = (1 - DUCKED) / 5
RISE = (1 - DUCKED) / 25
"""Gain per block."""

Block = NDArray[np.int16]
Sum = NDArray[np.int32]

_RISING: NDArray[np.float32] = np.linspace(0.0, 1.0, FADE, endpoint=False, dtype=np.float32)[:, None]
_FALLING: NDArray[np.float32] = 1.0 - _RISING


def level(block: Block) -> float:
    """The loudness of a block: RMS in dB below full scale, -120 for silence."""
    samples = block.astype(np.float32).ravel()
    power = float(samples @ samples) / max(1, samples.size)
    return max(-120.0, 10 * float(np.log10(power / CEILING**2 + 1e-12)))


def limit(mixed: Sum) -> Block:
    """A sum as int16: linear up to the knee, then bent so that it never leaves the range."""
    if int(np.abs(mixed).max(initial=0)) <= KNEE:
        return mixed.astype(np.int16)
    loud = np.abs(mixed).astype(np.float32)
    room = CEILING - KNEE
    bent = np.where(loud > KNEE, KNEE + room * np.tanh((loud - KNEE) / room), loud)
    limited: Block = (np.sign(mixed) * bent).astype(np.int16)
    return limited


class Ring:
    """One caller's samples by capture time, between what was mixed last and one second ahead.

    Holes are silence; each edge is faded over 2.5 ms. Outside of what was written and not yet read all samples are 0.
    """

    def __init__(self, position: int) -> None:
        self.late = 0
        """Samples that came after their time was mixed."""
        self.refused = 0
        """Samples more than the capacity ahead."""
        self._samples: Block = np.zeros((CAPACITY, 2), np.int16)
        self._position = position
        self._end = position

    @property
    def depth(self) -> int:
        """Samples ahead of the position that is mixed next."""
        return max(0, self._end - self._position)

    def write(self, start: int, samples: Block) -> None:
        """Put samples of shape `(n, 2)` at their place; the part whose time has passed is dropped."""
        passed = min(len(samples), max(0, self._position - start))
        self.late += passed
        samples, start = samples[passed:], start + passed
        if not len(samples):
            return
        if start + len(samples) + FADE > self._position + CAPACITY:
            self.refused += len(samples)
            return
        if start != self._end and len(samples) >= FADE:
            samples = self._joined(start, samples)
        self._put(start, samples)

    def read(self, start: int) -> Block:
        """Take one block; what lies before it is given up."""
        self._clear(self._position, start)
        block = self._samples[self._at(start, BLOCK)]
        self._clear(start, start + BLOCK)
        self._position = start + BLOCK
        return block

    def _joined(self, start: int, samples: Block) -> Block:
        """The samples with their first 2.5 ms faded in over what is already there."""
        joined = samples.copy()
        joined[:FADE] = self._samples[self._at(start, FADE)] * _FALLING + samples[:FADE] * _RISING
        return joined

    def _put(self, start: int, samples: Block) -> None:
        end = start + len(samples)
        self._clear(end + FADE, self._end + FADE)
        self._samples[self._at(start, len(samples))] = samples
        self._samples[self._at(end, FADE)] = (samples[-1] * _FALLING).astype(np.int16)
        self._end = end

    def _clear(self, start: int, end: int) -> None:
        if end > start:
            self._samples[self._at(start, min(end - start, CAPACITY))] = 0

    def _at(self, start: int, count: int) -> NDArray[np.intp]:
        return np.arange(start, start + count) % CAPACITY


class Gate:
    """Lets a caller through while it is loud enough to be heard, and a second longer; opens and shuts with a fade."""

    def __init__(self) -> None:
        self._left = 0

    def through(self, block: Block, loudness: float, floor: float = GATE_LEVEL) -> Block | None:
        """The block as it shall be mixed, or None while the gate is shut; `floor` is what it opens at, in dBFS."""
        was_open = self._left > 0
        self._left = GATE_HOLD if loudness > floor else max(0, self._left - 1)
        if self._left:
            return block if was_open else _faded(block, _RISING)
        return _only_head(block) if was_open else None


def _faded(block: Block, ramp: NDArray[np.float32]) -> Block:
    faded = block.copy()
    faded[:FADE] = (block[:FADE] * ramp).astype(np.int16)
    return faded


def _only_head(block: Block) -> Block:
    faded = np.zeros_like(block)
    faded[:FADE] = (block[:FADE] * _FALLING).astype(np.int16)
    return faded


class Ducking:
    """How loud those are who give way: they fall to `DUCKED` within 0.1 s when somebody speaks, and rise within 0.5 s after that."""

    def __init__(self) -> None:
        self.begin = self.end = 1.0
        """The gain at the two ends of the block."""

    @property
    def idle(self) -> bool:
        """Whether nothing is changed."""
        return self.begin == self.end == 1.0

    def step(self, *, speaking: bool) -> None:
        """Go on by one block."""
        self.begin = self.end
        self.end = max(DUCKED, self.end - FALL) if speaking else min(1.0, self.end + RISE)

    def apply(self, block: Block) -> Block:
        """The block, softer."""
        if self.begin == self.end:
            return (block * np.float32(self.end)).astype(np.int16)
        ramp = np.linspace(self.begin, self.end, BLOCK, endpoint=False, dtype=np.float32)[:, None]
        return (block * ramp).astype(np.int16)


class Voice:
    """Tells speaking from noise: on above -42 dBFS, off after 0.8 s below -48 dBFS, on a smoothed level."""

    def __init__(self) -> None:
        self.speaking = False
        self._smooth = -120.0
        self._quiet = 0

    def hear(self, loudness: float) -> bool:
        """Take the level of one block; True when `speaking` changed."""
        self._smooth += 0.3 * (loudness - self._smooth)
        self._quiet = 0 if self._smooth > VOICE_OFF else self._quiet + 1
        before = self.speaking
        self.speaking = self._smooth > VOICE_ON or (before and self._quiet < VOICE_HOLD)
        return self.speaking != before
