from __future__ import annotations

import pytest

from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import Layout, ParticipantUpdate, PresentationStart, PresentationStop, RefreshToken, Stage
from pexrtc_py.protocol.models import Participant


def started(vmr: Vmr) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(vmr)
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")
    host.told()
    return node, host, guest


def call(who: Attendee) -> None:
    who.send(requests.Ack(), call=who.send(requests.Calls(sdp="offer"))["call_uuid"])


def with_media(*names: str) -> tuple[InProcess, list[Attendee]]:
    node = InProcess(Vmr("meet"))
    people = [node.join(name) for name in names]
    for one in people:
        call(one)
    for one in people:
        one.told()
    return node, people


def lines(events: list[Event]) -> list[Participant]:
    return [event.participant for event in events if isinstance(event, ParticipantUpdate)]


def stages(events: list[Event]) -> list[list[str]]:
    return [[entry.participant_uuid for entry in event.entries] for event in events if isinstance(event, Stage)]


# --- spotlight -------------------------------------------------------------------------------------------------------


def test_the_spotlit_lead_the_stage_in_order_of_time() -> None:
    node, (alice, bob, carol) = with_media("Alice", "Bob", "Carol")

    for one in (carol, bob):
        node.now += 1
        assert alice.send(requests.SpotlightOn(), to=one) is True

    told = alice.told()
    assert [line.spotlight for line in lines(told)] == [1001, 1002]
    assert stages(told) == [[carol.uuid, alice.uuid, bob.uuid], [carol.uuid, bob.uuid, alice.uuid]]
    assert [event.participants for event in told if isinstance(event, Layout)] == [(carol.uuid,), (carol.uuid,)]
    assert node.room().plan().stage[0] == carol.uuid


def test_a_second_spotlight_on_the_same_changes_nothing() -> None:
    node, (alice, bob) = with_media("Alice", "Bob")
    alice.send(requests.SpotlightOn(), to=bob)
    alice.told()
    node.now += 1

    assert alice.send(requests.SpotlightOn(), to=bob) is True

    assert (alice.told(), node.room().members[bob.uuid].spotlit) == ([], 1000)


def test_a_spotlight_goes_out_and_so_do_all_of_them() -> None:
    _, (alice, bob, carol) = with_media("Alice", "Bob", "Carol")
    for one in (bob, carol):
        alice.send(requests.SpotlightOn(), to=one)
    alice.told()

    assert alice.send(requests.SpotlightOff(), to=bob) is True
    first = alice.told()
    assert alice.send(requests.ClearSpotlights()) is True
    second = alice.told()

    assert [(line.display_name, line.spotlight) for line in lines(first)] == [("Bob", 0)]
    assert stages(first) == [[carol.uuid, alice.uuid, bob.uuid]]
    assert [(line.display_name, line.spotlight) for line in lines(second)] == [("Carol", 0)]
    assert stages(second) == [[alice.uuid, bob.uuid, carol.uuid]]
    assert alice.send(requests.ClearSpotlights()) is True
    assert alice.told() == []


def test_the_spotlight_on_somebody_without_media_leaves_the_stage() -> None:
    node, (alice,) = with_media("Alice")
    bob = node.join("Bob")
    alice.told()

    alice.send(requests.SpotlightOn(), to=bob)

    assert [type(event) for event in alice.told()] == [ParticipantUpdate]


# --- role ------------------------------------------------------------------------------------------------------------


def test_a_guest_becomes_a_host_by_refreshing_its_token() -> None:
    _, host, guest = started(Vmr("meet", host_pin="1"))

    assert host.send(requests.ParticipantRole(role="chair"), to=guest) is True

    told = guest.told()
    assert [event for event in told if isinstance(event, RefreshToken)] == [RefreshToken()]
    assert guest.send(requests.RefreshToken())["role"] == "HOST"
    assert guest.send(requests.Lock()) is True
    assert [(line.display_name, line.role) for line in lines(host.told())] == [("Guest", "HOST")]


def test_who_becomes_a_host_learns_who_waits_and_how_all_are_connected() -> None:
    node, host, guest = started(Vmr("meet", host_pin="1"))
    host.send(requests.Lock())
    node.join("Waiting", pin="none")
    guest.told()

    host.send(requests.ParticipantRole(role="chair"), to=guest)

    names = [event.name for event in guest.told()]
    assert names == ["participant_update", "participant_sync_begin", *["participant_create"] * 3, "participant_sync_end", "refresh_token"]
    assert [line["protocol"] for line in guest.send(requests.Participants())] == ["api"] * 3


def test_who_becomes_a_guest_sees_and_may_no_more_than_one() -> None:
    _, host, guest = started(Vmr("meet", host_pin="1"))
    host.send(requests.ParticipantRole(role="chair"), to=guest)
    host.send(requests.MuteGuests())

    assert guest.send(requests.ParticipantRole(role="guest"), to=host) is True

    assert host.send(requests.RefreshToken())["role"] == "GUEST"
    assert [line["is_muted"] for line in host.send(requests.Participants())] == ["YES", "NO"]
    with pytest.raises(NotAllowed):
        host.send(requests.Lock())


def test_who_may_present_no_more_is_told_to_stop() -> None:
    node, host, guest = started(Vmr("meet", host_pin="1", guests_can_present=False))
    host.send(requests.ParticipantRole(role="chair"), to=guest)
    guest.send(requests.TakeFloor())
    host.told(), guest.told()

    host.send(requests.ParticipantRole(role="guest"), to=guest)

    assert [event.revoked for event in guest.told() if isinstance(event, PresentationStart)] == [True]
    assert PresentationStop() in host.told()
    assert node.room().floor is None


def test_a_waiting_guest_who_becomes_a_host_enters() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    host, guest, other = node.join("Host", pin="1"), node.join("Guest", pin="none"), node.join("Other", pin="none")
    call(guest)
    host.told()

    host.send(requests.ParticipantRole(role="chair"), to=guest)

    assert [event.name for event in guest.told()][-1] == "refresh_token"
    assert not node.room().members[other.uuid].waiting, "a host with media starts the conference"
    assert [line.service_type for line in lines(host.told())] == ["conference", "conference"]


def test_without_a_host_guests_wait_again() -> None:
    node, host, guest = started(Vmr("meet", host_pin="1"))

    host.send(requests.ParticipantRole(role="guest"))

    assert [member.waiting for member in node.room().members.values()] == [True, True]
    assert [line["uuid"] for line in guest.send(requests.Participants())] == [guest.uuid]


def test_the_role_one_has_is_no_news_and_an_unknown_one_is_illegal() -> None:
    _, host, guest = started(Vmr("meet", host_pin="1"))
    guest.told()

    assert host.send(requests.ParticipantRole(role="guest"), to=guest) is True
    with pytest.raises(RequestRefused, match="chair or guest, not 'king'") as refused:
        host.send(requests.ParticipantRole(role="king"), to=guest)

    assert refused.value.status == 400
    assert (host.told(), guest.told()) == ([], [])


# --- presentations ---------------------------------------------------------------------------------------------------


def test_who_is_denied_presentations_is_told_that_this_one_stops_and_then_that_it_starts() -> None:
    node, (alice, bob) = with_media("Alice", "Bob")
    alice.send(requests.TakeFloor())
    bob.told()

    assert alice.send(requests.DenyRxPresentation(), to=bob) is True
    denied, seen = bob.told(), node.room().plan()
    assert alice.send(requests.AllowRxPresentation(), to=bob) is True
    allowed = bob.told()

    assert [type(event) for event in denied] == [ParticipantUpdate, PresentationStop]
    assert [(line.display_name, line.rx_presentation_policy) for line in lines(denied)] == [("Bob", "DENY")]
    assert [seat.sees_presentation for seat in seen.seats] == [False, False]
    assert [event.presenter_uuid for event in allowed if isinstance(event, PresentationStart)] == [alice.uuid]
    assert [seat.sees_presentation for seat in node.room().plan().seats] == [False, True]


def test_while_nobody_else_presents_only_the_roster_tells_of_it() -> None:
    _, (alice, bob) = with_media("Alice", "Bob")

    for _ in range(2):
        alice.send(requests.DenyRxPresentation(), to=bob)
    bob.send(requests.TakeFloor())
    told = bob.told()
    alice.send(requests.AllowRxPresentation(), to=bob)

    assert [type(event) for event in told + bob.told()] == [ParticipantUpdate] * 3


def test_a_presenter_who_is_denied_presentations_still_learns_that_another_presents() -> None:
    _, (alice, bob) = with_media("Alice", "Bob")
    alice.send(requests.DenyRxPresentation(), to=bob)
    bob.send(requests.TakeFloor())
    bob.told()

    alice.send(requests.TakeFloor())

    assert [event.revoked for event in bob.told() if isinstance(event, PresentationStart)] == [True]


# --- the rest --------------------------------------------------------------------------------------------------------


def test_a_sign_of_life_is_told_to_nobody() -> None:
    _, (alice, bob) = with_media("Alice", "Bob")

    assert alice.send(requests.NotifyNotAfk()) is True

    assert (alice.told(), bob.told()) == ([], [])


@pytest.mark.parametrize(
    "request_",
    [
        requests.ParticipantRole(role="chair"),
        requests.SpotlightOn(),
        requests.SpotlightOff(),
        requests.ClearSpotlights(),
        requests.AllowRxPresentation(),
        requests.DenyRxPresentation(),
    ],
    ids=str,
)
def test_guests_grant_nothing_not_even_to_themselves(request_: requests.SpotlightOn) -> None:
    _, host, guest = started(Vmr("meet", host_pin="1"))

    with pytest.raises(NotAllowed):
        guest.send(request_)

    assert host.told() == []
