"""The dual tones of telephone keys (ITU-T Q.23) as blocks of sound."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from pexrtc_py.node.sound import BLOCK, RATE, Block

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
"""Hertz of the rows and of the columns of the keys."""
KEYS = "123A456B789C*0#D"
PAUSE = ","
"""In a sequence: two seconds without a tone."""
ON, OFF, PAUSED = 5, 5, 100
"""Blocks that a tone lasts, that follow it, and of a pause; receivers need 40 ms of each (ITU-T Q.24)."""
LOUDNESS = 5200
"""Of each of the two tones: together about 10 dB below full scale."""
_EDGE = 96


def played(keys: str) -> Iterator[Block]:
    """The blocks of a sequence of keys and pauses; other characters are passed over."""
    for key in keys:
        if key == PAUSE:
            yield from [_silence()] * PAUSED
        elif key in KEYS:
            yield from (*_tone(key), *[_silence()] * OFF)


@lru_cache(maxsize=len(KEYS))
def _tone(key: str) -> tuple[Block, ...]:
    place = KEYS.index(key)
    time = np.arange(ON * BLOCK) / RATE
    both = np.sin(2 * np.pi * LOW[place // 4] * time) + np.sin(2 * np.pi * HIGH[place % 4] * time)
    both[:_EDGE] *= np.linspace(0, 1, _EDGE)  # a step would be a click
    both[-_EDGE:] *= np.linspace(1, 0, _EDGE)
    samples = np.repeat(np.asarray(LOUDNESS * both, np.int16)[:, None], 2, axis=1)
    return tuple(samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK))


@lru_cache(maxsize=1)
def _silence() -> Block:
    return np.zeros((BLOCK, 2), np.int16)
