"""Layouts as receivers get them: who is in which place of the decoded picture, told by stamps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

import pexrtc_py
from pexrtc_media import stamp
from pexrtc_media.arrays import rows
from pexrtc_media.transform import blank
from pexrtc_py.engine.types import Slot
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.compositing import Box, box_of, name_patch
from pexrtc_py.node.scenes import Person
from pexrtc_py.node.seating import capacity, seats, upright
from pexrtc_py.node.sizes import LADDER
from pexrtc_py.protocol.events import Layout as LayoutEvent
from pexrtc_py.protocol.layouts import Layout
from pexrtc_py.protocol.models import Transforms
from pexrtc_py.protocol.requests import OverlayText, PreferredAspectRatio, PresInMix, TransformLayout, VideoMuted
from tests.media_checks import call_of, stream_in, until

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from tests.conftest import Join

SOURCE = (640, 360)
SECONDS = 20.0
H264 = {Slot.VIDEO: ("h264",)}
NEAR = 2
"""Pixels by which a stamp may be off."""
GREY = 100


async def camera(stream: int, size: tuple[int, int] = SOURCE, fps: int = 10) -> AsyncIterator[av.VideoFrame]:
    """A grey picture with a stamp, so that the stamp's edges can be found."""
    frame = blank(*size)
    rows(frame)[:] = GREY
    stamp.draw(frame, stream=stream, frame=stream, ms=0)
    for number in range(1_000_000):
        picture = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, fps)
        yield picture


def boxes(layout: str, picture: av.VideoFrame, people: int) -> list[Box]:
    size = picture.width, picture.height
    places = seats(layout, people) if size[0] > size[1] else upright(layout, people)
    return [box_of(place, size) for place in places]


def shown(picture: av.VideoFrame, layout: str, people: int) -> list[int | None]:
    """Whose stamps are in the places of a layout."""
    return [stream_in(picture, box, SOURCE) for box in boxes(layout, picture, people)]


async def until_shown(viewer: Conference, is_it: Callable[[av.VideoFrame], bool], what: str) -> av.VideoFrame:
    """The first picture from now on that is as it shall be."""
    slot, last = call_of(viewer).video, None
    slot.request_keyframe()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS), slot.frames() as frames:
            async for last in frames:
                if isinstance(last, av.VideoFrame) and is_it(last):
                    return last
    raise AssertionError(f"{viewer.me} does not see {what} within {SECONDS:g} s; last {last}")


async def transform(host: Conference, **transforms: Any) -> None:
    await host.send(TransformLayout(transforms=Transforms(**transforms)))


def edges(picture: av.VideoFrame, box: Box) -> tuple[float, ...]:
    """How far the white zone of the stamp in a place is from where it is promised: left, top, right, bottom in pixels."""
    zone, scale = stamp.place_of(*SOURCE), box[2] / SOURCE[0]
    left, top = box[0] + zone.left * scale, box[1] + zone.top * scale
    right, bottom = left + zone.width * scale, top + zone.height * scale
    x, y = max(round(left) - 8, 0), max(round(top) - 8, 0)
    lit = rows(picture)[y : round(bottom) + 8, x : round(right) + 8] > (GREY + stamp.WHITE) / 2
    down, across = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    return x + across[0] - left, y + down[0] - top, x + across[-1] + 1 - right, y + down[-1] + 1 - bottom


async def test_every_layout_has_everybody_where_it_promises_and_nobody_sees_itself(join: Join) -> None:
    # Only the viewer is sent anything: one composition, and small places can be read.
    people = [await join(f"P{stream}", video=camera(stream, fps=5), receive=()) for stream in (1, 2, 3, 4)]
    streams, host = {person.me.uuid: stream for stream, person in enumerate(people, 1)}, people[0]
    viewer = await join("Viewer", video=camera(5))
    told: list[LayoutEvent] = []
    viewer.on(LayoutEvent)(told.append)

    for layout in Layout:
        if layout in {Layout.TEAMS, Layout.SPEAKER}:  # the speaker alone is what there is before, and Teams' is for calls to it
            continue
        told.clear()
        await transform(host, layout=layout)
        await until(lambda: bool(told))

        def promised(picture: av.VideoFrame, layout: str = layout) -> bool:
            order = [streams[uuid] for uuid in told[-1].participants]
            return shown(picture, layout, len(order)) == order

        seen = await until_shown(viewer, promised, layout)
        places = boxes(layout, seen, len(told[-1].participants))
        off = {box: max(map(abs, edges(seen, box))) for box in places if box[2] * 9 == box[3] * 16}
        assert all(pixels <= NEAR for pixels in off.values()), (layout, off)
        assert len(places) == min(4, capacity(layout))


async def test_muted_video_leaves_its_place_and_the_others_move_up(join: Join) -> None:
    ann, bob, cid = [await join(name, video=camera(stream)) for stream, name in enumerate(("Ann", "Bob", "Cid"), 1)]
    await transform(ann, layout="2x2")
    await until_shown(ann, lambda picture: shown(picture, "2x2", 3) == [2, 3, None], "Bob and Cid")

    await bob.participant(bob.me.uuid).send(VideoMuted())

    await until_shown(ann, lambda picture: shown(picture, "2x2", 3) == [3, None, None], "Cid alone")
    await until_shown(cid, lambda picture: shown(picture, "2x2", 3) == [1, None, None], "Ann alone")


async def test_slides_are_in_the_picture_of_who_wants_them_there(join: Join) -> None:
    ann, bob, cid = [await join(name, video=camera(stream)) for stream, name in enumerate(("Ann", "Bob", "Cid"), 1)]
    await transform(ann, layout="1:7")
    await cid.participant(cid.me.uuid).send(PresInMix(state=True))

    async with bob.present(camera(9)):
        await until_shown(cid, lambda picture: shown(picture, "1:7", 3) == [9, 1, 2], "slides large, Ann and Bob below")
        await until_shown(ann, lambda picture: shown(picture, "1:7", 2) == [2, 3], "Bob large, Cid below")
    await until_shown(cid, lambda picture: shown(picture, "1:7", 2) == [1, 2], "Ann large, Bob below")


async def test_a_name_can_be_read_in_the_picture(join: Join) -> None:
    ann, bob = await join("Ann", video=camera(1)), await join("Bob", video=camera(2))
    await bob.participant(bob.me.uuid).send(OverlayText(text="Barbara Liskov"))

    await transform(ann, layout="2x2", enable_overlay_text=True)

    def is_named(picture: av.VideoFrame) -> bool:
        (box, *_) = boxes("2x2", picture, 2)
        scores = {name: likeness(picture, name, box) for name in ("Barbara Liskov", "Barbara Hopper", "Grace Hopper", "Bob")}
        return scores["Barbara Liskov"] > 0.95 and max(scores, key=lambda name: scores[name]) == "Barbara Liskov"

    await until_shown(ann, is_named, "the name of Barbara Liskov")


async def test_who_prefers_a_high_picture_gets_one(join: Join) -> None:
    ann, _, phone = [await join(name, video=camera(stream)) for stream, name in enumerate(("Ann", "Bob", "Phone"), 1)]
    await transform(ann, layout="1:7")

    await phone.participant(phone.me.uuid).send(PreferredAspectRatio(aspect_ratio=0.5625))

    seen = await until_shown(phone, lambda picture: picture.height > picture.width and shown(picture, "1:7", 2) == [1, 2], "a high picture")
    assert (seen.width, seen.height) == (720, 1280)


async def test_viewers_of_other_codecs_and_less_bandwidth_see_the_same(join: Join) -> None:
    ann = await join("Ann", video=camera(1))
    await join("Bob", video=camera(2))
    old = await join("Old", codecs=H264)
    poor = await join("Poor", bandwidth=200)
    await transform(ann, layout="2x2")

    of_old = await until_shown(old, lambda picture: shown(picture, "2x2", 2) == [1, 2], "Ann and Bob")
    of_poor = await until_shown(poor, lambda picture: shown(picture, "2x2", 2) == [1, 2], "Ann and Bob, small")

    assert of_old.width == 1280
    assert of_poor.width <= 480


async def test_a_conference_with_little_bandwidth_has_small_pictures() -> None:
    def entering(node: Node, name: str, stream: int) -> pexrtc_py.Joining:
        return pexrtc_py.join("meet.small", node=node.url, display_name=name, video=camera(stream))

    async with Node(Vmr("meet.small", bandwidth=200)) as node, entering(node, "Ann", 1) as ann, entering(node, "Bob", 2):
        await transform(ann, layout="2x2")

        seen = await until_shown(ann, lambda picture: picture.width <= 480 and shown(picture, "2x2", 1) == [2], "Bob, small")

    assert (seen.width, seen.height) in LADDER


def likeness(picture: av.VideoFrame, name: str, box: Box) -> float:
    """How much what is in a place is like a rendered name: the correlation of the two, 1 for the same."""
    patch = name_patch(Person("", name), box)
    opacity = patch.alphas[0].astype(float) / 256
    reference = patch.planes[0] * opacity + GREY * (1 - opacity)
    height, width = reference.shape
    seen = rows(picture)[patch.top : patch.top + height, patch.left : patch.left + width]
    return float(np.corrcoef(reference.ravel(), seen.ravel())[0, 1])
