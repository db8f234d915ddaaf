from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import NotAllowed, TokenExpired
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.outbox import CloseCall
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import (
    Bye,
    CallDisconnected,
    ConferenceUpdate,
    Disconnect,
    ParticipantCreate,
    ParticipantDelete,
    ParticipantUpdate,
    PresentationStart,
    PresentationStop,
    Stage,
)

PINS = Vmr("meet", host_pin="1234")


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def only(kind: type[Event], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def media(who: Attendee) -> str:
    call: str = who.send(requests.Calls(sdp="offer"))["call_uuid"]
    assert who.send(requests.Ack(), call=call) is True
    return call


def test_a_newcomer_is_announced_to_the_others() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    bob = node.join("Bob")

    (created,) = alice.told()
    assert isinstance(created, ParticipantCreate)
    assert (created.participant.uuid, created.participant.display_name) == (bob.uuid, "Bob")
    assert bob.told() == []


def test_a_stream_begins_with_presentation_roster_conference_layout_and_stage() -> None:
    node = InProcess(Vmr("meet"))
    node.join("Alice")
    bob = node.join("Bob")

    assert names(bob.listen()) == [
        "presentation_stop",
        "participant_sync_begin",
        "participant_create",
        "participant_create",
        "participant_sync_end",
        "conference_update",
        "layout",
        "stage",
    ]


def test_a_stream_begins_with_whoever_presents_but_never_with_oneself() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    alice.send(requests.TakeFloor())

    started = bob.listen()[0]

    assert isinstance(started, PresentationStart)
    assert (started.presenter_name, started.presenter_uuid) == ("Alice", alice.uuid)
    assert isinstance(alice.listen()[0], PresentationStop)


def test_guests_wait_until_a_host_has_media() -> None:
    node = InProcess(PINS)
    guest = node.join("Guest", pin="none")
    host = node.join("Host", pin="1234")

    assert [line["uuid"] for line in guest.send(requests.Participants())] == [guest.uuid]
    assert [line["service_type"] for line in host.send(requests.Participants())] == ["waiting_room", "conference"]
    assert guest.told() == []
    assert not node.room().started

    media(host)

    assert node.room().started
    assert names(guest.told()) == [
        "conference_update",
        "participant_update",
        "presentation_stop",
        "participant_sync_begin",
        "participant_create",
        "participant_create",
        "participant_sync_end",
        "conference_update",
        "layout",
        "stage",
    ]
    assert guest.send(requests.Participants())[0]["service_type"] == "conference"
    assert [update.participant.uuid for update in only(ParticipantUpdate, host.told())] == [host.uuid, host.uuid, guest.uuid]


def test_a_guest_in_the_room_learns_of_another_when_that_one_is_admitted() -> None:
    node = InProcess(PINS)
    host = node.join("Host", pin="1234")
    host.send(requests.StartConference())
    first = node.join("First", pin="none")
    host.send(requests.Lock())
    second = node.join("Second", pin="none")
    assert only(ParticipantCreate, first.told()) == []

    host.send(requests.ParticipantUnlock(), to=second)

    (created,) = only(ParticipantCreate, first.told())
    assert created.participant.uuid == second.uuid


def test_guests_wait_again_when_the_last_host_leaves() -> None:
    node = InProcess(PINS)
    host = node.join("Host", pin="1234")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")
    guest.send(requests.TakeFloor())

    host.send(requests.ReleaseToken())

    room = node.room()
    assert not room.started
    assert room.floor is None
    assert [line["service_type"] for line in guest.send(requests.Participants())] == ["waiting_room"]
    assert not room.plan().seats


def test_somebody_who_waits_too_long_is_sent_away() -> None:
    node = InProcess(config=NodeConfig(conferences=(PINS,), waiting_seconds=100, token_seconds=1000))
    guest = node.join("Guest", pin="none")

    node.now += 100
    node.room().sweep(node.now)
    node.settle()

    assert guest.told() == [Disconnect(reason="Timeout waiting for conference host to join or permit access to locked conference")]


def test_an_unrefreshed_token_removes_the_participant() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    call = media(bob)
    alice.told()
    node.now += 60
    alice.token = alice.send(requests.RefreshToken())["token"]

    node.now += 70
    node.room().sweep(node.now)
    node.settle()

    assert bob.told()[-1] == Disconnect(reason="Timer expired awaiting token refresh")
    assert names(alice.told()) == ["participant_delete", "layout", "stage"]
    assert CloseCall(call) in node.orders
    with pytest.raises(TokenExpired):
        bob.send(requests.RefreshToken())


def test_leaving_frees_the_floor_and_closes_the_calls() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    call = media(bob)
    bob.send(requests.TakeFloor())
    alice.told(), bob.told()

    assert bob.send(requests.ReleaseToken()) is True

    assert bob.told()[0] == Bye()
    told = alice.told()
    assert only(PresentationStop, told)
    assert only(ParticipantDelete, told) == [ParticipantDelete(uuid=bob.uuid)]
    assert CloseCall(call) in node.orders


def test_an_empty_room_forgets_its_lock() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    alice.send(requests.Lock())

    alice.send(requests.ReleaseToken())

    assert not node.room().locked
    assert node.join("Bob").send(requests.Participants())[0]["service_type"] == "conference"


def test_a_call_lost_by_the_media_ends_alone() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    call = media(alice)
    alice.told()

    node.room().lost(call, "Ice failure", node.now)
    node.settle()

    told = alice.told()
    assert told[0] == CallDisconnected(call_uuid=call, reason="Ice failure")
    assert [update.participant.has_media for update in only(ParticipantUpdate, told)] == [False]


def test_the_latest_speaker_leads_the_stage() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    media(alice), media(bob)
    alice.told()

    node.room().voice(bob.uuid, True, node.now)
    node.settle()

    (stage,) = only(Stage, alice.told())
    assert [(entry.participant_uuid, entry.stage_index, entry.vad) for entry in stage.entries] == [(bob.uuid, 0, 100), (alice.uuid, 1, 0)]
    assert node.room().plan().stage == (bob.uuid, alice.uuid)


def test_who_goes_on_speaking_is_first_on_stage_again_after_an_interjection() -> None:
    node = InProcess(Vmr("meet"))
    ann, bob = node.join("Ann"), node.join("Bob")
    media(ann), media(bob)
    node.room().voice(ann.uuid, True, node.now)

    node.room().voice(bob.uuid, True, node.now + 1)
    interjection = node.room().plan().stage
    node.room().voice(bob.uuid, False, node.now + 2)

    assert interjection == (bob.uuid, ann.uuid)
    assert node.room().plan().stage == (ann.uuid, bob.uuid)


def test_who_is_sent_back_to_the_waiting_room_while_speaking_falls_silent() -> None:
    node = InProcess(PINS)
    host, guest = node.join("Host", pin="1234"), node.join("Guest", pin="none")
    media(host), media(guest)
    node.room().voice(guest.uuid, True, node.now)
    host.send(requests.ReleaseToken())

    node.room().voice(guest.uuid, False, node.now)

    assert node.room().members[guest.uuid].waiting
    assert not node.room().members[guest.uuid].speaking


def test_the_voice_of_a_stranger_is_ignored() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    node.room().voice("nobody", True, node.now)
    node.room().lost("no call", "gone", node.now)
    node.settle()

    assert alice.told() == []


def test_guests_do_not_learn_how_others_are_connected() -> None:
    node = InProcess(PINS)
    host = node.join("Host", pin="1234")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")

    seen, known = guest.send(requests.Participants())[0], host.send(requests.Participants())[0]

    assert (seen["uri"], seen["vendor"], seen["protocol"]) == ("", "", "")
    assert (known["uri"], known["vendor"], known["protocol"]) == ("Host", "in process", "api")


def test_in_a_lecture_guests_are_muted_from_the_start() -> None:
    node = InProcess(Vmr("meet", service_type="lecture", host_pin="1234"))
    host = node.join("Host", pin="1234")
    host.send(requests.StartConference())

    guest = node.join("Guest", pin="none")

    assert [line["is_muted"] for line in guest.send(requests.Participants())] == ["NO", "YES"]
    assert host.send(requests.GetConferenceStatus())["guests_muted"] is True


def test_a_full_room_refuses_more() -> None:
    node = InProcess(Vmr("meet", participant_limit=1))
    node.join("Alice")

    with pytest.raises(Exception, match="Participant limit reached"):
        node.join("Bob")


def test_one_who_waits_cannot_act_as_a_host() -> None:
    node = InProcess(Vmr("meet"))
    node.join("Alice").send(requests.Lock())
    bob = node.join("Bob")

    with pytest.raises(NotAllowed):
        bob.send(requests.Unlock())

    assert node.room().locked
    assert only(ConferenceUpdate, bob.told()) == []
