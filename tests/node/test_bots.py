"""Scripted participants: how they take part by the rules, and in `test_bots_in_calls` what is seen and heard of them."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.node import watching
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.bots import Bot, Step
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.room import Room
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import MessageReceived, ParticipantCreate, ParticipantDelete, ParticipantUpdate, PresentationStart
from pexrtc_py.protocol.models import Role, Transforms


def pass_time(node: InProcess, seconds: float) -> None:
    node.now += seconds
    for room in node.desk.rooms:
        room.sweep(node.now)
    node.settle()


@pytest.fixture
def node() -> InProcess:
    node = InProcess(Vmr("meet"))
    node.desk.house.clock = lambda: node.now
    return node


def test_a_bot_is_in_the_roster_and_in_the_stage_like_others(node: InProcess) -> None:
    ann = node.join("Ann")

    bot = node.room().add(Bot("Ada", role=Role.HOST))
    node.settle()

    (created,) = [event.participant for event in ann.told() if isinstance(event, ParticipantCreate)]
    assert (created.uuid, created.display_name, created.role, created.call_direction) == (bot.uuid, "Ada", Role.HOST, "in")
    assert (created.has_media, created.is_video_call) == (True, True)
    assert [member.uuid for member in node.room().stage] == [bot.uuid]


def test_a_script_is_carried_out_in_time(node: InProcess) -> None:
    ann = node.join("Ann")
    script = (Step(4, requests.TakeFloor()), Step(2, requests.Buzz()), Step(3, requests.Message(payload="hello")))
    bot = node.room().add(Bot("Ada", slides=True, script=script, leaves_after=5))
    node.settle()
    ann.told()

    seen: list[list[str]] = []
    for _ in range(5):
        pass_time(node, 1)
        seen.append([type(event).__name__ for event in ann.told()])

    assert "ParticipantUpdate" not in seen[0]
    assert "ParticipantUpdate" in seen[1]
    assert "MessageReceived" in seen[2]
    assert "PresentationStart" in seen[3]
    assert "ParticipantDelete" in seen[4]
    assert not bot.present
    assert bot.failed == []


def test_the_room_says_when_the_next_step_is_due(node: InProcess) -> None:
    begun = node.now
    node.room().add(Bot("Ada", script=(Step(7.5, requests.Buzz()),), leaves_after=9))

    due = [node.room().due - begun]
    pass_time(node, 8)

    assert [*due, node.room().due - begun] == [7.5, 9]


def test_a_bot_does_what_it_is_told_by_hand(node: InProcess) -> None:
    ann = node.join("Ann")
    bot = node.room().add(Bot("Ada"))

    bot.send(requests.VideoMuted())
    bot.send(requests.Message(payload="now"))
    node.settle()
    told = ann.told()
    bot.leave()
    bot.leave()
    node.settle()

    assert any(isinstance(event, ParticipantUpdate) and event.participant.is_video_muted for event in told)
    assert [event.payload for event in told if isinstance(event, MessageReceived)] == ["now"]
    assert [event.uuid for event in ann.told() if isinstance(event, ParticipantDelete)] == [bot.uuid]


def test_a_bot_may_not_more_than_others(node: InProcess) -> None:
    guests = InProcess(Vmr("meet", host_pin="1", guests_can_present=False))
    guests.join("Host", pin="1").send(requests.StartConference())
    bot = guests.room().add(Bot("Ada", slides=True, script=(Step(0, requests.TakeFloor()),)))

    with pytest.raises(Refused, match="Guests cannot present"):
        bot.send(requests.TakeFloor())
    guests.desk.house.clock = lambda: guests.now
    guests.room().sweep(bot._begun + 1)

    assert [why.result for _, why in bot.failed if isinstance(why, Refused)] == ["Guests cannot present in this conference"]


def test_a_guest_bot_may_not_do_what_is_for_hosts() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    node.join("Host", pin="1").send(requests.StartConference())
    guest, host = node.room().add(Bot("Ada")), node.room().add(Bot("Alan", role=Role.HOST))

    with pytest.raises(Refused) as refused:
        guest.send(requests.Lock())
    locked = node.room().locked
    host.send(requests.Lock())

    assert (refused.value.status, locked, node.room().locked) == (403, False, True)


def test_a_bot_waits_for_the_host_as_guests_do() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    bot = node.room().add(Bot("Ada"))
    waiting = node.room().members[bot.uuid].waiting

    node.join("Host", pin="1").send(requests.StartConference())

    assert waiting
    assert not node.room().members[bot.uuid].waiting


def test_a_host_can_disconnect_a_bot(node: InProcess) -> None:
    ann = node.join("Ann")
    bot = node.room().add(Bot("Ada", script=(Step(5, requests.Buzz()),)))

    ann.send(requests.ParticipantDisconnect(), to=Attendee(node, "meet", bot.uuid, ""))
    pass_time(node, 10)

    assert not bot.present
    assert node.room().performers == []


def test_what_a_bot_shows_never_rests(node: InProcess) -> None:
    """Its pictures begin anew with each key frame, so that looks at these saw the same again and again and took it out of `ac`."""
    node.join("Ann")
    room = node.room()
    room.add(Bot("Ada"))
    room.settings.transforms = Transforms(host_layout="ac")

    assert watching.watched(room)
    assert "Ada" not in [member.display_name for member in watching.due(room, node.now + 1000)]


def test_presenting_begins_for_everybody(node: InProcess) -> None:
    ann = node.join("Ann")
    bot = node.room().add(Bot("Ada", slides=True))

    bot.send(requests.TakeFloor())
    node.settle()

    (start,) = [event for event in ann.told() if isinstance(event, PresentationStart)]
    assert (start.presenter_name, start.presenter_uuid) == ("Ada", bot.uuid)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 300},
        {"picture": "film"},
        {"stamp": 16},
        {"sound": "song"},
        {"sound": 5},
        {"leaves_after": -1},
    ],
)
def test_what_cannot_be_a_bot_is_refused_with_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"\w+ .*\."):
        Bot(**{"name": "Ada", **wrong})


def test_a_step_before_the_beginning_is_refused() -> None:
    with pytest.raises(UsageError, match="from 0 on"):
        Step(-1, requests.Buzz())


def test_a_room_of_no_node_has_no_bots() -> None:
    with pytest.raises(UsageError, match="belongs to no node"):
        Room(Vmr("meet"), NodeConfig()).add(Bot("Ada"))
