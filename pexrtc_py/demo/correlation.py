"""Where a voice is in a recording: normalised cross-correlation with what was said."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pexrtc_py.demo.voices import RATE, Samples

LOW_RATE = 16000
"""Speech is compared at this rate; the lag is interpolated between samples."""
WINDOW = 20.0
"""Seconds compared at once, so that long recordings need no more memory, and a drift of the clocks shows."""
BEFORE, AFTER = 60.0, 10.0
"""The voice may have begun up to so many seconds before the recording, and after."""
_LOUD = 0.003
_BLOCK = LOW_RATE // 50
_LEAST_SPEECH = 0.5


@dataclass(frozen=True)
class Found:
    """The best match of a voice in one window of a recording."""

    time: float
    """The middle of the window, in seconds of the recording."""
    lag: float
    """When media time zero of the voice is, in seconds of the recording; negative when it was before its start."""
    score: float
    """Correlation over the samples in which the voice speaks: 1 is the same sound, 0 has nothing to do with it."""


def find(voice: Samples, sound: Samples) -> list[Found]:
    """Look for `voice` (from its media time zero) in `sound`, both at 48 kHz; windows in which it does not speak are left out."""
    said, heard = lowered(voice), lowered(sound)
    count = max(1, round(len(heard) / LOW_RATE / WINDOW))
    edges = [len(heard) * i // count for i in range(count + 1)]
    found = [_find(said, heard[begin:end], begin) for begin, end in pairwise(edges)]
    return [match for match in found if match is not None]


def lowered(samples: Samples) -> Samples:
    """A third of the samples, with what they cannot carry filtered out before, and no delay."""
    taps = np.arange(-31, 32)
    kernel = (np.sinc(taps / 3 * 0.9) * np.hamming(len(taps))).astype(np.float32)
    if len(samples) < len(taps):
        return np.zeros(0, np.float32)
    filtered = np.convolve(samples - samples.mean(), kernel / kernel.sum(), "same")
    return np.ascontiguousarray(filtered[:: RATE // LOW_RATE], dtype=np.float32)


def _find(said: Samples, heard: Samples, begin: int) -> Found | None:
    """The match in the samples of the recording that start at `begin`."""
    first = begin - round(AFTER * LOW_RATE)
    reference = _cut(said, first, begin + len(heard) + round(BEFORE * LOW_RATE))
    if len(heard) < LOW_RATE // 2 or not np.any(np.abs(reference) > _LOUD):
        return None
    products = _correlate(heard, reference)
    best = int(np.argmax(products))
    score = _score(heard, reference[best : best + len(heard)])
    if score is None:
        return None
    # reference[best] stands where heard[0] does, which is sample `begin` of the recording.
    lag = begin - first - best - _between(products, best)
    return Found((begin + len(heard) / 2) / LOW_RATE, lag / LOW_RATE, score)


def _cut(samples: Samples, begin: int, end: int) -> Samples:
    """Samples from `begin` to `end`, with silence where there are none."""
    cut = np.zeros(end - begin, np.float32)
    inside = samples[max(0, begin) : max(0, end)]
    cut[max(0, -begin) : max(0, -begin) + len(inside)] = inside
    return cut


def _correlate(heard: Samples, reference: Samples) -> npt.NDArray[np.float64]:
    """For each shift of `heard` along the longer `reference` the sum of the products."""
    size = 1 << (len(reference) + len(heard)).bit_length()
    spectrum = np.fft.rfft(reference, size) * np.conj(np.fft.rfft(heard, size))
    return np.asarray(np.fft.irfft(spectrum, size)[: len(reference) - len(heard) + 1], np.float64)


def _score(heard: Samples, reference: Samples) -> float | None:
    """The correlation over the 20 ms blocks in which the reference speaks; None when it speaks too little to tell."""
    blocks = len(heard) // _BLOCK
    x, r = (each[: blocks * _BLOCK].reshape(blocks, _BLOCK).astype(np.float64) for each in (heard, reference))
    speaks = np.sqrt((r * r).mean(axis=1)) > _LOUD
    if speaks.sum() * _BLOCK < _LEAST_SPEECH * LOW_RATE:
        return None
    x, r = x[speaks], r[speaks]
    energy = float(np.sqrt((x * x).sum() * (r * r).sum()))
    return float((x * r).sum()) / energy if energy else 0.0


def _between(products: npt.NDArray[np.float64], best: int) -> float:
    """How far the true peak is from the highest sample, by the parabola through it and its neighbours."""
    if not 0 < best < len(products) - 1:
        return 0.0
    left, middle, right = products[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float((left - right) / (2 * bend)) if bend else 0.0
