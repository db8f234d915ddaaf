"""Whatever happens in whatever order, what Hosts are told of breakout rooms adds up to what the node answers when asked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import RequestRefused
from pexrtc_py.node.inprocess import Attendee
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import BreakoutBegin, BreakoutEnd, InBreakout, Refer
from pexrtc_py.protocol.wire import encode
from tests.node.breakout_rooms import Meeting
from tests.node.test_room_any_order import Replica

INSIDE: list[Any] = [
    requests.Lock(),
    requests.Unlock(),
    requests.Disconnect(),
    requests.MuteGuests(),
    requests.BreakoutBuzz(),
    requests.ClearBreakoutBuzz(),
    requests.MoveParticipants(breakout_uuid="main"),
    requests.MoveParticipants(breakout_uuid="previous"),
    requests.TakeFloor(),
    requests.ReleaseFloor(),
    requests.Calls(sdp="offer"),
]
STEPS = st.one_of(
    st.tuples(st.just("open"), st.sampled_from([0, 30]), st.sampled_from(["transfer", "disconnect"])),
    st.tuples(st.just("into"), st.integers(0, 5), st.none()),
    st.tuples(st.just("follow"), st.integers(0, 5), st.none()),
    st.tuples(st.just("host"), st.none(), st.none()),
    st.tuples(st.just("leave"), st.integers(0, 5), st.none()),
    st.tuples(st.just("role"), st.integers(0, 5), st.sampled_from(["chair", "guest"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 15]), st.none()),
    st.tuples(st.just("inside"), st.integers(0, 5), st.sampled_from(INSIDE)),
    st.tuples(st.just("all"), st.none(), st.sampled_from([requests.EmptyBreakouts(), requests.DisconnectBreakouts()])),
)


class Picture:
    """What one participant knows of the breakout rooms from its stream alone."""

    def __init__(self, who: Attendee) -> None:
        self.who = who
        self.rooms: dict[str, Replica] = {}
        self.referred: Refer | None = None
        for event in who.listen():
            self.see(event)

    def see(self, event: Event) -> None:
        match event:
            case BreakoutBegin(breakout_uuid=room, participant_uuid=control):
                assert room not in self.rooms
                assert control is not None
                self.rooms[room] = replica = Replica.__new__(Replica)
                replica.who, replica.roster, replica.presenter, replica.status = self.who.inside(room, control), {}, None, None
            case InBreakout(breakout_uuid=room):
                self.rooms[room].see(event.event)
            case BreakoutEnd(breakout_uuid=room, participant_uuid=control):
                assert self.rooms.pop(room).who.uuid == control
            case Refer():
                self.referred = event
            case _:
                pass


def act(meeting: Meeting, people: list[Attendee], pictures: dict[str, Picture], step: Any) -> None:
    what, how, which = step
    rooms, members = list(meeting.main.breakouts.rooms), meeting.main.members
    hosts = [one for one in people if one.uuid in members and members[one.uuid].commands]
    who = people[how % len(people)] if what in {"follow", "leave", "role"} else people[0]
    match what:
        case "host":
            people.append(meeting.node.join("Another", pin="1"))
        case "follow" if (referred := pictures[who.uuid].referred) is not None:
            pictures[who.uuid].referred = None
            people.append(meeting.node.join("Follower", referred.alias, token=referred.token))
            who.send(requests.ReleaseToken())
        case "leave":
            who.send(requests.ReleaseToken())
        case "wait":
            meeting.sweep(how)
        case "open" if hosts:
            hosts[0].send(requests.CreateBreakout(breakout_name="Red", duration=how, end_action=which))
        case "role" if hosts:
            hosts[0].send(requests.ParticipantRole(role=which), to=who)
        case "into" if hosts and rooms:
            hosts[0].send(requests.MoveParticipants(breakout_uuid=rooms[how % len(rooms)]))
        case "inside" if hosts and rooms:
            meeting.control(rooms[how % len(rooms)], hosts[0]).send(which)
        case "all" if hosts:
            hosts[0].send(which)
        case _:
            pass


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=10))
def test_what_hosts_are_told_of_rooms_adds_up_to_what_is_answered(steps: list[Any]) -> None:
    meeting = Meeting()
    people = [meeting.host, meeting.ann, meeting.bob]
    pictures = {who.uuid: Picture(who) for who in people}

    for step in [("open", 0, "transfer"), *steps]:
        with suppress(RequestRefused):
            act(meeting, people, pictures, step)
        meeting.node.settle()
        for who in people:
            told = who.told()
            if who.uuid not in pictures:
                pictures[who.uuid] = Picture(who)
            else:
                for event in told:
                    pictures[who.uuid].see(event)
        _check(meeting, people, pictures)


def _check(meeting: Meeting, people: list[Attendee], pictures: dict[str, Picture]) -> None:
    rooms = meeting.main.breakouts.rooms
    for who in people:
        member = meeting.main.members.get(who.uuid)
        if member is None:
            continue
        known = pictures[who.uuid].rooms
        assert set(known) == (set(rooms) if member.is_host else set())
        for uuid, replica in known.items():
            answered = {line["uuid"]: line for line in replica.who.send(requests.Participants())}
            assert {one: encode(line) for one, line in replica.roster.items()} == answered
            assert encode(replica.status) == replica.who.send(requests.GetConferenceStatus())
            assert replica.presenter == (None if rooms[uuid].floor == replica.who.uuid else rooms[uuid].floor)
    for room in rooms.values():
        owners = [member.owner for member in room.members.values() if member.owner is not None]
        assert sorted(owners) == sorted(member.uuid for member in meeting.main.members.values() if member.commands)
        assert not set(room.members) & set(meeting.main.members)
    refused = meeting.node.ask(requests.Lock(), Address("meet", breakout="unknown"), token=people[1].token)
    assert refused.status in {403, 404}
