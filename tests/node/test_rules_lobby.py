from __future__ import annotations

import pytest

from pexrtc_py.errors import TokenExpired
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import ConferenceUpdate, Disconnect, ParticipantUpdate


def test_a_lock_is_told_once() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    alice.told()

    assert [alice.send(requests.Lock()), alice.send(requests.Lock())] == [True, True]

    assert [type(event) for event in bob.told()] == [ConferenceUpdate]
    assert alice.send(requests.GetConferenceStatus())["locked"] is True


def test_a_locked_conference_keeps_newcomers_waiting_until_it_is_unlocked() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    alice.send(requests.Lock())
    bob = node.join("Bob")
    assert bob.send(requests.Participants())[0]["service_type"] == "waiting_room"
    alice.told()

    alice.send(requests.Unlock())

    told = alice.told()
    assert [event.name for event in told] == ["conference_update", "participant_update"]
    assert bob.send(requests.Participants())[1]["service_type"] == "conference"


def test_a_host_with_a_pin_enters_a_locked_conference() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    node.join("Host", pin="1").send(requests.Lock())

    other = node.join("Other", pin="1")

    assert [line["service_type"] for line in other.send(requests.Participants())] == ["conference", "conference"]


def test_one_guest_is_admitted_to_a_locked_conference() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    host.send(requests.Lock())
    first, second = node.join("First", pin="none"), node.join("Second", pin="none")

    assert host.send(requests.ParticipantUnlock(), to=first) is True

    assert [event.name for event in first.told()][:1] == ["participant_update"]
    assert second.told() == []
    assert [member.waiting for member in node.room().members.values()] == [False, False, True]


def test_unlocking_does_not_let_guests_in_before_a_host_starts() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    host, guest = node.join("Host", pin="1"), node.join("Guest", pin="none")
    host.send(requests.Lock())

    host.send(requests.Unlock())

    assert node.room().members[guest.uuid].waiting


def test_starting_lets_all_guests_in() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    host, guest = node.join("Host", pin="1"), node.join("Guest", pin="none")

    assert host.send(requests.StartConference()) is True

    told = guest.told()
    assert [event.status.started for event in told if isinstance(event, ConferenceUpdate)] == [True, True]
    assert [event.participant.service_type for event in told if isinstance(event, ParticipantUpdate)] == ["conference"]


def test_ending_the_conference_disconnects_everybody_the_caller_too() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    alice.told()

    assert alice.send(requests.Disconnect()) is True

    gone = Disconnect(reason="API initiated conference termination")
    assert (alice.told(), bob.told()) == ([gone], [gone])
    assert not node.room().members
    with pytest.raises(TokenExpired):
        bob.send(requests.Participants())
