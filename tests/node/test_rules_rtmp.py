"""Calls by RTMP: what is answered and refused, without any media."""

from __future__ import annotations

import pytest

from pexrtc_py.errors import CallError, RequestRefused
from pexrtc_py.node.asked import Answered, Need, OpenStream
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.inprocess import EVERYTHING, Attendee, InProcess
from pexrtc_py.node.outbox import CloseCall
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import CallDisconnected, Disconnect
from pexrtc_py.protocol.models import CallType
from pexrtc_py.protocol.wire import encode

RTMP = requests.Calls(call_type=CallType.RTMP)


def joined(rtmp: str | None = "127.0.0.1:0") -> tuple[InProcess, Attendee]:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet"),), rtmp=rtmp))
    return node, node.join("Ann")


def test_the_answer_is_a_url_that_ends_with_the_call_and_the_call_is_up_without_an_ack() -> None:
    node, ann = joined()

    answer = ann.send(RTMP)

    assert answer["url"][-36:] == answer["call_uuid"]
    assert answer["secure_url"] == ""
    (line,) = ann.send(requests.Participants())
    assert (line["has_media"], line["is_video_call"]) == (True, "YES")
    assert [event.name for event in ann.told()] == ["participant_update", "layout", "stage"]
    assert [seat.call for seat in node.room().plan().seats] == [answer["call_uuid"]]


def test_without_an_address_to_listen_on_it_is_refused_with_what_is_missing() -> None:
    node, ann = joined(rtmp=None)

    with pytest.raises(RequestRefused, match="pexrtc node --rtmp HOST:PORT") as refused:
        ann.send(RTMP)

    assert refused.value.status == 400
    assert not node.room().members[ann.uuid].calls
    assert ann.told() == []


def test_a_port_that_cannot_be_listened_on_refuses_the_call() -> None:
    node, ann = joined()
    node.media = lambda need: CallError("The node cannot listen for RTMP")

    with pytest.raises(RequestRefused, match="cannot listen for RTMP") as refused:
        ann.send(RTMP)

    assert refused.value.status == 503
    assert not node.room().members[ann.uuid].calls
    assert any(isinstance(order, CloseCall) for order in node.orders)


def test_the_smaller_bandwidth_is_passed_on() -> None:
    node, ann = joined()
    needs: list[Need] = []

    def listen(need: Need) -> Answered:
        needs.append(need)
        return Answered("rtmp://node/pexip/call", EVERYTHING)

    node.media = listen

    ann.send(requests.Calls(call_type=CallType.RTMP, bandwidth=512, audioonly=True))

    (need,) = needs
    assert isinstance(need, OpenStream)
    assert need.bandwidth == 512
    assert ann.send(requests.Participants())[0]["is_audio_only_call"] == "YES"


def test_a_client_that_goes_is_told_that_its_call_is_over() -> None:
    node, ann = joined()
    call = ann.send(RTMP)["call_uuid"]
    ann.told()

    node.room().lost(call, "The RTMP client closed the connection.", node.now)
    node.settle()

    assert CallDisconnected(call_uuid=call, reason="The RTMP client closed the connection.") in ann.told()
    assert not node.room().members[ann.uuid].calls


def test_a_call_is_hung_up_as_others_are() -> None:
    node, ann = joined()
    call = ann.send(RTMP)["call_uuid"]

    assert ann.send(requests.CallDisconnect(), call=call) is None

    assert CloseCall(call) in node.orders


@pytest.mark.parametrize(
    ("rtmp", "base", "place"),
    [
        ("0.0.0.0:1935", "https://node.example:8443", "node.example:1935"),
        ("[::]:1935", "https://[2001:db8::1]:8443", "[2001:db8::1]:1935"),
        ("127.0.0.1:1935", "https://node.example:8443", "127.0.0.1:1935"),
    ],
)
def test_where_the_node_listens_everywhere_the_url_has_the_host_that_the_client_dialled(rtmp: str, base: str, place: str) -> None:
    node, ann = joined(rtmp)
    node.media = lambda need: Answered("rtmp://127.0.0.1:1935/pexip/call", EVERYTHING)
    path = Address("meet", participant=ann.uuid).path(requests.Calls.name)

    reply = node.carry(Incoming(method="POST", path=path, body=encode(RTMP), token=ann.token, base=base))

    assert reply.json["result"]["url"] == f"rtmp://{place}/pexip/call"


def test_a_call_by_rtmp_to_a_gateway_calls_the_far_end() -> None:
    gateway = Vmr("to-*", service_type="gateway", far_end="sip:*@example.com")
    node = InProcess(config=NodeConfig(conferences=(gateway,), rtmp="127.0.0.1:0"))
    ann = node.join("Ann", "to-bob")

    ann.send(RTMP)

    assert [line["display_name"] for line in ann.send(requests.Participants())] == ["Ann", "sip:bob@example.com"]


def test_a_test_call_by_rtmp_ends_by_itself() -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("test", service_type="test_call", test_seconds=10),), rtmp="127.0.0.1:0"))
    ann = node.join("Ann", "test")
    ann.send(RTMP)
    room = node.room("test")
    ann.told()

    node.now += 10
    room.sweep(node.now)
    node.settle()

    assert ann.told() == [Disconnect(reason="Test call finished")]
