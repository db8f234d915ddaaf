from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.node.pressure import CAUTION, PATIENCE, Pressure
from pexrtc_py.node.sizes import FPS, LEGIBLE, SLOW_FPS, quality, sufficient

HD = (1280, 720)


def test_without_a_limit_a_picture_is_as_large_as_allowed() -> None:
    assert quality(None, largest=HD).size == HD
    assert quality(None, largest=(1920, 1080)).size == (1920, 1080)
    assert quality(None, largest=(1000, 700)).size == (960, 540)
    assert quality(None, largest=HD, is_upright=True).size == (720, 1280)


@pytest.mark.parametrize(("limit", "size"), [(1_000_000, HD), (500_000, (960, 540)), (280_000, (640, 360)), (60_000, (320, 180))])
def test_who_can_take_less_gets_a_smaller_picture(limit: int, size: tuple[int, int]) -> None:
    assert quality(limit, largest=HD).size == size


def test_who_can_take_very_little_gets_fewer_pictures() -> None:
    assert (quality(100_000, largest=HD).fps, quality(1_000_000, largest=HD).fps) == (SLOW_FPS, FPS)


@given(st.integers(50_000, 20_000_000))
def test_nobody_gets_more_than_it_can_take(limit: int) -> None:
    assert quality(limit, largest=(1920, 1080)).bitrate <= limit


@pytest.mark.parametrize(
    ("sources", "places", "size"),
    [
        ([(640, 360)], [HD], (640, 360)),
        ([(640, 360), (640, 360)], [(1096, 616), (182, 102)], (960, 540)),
        ([(640, 360)] * 4, [(640, 360)] * 4, HD),
        ([(320, 180)], [HD], (640, 360)),
        ([(1920, 1080)], [HD], HD),
        ([(360, 640)], [HD], HD),
    ],
)
def test_a_picture_is_no_larger_than_what_it_shows_is_worth(
    sources: list[tuple[int, int]], places: list[tuple[int, int]], size: tuple[int, int]
) -> None:
    assert sufficient(HD, zip(sources, places, strict=True)) == size


def test_a_high_picture_becomes_smaller_in_the_same_shape() -> None:
    assert sufficient((720, 1280), [((360, 640), (720, 1280))]) == (360, 640)


def test_pictures_become_smaller_while_composing_takes_all_the_time_and_larger_when_it_does_not() -> None:
    pressure, now = Pressure(), 100.0

    def work(seconds: float, load: float) -> list[int]:
        nonlocal now
        steps = []
        for _ in range(round(seconds * 25)):
            now += 0.04
            pressure.see(now, 0.04 * load)
            steps.append(pressure.steps)
        return steps

    assert work(10, 0.7)[-1] == 0
    assert work(PATIENCE + 2, 0.99)[-1] == 1
    assert pressure.fitted(HD) == (960, 540)
    assert pressure.fitted((720, 1280)) == (540, 960)
    assert work(10, 0.6)[-1] == 1
    assert work(CAUTION + 2, 0.2)[-1] == 0
    work(100, 1.0)
    assert pressure.fitted(HD) == LEGIBLE
    assert pressure.fitted((320, 180)) == (320, 180)
