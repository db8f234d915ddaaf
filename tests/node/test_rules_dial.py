"""Calling somebody from a conference: what the roster and the events say of it, with the clock in hand."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.farend import RINGING_SECONDS
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.member import Member
from pexrtc_py.node.outbox import CloseCall
from pexrtc_py.node.plan import CallEndpoint
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Disconnect, Layout, ParticipantCreate, ParticipantDelete, ParticipantUpdate, Stage
from pexrtc_py.protocol.models import KeepAlive, MediaType, Participant, Role

BOB = "sip:bob@example.com"
CALLABLE = (
    Endpoint(BOB, answers_after=0.5, name="Bob"),
    Endpoint("sip:eve@example.com", outcome="rejects", answers_after=1),
    Endpoint("sip:max@example.com", outcome="busy", answers_after=1),
    Endpoint("sip:ivy@example.com", outcome="rings"),
    Endpoint("h323:recorder", hangs_up_after=10, recording=True),
)


def node_with(*endpoints: Endpoint, vmr: Vmr | None = None) -> InProcess:
    return InProcess(config=NodeConfig(conferences=(vmr or Vmr("meet", host_pin="1234"),), endpoints=endpoints))


def host_of(node: InProcess) -> Attendee:
    host = node.join("Host", pin="1234")
    call = host.send(requests.Calls(sdp="offer"))["call_uuid"]
    host.send(requests.Ack(), call=call)
    host.told()
    return host


def later(node: InProcess, seconds: float) -> None:
    """Let time pass, a little at a time, as the node would wake."""
    end = node.now + seconds
    while (due := min(node.room().due, end)) < end:
        node.now = max(due, node.now)
        node.room().sweep(node.now)
        node.settle()
    node.now = end
    node.room().sweep(node.now)
    node.settle()


def dial(host: Attendee, destination: str = BOB, **more: Any) -> str:
    (uuid,) = host.send(requests.Dial(destination=destination, **more))
    return str(uuid)


def called(node: InProcess, uuid: str) -> Member:
    return node.room().members[uuid]


def lines(attendee: Attendee) -> list[tuple[str, Participant]]:
    events = [event for event in attendee.told() if isinstance(event, ParticipantCreate | ParticipantUpdate)]
    return [(event.name, event.participant) for event in events]


def test_who_is_called_is_connecting_and_then_in_the_conference() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)

    uuid = dial(host)
    ((name, connecting),) = lines(host)
    later(node, 0.4)
    before = host.told()
    later(node, 0.2)

    assert (name, connecting.uuid, connecting.service_type, connecting.call_direction) == ("participant_create", uuid, "connecting", "out")
    assert (connecting.has_media, connecting.protocol, connecting.uri, connecting.display_name) == (False, "sip", BOB, "Bob")
    assert before == []
    told = host.told()
    assert [event.name for event in told] == ["participant_update", "layout", "stage"]
    update, layout, stage = told
    assert isinstance(update, ParticipantUpdate)
    assert isinstance(layout, Layout)
    assert isinstance(stage, Stage)
    answered = update.participant
    assert (answered.service_type, answered.has_media, answered.is_video_call) == ("conference", True, True)
    assert layout.participants == (uuid,)
    assert uuid in [entry.participant_uuid for entry in stage.entries]
    assert node.room().plan().seats[-1].participant == uuid


@pytest.mark.parametrize(("destination", "seconds"), [("sip:eve@example.com", 1), ("max@example.com", 1), ("ivy@example.com", 30)])
def test_who_rejects_is_busy_or_does_not_answer_is_deleted(destination: str, seconds: float) -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    uuid = dial(host, destination)
    host.told()

    later(node, seconds - 0.1)
    before = host.told()
    later(node, 0.2)

    assert before == []
    assert host.told() == [ParticipantDelete(uuid=uuid)]
    assert not any(isinstance(order, CallEndpoint) for order in node.orders)


def test_who_is_not_there_rejects_where_endpoints_are_configured() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    uuid = dial(host, "sip:nobody@example.com")
    host.told()

    later(node, 0.1)

    assert host.told() == [ParticipantDelete(uuid=uuid)]


def test_everybody_answers_where_none_are_configured() -> None:
    node = node_with()
    host = host_of(node)
    uuid = dial(host, "sip:nobody@example.com")

    later(node, 0.1)

    assert called(node, uuid).has_media


def test_who_hangs_up_is_deleted_and_its_media_ends() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    uuid = dial(host, "recorder", protocol="h323")
    later(node, 1)
    ((_, connecting), (_, answered)) = lines(host)
    (call,) = called(node, uuid).calls
    later(node, 10)

    assert (connecting.protocol, answered.is_recording) == ("h323", True)
    assert ParticipantDelete(uuid=uuid) in host.told()
    assert CloseCall(call) in node.orders


def test_a_host_disconnects_whom_it_called() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    ringing, there = dial(host, "ivy@example.com"), dial(host)
    later(node, 1)

    for uuid in (ringing, there):
        node.ask(requests.ParticipantDisconnect(), Address("meet", participant=uuid), token=host.token)

    assert set(node.room().members) == {host.uuid}
    assert node.room().due == float("inf")


def test_what_the_caller_says_of_the_call_has_its_effects() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)

    uuid = dial(
        host,
        role=Role.GUEST,
        call_type=MediaType.AUDIO,
        streaming=True,
        presentation_url="rtmp://stream.example.com/slides",
        dtmf_sequence="12,34#",
        source="meet.alice",
        source_display_name="Alice's room",
        remote_display_name="The board",
        text="Board",
    )
    later(node, 1)

    line = lines(host)[-1][1]
    assert (line.role, line.display_name, line.overlay_text) == (Role.GUEST, "The board", "Board")
    assert (line.is_audio_only_call, line.is_video_call, line.is_streaming_conference) == (True, False, True)
    far_end = called(node, uuid).far_end
    assert far_end is not None
    assert (far_end.caller, far_end.caller_name, far_end.keeps_alive) == ("meet.alice", "Alice's room", KeepAlive.NEVER)
    assert far_end.presentation_url == "rtmp://stream.example.com/slides"
    assert called(node, uuid).log.digits == "12,34#"


def test_a_guest_may_not_call_and_sees_no_address() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    guest = node.join("Guest", pin="none")

    with pytest.raises(NotAllowed):
        guest.send(requests.Dial(destination=BOB))
    dial(host)

    ((_, seen),) = lines(guest)
    assert (seen.uri, seen.protocol, seen.service_type) == ("", "", "connecting")


@pytest.mark.parametrize(
    "wrong",
    [
        {"destination": " "},
        {"destination": "a\nb"},
        {"destination": "x" * 2000},
        {"protocol": "carrier pigeon"},
        {"protocol": "rtmp"},
        {"role": "king"},
        {"call_type": "smell"},
        {"dtmf_sequence": "12x"},
        {"keep_conference_alive": "maybe"},
        {"presentation_url": "http://example.com"},
    ],
)
def test_what_cannot_be_called_is_an_illegal_value_and_nobody_appears(wrong: dict[str, Any]) -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)

    with pytest.raises(RequestRefused, match="Illegal value") as refused:
        host.send(requests.Dial(**({"destination": BOB} | wrong)))

    assert refused.value.status == 400
    assert set(node.room().members) == {host.uuid}
    assert host.told() == []


def test_a_full_conference_calls_nobody() -> None:
    node = node_with(*CALLABLE, vmr=Vmr("meet", participant_limit=1))
    host = node.join("Host")

    with pytest.raises(RequestRefused, match="Participant limit reached"):
        dial(host)


def test_a_host_who_was_called_starts_the_conference_and_a_guest_waits_for_it() -> None:
    node = node_with(*CALLABLE)
    host = node.join("Host", pin="1234")
    assert not node.room().started

    guest = dial(host, role=Role.GUEST)
    later(node, 1)
    waiting = called(node, guest).waiting
    chair = dial(host)
    later(node, 1)

    assert waiting
    assert node.room().started
    assert not called(node, guest).waiting
    assert not called(node, chair).waiting


def test_who_is_called_comes_into_a_locked_conference() -> None:
    node = node_with(*CALLABLE, vmr=Vmr("meet"))
    host = node.join("Host")
    host.send(requests.Lock())

    uuid = dial(host)
    later(node, 1)

    assert not called(node, uuid).waiting


@pytest.mark.parametrize(
    ("wishes", "goes_on"),
    [
        ([KeepAlive.ALWAYS], True),
        ([KeepAlive.IF_MULTIPLE], False),
        ([KeepAlive.IF_MULTIPLE, KeepAlive.IF_MULTIPLE], True),
        ([KeepAlive.NEVER, KeepAlive.NEVER], False),
        ([None], True),
    ],
)
def test_a_conference_goes_on_only_for_those_who_keep_it_alive(wishes: list[KeepAlive | None], *, goes_on: bool) -> None:
    node = node_with(*CALLABLE, vmr=Vmr("meet"))
    host = node.join("Host")
    uuids = [dial(host, keep_conference_alive=wish) for wish in wishes]
    later(node, 1)
    for uuid in uuids:
        node.told(uuid)

    host.send(requests.ReleaseToken())

    assert bool(node.room().members) is goes_on
    if not goes_on:
        assert node.told(uuids[0])[-1] == Disconnect(reason="No participants can keep conference alive")


def test_a_stream_is_connected_once_the_media_part_has_reached_it() -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    uuid = dial(host, "rtmp://127.0.0.1/live/key", streaming=True)
    (order,) = [order for order in node.orders if isinstance(order, CallEndpoint)]
    later(node, 2)
    waits = called(node, uuid).connecting

    node.room().connected(order.call, node.now)
    node.settle()

    assert order.streams_to == "rtmp://127.0.0.1/live/key"
    assert waits
    line = lines(host)[-1][1]
    assert line.display_name == "rtmp://127.0.0.1"  # the key is for Hosts alone
    assert (line.protocol, line.service_type, line.is_streaming_conference, line.has_media) == ("rtmp", "conference", True, True)
    assert uuid not in [member.uuid for member in node.room().stage]  # it sends nothing


@pytest.mark.parametrize("lost", [True, False])
def test_a_stream_that_is_not_reached_or_breaks_off_is_deleted(*, lost: bool) -> None:
    node = node_with(*CALLABLE)
    host = host_of(node)
    uuid = dial(host, "rtmp://127.0.0.1/live/key")
    (order,) = [order for order in node.orders if isinstance(order, CallEndpoint)]

    if lost:
        node.room().lost(order.call, "The server refused the stream.", node.now)
        node.settle()
    else:
        later(node, RINGING_SECONDS)

    assert host.told()[-1] == ParticipantDelete(uuid=uuid)
    assert "key" not in repr(order)
