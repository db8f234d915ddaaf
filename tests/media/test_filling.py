"""Silence stands in for sound that did not come, and only for that."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_media import Recorder
from pexrtc_media.filling import LAG, LENGTH, LONGEST, Filler
from tests.media.test_recorder import audio, feed, onsets, received, sound, video
from tests.media_checks import complaints


def test_a_hole_is_filled_to_the_packet() -> None:
    silence = Filler()
    silence.taken(0.0, 0.02)

    assert list(silence.before(0.1, 0.0)) == pytest.approx([0.02, 0.04, 0.06, 0.08])


def test_packets_that_follow_each_other_leave_nothing_to_fill() -> None:
    silence = Filler()
    for index in range(100):
        seconds = 0.02 * index * 1.0003  # a sender's clock that is not ours
        assert not list(silence.before(seconds, seconds))
        silence.taken(seconds, 0.02)


def test_others_are_waited_for_a_while() -> None:
    silence = Filler()
    silence.taken(0.0, 0.02)

    assert list(silence.while_waiting(LAG)) == []
    assert len(list(silence.while_waiting(1.02 + LAG))) == 50


def test_sound_that_is_always_late_is_waited_for_longer() -> None:
    silence = Filler()
    for index in range(50):
        list(silence.before(0.02 * index, 0.02 * index + 0.6))
        silence.taken(0.02 * index, 0.02)

    assert list(silence.while_waiting(1.0 + LAG + 0.55)) == []
    assert list(silence.while_waiting(1.0 + LAG + 0.7)) != []


def test_a_very_long_hole_stays_open() -> None:
    silence = Filler()
    silence.taken(0.0, 0.02)

    assert list(silence.before(LONGEST + 1, 0.0)) == []
    assert list(silence.before(LONGEST + 1.06, 0.0)) != []


@given(st.lists(st.floats(0.001, 2.0), max_size=50))
def test_the_track_has_no_hole_and_no_overlap(steps: list[float]) -> None:
    silence, seconds, times = Filler(), 0.0, list[float]()
    silence.taken(0.0, LENGTH)
    for step in steps:
        seconds += step
        if silence.overtook(seconds):
            continue
        for filled in silence.before(seconds, seconds):
            times.append(filled)
            silence.taken(filled, LENGTH)
        times.append(seconds)
        silence.taken(seconds, LENGTH)

    assert all(after - before < 1.5 * LENGTH + 1e-6 for before, after in itertools.pairwise(times))


async def test_a_recording_has_sound_throughout_and_in_place(tmp_path: Path) -> None:
    """The sound of one and a half seconds is lost, the second beep comes where it belongs, and the hole is written down."""
    recorder = Recorder(tmp_path / "a.mkv", presentation=False)
    units = received(audio())
    kept = [unit for unit in units if not 0.3 < (unit.timestamp - units[0].timestamp) / 48000 < 1.8]

    feed(recorder, audio=kept, video=received(video("vp8")))
    await recorder.aclose()

    times, values = sound(recorder.path)
    steps = np.diff(times)
    assert steps.max() < 0.002
    assert onsets(times, values, 0.1 * float(np.abs(values).max())) == pytest.approx([2.0], abs=0.02)
    track = recorder.result.tracks["audio"]
    assert track.filled == pytest.approx(1.48, abs=0.05)
    assert track.gaps[0] == pytest.approx((0.32, 1.8), abs=0.03)
    assert complaints(recorder.path) == ""


async def test_sound_that_comes_after_its_silence_is_counted_and_left_out(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", presentation=False)
    units, pictures = received(audio()), received(video("vp8"))
    late = [replace(unit, arrival=unit.arrival + 1.0) for unit in units[60:75]]

    feed(recorder, audio=[*units[:60], *late, *units[75:]], video=pictures)
    await recorder.aclose()

    track = recorder.result.tracks["audio"]
    assert track.drops["silence stands there already"] > 0
    assert track.units + sum(track.drops.values()) == len(units)
    times, _ = sound(recorder.path)
    assert np.diff(times).max() < 0.002
