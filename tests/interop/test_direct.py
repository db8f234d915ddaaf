"""Direct media between the vendor's client and ours: the node carries signaling only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from pexrtc_media import Pattern, Tone
from pexrtc_py.direct import PeerConnected
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.protocol.events import MessageReceived
from pexrtc_py.protocol.requests import CallStatistics
from tests.interop.visitor import stamped
from tests.media_checks import Ear, Eye, call_of, until

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from tests.conftest import Join
    from tests.interop.conftest import Visit
    from tests.interop.visitor import Visitor

VERA, BOB, CARL = 3, 7, 11
VERA_HZ, BOB_HZ = 500, 800


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    config = NodeConfig(conferences=(Vmr("meet.alice", direct_media=True),), statistics_milliseconds=500)
    async with Node(config=config) as running:
        yield running


async def _same_code(vera: Visitor, bob: Conference) -> str:
    """The check code that both show."""
    if call_of(bob).check_code is None:
        await bob.wait_for(PeerConnected, timeout=20)
    code = call_of(bob).check_code
    await vera.hears("call.onSecureCheckCode", lambda told: told == code)
    assert vera.heard("call.onSecureCheckCode")[-1] == code
    assert code
    return code


async def _meet(vera: Visitor, bob: Conference, node: Node) -> None:
    """Each sees and hears the other, and what they say is not the node's to know."""
    seen, heard = Eye(call_of(bob).video), Ear(call_of(bob).audio)
    call_of(bob).video.request_keyframe()
    first = await vera.sees(BOB)
    await seen.sees(VERA, 15)
    await heard.hears(VERA_HZ)
    await vera.hears_tone(BOB_HZ)
    assert len(await _same_code(vera, bob)) == 64
    assert await vera.sees(BOB) != first
    assert not node.room("meet.alice").plan().seats
    seen.stop()
    heard.stop()


async def test_the_client_and_ours_see_each_other_with_the_same_code_until_a_third_comes(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob", direct_media=True, video=Pattern((640, 360), 15, stamp=BOB), audio=Tone(BOB_HZ))
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    await _meet(vera, bob, node)
    before = await vera.way()
    await vera.tab.run("() => visitor.restart()")
    await vera.goes_another_way(before)
    await _meet(vera, bob, node)
    data = call_of(bob).peer.data
    assert data is not None
    await data.wait_open()

    said = bob.wait_for(MessageReceived, timeout=10)
    await vera.do("sendMessage", payload="hello from Vera")
    await bob.message(payload="hello from Bob")
    told = await said
    await vera.hears("onMessage", lambda message: message["message"] == "hello from Bob")
    await until(lambda: any(one.video and one.video.rx_bitrate for one in node.heard.of(CallStatistics)), 10)
    slides = Eye(call_of(bob).presentation)
    await vera.present(stamped(5, size=(640, 360), fps=5))
    await slides.sees(5, 15)
    code = await _same_code(vera, bob)

    carl = await join("Carl", video=Pattern((640, 360), 15, stamp=CARL))
    referred = await vera.hears("onTransfer")
    await vera.tab.run("() => visitor.client.disconnect({reason: 'DirectMediaTransfer'})")
    await vera.call(picture=stamped(VERA), hz=VERA_HZ, token=referred["token"])
    pictures = Eye(call_of(carl).video)
    await until(lambda: not call_of(bob).direct and len(node.room("meet.alice").plan().seats) == 3, 20)
    await until(lambda: any(one.stream in (BOB, VERA) for one in pictures.pictures()), 15)

    assert (told.payload, told.origin) == ("hello from Vera", "Vera")
    assert (referred["target"], len(code)) == ("transcoded", 64)


async def test_the_client_that_came_first_is_met_and_met_again(visit: Visit, join: Join, node: Node) -> None:
    vera = await visit("Vera", join=False)
    await vera.call(picture=stamped(VERA), hz=VERA_HZ)
    await until(lambda: any(leg.free for leg in node.room("meet.alice").relay.legs.values()), 15)

    bob = await join("Bob", direct_media=True, video=Pattern((640, 360), 15, stamp=BOB), audio=Tone(BOB_HZ))
    await _meet(vera, bob, node)
    async with bob.present(Pattern((640, 360), 5, stamp=9)):
        await vera.sees(9, "slides")
    await bob.leave()
    await vera.hears("onPeerDisconnect")
