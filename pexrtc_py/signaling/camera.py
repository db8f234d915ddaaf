"""Moving a camera at the far end for as long as wanted: start, go on, stop, with the times that the API documents."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement

START_MS = 1000
"""A camera that was started stops after this, unless told to go on."""
CONTINUE_MS = 200
"""The same for one that was told to go on."""
EVERY = 0.15
"""Seconds between two requests to go on; each waits for the answer of the one before."""
_AXES = {"pan": FeccAxis.PAN, "tilt": FeccAxis.TILT, "zoom": FeccAxis.ZOOM}
_WAYS = {
    FeccAxis.PAN: (FeccDirection.LEFT, FeccDirection.RIGHT),
    FeccAxis.TILT: (FeccDirection.UP, FeccDirection.DOWN),
    FeccAxis.ZOOM: (FeccDirection.IN, FeccDirection.OUT),
}


class MovesCamera(Protocol):
    """Sends one `fecc` request; the method of a participant, or of a call through a gateway."""

    def __call__(self, *, action: FeccAction, movement: tuple[FeccMovement, ...], timeout: float) -> Awaitable[bool]:
        """Ask."""
        ...


@contextlib.asynccontextmanager
async def moving(fecc: MovesCamera, **ways: str | None) -> AsyncIterator[None]:
    """Move a camera inside the block; `ways` are `pan`, `tilt` and `zoom`. Raises UsageError, or what the first request raises."""
    movement = tuple(_movement(name, way) for name, way in ways.items() if way is not None)
    if not movement:
        raise UsageError("A camera moves by pan, tilt or zoom; none was said.")
    if not await fecc(action=FeccAction.START, movement=movement, timeout=START_MS):
        raise UsageError("This participant has no camera that can be moved from afar (fecc_supported).")
    going = asyncio.create_task(_go_on(fecc, movement))
    try:
        yield
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        await fecc(action=FeccAction.STOP, movement=movement, timeout=0)


async def _go_on(fecc: MovesCamera, movement: tuple[FeccMovement, ...]) -> None:
    while True:
        await asyncio.sleep(EVERY)
        await fecc(action=FeccAction.CONTINUE, movement=movement, timeout=CONTINUE_MS)


def _movement(name: str, way: str) -> FeccMovement:
    axis = _AXES[name]
    if way not in _WAYS[axis]:
        raise UsageError(f"A camera can {name} {' or '.join(_WAYS[axis])}, not {way!r}.")
    return FeccMovement(axis=axis, direction=FeccDirection(way))
