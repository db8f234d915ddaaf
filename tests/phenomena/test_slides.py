"""Slides come and go: recognised in their own track while somebody presents, and black otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pexrtc_media import Pattern, Still
from pexrtc_py.engine.types import Slot
from pexrtc_py.protocol.events import PresentationStart, PresentationStop
from pexrtc_py.protocol.requests import ReleaseFloor
from pexrtc_py.signaling.floor import PresentationLost
from tests.media_checks import Eye, call_of, complaints, pictures, streams, until

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node
    from tests.conftest import Join

BLACK = 20


def slides(stream: int) -> Pattern:
    return Pattern((1280, 720), 5, stamp=stream)


async def test_slides_are_in_their_track_while_they_are_presented(join: Join, tmp_path: Path) -> None:
    ann = await join("Ann", video=Pattern((640, 360), 15, stamp=1))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "slides.mkv")
    await until(lambda: recording.duration > 1.0)

    async with ann.present(slides(2)):
        await until(lambda: recording.result.tracks["presentation"].units >= 10)
    shown = recording.duration
    await until(lambda: recording.duration > shown + 1.2)
    result = await recording.stop()

    assert complaints(result.path) == ""
    main, slide = pictures(result.path, 0), pictures(result.path, 1)
    assert {picture.stream for picture in main} == {1}
    assert (slide[0].time, slide[0].stream) == (0.0, None)
    assert slide[0].light < BLACK
    assert streams(slide) == [None, 2, None]
    assert slide[-1].light < BLACK
    numbers = [picture.mark.frame for picture in slide if picture.mark]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert slide[1].time > 0.9
    assert slide[-1].time < result.duration - 1.0
    assert {picture.size for picture in slide if picture.mark} == {(1280, 720)}


async def test_who_takes_the_floor_is_seen_and_who_had_it_stops_and_releases(join: Join, node: Node) -> None:
    ann, bob, eve = await join("Ann"), await join("Bob"), await join("Eve")
    seen = Eye(call_of(eve).presentation)
    lost = ann.wait_for(PresentationLost, timeout=10)
    begun = eve.wait_for(PresentationStart, where=lambda event: event.presenter_uuid == bob.my_uuid, timeout=10)

    async with ann.present(slides(2)):
        await seen.sees(2)
        async with bob.present(slides(3)):
            taken = await lost
            await seen.sees(3)
            await until(lambda: ReleaseFloor() in node.heard.of(ReleaseFloor, participant=ann.my_uuid))
            await until(lambda: not call_of(ann).peer.transceivers[Slot.PRESENTATION].current.sends)
            sent = call_of(ann).presentation.sent.units
            await seen.sees(3)
            assert taken.by is not None
            assert taken.by.presenter_uuid == bob.my_uuid
            assert call_of(ann).presentation.sent.units == sent
            assert node.room("meet.alice").floor == bob.my_uuid
        assert node.room("meet.alice").floor is None
    await begun

    assert streams(seen.pictures()) == [2, 3]


async def test_who_lost_the_floor_sees_the_slides_of_the_other_and_may_take_it_back(join: Join) -> None:
    ann, bob = await join("Ann"), await join("Bob")
    seen, lost = Eye(call_of(ann).presentation), ann.wait_for(PresentationLost, timeout=10)

    async with ann.present(slides(2)), bob.present(slides(3)):
        await lost
        await seen.sees(3)
    again = Eye(call_of(bob).presentation)
    async with ann.present(slides(4)):
        await again.sees(4)

    assert streams(seen.pictures()) == [3]
    assert streams(again.pictures()) == [4]


async def test_slides_end_when_the_presenter_leaves(join: Join, node: Node, tmp_path: Path) -> None:
    ann = await join("Ann", video=Pattern((320, 180), 15, stamp=1))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "left.webm")
    over = bot.wait_for(PresentationStop, timeout=10)

    async with ann.present(slides(2)):
        await until(lambda: recording.result.tracks["presentation"].units >= 5)
        await ann.leave()
    await over
    stopped = recording.duration
    await until(lambda: recording.duration > stopped + 0.5)
    result = await recording.stop()

    assert node.room("meet.alice").floor is None
    assert complaints(result.path) == ""
    slide = pictures(result.path, 1)
    assert streams(slide) == [None, 2, None]
    assert slide[-1].light < BLACK


async def test_a_still_slide_is_seen_by_who_joins_later(join: Join) -> None:
    """A picture that does not move must be sent whole again for a newcomer."""
    picture = slides(5).picture(7).to_ndarray(format="rgb24").astype(np.uint8)
    ann = await join("Ann")
    async with ann.present(Still(picture, fps=1)):
        eve = await join("Eve")
        seen = Eye(call_of(eve).presentation)
        found = await seen.sees(5)

    assert found.mark is not None
    assert found.mark.frame == 7


async def test_slides_are_shown_again_and_again(join: Join, node: Node) -> None:
    ann, eve = await join("Ann"), await join("Eve")
    seen = Eye(call_of(eve).presentation)

    for stream in (1, 2, 3, 4):
        async with ann.present(slides(stream)):
            await seen.sees(stream)

    assert streams(seen.pictures()) == [1, 2, 3, 4]
    assert node.room("meet.alice").floor is None
