"""Presenting without video: one picture after another, posted as JPEG."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pexrtc_py.errors import NodeError, NotAllowed, UsageError
from pexrtc_py.protocol.declare import ConferenceRequest, ParticipantRequest
from pexrtc_py.protocol.requests import PostPresentation, ReleaseFloor, TakeFloor
from pexrtc_py.signaling.floor import Floor, FloorState, PresentationLost

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

    from pexrtc_py.hub import Hub

    Picture = bytes | str | Path | Image | VideoFrame
    """A picture in memory as a file has it, the path of one, or one decoded by Pillow or PyAV."""

T = TypeVar("T")
JPEG = b"\xff\xd8\xff"
QUALITY = 90
LOSING_SECONDS = 2.0
"""How long the event may take that says why a picture was refused."""


class Presenting(Protocol):
    """What is needed of a conference."""

    @property
    def floor(self) -> Floor:
        """Who presents."""
        ...

    hub: Hub

    async def ask_as_me(self, request: ParticipantRequest[T]) -> T:
        """Send a request about our own participant."""
        ...

    async def ask_in_my_room(self, request: ConferenceRequest[T]) -> T:
        """Send a request for the room that our media is in."""
        ...


async def present_stills(conference: Presenting, pictures: Iterable[Picture] | AsyncIterable[Picture], *, seconds_each: float) -> None:
    """See `Conference.present_stills`."""
    await conference.ask_as_me(TakeFloor(jpegs=True))
    try:
        async with contextlib.aclosing(_in_time(conference, pictures, seconds_each)) as shown:
            async for picture in shown:
                frame = await asyncio.to_thread(jpeg, picture)
                if not _has_floor(conference) or not await _posted(conference, frame):
                    break
    finally:
        with contextlib.suppress(NodeError):
            await conference.ask_as_me(ReleaseFloor())


def jpeg(picture: Picture) -> bytes:
    """A picture as a JPEG file; what is one already stays as it is. Raises `UsageError` for what is no picture."""
    try:
        data = Path(picture).read_bytes() if isinstance(picture, str | Path) else picture
        if isinstance(data, bytes) and data.startswith(JPEG):
            return data
        written = BytesIO()
        _decoded(data).convert("RGB").save(written, "JPEG", quality=QUALITY)
    except (OSError, ValueError) as error:
        named = picture if isinstance(picture, str | Path) else f"what was given as {type(picture).__name__}"
        raise UsageError(f"This is no picture that can be presented: {named} ({error})") from error
    return written.getvalue()


def _decoded(picture: bytes | Image | VideoFrame) -> Image:
    from PIL import Image

    if isinstance(picture, bytes):
        return Image.open(BytesIO(picture))
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture.to_ndarray(format="rgb24"))


def _has_floor(conference: Presenting) -> bool:
    return conference.floor.state is FloorState.HELD


async def _posted(conference: Presenting, frame: bytes) -> bool:
    """Post a picture; False when somebody took the floor meanwhile, which the node may say first by refusing the picture."""
    try:
        return await conference.ask_in_my_room(PostPresentation(frame=frame))
    except NotAllowed:
        if await _keeps_floor(conference, LOSING_SECONDS):
            raise
        return False


async def _keeps_floor(conference: Presenting, seconds: float) -> bool:
    if _has_floor(conference):
        with contextlib.suppress(TimeoutError):
            await conference.hub.wait_for(PresentationLost, timeout=seconds)
    return _has_floor(conference)


async def _in_time(
    conference: Presenting, pictures: Iterable[Picture] | AsyncIterable[Picture], seconds_each: float
) -> AsyncGenerator[Picture, None]:
    """An asynchronous iterable's pictures as they come; of others each for its time, but no longer than we have the floor."""
    if isinstance(pictures, AsyncIterable):
        async for picture in pictures:
            yield picture
        return
    for picture in pictures:
        yield picture
        await _keeps_floor(conference, seconds_each)
