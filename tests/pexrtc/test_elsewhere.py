"""The object in direct media, in breakout rooms, and presenting still pictures."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pexrtc_media import Pattern, Still, Tone, stamp
from pexrtc_py import PresentationFrame
from pexrtc_py.node import Node, Vmr
from pexrtc_py.pexrtc import MediaStream
from tests.conftest import Join
from tests.media_checks import Ear, Eye, call_of, until
from tests.pexrtc.followed import Followed

pytestmark = pytest.mark.live
ANN, BOB, SLIDES = 3, 5, 9
GREY = np.full((180, 320, 3), 150, np.uint8)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    rooms = (
        Vmr("direct", direct_media=True),
        Vmr("rooms", host_pin="1"),
        Vmr("plain"),
        Vmr("silent", host_pin="1", guests_can_present=False),
    )
    async with Node(*rooms) as running:
        yield running


def talking(node: Node, stream: int, hz: float, *answers: dict[str, str]) -> Followed:
    one = Followed(node, *answers)
    one.rtc.user_media_stream = MediaStream(audio=Tone(hz), video=Pattern((320, 180), 15, stamp=stream))
    return one


async def test_two_objects_in_direct_media_have_the_same_check_code(node: Node) -> None:
    ann, bob = talking(node, ANN, 500), talking(node, BOB, 800)
    ann.rtc.make_call(node.url, "direct", "Ann")
    await ann.wait("on_connect")
    alone = ann.rtc.get_secure_check_code()
    bob.rtc.make_call(node.url, "direct", "Bob")
    await bob.wait("on_connect")

    await Eye(call_of(ann.rtc.conference).video).sees(BOB, 30)
    await Ear(call_of(bob.rtc.conference).audio).hears(500, 30)
    codes = {one.rtc.get_secure_check_code() for one in (ann, bob)}
    picture = BytesIO()
    Image.fromarray(GREY).save(picture, "JPEG")
    await ann.rtc.conference.post_presentation(frame=picture.getvalue())
    (url,) = await bob.wait("on_presentation_reload")

    assert (alone, [len(code) for code in codes]) == ("INVALID", [64])
    assert ann.rtc.direct_media
    assert base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) == picture.getvalue()
    assert bob.rtc.get_presentation_url() == url
    for one in (ann, bob):
        await one.rtc.disconnect()


async def test_where_direct_media_is_not_allowed_they_go_through_the_node(node: Node) -> None:
    ann, bob = talking(node, ANN, 500), talking(node, BOB, 800)
    for one, name in ((ann, "Ann"), (bob, "Bob")):
        one.rtc.make_call(node.url, "plain", name)
        await one.wait("on_connect")

    await Eye(call_of(ann.rtc.conference).video).sees(BOB, 30)

    assert {one.rtc.get_secure_check_code() for one in (ann, bob)} == {"INVALID"}
    for one in (ann, bob):
        await one.rtc.disconnect()


async def test_a_host_goes_with_its_call_where_it_is_sent_and_back(node: Node, join: Join) -> None:
    ann = talking(node, ANN, 500, {"pin": "1"})
    ann.rtc.make_call(node.url, "rooms", "Ann")
    await ann.wait("on_connect")
    other = await join("Other", alias="rooms", pin="1", audio=Tone(800))

    room = (await other.create_breakout(breakout_name="Red", participants={"main": (ann.rtc.uuid,)})).breakout_uuid
    await ann.wait("on_connect")
    await other.enter_breakout(room)
    await Eye(call_of(other).video).sees(ANN, 30)
    await Ear(call_of(other).audio).hears(500, 30)
    control = ann.rtc.conference.breakouts[room].my_uuid
    ann.rtc.mute_video(True)
    await until(lambda: other.breakouts[room].participants[control].is_video_muted, 30)

    await other.breakout(room).move_participants(breakout_uuid="main", participants=(control,))
    await ann.wait("on_connect")
    await until(lambda: [seat.participant for seat in node.room("rooms").plan().seats] == [ann.rtc.uuid], 30)
    assert ann.rtc.conference.rooms.here is None
    await ann.rtc.disconnect()


async def test_a_screen_is_presented_as_still_pictures(node: Node, join: Join) -> None:
    bob = await join("Bob", alias="plain")
    ann = Followed(node)
    await ann.rtc.make_call(node.url, "plain", "Ann", call_type="none")
    ann.rtc.user_presentation_stream = Pattern((640, 360), 15, stamp=SLIDES)
    coming = bob.wait_for(PresentationFrame, timeout=30)

    await ann.rtc.present("screen_http")
    await ann.wait("on_screenshare_connected")
    await coming
    newest = await bob.wait_for(PresentationFrame, timeout=30)
    shown = Image.open(BytesIO(await bob.get_presentation_jpeg(id=newest.id)))
    await ann.rtc.present(None)

    assert await ann.wait("on_screenshare_stopped") == ("Screenshare stopped",)
    mark = stamp.read_at(np.asarray(shown.convert("L")), repair=False)
    assert mark is not None and mark.stream == SLIDES
    await until(lambda: bob.floor.presenter is None, 30)
    await ann.rtc.disconnect()


async def test_a_refused_floor_stops_stills_before_they_begin(node: Node, join: Join) -> None:
    await join("Host", alias="silent", pin="1", media=False)
    ann = Followed(node, {})
    await ann.rtc.make_call(node.url, "silent", "Ann", call_type="none")
    ann.rtc.user_presentation_stream = Still(GREY)

    await ann.rtc.present("screen_http")

    (reason,) = await ann.wait("on_screenshare_stopped")
    assert reason.startswith("Screenshare rejected")
    await ann.rtc.disconnect()
