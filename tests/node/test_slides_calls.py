"""Calls for slides alone, as clients of old versions make them, and slides in place of the main video."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pexrtc_media import Pattern, Tone
from pexrtc_py.call import Call
from pexrtc_py.conference import Conference
from pexrtc_py.engine.types import Direction, Slot
from pexrtc_py.errors import RequestRefused
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.outbox import CloseCall
from pexrtc_py.node.plan import Carries, MediaPlan, Seat
from pexrtc_py.node.routing import main_sources, other_section, slides_sources
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import CallDisconnected, PresentationStart, PresentationStop
from tests.conftest import Join
from tests.media_checks import Ear, Eye, call_of

SIZE = (640, 360)
ANN, BOB, SLIDES, OTHERS = 3, 5, 9, 11


# --- rules -----------------------------------------------------------------------------------------------------------


def meeting(*, guests_can_present: bool = True) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(Vmr("meet", host_pin="1", guests_can_present=guests_can_present))
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")
    for one in (host, guest):
        one.told()
    return node, host, guest


def presents(who: Attendee) -> str:
    """Place a call for slides alone; its uuid."""
    call = str(who.send(requests.Calls(sdp="offer", present="send"))["call_uuid"])
    who.node.ask(requests.Ack(), Address("meet", participant=who.uuid, call=call), token=who.token)
    return call


def test_a_call_that_sends_slides_takes_the_floor_and_gives_it_back_at_its_end() -> None:
    node, host, guest = meeting()

    call = presents(guest)
    (started,) = [event for event in host.told() if isinstance(event, PresentationStart)]
    (line,) = [line for line in host.send(requests.Participants()) if line["uuid"] == guest.uuid]
    (seat,) = node.room().plan().seats
    guest.send(requests.CallDisconnect(), call=call)

    assert started.presenter_uuid == guest.uuid
    assert (line["is_presenting"], line["is_video_call"], line["is_audio_only_call"]) == ("YES", "NO", "NO")
    assert (seat.carries, seat.audible, seat.visible, seat.hears) == (Carries.SLIDES_OUT, False, False, None)
    assert PresentationStop() in host.told()
    assert node.room().floor is None


def test_who_takes_the_floor_ends_such_a_call() -> None:
    node, host, guest = meeting()
    call = presents(guest)
    guest.told()

    host.send(requests.TakeFloor())

    told = guest.told()
    (ended,) = [event for event in told if isinstance(event, CallDisconnected)]
    assert ended.call_uuid == call
    assert CloseCall(call) in node.orders
    assert node.room().floor == host.uuid
    assert [event.presenter_uuid for event in told if isinstance(event, PresentationStart)] == [host.uuid]


def test_who_may_not_present_may_not_call_to_send_slides() -> None:
    node, _, guest = meeting(guests_can_present=False)

    with pytest.raises(RequestRefused, match="Guests cannot present") as refused:
        guest.send(requests.Calls(sdp="offer", present="send"))

    assert refused.value.status == 403
    assert not node.room().members[guest.uuid].calls
    guest.send(requests.Calls(sdp="offer", present="receive"))


def test_a_call_presents_in_no_other_way() -> None:
    node, host, _ = meeting()

    with pytest.raises(RequestRefused, match="Illegal value"):
        host.send(requests.Calls(sdp="offer", present="sideways"))

    assert not node.room().members[host.uuid].calls


# --- who sees what ---------------------------------------------------------------------------------------------------


def seat(name: str, carries: Carries = Carries.MAIN, *, of: str = "") -> Seat:
    child = carries.is_child
    return Seat(of or name, name, not child, not child, True, sees_presentation=of != "ann" and name != "ann", carries=carries)


def test_slides_come_from_the_section_where_they_arrive() -> None:
    receives, shows, sends = seat("in", Carries.SLIDES_IN, of="bob"), seat("all", Carries.ALL), seat("out", Carries.SLIDES_OUT, of="ann")
    plan = MediaPlan((seat("ann"), seat("bob"), receives, shows), presenter="ann")
    old = MediaPlan((*plan.seats, sends), presenter="ann")

    assert slides_sources(plan, "bob") == ("ann",)
    assert main_sources(plan, "in") == (other_section("ann"),)
    assert main_sources(plan, "all") == (other_section("ann"), "ann", "bob")
    assert main_sources(plan, "bob") == ("ann", "all")
    assert slides_sources(old, "bob") == ("ann", "out", other_section("out"))
    assert main_sources(old, "in") == (other_section("ann"), "out", other_section("out"))
    assert main_sources(old, "out") == ()
    assert "out" not in main_sources(old, "bob")
    assert main_sources(MediaPlan(plan.seats), "all") == ("ann", "bob")


# --- with media ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(Vmr("meet.alice")) as running:
        yield running


def slides_call(of: Conference, present: str, slot: Slot = Slot.VIDEO) -> Call:
    """A call with one section of video, marked as one of slides or not."""
    sends = present == "send"
    sources = {slot: Pattern(SIZE, 5, stamp=SLIDES)} if sends else {}
    direction = Direction.SENDONLY if sends else Direction.RECVONLY
    return Call(of, sources=sources, directions={slot: direction}, present=present, loopback=True)


@pytest.mark.parametrize("slot", [Slot.VIDEO, Slot.PRESENTATION])
async def test_slides_of_their_own_call_are_seen_in_every_way(join: Join, slot: Slot) -> None:
    ann = await join("Ann", video=Pattern(SIZE, 15, stamp=ANN), audio=Tone(500))
    bob, carl = await join("Bob"), await join("Carl", media=False)
    dora = await join("Dora", media=False)
    await dora.add_call(present="main")
    receives = slides_call(carl, "receive", slot)
    await receives.connect()
    main, slides = Eye(call_of(bob).video), Eye(call_of(bob).presentation)
    alone, instead = Eye(receives.slots[slot]), Eye(call_of(dora).video)
    await main.sees(ANN, 30)
    await instead.sees(ANN, 30)

    sends = slides_call(ann, "send", slot)
    await sends.connect()
    for eye in (slides, alone, instead):
        await eye.sees(SLIDES, 30)
    await main.sees(ANN, 30)
    await Ear(call_of(bob).audio).hears(500, 30)
    await sends.close()
    await instead.sees(ANN, 30)

    assert {picture.stream for picture in main.pictures()} <= {ANN, None}
    await receives.close()


async def test_slides_of_a_usual_call_are_seen_by_old_clients_too(join: Join) -> None:
    ann, carl = await join("Ann"), await join("Carl", media=False)
    receives = slides_call(carl, "receive")
    await receives.connect()
    alone = Eye(receives.video)

    async with ann.present(Pattern(SIZE, 5, stamp=OTHERS)):
        await alone.sees(OTHERS, 30)

    await receives.close()
