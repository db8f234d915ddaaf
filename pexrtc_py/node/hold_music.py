"""What is heard in the waiting room and on hold: a slow arpeggio, made here, encoded once for everybody."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from av import AudioFrame

from pexrtc_py.engine.encoders import OpusEncoder
from pexrtc_py.node.sound import BLOCK, RATE, Sum

CHORDS = ((220.0, 261.63, 329.63, 440.0), (174.61, 220.0, 261.63, 349.23), (196.0, 246.94, 293.66, 392.0), (164.81, 207.65, 246.94, 329.63))
"""Hertz of the notes: A minor, F, G, E."""
BEAT = 0.5
NOTES = 8
"""Of one chord, up and down again."""
RING = 1.6
"""Seconds after which a note has died away."""
LOUDNESS = 2400
BITRATE = 32_000


@lru_cache(maxsize=1)
def music() -> tuple[bytes, ...]:
    """One round of it as Opus packets of 20 ms, the end of which leads to its beginning; takes some tenths of a second."""
    blocks, encoder = _melody().reshape(-1, BLOCK), OpusEncoder(bitrate=BITRATE)
    packets: list[bytes] = []
    for number, block in enumerate((*blocks, *blocks)):  # the second time the encoder comes from the end of the round
        packets += [unit.data for unit in encoder.encode(_frame(block, number))]
    return tuple(packets[-len(blocks) :])


def _melody() -> Sum:
    beats = [chord[min(number, NOTES - 1 - number) % len(chord)] for chord in CHORDS for number in range(NOTES)]
    step = round(BEAT * RATE)
    total = np.zeros(step * len(beats), np.float64)
    for number, hertz in enumerate(beats):
        places = (number * step + np.arange(round(RING * RATE))) % len(total)  # what rings at the end goes on at the beginning
        total[places] += _note(hertz)
    return np.asarray(LOUDNESS * total, np.int32)


def _note(hertz: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    time = np.arange(round(RING * RATE)) / RATE
    tone = np.sin(2 * np.pi * hertz * time) + 0.3 * np.sin(4 * np.pi * hertz * time) + 0.1 * np.sin(6 * np.pi * hertz * time)
    return np.asarray(tone * np.minimum(time / 0.02, 1) * np.exp(-3.5 * time), np.float64)


def _frame(block: Sum, number: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(block.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, number * BLOCK, Fraction(1, RATE)
    return frame
