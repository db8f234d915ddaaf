"""Slides between the vendor's client and ours, and the floor taken from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pexrtc_media import Pattern
from pexrtc_py.protocol.events import PresentationStart, PresentationStop
from pexrtc_py.protocol.requests import ReleaseFloor
from pexrtc_py.signaling.floor import PresentationLost
from tests.interop.visitor import stamped
from tests.media_checks import Eye, call_of, until

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node
    from tests.conftest import Join
    from tests.interop.conftest import Visit

VERA, BOB = 3, 7
HERS, HIS = 5, 9
"""The slides of each."""
STATE = "call.onPresentationConnectionChange"


def slides(stream: int) -> Pattern:
    return Pattern((1280, 720), 5, stamp=stream)


def drawn(stream: int) -> dict[str, Any]:
    return stamped(stream, size=(1280, 720), fps=5)


async def test_we_see_the_slides_of_the_client(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob")
    vera = await visit("Vera", picture=stamped(VERA))
    main, seen = Eye(call_of(bob).video), Eye(call_of(bob).presentation)
    begun = bob.wait_for(PresentationStart, timeout=10)
    over = bob.wait_for(PresentationStop, timeout=20)

    await vera.present(drawn(HERS))
    told = await begun
    found = await seen.sees(HERS, 15)
    await main.sees(VERA)
    await vera.stop_presenting()
    await over

    assert (told.presenter_uuid, told.presenter_name) == (await vera.me(), "Vera")
    assert found.size == (1280, 720)
    assert node.room("meet.alice").floor is None
    assert {"send": "connected", "recv": "disconnected"} in vera.heard(STATE)


async def test_the_client_sees_our_slides(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    vera = await visit("Vera", picture=stamped(VERA))

    async with bob.present(slides(HIS)):
        await vera.sees(HIS, "slides")
        size, _ = await vera.look("slides")
        await vera.sees(BOB, "main")
    await vera.hears(STATE, lambda now: now["recv"] == "disconnected")
    async with bob.present(slides(HIS + 1)):
        await vera.sees(HIS + 1, "slides")

    assert size == (1280, 720)


async def test_who_joins_while_slides_are_shown_sees_them(visit: Visit, join: Join) -> None:
    bob = await join("Bob")

    async with bob.present(slides(HIS)):
        vera = await visit("Vera", picture=stamped(VERA))

        await vera.sees(HIS, "slides")


async def test_we_take_the_floor_from_the_client(visit: Visit, join: Join, node: Node) -> None:
    bob, eve = await join("Bob"), await join("Eve")
    seen = Eye(call_of(eve).presentation)
    vera = await visit("Vera", picture=stamped(VERA))
    uuid = await vera.me()
    await vera.present(drawn(HERS))
    await seen.sees(HERS, 15)

    async with bob.present(slides(HIS)):
        await seen.sees(HIS)
        await vera.sees(HIS, "slides")
        await vera.hears(STATE, lambda now: now == {"send": "disconnected", "recv": "connected"})
        await until(lambda: ReleaseFloor() in node.heard.of(ReleaseFloor, participant=uuid))

        assert node.room("meet.alice").floor == bob.my_uuid


async def test_the_client_takes_the_floor_from_us(visit: Visit, join: Join, node: Node) -> None:
    bob, eve = await join("Bob"), await join("Eve")
    seen, mine = Eye(call_of(eve).presentation), Eye(call_of(bob).presentation)
    vera = await visit("Vera", picture=stamped(VERA))
    lost = bob.wait_for(PresentationLost, timeout=20)

    async with bob.present(slides(HIS)):
        await vera.sees(HIS, "slides")
        await vera.present(drawn(HERS))
        await lost
        await seen.sees(HERS, 15)
        await mine.sees(HERS, 15)

        assert node.room("meet.alice").floor == await vera.me()


async def test_the_floor_goes_to_and_fro(visit: Visit, join: Join) -> None:
    bob = await join("Bob")
    seen = Eye(call_of(bob).presentation)
    vera = await visit("Vera", picture=stamped(VERA))

    for round_ in (1, 2):
        await vera.present(drawn(round_))
        await seen.sees(round_, 15)
        async with bob.present(slides(HIS + round_)):
            await vera.sees(HIS + round_, "slides")


async def test_slides_end_when_the_client_that_presents_leaves(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob")
    seen = Eye(call_of(bob).presentation)
    vera = await visit("Vera")
    over = bob.wait_for(PresentationStop, timeout=20)
    await vera.present(drawn(HERS))
    await seen.sees(HERS, 15)

    await vera.leave()
    await over

    assert node.room("meet.alice").floor is None
