from __future__ import annotations

import pytest

from pexrtc_py.errors import RequestRefused
from pexrtc_py.node.asked import RULES, Asked, answers
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Desk, Incoming
from pexrtc_py.node.house import OPEN_ROOMS
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import REQUESTS

STREAMS = {requests.Events, requests.RegistrationEvents}
"""What is answered by an event stream instead of a rule."""


def test_every_declared_request_has_a_rule() -> None:
    assert set(RULES) | STREAMS == set(REQUESTS.values())


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
