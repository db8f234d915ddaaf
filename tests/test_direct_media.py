"""Two of our clients in direct media: pictures, sound and chat from one to the other, a third, and two again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.channel import PresentationImage
from pexrtc_py.conference import Conference
from pexrtc_py.direct import PeerConnected
from pexrtc_py.engine.types import Direction, Slot
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.asked import RULES
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.protocol.events import Fecc, MessageReceived, PresentationStart, PresentationStop
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement, Token
from pexrtc_py.protocol.requests import CallStatistics, Message, RequestToken, Update
from tests.conftest import Join
from tests.media_checks import Ear, Eye, call_of, until
from tests.relay import Questions

pytestmark = pytest.mark.live
SIZE = (320, 180)
ANNE, BILL, CARL = 3, 5, 7


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    strict = Vmr("meet.strict", direct_media=True, host_pin="1234", guests_can_present=False)
    config = NodeConfig(conferences=(Vmr("meet.alice", direct_media=True), strict), statistics_milliseconds=200)
    async with Node(config=config) as running:
        yield running


def person(stream: int, **more: Any) -> dict[str, Any]:
    """What somebody sends: a stamped picture."""
    return {"direct_media": True, "video": Pattern(SIZE, 10, stamp=stream), **more}


async def connected(conference: Conference) -> str:
    """Wait until the other one is there; the check code."""
    if call_of(conference).check_code is None:
        await conference.wait_for(PeerConnected, timeout=30)
    return call_of(conference).check_code or ""


async def test_two_see_and_hear_each_other_and_have_the_same_check_code(join: Join, node: Node) -> None:
    anne = await join("Anne", **person(ANNE, audio=Tone(500)))
    waiting = call_of(anne).check_code
    bill = await join("Bill", **person(BILL, audio=Tone(800)))
    codes = [await connected(anne), await connected(bill)]
    sees, hears = [Eye(call_of(one).video) for one in (anne, bill)], [Ear(call_of(one).audio) for one in (anne, bill)]

    await sees[0].sees(BILL, 30)
    await sees[1].sees(ANNE, 30)
    await hears[0].hears(800, 30)
    await hears[1].hears(500, 30)

    assert waiting is None
    assert codes[0] == codes[1]
    assert len(codes[0]) == 64
    assert all(call_of(one).direct for one in (anne, bill))
    assert not node.room("meet.alice").plan().seats  # none of it went through the node
    await until(lambda: bool(node.heard.of(CallStatistics, participant=bill.my_uuid)))
    await until(lambda: any(told.video and told.video.rx_resolution for told in node.heard.of(CallStatistics, participant=anne.my_uuid)))
    told = node.heard.of(CallStatistics, participant=anne.my_uuid)[-1]
    assert told.audio is not None and told.video is not None
    assert (told.audio.rx_codec, told.video.rx_codec, told.video.rx_resolution) == ("opus", "VP8", "320x180")
    assert (told.audio.rx_bitrate or 0) > 1


async def test_chat_cameras_and_stills_go_from_one_to_the_other(join: Join, node: Node) -> None:
    anne, bill = await join("Anne", direct_media=True), await join("Bill", direct_media=True)
    await asyncio.gather(connected(anne), connected(bill))
    for one in (anne, bill):
        data = call_of(one).peer.data
        assert data is not None
        await data.wait_open()
    heard = [bill.wait_for(kind, timeout=30) for kind in (MessageReceived, Fecc, PresentationImage)]
    back = anne.wait_for(MessageReceived, timeout=30)
    picture = bytes(range(256)) * 800

    assert await anne.message(payload="hello") is True
    movement = (FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT),)
    await anne.participant(bill.my_uuid).fecc(action=FeccAction.START, movement=movement, timeout=3000)
    await anne.post_presentation(frame=picture)
    await bill.participant(anne.my_uuid).message(payload="hello yourself")

    message, fecc, image = [await one for one in heard]
    assert (message.origin, message.uuid, message.payload) == ("Anne", anne.my_uuid, "hello")  # type: ignore[attr-defined]
    assert (fecc.action, fecc.movement) == (FeccAction.START, movement)  # type: ignore[attr-defined]
    assert image == PresentationImage(picture)
    assert (await back).payload == "hello yourself"
    assert Message(payload="hello") not in node.heard


async def test_slides_are_shown_and_offers_that_cross_do_no_harm(join: Join, node: Node) -> None:
    anne, bill = await join("Anne", **person(ANNE)), await join("Bill", **person(BILL))
    await asyncio.gather(connected(anne), connected(bill))
    slides, seen = Eye(call_of(bill).presentation), Eye(call_of(anne).video)

    async with anne.present(Pattern((640, 360), 5, stamp=9)):
        await slides.sees(9, 30)
        await asyncio.gather(call_of(anne).renegotiate(), call_of(bill).renegotiate())
        await seen.sees(BILL, 30)
        await slides.sees(9, 30)

    assert {participant for participant in (anne.my_uuid, bill.my_uuid) if node.heard.of(Update, participant=participant)}
    assert call_of(anne).check_code == call_of(bill).check_code


async def test_slides_are_agreed_on_before_the_other_hears_of_them(join: Join) -> None:
    """Some clients offer by themselves when a presentation starts or stops; an offer of ours must not cross theirs."""
    anne, bill = await join("Anne", **person(ANNE)), await join("Bill", **person(BILL))
    await asyncio.gather(connected(anne), connected(bill))
    told: dict[type[object], Direction] = {}

    def note(event: PresentationStart | PresentationStop) -> None:
        told[type(event)] = call_of(bill).peer.transceivers[Slot.PRESENTATION].current

    bill.on(PresentationStart)(note)
    bill.on(PresentationStop)(note)
    slides = Eye(call_of(bill).presentation)
    async with anne.present(Pattern((640, 360), 5, stamp=9)):
        await slides.sees(9, 30)
    await until(lambda: PresentationStop in told, 30)

    assert told == {PresentationStart: Direction.RECVONLY, PresentationStop: Direction.INACTIVE}


async def test_a_floor_that_is_refused_leaves_the_slides_as_they_were(join: Join) -> None:
    bill = await join("Bill", alias="meet.strict", pin="1234", **person(BILL))
    anne = await join("Anne", alias="meet.strict", pin="none", **person(ANNE))
    await asyncio.gather(connected(anne), connected(bill))

    with pytest.raises(pexrtc_py.FloorRefused):
        async with anne.present(Pattern((640, 360), 5, stamp=9)):
            raise AssertionError("the floor was refused")
    slides = Eye(call_of(anne).presentation)
    async with bill.present(Pattern((640, 360), 5, stamp=9)):
        await slides.sees(9, 30)

    assert not call_of(anne).presenting


async def test_when_one_leaves_the_next_is_met_with_the_same_slots(join: Join) -> None:
    anne, bill = await join("Anne", **person(ANNE)), await join("Bill", **person(BILL))
    seen = Eye(call_of(anne).video)
    await seen.sees(BILL, 30)

    await bill.leave()
    carl = await join("Carl", **person(CARL))

    await seen.sees(CARL, 30)
    await Eye(call_of(carl).video).sees(ANNE, 30)
    assert await connected(anne) == await connected(carl)


async def test_media_that_move_ask_the_servers_of_the_new_session(join: Join, node: Node) -> None:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Questions, local_addr=("127.0.0.1", 0))
    stun = {"url": f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}"}

    @node.answers(RequestToken)
    def granted(asked: Any, request: RequestToken) -> Any:
        token = RULES[RequestToken](asked, request)
        return Token.model_validate({**token.model_dump(), "stun": [stun]}) if request.token else token

    anne, bill = await join("Anne", **person(ANNE)), await join("Bill", **person(BILL))
    await asyncio.gather(connected(anne), connected(bill))
    before = len(server.heard)

    await join("Carl", video=Pattern(SIZE, 10, stamp=CARL))
    await until(lambda: not call_of(anne).direct and not call_of(bill).direct, 30)
    await until(lambda: len(server.heard) >= 2, 30)
    transport.close()

    assert before == 0
    assert server.heard[0][:2] == b"\x00\x01"  # a binding request (RFC 8489 5)


async def test_a_third_brings_all_media_to_the_node_and_two_go_back(join: Join, node: Node) -> None:
    anne, bill = await join("Anne", **person(ANNE)), await join("Bill", **person(BILL))
    seen, sees = Eye(call_of(anne).video), Eye(call_of(bill).video)
    await seen.sees(BILL, 30)
    await sees.sees(ANNE, 30)
    call = anne.call

    carl = await join("Carl", direct_media=True)
    await until(lambda: not call_of(anne).direct and not call_of(bill).direct and len(node.room("meet.alice").plan().seats) == 3, 30)
    await until(lambda: len(anne.participants) == 3 == len(carl.participants), 30)
    pictures = Eye(call_of(carl).video)
    await until(lambda: any(one.stream in (ANNE, BILL) for one in pictures.pictures()), 30)
    through = call_of(anne).check_code
    await carl.leave()
    await until(lambda: call_of(anne).direct and call_of(bill).direct and call_of(anne).check_code is not None, 30)
    done = len(seen.pictures())
    await until(lambda: any(one.stream == BILL for one in seen.pictures()[done:]), 30)

    assert anne.call is call
    assert through is None
    assert await connected(anne) == await connected(bill)
    assert anne.ended is bill.ended is None
    assert len(anne.participants) == 2
