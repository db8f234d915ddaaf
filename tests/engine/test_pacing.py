"""Sources that share a time line stay together, also when one of them cannot keep up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_media.base import Timeline
from pexrtc_py.engine.pacing import Pace


def _pair() -> tuple[Pace, Pace]:
    timeline = Timeline()
    return Pace(timeline, longest_gap=60.0), Pace(timeline, longest_gap=1.0)


@pytest.mark.parametrize("behind", [0.5, 3.0])
def test_sound_follows_a_picture_that_fell_behind(behind: float) -> None:
    picture, sound = _pair()
    assert picture.due(0.0, 100.0) == sound.due(0.0, 100.0)
    sound.due(5.0, 105.0)
    before = sound.anchored

    shown = picture.fall_behind(5.0, 105.0 + behind)

    assert sound.due(5.02, 105.02) == pytest.approx(shown + 0.02)
    assert sound.due(5.04, 105.04 + behind) == pytest.approx(shown + 0.04)
    assert sound.anchored == before


def test_a_picture_follows_sound_that_fell_behind() -> None:
    picture, sound = _pair()
    picture.due(0.0, 100.0)
    sound.due(0.0, 100.0)

    heard = sound.fall_behind(1.0, 101.7)

    assert picture.due(1.0, 101.0) == pytest.approx(heard)


@given(
    start=st.floats(0, 2e9),
    falls=st.lists(st.tuples(st.booleans(), st.floats(0.01, 30), st.floats(-0.5, 0.5)), min_size=1, max_size=6),
)
def test_sources_that_fall_behind_in_the_same_moment_stay_together(start: float, falls: list[tuple[bool, float, float]]) -> None:
    pair = _pair()
    media, now = 0.0, start
    for source in pair:
        source.due(media, now)

    for sound_first, lateness, apart in falls:
        media, now = media + 1.0, now + 1.0 + lateness
        first, second = reversed(pair) if sound_first else pair
        first.fall_behind(media, now)
        second.fall_behind(media + apart, now + 0.004)

        one = first.due(media + 0.52, now + 0.02) - (media + 0.52)
        other = second.due(media + apart + 0.52, now + 0.02) - (media + apart + 0.52)
        assert one == pytest.approx(other, abs=1e-4)


def test_sound_in_the_wake_of_a_picture_is_in_time_again() -> None:
    picture, sound = _pair()
    picture.due(0.0, 100.0)
    sound.due(0.0, 100.0)
    shown = picture.fall_behind(1.0, 102.0)

    assert sound.fall_behind(1.02, 102.001) == pytest.approx(shown + 0.02)
    assert picture.due(1.04, 102.04) == pytest.approx(shown + 0.04)


def test_a_source_of_its_own_moves_nobody() -> None:
    picture, _ = _pair()
    sound = Pace(Timeline(), longest_gap=1.0)
    picture.due(0.0, 100.0)
    sound.due(0.0, 100.0)

    picture.fall_behind(1.0, 102.0)

    assert sound.due(1.0, 101.0) == pytest.approx(101.0)


def test_a_jump_of_one_source_does_not_shift_the_other() -> None:
    picture, sound = _pair()
    picture.due(10.0, 100.0)
    sound.due(10.0, 100.0)

    sound.restart(0.0, 100.0)

    assert picture.due(10.04, 100.04) == pytest.approx(100.04)
