"""Calls by RTMP: what is answered and refused, without any media."""

from __future__ import annotations

import pytest

from pexrtc_py.errors import CallError, RequestRefused
from pexrtc_py.node.asked import Answered, Need, OpenStream
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.inprocess import EVERYTHING, Attendee, InProcess
from pexrtc_py.node.outbox import CloseCall
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import CallDisconnected
from pexrtc_py.protocol.models import CallType

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
