"""A source of fewer pictures than another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import pytest
from av import VideoFrame

from pexrtc_media import AccessUnit, AtMost


class Film:
    """Empty pictures at these times (seconds)."""

    def __init__(self, *times: float) -> None:
        self.times, self.closed = times, False

    async def __aiter__(self) -> AsyncIterator[VideoFrame]:
        for time in self.times:
            frame = VideoFrame(16, 16, "yuv420p")
            frame.pts, frame.time_base = round(time * 90000), Fraction(1, 90000)
            yield frame

    async def aclose(self) -> None:
        self.closed = True


async def _times(source: Any) -> list[float]:
    return [round(frame.time, 3) async for frame in source]


@pytest.mark.parametrize(("fps", "of"), [(5, 30), (10, 25), (15, 24), (30, 30)])
async def test_there_are_no_more_than_asked_for_and_hardly_fewer(fps: int, of: int) -> None:
    times = await _times(AtMost(Film(*(number / of for number in range(4 * of))), fps))

    assert len(times) == pytest.approx(4 * fps, abs=1)


async def test_a_slow_source_passes_whole() -> None:
    assert await _times(AtMost(Film(0, 1, 2, 3.5), 5)) == [0, 1, 2, 3.5]


async def test_a_source_whose_time_begins_anew_goes_on() -> None:
    assert await _times(AtMost(Film(100, 100.2, 0, 0.05, 0.2), 5)) == [100, 100.2, 0, 0.2]


async def test_what_is_encoded_passes() -> None:
    async def encoded() -> AsyncIterator[AccessUnit]:
        for number in range(5):
            yield AccessUnit(b"x", "vp8", number * 3000, 90000)

    assert len([unit async for unit in AtMost(encoded(), 5)]) == 5


async def test_it_closes_with_its_source() -> None:
    film = Film(0)

    await AtMost(film, 5).aclose()

    assert film.closed
