from __future__ import annotations

from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.plan import MediaPlan, Seat
from pexrtc_py.protocol import requests


def media(who: Attendee) -> str:
    call: str = who.send(requests.Calls(sdp="offer"))["call_uuid"]
    who.send(requests.Ack(), call=call)
    return call


def seat(node: InProcess, call: str) -> Seat:
    return next(seat for seat in node.room().plan().seats if seat.call == call)


def test_nobody_with_media_is_an_empty_plan() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    alice.send(requests.Calls(sdp="offer"))

    assert node.room().plan() == MediaPlan()


def test_an_acked_call_has_a_seat_and_its_owner_is_on_stage() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    call = media(alice)

    expected = Seat(alice.uuid, call, audible=True, visible=True, admitted=True, sees_presentation=True)
    assert node.room().plan() == MediaPlan(seats=(expected,), stage=(alice.uuid,))


def test_one_who_waits_is_neither_heard_nor_seen_nor_shown_slides() -> None:
    node = InProcess(Vmr("meet", host_pin="1234"))
    guest = node.join("Guest", pin="none")

    call = media(guest)

    assert seat(node, call) == Seat(guest.uuid, call, audible=False, visible=False, admitted=False, sees_presentation=False)
    assert node.room().plan().stage == ()


def test_muting_shows_in_the_plan() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    call = media(alice)

    alice.send(requests.Mute())
    alice.send(requests.VideoMuted())

    assert (seat(node, call).audible, seat(node, call).visible) == (False, False)


def test_a_client_that_says_it_is_muted_changes_nothing_of_the_media() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    media(alice)
    before = node.room().plan()

    alice.send(requests.ClientMute())

    assert node.room().plan() == before


def test_the_presenter_does_not_see_its_own_slides() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    calls = media(alice), media(bob)

    bob.send(requests.TakeFloor())

    assert node.room().plan().presenter == bob.uuid
    assert [seat(node, call).sees_presentation for call in calls] == [True, False]


def test_a_call_that_ends_leaves_the_plan() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    call = media(alice)

    assert alice.send(requests.CallDisconnect(), call=call) is None

    assert node.room().plan() == MediaPlan()
