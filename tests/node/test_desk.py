from __future__ import annotations

from typing import Any

import pytest
from hypothesis import find, settings

from pexrtc_py.errors import RequestRefused
from pexrtc_py.node.asked import RULES, Asked, answers
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Desk, Incoming
from pexrtc_py.node.house import OPEN_ROOMS
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import REQUESTS, Scope
from pexrtc_py.protocol.wire import failed
from tests.protocol.strategies import values

STREAMS = {requests.Events, requests.RegistrationEvents}
"""What is answered by an event stream instead of a rule."""
PENDING: dict[str, set[type[Any]]] = {
    "dialling": {
        requests.Dial,
    },
    "camera and tones": {
        requests.Dtmf,
        requests.Fecc,
        requests.CallDtmf,
        requests.CallFecc,
    },
}
"""Declared, but not answered yet (501): whoever writes a rule takes its request from here."""


def test_every_declared_request_has_a_rule_or_is_known_to_lack_one() -> None:
    pending = {kind for kinds in PENDING.values() for kind in kinds}

    assert set(RULES) | pending | STREAMS == set(REQUESTS.values())
    assert not set(RULES) & pending, "these have a rule now; take them from PENDING"


@pytest.mark.parametrize("kind", sorted({kind for kinds in PENDING.values() for kind in kinds}, key=str))
def test_a_pending_request_is_refused_with_a_sentence(kind: Any) -> None:
    node = InProcess(Vmr("meet"))
    host = node.join("Host")
    call = host.send(requests.Calls(sdp="offer"))["call_uuid"]
    parts = {
        Scope.NODE: Address(),
        Scope.CONFERENCE: Address("meet"),
        Scope.PARTICIPANT: Address("meet", participant=host.uuid),
        Scope.CALL: Address("meet", participant=host.uuid, call=call),
        Scope.REGISTRATION: Address(registration="bob"),
    }

    reply = node.ask(find(values(kind), lambda _: True, settings=settings(database=None)), parts[kind.scope], token=host.token)

    assert (reply.status, reply.json) == (501, failed(f"This node does not do {kind.name}"))


def test_a_request_has_one_rule() -> None:
    with pytest.raises(ValueError, match="two rules"):

        @answers(requests.Lock)
        def again(asked: Asked, request: requests.Lock) -> bool:
            return True


def test_a_request_without_a_rule_is_refused_and_not_passed_over() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    del node.desk.rules[requests.Lock]

    with pytest.raises(RequestRefused, match="does not do lock") as refused:
        alice.send(requests.Lock())

    assert refused.value.status == 501


def test_what_makes_no_sense_for_a_call_is_refused_by_its_table() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]
    first = node.desk.answer(_update(alice.token, alice.uuid, call), node.now)
    next(first)

    second = node.desk.answer(_update(alice.token, alice.uuid, call), node.now)

    with pytest.raises(StopIteration) as done:
        next(second)
    assert (done.value.value.status, done.value.value.json) == (503, None)
    first.close()


def _update(token: str, participant: str, call: str) -> Incoming:
    path = f"/api/client/v2/conferences/meet/participants/{participant}/calls/{call}/update"
    return Incoming(method="POST", path=path, body={"sdp": "again"}, token=token)


def test_empty_rooms_made_up_on_demand_are_forgotten_in_the_end() -> None:
    node = InProcess()
    alice = node.join("Alice", "kept")

    for number in range(OPEN_ROOMS + 10):
        node.desk.room(f"alias {number}")

    assert len(node.desk.rooms) <= OPEN_ROOMS
    assert alice.send(requests.Participants())


def test_what_cannot_be_an_alias_opens_no_room() -> None:
    assert Desk(NodeConfig()).room("\n") is None


def test_a_secret_does_not_show_in_what_was_heard() -> None:
    node = InProcess(Vmr("meet", host_pin="987654"))
    alice = node.join("Alice", pin="987654")

    shown = repr(list(node.desk.heard)) + repr(Incoming(method="GET", path="/", token=alice.token))

    assert "987654" not in shown
    assert alice.token not in shown
