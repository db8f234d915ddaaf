"""Calls for one caller alone: through a gateway to somebody else, and test calls; with the clock in hand."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import ConferenceNotFound, RequestRefused, TokenExpired, UsageError
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.lines import LACKS
from pexrtc_py.node.plan import CallEndpoint
from pexrtc_py.node.planning import ECHO
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Disconnect, ParticipantCreate, ParticipantUpdate
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement
from tests.node.test_rules_dial import CALLABLE

GATEWAY = Vmr("to-*", service_type="gateway", far_end="sip:*@example.com")
TEST_CALL = Vmr("test.call", service_type="test_call", test_seconds=10)


@pytest.fixture
def node() -> InProcess:
    return InProcess(config=NodeConfig(conferences=(Vmr("meet"), GATEWAY, TEST_CALL), endpoints=CALLABLE))


def later(node: InProcess, alias: str, seconds: float) -> None:
    room, end = node.room(alias), node.now + seconds
    while (due := min(room.due, end)) < end:
        node.now = max(due, node.now)
        room.sweep(node.now)
        node.settle()
    node.now = end
    room.sweep(node.now)
    node.settle()


def placed(caller: Attendee) -> str:
    call = str(caller.send(requests.Calls(sdp="offer"))["call_uuid"])
    caller.send(requests.Ack(), call=call)
    return call


def test_a_gateway_calls_the_far_end_when_the_call_is_placed(node: InProcess) -> None:
    ann = node.join("Ann", "to-bob")
    alone = ann.send(requests.Participants())

    placed(ann)
    told = ann.told()
    later(node, "to-bob", 0.4)
    before = ann.told()
    later(node, "to-bob", 0.2)

    assert [(line["service_type"], line["protocol"], line["call_direction"]) for line in alone] == [("gateway", "webrtc", "in")]
    (created,) = [event.participant for event in told if isinstance(event, ParticipantCreate)]
    assert (created.service_type, created.protocol, created.uri) == ("connecting", "sip", "sip:bob@example.com")
    assert before == []
    (answered,) = [event.participant for event in ann.told() if isinstance(event, ParticipantUpdate)]
    assert (answered.uuid, answered.service_type, answered.has_media) == (created.uuid, "gateway", True)
    assert len(ann.send(requests.Participants())) == 2
    assert sum(isinstance(order, CallEndpoint) for order in node.orders) == 1


@pytest.mark.parametrize(
    ("alias", "seconds", "reason"),
    [
        ("to-eve", 1, "Call rejected"),
        ("to-max", 1, "Call rejected"),
        ("to-ivy", 30, "Gateway dial out failed"),
        ("to-zoe", 0, "Call rejected"),
    ],
)
def test_a_gateway_call_that_is_not_taken_ends_with_the_reason(node: InProcess, alias: str, seconds: float, reason: str) -> None:
    ann = node.join("Ann", alias)
    placed(ann)

    later(node, alias, seconds + 0.1)

    assert ann.told()[-1] == Disconnect(reason=reason)
    with pytest.raises(TokenExpired):
        ann.send(requests.Participants())


def test_a_gateway_call_is_over_when_either_side_hangs_up() -> None:
    short = Endpoint("sip:bob@example.com", hangs_up_after=5)
    node = InProcess(config=NodeConfig(conferences=(GATEWAY,), endpoints=(short,)))
    ann, bea = node.join("Ann", "to-bob"), node.join("Bea", "to-bob")
    placed(ann)
    placed(bea)
    later(node, "to-bob", 0.1)
    rooms = node.desk.house.lines.rooms

    bea.send(requests.ReleaseToken())
    later(node, "to-bob", 5)

    assert ann.told()[-1] == Disconnect(reason="Call disconnected")
    assert all(not room.members for room in rooms)


def test_each_caller_of_a_gateway_has_a_call_of_its_own(node: InProcess) -> None:
    ann, bea = node.join("Ann", "to-bob"), node.join("Bea", "to-bob")
    placed(ann)
    placed(bea)
    ann.told()

    bea.send(requests.Message(payload="hello"))

    assert [line["display_name"] for line in ann.send(requests.Participants())] == ["Ann", "Bob"]
    assert [line["display_name"] for line in bea.send(requests.Participants())] == ["Bea", "Bob"]
    assert ann.told() == []


def test_tones_and_cameras_reach_the_far_end_of_a_gateway_call(node: InProcess) -> None:
    ann = node.join("Ann", "to-bob")
    call = placed(ann)
    connecting = ann.send(requests.CallDtmf(digits="1"), call=call)
    later(node, "to-bob", 1)
    (bob,) = node.room("to-bob").called.values()
    left = FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT)

    assert connecting is False
    assert ann.send(requests.CallDtmf(digits="12#"), call=call) is True
    assert ann.send(requests.CallFecc(action=FeccAction.START, movement=(left,), timeout=1000), call=call) is True

    assert bob.log.digits == "12#"
    assert len(bob.log.camera) == 1


@pytest.mark.parametrize("alias", ["to-bob", "test.call"])
@pytest.mark.parametrize("request_", [requests.Lock(), requests.SpotlightOn(), requests.Buzz(), requests.Dial(destination="bob")])
def test_what_only_conferences_have_is_refused(node: InProcess, alias: str, request_: Any) -> None:
    ann = node.join("Ann", alias)
    ann.told()

    with pytest.raises(RequestRefused, match=f"has no {request_.name}") as refused:
        ann.send(request_)

    assert type(request_) in LACKS
    assert refused.value.status == 403
    assert ann.told() == []


def test_a_foreign_token_is_nothing_to_a_gateway(node: InProcess) -> None:
    ann, bea = node.join("Ann", "to-bob"), node.join("Bea", "meet")
    bea.alias = "to-bob"

    with pytest.raises(TokenExpired):
        bea.send(requests.Participants())

    assert len(ann.send(requests.Participants())) == 1


def test_an_alias_that_fits_no_gateway_is_not_found(node: InProcess) -> None:
    for alias in ("to-", "bob", "xto-bob"):
        with pytest.raises(ConferenceNotFound):
            node.join("Ann", alias)


def test_a_test_call_ends_by_itself_once_it_had_media(node: InProcess) -> None:
    ann = node.join("Ann", "test.call")
    later(node, "test.call", 20)
    placed(ann)
    (line,) = ann.send(requests.Participants())
    later(node, "test.call", 9.9)
    before = list(ann.told())
    later(node, "test.call", 0.2)

    assert line["service_type"] == "test_call"
    assert not any(isinstance(event, Disconnect) for event in before)
    assert ann.told() == [Disconnect(reason="Test call finished")]


def test_in_a_test_call_somebody_sits_who_echoes_and_is_in_no_roster(node: InProcess) -> None:
    ann = node.join("Ann", "test.call")
    call = placed(ann)

    mine, echo = node.room("test.call").plan().seats

    assert (mine.participant, mine.call, mine.echoes) == (ann.uuid, call, False)
    assert (echo.participant, echo.call, echo.echoes, echo.audible, echo.visible) == (ECHO, f"{ECHO} of {call}", True, True, True)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"service_type": "gateway"}, "needs a far_end"),
        ({"far_end": "sip:bob@example.com"}, "nothing else has one"),
        ({"service_type": "test_call", "host_pin": "1"}, "has no PIN"),
        ({"service_type": "test_call", "test_seconds": 0}, "above 0"),
    ],
)
def test_what_makes_no_sense_for_such_calls_is_refused_with_a_sentence(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Vmr("a", **keys)


RECEPTION = Vmr("desk", reception="standard")


def by_the_desk(node: InProcess, name: str, extension: str) -> Attendee:
    asked = requests.RequestToken(display_name=name, conference_extension=extension)
    granted = node.ask(asked, Address("desk")).json["result"]
    return Attendee(node, "desk", granted["participant_uuid"], granted["token"])


def test_the_extension_of_a_gateway_leads_to_a_call_of_ones_own_and_not_to_a_strangers() -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet"), RECEPTION, GATEWAY), endpoints=CALLABLE))
    ann = node.join("Ann", "to-bob")
    placed(ann)

    bea, cleo = by_the_desk(node, "Bea", "to-bob"), by_the_desk(node, "Cleo", "to-bob")
    placed(bea)

    assert [line["display_name"] for line in ann.send(requests.Participants())] == ["Ann", "Bob"]
    assert [line["display_name"] for line in bea.send(requests.Participants())] == ["Bea", "Bob"]
    assert [line["display_name"] for line in cleo.send(requests.Participants())] == ["Cleo"]


def test_nobody_is_transferred_into_the_call_of_a_stranger(node: InProcess) -> None:
    ann, bea = node.join("Ann", "to-bob"), node.join("Bea", "meet")
    placed(ann)
    ann.told(), bea.told()

    with pytest.raises(ConferenceNotFound):
        bea.send(requests.Transfer(conference_alias="to-bob"), to=bea)

    assert ann.told() == bea.told() == []


@pytest.mark.parametrize("alias", ["to-x%20", "to-x%0A", "to-%00"])
def test_an_alias_that_can_be_none_is_found_by_no_gateway(node: InProcess, alias: str) -> None:
    path = f"/api/client/v2/conferences/{alias}/request_token"

    reply = node.carry(Incoming(method="POST", path=path, body={"display_name": "Ann"}))

    assert reply.status == 404
    assert not node.desk.house.lines.rooms


def test_what_makes_no_address_to_call_is_rejected() -> None:
    node = InProcess(Vmr("call-*", service_type="gateway", far_end="*"))
    ann = node.join("Ann", "call- x")

    ann.send(requests.Calls(sdp="offer"))

    assert ann.told()[-1] == Disconnect(reason="Call rejected")
