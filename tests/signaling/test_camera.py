from __future__ import annotations

import asyncio

import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement
from pexrtc_py.signaling.camera import moving

LEFT = FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT)
IN = FeccMovement(axis=FeccAxis.ZOOM, direction=FeccDirection.IN)


class Camera:
    def __init__(self, *, there: bool = True) -> None:
        self.asked: list[tuple[str, tuple[FeccMovement, ...], float]] = []
        self.news = asyncio.Event()
        self._there = there

    async def __call__(self, *, action: FeccAction, movement: tuple[FeccMovement, ...], timeout: float) -> bool:  # noqa: ASYNC109  # as on the wire
        self.asked.append((action, movement, timeout))
        self.news.set()
        return self._there


async def test_a_camera_starts_goes_on_and_stops_with_the_documented_times() -> None:
    camera = Camera()

    async with moving(camera, pan="left", zoom="in"):
        while len(camera.asked) < 3:
            camera.news.clear()
            await camera.news.wait()

    (start, *going, stop) = camera.asked
    assert start == ("start", (LEFT, IN), 1000)
    assert set(going) == {("continue", (LEFT, IN), 200)}
    assert stop == ("stop", (LEFT, IN), 0)


async def test_a_camera_stops_though_the_block_fails() -> None:
    camera = Camera()

    with pytest.raises(ZeroDivisionError):
        async with moving(camera, pan="left"):
            raise ZeroDivisionError

    assert [action for action, _, _ in camera.asked] == ["start", "stop"]


@pytest.mark.parametrize(
    ("ways", "sentence"),
    [({}, "none was said"), ({"pan": "up"}, "can pan left or right, not 'up'"), ({"tilt": "sideways"}, "up or down")],
)
async def test_what_no_camera_does_is_not_asked_for(ways: dict[str, str], sentence: str) -> None:
    camera = Camera()

    with pytest.raises(UsageError, match=sentence):
        async with moving(camera, **ways):
            pass

    assert camera.asked == []


async def test_who_has_no_camera_is_an_error_and_not_stopped() -> None:
    camera = Camera(there=False)

    with pytest.raises(UsageError, match="no camera"):
        async with moving(camera, pan="left"):
            pass

    assert len(camera.asked) == 1
