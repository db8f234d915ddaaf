from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import ConferenceNotFound, NotAllowed, RequestRefused, TokenExpired
from pexrtc_py.node import breakouts
from pexrtc_py.node.breakouts import CLOSING_SECONDS
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.invitations import SECONDS
from pexrtc_py.node.outbox import CloseCall, CloseRoom
from pexrtc_py.node.plan import CallEndpoint
from pexrtc_py.node.rules.breakouts import GUEST_TOKEN_SECONDS
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import (
    BreakoutBegin,
    BreakoutEnd,
    BreakoutRefer,
    Bye,
    CallDisconnected,
    CancelRefer,
    ConferenceUpdate,
    Disconnect,
    InBreakout,
    Layout,
    MessageReceived,
    ParticipantCreate,
    ParticipantDelete,
    ParticipantSyncBegin,
    ParticipantSyncEnd,
    ParticipantUpdate,
    PresentationStart,
    PresentationStop,
    Refer,
    RefreshToken,
    Stage,
)
from pexrtc_py.protocol.models import ReferTarget, Role
from tests.node.breakout_rooms import Meeting, began, the, wrapped

# --- opening ---------------------------------------------------------------------------------------------------------


def test_every_host_is_told_of_a_new_room_roster_first_and_is_in_it() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    meeting.hush()

    uuid = meeting.open("Red", description="About red", duration=60, guests_allowed_to_leave=True)

    for host in (meeting.host, second):
        told = host.told()
        begin, inside = told[0], wrapped(told, uuid)
        assert begin == BreakoutBegin(breakout_uuid=uuid, participant_uuid=meeting.control(uuid, host).uuid)
        assert isinstance(inside[0], ParticipantSyncBegin)
        synced = inside.index(ParticipantSyncEnd())
        assert {type(event) for event in inside[1:synced]} == {ParticipantCreate}
        assert [type(event) for event in inside[synced + 1 :]][:4] == [ConferenceUpdate, Layout, Stage, PresentationStop]
    assert not meeting.ann.told()


def test_a_host_who_presents_in_a_room_and_becomes_a_guest_hears_nothing_of_it_after_the_end() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    uuid = meeting.open()
    meeting.control(uuid, second).send(requests.TakeFloor())
    second.told()

    meeting.host.send(requests.ParticipantRole(role="guest"), to=second)

    told = second.told()
    end = next(index for index, event in enumerate(told) if isinstance(event, BreakoutEnd))
    assert wrapped(told[:end], uuid)
    assert not wrapped(told[end:], uuid)


def test_events_of_a_room_have_ids_and_are_written_as_the_documents_have_them() -> None:
    meeting = Meeting()
    uuid = meeting.open()

    inside = [event.to_wire() for event in meeting.host.told() if isinstance(event, InBreakout)]

    assert inside[0] == {"breakout_uuid": uuid, "event": "participant_sync_begin", "id": inside[0]["id"], "data": None}
    assert inside[-1] == {"breakout_uuid": uuid, "event": "presentation_stop", "id": inside[-1]["id"], "data": {}}
    assert len({one["id"] for one in inside}) == len(inside)


def test_the_state_of_a_room_says_what_it_is() -> None:
    meeting = Meeting()
    uuid = meeting.open("Red", description="About red", duration=60, end_action="disconnect", guests_allowed_to_leave=True)

    status = meeting.control(uuid).send(requests.GetConferenceStatus())

    told = the(ConferenceUpdate, wrapped(meeting.host.told(), uuid)).status
    assert told.breakout_name == "Red"
    assert {key: status[key] for key in status if "break" in key or key.startswith("end_")} == {
        "breakout_rooms": False,
        "breakout": True,
        "breakout_name": "Red",
        "breakout_description": "About red",
        "end_action": "disconnect",
        "end_time": meeting.node.now + 60,
        "breakout_guests_allowed_to_leave": True,
        "breakoutbuzz": {"value": False, "time": 0},
    }
    assert status["started"] is True


def test_the_main_room_has_no_fields_of_a_breakout_room_and_offers_them() -> None:
    status = Meeting().host.send(requests.GetConferenceStatus())

    assert status["breakout_rooms"] is True
    assert not status.keys() & {"breakout", "breakout_name", "end_action", "end_time", "breakoutbuzz"}


def test_guests_that_are_sent_to_a_room_join_it_without_a_pin_and_see_what_happens_there_on_their_own_stream() -> None:
    meeting = Meeting()
    uuid = meeting.open("Red", meeting.ann)
    referred = the(Refer, meeting.ann.told())

    assert (referred.alias, referred.target, referred.breakout_name) == ("meet", ReferTarget.BREAKOUT, "Red")
    ann = meeting.node.join("Ann", token=referred.token)

    meeting.hush()
    welcome = ann.listen()
    assert the(ConferenceUpdate, welcome).status.breakout_name == "Red"
    names = [event.participant.display_name for event in welcome if isinstance(event, ParticipantCreate)]
    assert names == ["Host", "Ann"]
    assert not began(welcome)
    meeting.control(uuid).send(requests.Message(payload="hello"))
    assert the(MessageReceived, ann.told()).payload == "hello"
    assert not meeting.bob.told()


def test_a_guest_in_a_room_is_told_the_rooms_name_and_that_it_cannot_have_rooms() -> None:
    meeting = Meeting()
    meeting.open("Red", meeting.ann)
    token = the(Refer, meeting.ann.told()).token

    result = meeting.node.ask(requests.RequestToken(display_name="Ann", token=token), Address("meet")).json["result"]

    assert (result["conference_name"], result["role"], result["breakout_rooms"]) == ("Red", "GUEST", False)
    assert result["current_service_type"] == "conference"


def test_a_host_that_is_sent_to_a_room_is_told_to_move_its_media_and_keeps_its_session() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    second.told()

    uuid = meeting.open("Red", second)

    told = second.told()
    assert told[-1] == BreakoutRefer(breakout_uuid=uuid, breakout_name="Red", requester_uuid=meeting.host.uuid)
    assert not [event for event in told if isinstance(event, Refer)]
    assert second.send(requests.GetConferenceStatus())["breakout_rooms"] is True


def test_people_of_another_room_come_along() -> None:
    meeting = Meeting()
    red = meeting.open("Red")
    ann = meeting.inside(red, meeting.ann)

    blue = meeting.host.send(requests.CreateBreakout(breakout_name="Blue", participants={red: (ann.uuid,), "main": (meeting.bob.uuid,)}))
    there = [meeting.follow(ann), meeting.follow(meeting.bob)]

    members = meeting.room(blue["breakout_uuid"]).members
    assert [one.uuid in members for one in there] == [True, True]
    assert [member.owner is None for member in meeting.room(red).members.values()] == [False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"participants": {"main": ("nobody",)}},
        {"participants": {"no room": ()}},
        {"end_action": "explode"},
        {"duration": -1},
    ],
)
def test_a_room_that_cannot_be_opened_as_asked_is_not_opened(wrong: dict[str, Any]) -> None:
    meeting = Meeting()
    asked: dict[str, Any] = {"participants": {"main": (meeting.ann.uuid,)}} | wrong

    with pytest.raises(RequestRefused) as refused:
        meeting.host.send(requests.CreateBreakout(breakout_name="Red", **asked))

    assert refused.value.status == (404 if "participants" in wrong else 400)
    assert not meeting.main.breakouts.rooms
    assert not meeting.ann.told() + meeting.host.told()


def test_there_are_only_so_many_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakouts, "ROOMS", 2)
    meeting = Meeting()
    for _ in range(2):
        meeting.open()

    with pytest.raises(RequestRefused, match="Out of resource"):
        meeting.open()

    assert len(meeting.main.breakouts.rooms) == 2


def test_guests_open_no_rooms() -> None:
    meeting = Meeting()

    with pytest.raises(NotAllowed, match="Invalid role"):
        meeting.ann.send(requests.CreateBreakout(breakout_name="Red"))

    assert not meeting.main.breakouts.rooms


def test_rooms_have_no_rooms() -> None:
    meeting = Meeting()
    control = meeting.control(meeting.open())

    for request in (requests.CreateBreakout(breakout_name="Blue"), requests.DisconnectBreakouts(), requests.EmptyBreakouts()):
        with pytest.raises(RequestRefused, match="has no breakout rooms"):
            control.send(request)

    assert len(meeting.main.breakouts.rooms) == 1


# --- acting in a room ------------------------------------------------------------------------------------------------


def test_a_host_acts_in_a_room_as_in_any_conference() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    control = meeting.control(uuid)
    meeting.host.told(), ann.told()

    assert control.send(requests.Lock()) is True
    assert control.send(requests.Mute(), to=ann) is True
    assert control.send(requests.OverlayText(text="Ms Ann"), to=ann) is True

    assert meeting.room(uuid).locked
    assert not meeting.main.locked
    for told in (ann.told(), wrapped(meeting.host.told(), uuid)):
        assert the(ConferenceUpdate, told).status.locked
        assert [event.participant.is_muted for event in told if isinstance(event, ParticipantUpdate)] == [True, True]
    assert [line["uuid"] for line in control.send(requests.Participants())] == [control.uuid, ann.uuid]


def test_a_host_places_its_call_in_a_room_and_is_seen_there_with_media() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    control = meeting.control(uuid)
    ann.told()

    call = control.send(requests.Calls(sdp="offer"))["call_uuid"]
    control.send(requests.Ack(), call=call)

    plan = meeting.room(uuid).plan()
    assert [seat.participant for seat in plan.seats] == [control.uuid]
    assert not meeting.main.plan().seats
    assert [event.participant.has_media for event in ann.told() if isinstance(event, ParticipantUpdate)][-1]
    assert not meeting.main.members[meeting.host.uuid].has_media


def test_who_presents_in_a_room_is_seen_there_alone() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    meeting.hush()
    ann.told()

    ann.send(requests.TakeFloor())

    assert the(PresentationStart, wrapped(meeting.host.told(), uuid)).presenter_uuid == ann.uuid
    assert not meeting.bob.told()


def test_what_a_host_says_of_its_session_in_a_room_is_about_its_session() -> None:
    meeting = Meeting()
    control = meeting.control(meeting.open())

    control.token = control.send(requests.RefreshToken())["token"]
    assert the(BreakoutBegin, control.listen())
    control.send(requests.ReleaseToken())

    assert meeting.host.uuid not in meeting.main.members
    assert control.uuid not in next(iter(meeting.main.breakouts.rooms.values())).members


def test_guests_reach_no_room_but_their_own() -> None:
    meeting = Meeting()
    red, blue = meeting.open("Red"), meeting.open("Blue")
    ann = meeting.inside(red, meeting.ann)
    own, other = (Address("meet", breakout=uuid) for uuid in (red, blue))

    ask = meeting.node.ask

    assert ask(requests.Participants(), own, token=ann.token).status == 200
    assert ask(requests.Participants(), other, token=ann.token).json["result"] == "Invalid role"
    assert ask(requests.Participants(), Address("meet", breakout="unknown"), token=ann.token).json["result"] == "Invalid role"
    assert ask(requests.Participants(), own, token=meeting.bob.token).json["result"] == "Invalid role"
    assert ask(requests.Participants(), own, token="nobody's").json["result"] == "Invalid token"
    assert ask(requests.Lock(), own, token=ann.token).json["result"] == "Invalid role"


def test_of_an_unknown_room_a_host_learns_that_there_is_none() -> None:
    meeting = Meeting()
    meeting.open()

    reply = meeting.node.ask(requests.Lock(), Address("meet", breakout="unknown"), token=meeting.host.token)

    assert (reply.status, reply.json["result"]) == (404, "There is no such breakout room")


def test_a_participant_of_another_room_is_not_there() -> None:
    meeting = Meeting()
    control = meeting.control(meeting.open())

    with pytest.raises(ConferenceNotFound, match="no such participant"):
        control.send(requests.Mute(), to=meeting.ann)

    assert not meeting.main.members[meeting.ann.uuid].muted


def test_a_room_is_not_joined_by_its_path() -> None:
    meeting = Meeting()
    uuid = meeting.open()

    reply = meeting.node.ask(requests.RequestToken(display_name="Eve"), Address("meet", breakout=uuid))

    assert reply.status == 404
    assert len(meeting.room(uuid).members) == 1


def test_a_locked_room_has_a_waiting_room_of_its_own() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    control = meeting.control(uuid)
    control.send(requests.Lock())

    ann = meeting.inside(uuid, meeting.ann)
    waiting = meeting.room(uuid).members[ann.uuid].waiting
    control.send(requests.ParticipantUnlock(), to=ann)

    assert waiting
    assert not meeting.room(uuid).members[ann.uuid].waiting


def test_a_word_to_all_rooms_reaches_everybody_in_them() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    red, blue = meeting.open("Red"), meeting.open("Blue")
    ann, bob = meeting.inside(red, meeting.ann), meeting.inside(blue, meeting.bob)
    for who in (meeting.host, second, ann, bob):
        who.told()

    assert meeting.host.send(requests.MessageBreakouts(payload="Five minutes")) is True

    for who, room in ((ann, red), (bob, blue)):
        said = the(MessageReceived, who.told())
        assert (said.payload, said.origin, said.uuid) == ("Five minutes", "Host", meeting.control(room).uuid)
    told = second.told()
    assert [the(MessageReceived, wrapped(told, room)).payload for room in (red, blue)] == ["Five minutes"] * 2
    assert not meeting.host.told()


def test_where_chat_is_off_nothing_is_said_to_the_rooms() -> None:
    meeting = Meeting(chat=False)
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)

    assert meeting.host.send(requests.MessageBreakouts(payload="Five minutes")) is False

    assert not ann.told()


def test_a_room_asks_for_help_until_a_host_says_it_needs_none() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    meeting.host.told(), ann.told()

    assert ann.send(requests.BreakoutBuzz()) is True
    asked = [the(ConferenceUpdate, told).status.breakoutbuzz for told in (ann.told(), wrapped(meeting.host.told(), uuid))]
    assert meeting.control(uuid).send(requests.ClearBreakoutBuzz()) is True
    cleared = [the(ConferenceUpdate, told).status.breakoutbuzz for told in (ann.told(), wrapped(meeting.host.told(), uuid))]

    assert [(buzz.value, buzz.time) for buzz in asked if buzz] == [(True, meeting.node.now)] * 2
    assert [(buzz.value, buzz.time) for buzz in cleared if buzz] == [(False, 0)] * 2


def test_asking_for_help_again_changes_nothing() -> None:
    meeting = Meeting()
    ann = meeting.inside(meeting.open(), meeting.ann)
    ann.send(requests.BreakoutBuzz())
    ann.told()

    meeting.node.now += 5
    ann.send(requests.BreakoutBuzz())

    assert not ann.told()


def test_in_the_main_room_nobody_asks_for_help_or_leaves_for_it() -> None:
    meeting = Meeting()

    for request in (requests.BreakoutBuzz(), requests.ClearBreakoutBuzz(), requests.LeaveBreakout(), requests.RequestGuestToken()):
        with pytest.raises(RequestRefused, match="no breakout room") as refused:
            meeting.host.send(request)
        assert refused.value.status == 400

    assert not meeting.host.told()


# --- moving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("main", ["main", ""])
def test_guests_are_sent_back_to_the_main_room(main: str) -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    ann.told()

    assert meeting.control(uuid).send(requests.MoveParticipants(breakout_uuid=main, participants=(ann.uuid,))) is True

    referred = the(Refer, ann.told())
    assert (referred.alias, referred.target) == ("meet", ReferTarget.MAIN)
    assert meeting.node.join("Ann", token=referred.token).uuid in meeting.main.members


def test_without_names_everybody_in_a_room_moves_but_hosts_that_only_watch() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    red, blue = meeting.open("Red"), meeting.open("Blue")
    ann, bob = meeting.inside(red, meeting.ann), meeting.inside(red, meeting.bob)
    call = meeting.control(red, second).send(requests.Calls(sdp="offer"))["call_uuid"]
    meeting.control(red, second).send(requests.Ack(), call=call)
    for who in (meeting.host, second):
        who.told()

    assert meeting.control(red).send(requests.MoveParticipants(breakout_uuid=blue)) is True

    assert [the(Refer, who.told()).breakout_name for who in (ann, bob)] == ["Blue", "Blue"]
    assert the(BreakoutRefer, second.told()).breakout_uuid == blue
    assert not [event for event in meeting.host.told() if isinstance(event, BreakoutRefer)]


def test_from_the_main_room_those_who_wait_are_not_taken_along() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    meeting.host.send(requests.Lock())
    late = meeting.node.join("Late", pin="none")

    meeting.host.send(requests.MoveParticipants(breakout_uuid=uuid))

    assert the(Refer, meeting.ann.told())
    assert not [event for event in late.told() if isinstance(event, Refer)]


def test_previous_leads_back_where_one_came_from() -> None:
    meeting = Meeting()
    red, blue = meeting.open("Red"), meeting.open("Blue")
    ann = meeting.inside(red, meeting.ann)
    meeting.control(red).send(requests.MoveParticipants(breakout_uuid=blue, participants=(ann.uuid,)))
    ann = meeting.follow(ann)
    second = meeting.node.join("Second", pin="1")
    meeting.host.send(requests.MoveParticipants(breakout_uuid=blue, participants=(second.uuid,)))
    second.told()

    back = requests.MoveParticipants(breakout_uuid="previous", participants=(ann.uuid, meeting.control(blue, second).uuid))
    assert meeting.control(blue).send(back) is True

    assert the(Refer, ann.told()).breakout_name == "Red"
    assert the(BreakoutRefer, second.told()).breakout_uuid == "main"


def test_without_a_previous_room_nobody_moves() -> None:
    meeting = Meeting()
    meeting.open()
    meeting.hush()

    assert meeting.host.send(requests.MoveParticipants(breakout_uuid="previous", participants=(meeting.ann.uuid,))) is False

    assert not meeting.ann.told()


def test_a_move_to_nowhere_or_of_nobody_is_refused_whole() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    meeting.hush()

    for place, who in (("unknown", meeting.ann.uuid), (uuid, "nobody")):
        with pytest.raises(ConferenceNotFound):
            meeting.host.send(requests.MoveParticipants(breakout_uuid=place, participants=(meeting.bob.uuid, who)))

    assert not meeting.ann.told() + meeting.bob.told()


def test_who_is_already_there_stays() -> None:
    meeting = Meeting()

    assert meeting.host.send(requests.MoveParticipants(breakout_uuid="main", participants=(meeting.ann.uuid,))) is True

    assert not meeting.ann.told()


def test_moving_does_not_count_against_the_limit_of_the_conference() -> None:
    meeting = Meeting(participant_limit=3)
    uuid = meeting.open("Red", meeting.ann)
    token = the(Refer, meeting.ann.told()).token

    ann = meeting.node.join("Ann", token=token)  # before it has left the main room, as some clients do

    assert ann.uuid in meeting.room(uuid).members
    reply = meeting.node.ask(requests.RequestToken(display_name="Eve", pin="none"), Address("meet"))
    assert reply.json["result"] == "Participant limit reached"


def test_a_guest_leaves_a_room_that_lets_it() -> None:
    meeting = Meeting()
    ann = meeting.inside(meeting.open(guests_allowed_to_leave=True), meeting.ann)
    ann.told()

    assert ann.send(requests.LeaveBreakout()) is True

    assert the(Refer, ann.told()).target is ReferTarget.MAIN


def test_a_guest_stays_in_a_room_that_does_not_let_it_leave() -> None:
    meeting = Meeting()
    ann = meeting.inside(meeting.open(), meeting.ann)
    ann.told()

    with pytest.raises(NotAllowed, match="cannot leave this breakout room"):
        ann.send(requests.LeaveBreakout())

    assert not ann.told()


def test_a_host_leaves_any_room() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    meeting.hush()

    assert meeting.control(uuid).send(requests.LeaveBreakout()) is True

    assert the(BreakoutRefer, meeting.host.told()).breakout_uuid == "main"


def test_with_a_guest_token_somebody_joins_a_room_directly_and_once() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    token = meeting.control(uuid).send(requests.RequestGuestToken())

    meeting.node.now += GUEST_TOKEN_SECONDS - 1
    guest = meeting.node.join("Visitor", token=token)

    assert meeting.room(uuid).members[guest.uuid].role.name == "GUEST"
    with pytest.raises(TokenExpired, match="Invalid token"):
        meeting.node.join("Another", token=token)


def test_with_a_token_for_a_room_that_is_gone_nobody_joins_anything() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    token = meeting.control(uuid).send(requests.RequestGuestToken())
    meeting.control(uuid).send(requests.Disconnect())

    with pytest.raises(TokenExpired, match="Invalid token"):
        meeting.node.join("Visitor", token=token)

    assert len(meeting.main.members) == 3


def test_a_guest_of_a_room_may_be_transferred_out_of_the_conference() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    ann.told()

    meeting.control(uuid).send(requests.Transfer(conference_alias="meet", role="host", pin="1"), to=ann)

    referred = the(Refer, ann.told())
    there = meeting.node.join("Ann", token=referred.token)
    assert referred.target is ReferTarget.CONFERENCE
    assert meeting.main.members[there.uuid].is_host


def test_a_host_that_is_transferred_through_a_room_is_told_on_its_own_stream() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    uuid = meeting.open()
    second.told()

    meeting.control(uuid).send(requests.Transfer(conference_alias="meet"), to=meeting.control(uuid, second))

    assert the(Refer, second.told()).alias == "meet"


def test_a_move_that_is_not_followed_is_over_in_the_room_too() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    meeting.control(uuid).send(requests.MoveParticipants(breakout_uuid="main", participants=(ann.uuid,)))
    moving = meeting.room(uuid).members[ann.uuid].transferring
    meeting.node.now += SECONDS - 1
    for who in (ann, meeting.host):
        who.token = who.send(requests.RefreshToken())["token"]

    meeting.sweep(1)

    assert moving
    assert not meeting.room(uuid).members[ann.uuid].transferring


def test_who_has_not_followed_into_a_room_is_called_back_when_it_is_gone() -> None:
    meeting = Meeting()
    uuid = meeting.open("Red", meeting.ann, end_action="disconnect")
    sent = the(Refer, meeting.ann.told())
    meeting.host.told()

    meeting.control(uuid).send(requests.Disconnect())

    told = meeting.ann.told()
    assert CancelRefer() in told
    assert not [event for event in told if isinstance(event, Disconnect)]
    seen = [event.participant for event in meeting.host.told() if isinstance(event, ParticipantUpdate)]
    assert (seen[-1].uuid, seen[-1].is_transferring) == (meeting.ann.uuid, False)
    assert meeting.node.ask(requests.RequestToken(display_name="Ann", token=sent.token), Address("meet")).status == 403


def test_who_is_moved_to_where_it_still_is_does_not_go() -> None:
    meeting = Meeting()
    uuid = meeting.open("Red", meeting.ann)
    sent = the(Refer, meeting.ann.told())

    meeting.host.send(requests.MoveParticipants(breakout_uuid="main", participants=(meeting.ann.uuid, meeting.bob.uuid)))

    assert CancelRefer() in meeting.ann.told()
    assert CancelRefer() not in meeting.bob.told()
    assert meeting.node.ask(requests.RequestToken(display_name="Ann", token=sent.token), Address("meet")).status == 403
    assert uuid in meeting.main.breakouts.rooms


# --- Hosts come and go -----------------------------------------------------------------------------------------------


def test_a_host_that_comes_later_is_in_every_room_and_told_so_after_the_main_room() -> None:
    meeting = Meeting()
    red, blue = meeting.open("Red"), meeting.open("Blue")
    ann = meeting.inside(red, meeting.ann)
    ann.told(), meeting.host.told()

    second = meeting.node.join("Second", pin="1")
    welcome = second.listen()

    assert began(welcome) == [red, blue]
    assert welcome.index(the(ParticipantSyncEnd, welcome)) < welcome.index(welcome[[*map(type, welcome)].index(BreakoutBegin)])
    people = [event.participant.uuid for event in wrapped(welcome, red) if isinstance(event, ParticipantCreate)]
    assert people == [meeting.control(red).uuid, ann.uuid, meeting.control(red, second).uuid]
    assert [event.participant.display_name for event in ann.told() if isinstance(event, ParticipantCreate)] == ["Second"]
    assert the(ParticipantCreate, wrapped(meeting.host.told(), blue)).participant.display_name == "Second"


def test_guests_are_not_told_of_rooms() -> None:
    meeting = Meeting()
    meeting.open()

    assert not began(meeting.node.join("Guest", pin="none").listen())


def test_who_becomes_a_host_is_in_the_rooms_and_who_is_none_any_more_is_not() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    meeting.hush()

    meeting.host.send(requests.ParticipantRole(role="chair"), to=meeting.ann)
    gained = meeting.ann.told()
    control = meeting.control(uuid, meeting.ann)
    call = control.send(requests.Calls(sdp="offer"))["call_uuid"]
    meeting.host.send(requests.ParticipantRole(role="guest"), to=meeting.ann)
    lost = meeting.ann.told()

    assert the(BreakoutBegin, gained).participant_uuid == control.uuid
    assert wrapped(gained, uuid)
    assert the(BreakoutEnd, lost) == BreakoutEnd(breakout_uuid=uuid, participant_uuid=control.uuid)
    assert the(CallDisconnected, lost).call_uuid == call
    assert CloseCall(call) in meeting.node.orders
    assert control.uuid not in meeting.room(uuid).members


def test_a_role_is_the_same_in_all_rooms() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    uuid = meeting.open()
    second.told()

    meeting.control(uuid).send(requests.ParticipantRole(role="guest"), to=meeting.control(uuid, second))

    assert not meeting.main.members[second.uuid].is_host
    assert the(RefreshToken, second.told())


def test_a_host_that_leaves_is_in_no_room_any_more() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    control = meeting.control(uuid, second)
    meeting.host.told(), ann.told()

    second.send(requests.ReleaseToken())

    assert ParticipantDelete(uuid=control.uuid) in ann.told()
    assert ParticipantDelete(uuid=control.uuid) in wrapped(meeting.host.told(), uuid)


def test_who_is_disconnected_from_a_room_leaves_entirely() -> None:
    meeting = Meeting()
    second = meeting.node.join("Second", pin="1")
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)

    meeting.control(uuid).send(requests.ParticipantDisconnect(), to=ann)
    meeting.control(uuid).send(requests.ParticipantDisconnect(), to=meeting.control(uuid, second))

    assert the(Disconnect, ann.told()).reason == "API initiated participant disconnect"
    assert the(Disconnect, second.told()).reason == "API initiated participant disconnect"
    assert [member.display_name for member in meeting.main.members.values()] == ["Host", "Bob"]


def test_rooms_stay_while_guests_are_in_them_although_the_hosts_have_gone() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    meeting.host.send(requests.ReleaseToken())
    meeting.bob.send(requests.ReleaseToken())

    again = meeting.node.join("Again", pin="1")

    assert not meeting.room(uuid).members[ann.uuid].waiting
    assert began(again.listen()) == [uuid]


def test_with_the_last_participant_the_rooms_are_gone() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    for who in (meeting.host, meeting.bob, ann):
        who.send(requests.ReleaseToken())

    assert not meeting.main.breakouts.rooms
    assert CloseRoom(uuid) in meeting.node.orders


def test_a_token_that_runs_out_in_a_room_ends_there() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    ann.told()
    meeting.node.now += 119
    meeting.host.token = meeting.host.send(requests.RefreshToken())["token"]

    meeting.sweep(1)

    assert the(Disconnect, ann.told()).reason == "Timer expired awaiting token refresh"
    assert ann.uuid not in meeting.room(uuid).members


def test_the_end_of_the_conference_is_the_end_of_its_rooms() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    meeting.host.told(), ann.told()

    meeting.host.send(requests.Disconnect())

    assert [event.name for event in meeting.host.told()] == ["breakout_end", "disconnect"]
    assert [event.name for event in ann.told()] == ["disconnect"]
    assert not meeting.main.breakouts.rooms
    assert CloseRoom(uuid) in meeting.node.orders


# --- closing ---------------------------------------------------------------------------------------------------------


def test_a_room_that_closes_sends_everybody_to_the_main_room_and_ends_when_they_have_gone() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    control = meeting.control(uuid)
    call = control.send(requests.Calls(sdp="offer"))["call_uuid"]
    control.send(requests.Ack(), call=call)
    meeting.host.told(), ann.told()

    assert control.send(requests.Disconnect()) is True
    told = meeting.host.told()
    back = meeting.follow(ann)
    between = meeting.host.told()
    control.send(requests.CallDisconnect(), call=call)

    assert the(BreakoutRefer, told) == BreakoutRefer(breakout_uuid="main", breakout_name="meet", requester_uuid=meeting.host.uuid)
    assert not [event for event in told + between if isinstance(event, BreakoutEnd)]
    assert meeting.host.told()[-1] == BreakoutEnd(breakout_uuid=uuid, participant_uuid=control.uuid)
    assert back.uuid in meeting.main.members
    assert not meeting.main.breakouts.rooms


def test_an_empty_room_closes_at_once() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    control = meeting.control(uuid)
    meeting.hush()

    control.send(requests.Disconnect())

    assert meeting.host.told() == [BreakoutEnd(breakout_uuid=uuid, participant_uuid=control.uuid)]
    assert control.uuid not in meeting.main.members


def test_who_does_not_follow_out_of_a_closing_room_is_disconnected() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    ann = meeting.inside(uuid, meeting.ann)
    control = meeting.control(uuid)
    call = control.send(requests.Calls(sdp="offer"))["call_uuid"]
    control.send(requests.Disconnect())
    ann.told(), meeting.host.told()

    meeting.sweep(CLOSING_SECONDS - 0.1)
    patient = ann.told()
    meeting.sweep(0.1)

    assert not patient
    assert [event.name for event in ann.told()] == ["disconnect"]
    assert [event.name for event in meeting.host.told()] == ["call_disconnected", "breakout_end"]
    assert CloseCall(call) in meeting.node.orders


def test_a_room_that_closes_lets_nobody_in_any_more() -> None:
    meeting = Meeting()
    uuid = meeting.open()
    meeting.inside(uuid, meeting.ann)
    meeting.control(uuid).send(requests.Disconnect())

    with pytest.raises(ConferenceNotFound, match="no such breakout room"):
        meeting.host.send(requests.MoveParticipants(breakout_uuid=uuid, participants=(meeting.bob.uuid,)))


def test_with_the_other_end_action_everybody_inside_is_disconnected_and_hosts_stay_in_the_main_room() -> None:
    meeting = Meeting()
    uuid = meeting.open(end_action="disconnect")
    ann = meeting.inside(uuid, meeting.ann)
    control = meeting.control(uuid)
    call = control.send(requests.Calls(sdp="offer"))["call_uuid"]
    meeting.host.told(), ann.told()

    control.send(requests.Disconnect())

    assert [event.name for event in ann.told()] == ["disconnect"]
    assert [event.name for event in meeting.host.told()] == ["call_disconnected", "breakout_end"]
    assert CloseCall(call) in meeting.node.orders
    assert meeting.host.send(requests.Participants())


def test_a_room_closes_when_its_time_is_over() -> None:
    meeting = Meeting()
    uuid = meeting.open(duration=60)
    ann = meeting.inside(uuid, meeting.ann)
    ann.told()

    meeting.sweep(59.9)
    before = ann.told()
    meeting.sweep(0.1)

    assert not before
    assert the(Refer, ann.told()).target is ReferTarget.MAIN


def test_without_a_duration_a_room_stays_open() -> None:
    meeting = Meeting()
    uuid = meeting.open(duration=0)
    for _ in range(100):
        meeting.node.now += 100
        meeting.host.token = meeting.host.send(requests.RefreshToken())["token"]
        meeting.sweep(0)

    assert uuid in meeting.main.breakouts.rooms


def test_all_rooms_are_closed_with_an_answer_of_null() -> None:
    meeting = Meeting()
    red, blue = meeting.open("Red"), meeting.open("Blue", end_action="disconnect")
    ann, bob = meeting.inside(red, meeting.ann), meeting.inside(blue, meeting.bob)
    ann.told(), bob.told()

    reply = meeting.node.ask(requests.DisconnectBreakouts(), Address("meet"), token=meeting.host.token)

    assert reply.json == {"status": "success", "result": None}
    assert the(Refer, ann.told())
    assert the(Disconnect, bob.told())


def test_all_rooms_are_emptied_and_stay() -> None:
    meeting = Meeting()
    red, blue = meeting.open("Red"), meeting.open("Blue")
    ann, bob = meeting.inside(red, meeting.ann), meeting.inside(blue, meeting.bob)
    ann.told(), bob.told()
    meeting.host.told()

    assert meeting.host.send(requests.EmptyBreakouts()) is True
    told = meeting.host.told()
    back = [meeting.follow(one) for one in (ann, bob)]

    assert not [event for event in told if isinstance(event, BreakoutRefer | BreakoutEnd)]
    assert all(one.uuid in meeting.main.members for one in back)
    assert list(meeting.main.breakouts.rooms) == [red, blue]


def test_where_everybody_is_a_host_all_keep_their_sessions() -> None:
    node = InProcess(Vmr("meet"))
    host, other = node.join("Host"), node.join("Other")

    uuid = host.send(requests.CreateBreakout(breakout_name="Red", participants={"main": (other.uuid,)}))["breakout_uuid"]

    told = other.told()
    assert began(told) == [uuid]
    assert the(BreakoutRefer, told).breakout_uuid == uuid
    assert not [event for event in told if isinstance(event, Bye)]


# --- those whom the node has called ----------------------------------------------------------------------------------


def dialled(meeting: Meeting, role: Role = Role.GUEST, **how: Any) -> str:
    """Somebody whom the node has called into the main room, and who has answered."""
    (uuid,) = meeting.host.send(requests.Dial(destination="sip:bea@example.com", role=role, **how))
    meeting.sweep(1)
    meeting.hush()
    assert meeting.main.members[uuid].has_media
    return str(uuid)


def test_a_host_whom_the_node_has_called_acts_in_no_breakout_room() -> None:
    meeting = Meeting()
    bea = dialled(meeting, Role.HOST)

    red = meeting.open("Red")

    assert [member.owner for member in meeting.room(red).members.values()] == [meeting.host.uuid]
    assert meeting.main.members[bea].is_host


@pytest.mark.parametrize("role", list(Role))
def test_whom_the_node_has_called_is_moved_with_its_call(role: Role) -> None:
    meeting = Meeting()
    bea = dialled(meeting, role)
    (call,) = meeting.main.members[bea].calls
    meeting.main.members[bea].muted = True

    red = meeting.open("Red")
    meeting.hush()
    assert meeting.host.send(requests.MoveParticipants(breakout_uuid=red, participants=(bea,))) is True
    told, others = meeting.host.told(), meeting.ann.told()
    there = meeting.room(red).members[bea]
    seats = [(seat.call, seat.audible, seat.visible) for seat in meeting.room(red).plan().seats]

    assert bea not in meeting.main.members
    assert meeting.main.plan().seats == ()
    assert (there.role, list(there.calls), there.previous) == (role, [call], "main")
    assert seats == [(call, False, True)]
    assert CloseCall(call) not in meeting.node.orders
    assert ParticipantDelete(uuid=bea) in told
    assert ParticipantDelete(uuid=bea) in others
    assert [event.participant.uuid for event in wrapped(told, red) if isinstance(event, ParticipantCreate)] == [bea]


def test_whom_the_node_has_called_goes_back_when_the_breakout_room_closes_although_the_conference_is_locked() -> None:
    meeting = Meeting()
    bea = dialled(meeting)
    red = meeting.open("Red")
    meeting.host.send(requests.MoveParticipants(breakout_uuid=red, participants=(bea,)))
    meeting.host.send(requests.Lock())

    meeting.host.send(requests.DisconnectBreakouts())

    assert red not in meeting.main.breakouts.rooms
    assert not meeting.main.members[bea].waiting
    assert [seat.participant for seat in meeting.main.plan().seats] == [bea]


def test_whom_the_node_calls_may_be_moved_before_it_answers() -> None:
    meeting = Meeting()
    (bea,) = meeting.host.send(requests.Dial(destination="sip:bea@example.com", role="guest"))
    red = meeting.open("Red")

    meeting.host.send(requests.MoveParticipants(breakout_uuid=red, participants=(bea,)))
    meeting.sweep(1)

    assert meeting.room(red).members[bea].has_media
    assert [order.room for order in meeting.node.orders if isinstance(order, CallEndpoint)] == [red]
