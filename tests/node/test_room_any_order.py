"""Whatever happens in whatever order, what participants were told adds up to what the node answers when asked."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import RequestRefused
from pexrtc_py.node import views
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event, Scope
from pexrtc_py.protocol.events import (
    ConferenceUpdate,
    Layout,
    ParticipantCreate,
    ParticipantDelete,
    ParticipantSyncBegin,
    ParticipantUpdate,
    PresentationStart,
    PresentationStop,
)
from pexrtc_py.protocol.models import AudioMix, Role, Transforms, VideoMixLayout
from pexrtc_py.protocol.wire import encode

REQUESTS: list[Any] = [
    requests.Lock(),
    requests.Unlock(),
    requests.StartConference(),
    requests.MuteGuests(),
    requests.UnmuteGuests(),
    requests.Mute(),
    requests.Unmute(),
    requests.VideoMuted(),
    requests.Buzz(),
    requests.ClearBuzz(),
    requests.ClientMute(),
    requests.TakeFloor(),
    requests.ReleaseFloor(),
    requests.ParticipantUnlock(),
    requests.ParticipantDisconnect(),
    requests.ReleaseToken(),
    requests.Disconnect(),
    requests.RefreshToken(),
    requests.Calls(sdp="offer"),
    requests.Ack(),
    requests.CallDisconnect(),
]
MIXING: list[Any] = [
    requests.Hold(),
    requests.Resume(),
    requests.SpotlightOn(),
    requests.ClearSpotlights(),
    requests.TransformLayout(transforms=Transforms(layout="1:7")),
    requests.TransformLayout(),
    requests.SetPinningConfig(pinning_config="x"),
    requests.LayoutGroup(layout_group="x"),
    requests.CreateVideoMix(mix_name="main.!personal"),
    requests.ConfigureVideoMix(mix_name="main.!personal", transform_layout=VideoMixLayout(layout="2x2")),
    requests.DeleteVideoMix(mix_name="main.!personal"),
    requests.SendToAudioMixes(mixes=(AudioMix(mix_name="main.x", prominent=True),)),
    requests.ReceiveFromAudioMix(mix_name=None),
    requests.TakeFloor(jpegs=True),
    requests.ParticipantRole(role=Role.GUEST),
    requests.ParticipantRole(role=Role.HOST),
]
VMRS = [Vmr("meet"), Vmr("meet", host_pin="1"), Vmr("meet", host_pin="1", guest_pin="2", guests_can_present=False, service_type="lecture")]
JOINS = st.tuples(st.just("join"), st.sampled_from(["1", "2", "none"]))
STEPS = st.one_of(
    JOINS,
    st.tuples(st.just("wait"), st.sampled_from([1.0, 50.0, 100.0])),
    st.tuples(st.just("speak"), st.integers(0, 5)),
    st.tuples(st.sampled_from(REQUESTS), st.tuples(st.integers(0, 5), st.integers(0, 5))),
    st.tuples(st.sampled_from(MIXING), st.tuples(st.integers(0, 5), st.integers(0, 5))),
)


class Replica:
    """What a client knows from its stream alone."""

    def __init__(self, who: Attendee) -> None:
        self.who = who
        self.roster: dict[str, Any] = {}
        self.presenter: str | None = None
        self.status: Any = None
        self.layout: Layout | None = None
        for event in who.listen():
            self.see(event)

    def see(self, event: Event) -> None:
        match event:
            case ParticipantSyncBegin():
                self.roster.clear()
            case ParticipantCreate(participant=line):
                assert line.uuid not in self.roster
                self.roster[line.uuid] = line
            case ParticipantUpdate(participant=line):
                assert line.uuid in self.roster
                self.roster[line.uuid] = line
            case ParticipantDelete(uuid=uuid):
                del self.roster[uuid]
            case PresentationStart(presenter_uuid=uuid):
                assert uuid != self.who.uuid
                self.presenter = uuid or None  # nobody: it must stop presenting
            case PresentationStop():
                self.presenter = None
            case Layout():
                self.layout = event
            case ConferenceUpdate(status=status):
                self.status = status
            case _:
                pass


def act(node: InProcess, people: list[Attendee], step: Any) -> None:
    what, how = step
    if what == "join":
        people.append(node.join(f"P{len(people)}", pin=how))
    elif what == "wait":
        node.now += how
        node.room().sweep(node.now)
    elif people and what == "speak":
        node.room().voice(people[how % len(people)].uuid, True, node.now)
    elif people:
        sender, target = (people[index % len(people)] for index in how)
        member = node.room().members.get(target.uuid)
        call = next(iter(member.calls), "none") if member and what.scope is Scope.CALL else None
        result = sender.send(what, to=target, call=call)
        if isinstance(what, requests.RefreshToken):
            sender.token = result["token"]
    node.settle()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(VMRS), st.lists(JOINS, min_size=2, max_size=4), st.lists(STEPS, min_size=5, max_size=30))
def test_what_was_told_adds_up_to_what_is_answered(vmr: Vmr, joins: list[Any], steps: list[Any]) -> None:
    node = InProcess(config=NodeConfig(conferences=(vmr,), waiting_seconds=150))
    people: list[Attendee] = []
    replicas: dict[str, Replica] = {}

    for step in joins + steps:
        try:
            act(node, people, step)
        except RequestRefused:
            node.settle()
        for who in people:
            told = who.told()
            if who.uuid not in replicas:
                replicas[who.uuid] = Replica(who)  # the stream opens after joining
            else:
                for event in told:
                    replicas[who.uuid].see(event)

        _check(node, people, replicas)


def _steady(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"last_spoken_time": 0}  # a voice is told by the stage alone


def _check(node: InProcess, people: list[Attendee], replicas: dict[str, Replica]) -> None:
    room = node.room()
    waiting = {member.uuid for member in room.members.values() if member.waiting}
    for who in [one for one in people if one.uuid in room.members]:
        known = replicas[who.uuid]
        answered = {line["uuid"]: _steady(line) for line in who.send(requests.Participants())}
        assert {uuid: _steady(encode(line)) for uuid, line in known.roster.items()} == answered
        member = room.members[who.uuid]
        assert member.waiting or known.layout == views.layout(room, member)
        assert encode(known.status) == who.send(requests.GetConferenceStatus())
        expected = None if room.floor == who.uuid or who.uuid in waiting else room.floor
        assert known.presenter == expected or room.floor == who.uuid
    plan = room.plan()
    assert {seat.participant for seat in plan.seats if not seat.admitted} <= waiting
    assert not waiting & {*plan.stage, plan.presenter}
    assert set(plan.stage) <= {seat.participant for seat in plan.seats}
