"""Finding a voice in a recording: where it is, to a fraction of a millisecond, and that it is not there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from pexrtc_py.demo.correlation import find
from pexrtc_py.demo.voices import RATE, Samples, Turns, Voice, recording

TURNS = Turns(2.0)


def _voices() -> tuple[Voice, Voice]:
    return Voice(recording("voice-film.flac"), TURNS, 0), Voice(recording("voice-portrait.flac"), TURNS, 1)


def _recorded(*voices: Samples, begin: float, seconds: float) -> Samples:
    """What a recording of the voices holds that begins at this media time."""
    start = round(begin * RATE)
    whole = np.zeros(round(seconds * RATE), np.float32)
    for voice in voices:
        inside = voice[max(0, start) : start + len(whole)]
        whole[max(0, -start) : max(0, -start) + len(inside)] += inside
    return whole


@pytest.mark.parametrize("begin", [0.0, 1.2345, 7.5, -0.8])
def test_a_voice_is_found_where_it_is(begin: float) -> None:
    film, portrait = (voice.until(20) for voice in _voices())
    sound = _recorded(film, portrait, begin=begin, seconds=9)

    for voice in (film, portrait):
        (match,) = find(voice, sound)

        assert match.lag == pytest.approx(-round(begin * RATE) / RATE, abs=0.0002)
        assert match.score > 0.98


def test_noise_as_loud_as_the_voice_does_not_hide_it() -> None:
    film, _ = _voices()
    said = film.until(20)
    sound = _recorded(said, begin=3.0, seconds=10)
    sound += default_rng(1).normal(0, float(sound.std()), len(sound)).astype(np.float32)

    (match,) = find(said, sound)

    assert match.lag == pytest.approx(-3.0, abs=0.001)
    assert 0.4 < match.score < 0.98


def test_a_voice_that_is_not_there_does_not_correlate() -> None:
    film, portrait = (voice.until(20) for voice in _voices())

    (match,) = find(film, _recorded(portrait, begin=1.0, seconds=12))

    assert match.score < 0.2


def test_a_long_recording_is_compared_window_by_window_so_that_a_drift_shows() -> None:
    film, _ = _voices()
    said = film.until(70)
    sound = np.interp(np.arange(0, 60 * RATE) * (1 + 40e-6), np.arange(len(said)), said).astype(np.float32)

    found = find(said, sound)

    assert len(found) == 3
    drift = (found[2].lag - found[0].lag) / (found[2].time - found[0].time)
    assert drift == pytest.approx(-40e-6, abs=5e-6)


@pytest.mark.parametrize("sound", [np.zeros(count, np.float32) for count in (0, 10, 100, 6 * RATE)])
def test_in_nothing_nothing_is_found(sound: Samples) -> None:
    film, _ = _voices()

    assert find(film.until(5), sound) == []


def test_a_voice_that_says_nothing_is_not_found() -> None:
    assert find(np.zeros(5 * RATE, np.float32), np.ones(5 * RATE, np.float32)) == []
