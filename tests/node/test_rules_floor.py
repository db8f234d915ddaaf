from __future__ import annotations

import pytest

from pexrtc_py.errors import NotAllowed
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import ParticipantUpdate, PresentationStart, PresentationStop


def three() -> tuple[InProcess, Attendee, Attendee, Attendee]:
    node = InProcess(Vmr("meet"))
    people = node.join("Alice"), node.join("Bob"), node.join("Carol")
    for one in people:
        one.told()
    return (node, *people)


def presenting(events: list[Event]) -> list[tuple[str, bool]]:
    return [(event.participant.display_name, event.participant.is_presenting) for event in events if isinstance(event, ParticipantUpdate)]


def starts(events: list[Event]) -> list[str]:
    return [event.presenter_uuid for event in events if isinstance(event, PresentationStart)]


def test_taking_the_floor_is_told_to_the_others_alone() -> None:
    _, alice, bob, _ = three()

    assert alice.send(requests.TakeFloor()) is None

    mine, theirs = alice.told(), bob.told()
    assert (starts(mine), presenting(mine)) == ([], [("Alice", True)])
    assert theirs[0] == PresentationStart(presenter_name="Alice", presenter_uri="Alice", presenter_uuid=alice.uuid)
    assert presenting(theirs) == [("Alice", True)]


def test_the_floor_is_stolen() -> None:
    node, alice, bob, carol = three()
    alice.send(requests.TakeFloor())
    for one in (alice, bob, carol):
        one.told()

    assert bob.send(requests.TakeFloor()) is None

    old, new, other = (one.told() for one in (alice, bob, carol))
    assert (starts(old), starts(new), starts(other)) == ([bob.uuid], [], [bob.uuid])
    assert presenting(other) == [("Alice", False), ("Bob", True)]
    assert not any(isinstance(event, PresentationStop) for event in old + new + other)
    assert node.room().floor == bob.uuid


def test_releasing_what_one_does_not_hold_has_no_effect() -> None:
    node, alice, bob, carol = three()
    alice.send(requests.TakeFloor())
    carol.told()

    assert bob.send(requests.ReleaseFloor()) is None

    assert node.room().floor == alice.uuid
    assert carol.told() == []


def test_taking_what_one_holds_tells_nothing() -> None:
    _, alice, bob, _ = three()
    alice.send(requests.TakeFloor())
    bob.told()

    assert alice.send(requests.TakeFloor()) is None

    assert bob.told() == []


def test_a_released_floor_is_told_to_everybody_else() -> None:
    _, alice, bob, _ = three()
    alice.send(requests.TakeFloor())
    alice.told(), bob.told()

    assert alice.send(requests.ReleaseFloor()) is None

    assert [type(event) for event in alice.told()] == [ParticipantUpdate]
    assert [type(event) for event in bob.told()] == [ParticipantUpdate, PresentationStop]


def test_guests_do_not_present_where_they_may_not_nor_while_they_wait() -> None:
    node = InProcess(Vmr("meet", host_pin="1", guests_can_present=False))
    host, guest = node.join("Host", pin="1"), node.join("Guest", pin="none")

    with pytest.raises(NotAllowed, match="waiting room"):
        guest.send(requests.TakeFloor())
    host.send(requests.StartConference())
    with pytest.raises(NotAllowed, match="Guests cannot present"):
        guest.send(requests.TakeFloor())

    assert node.room().floor is None
