from __future__ import annotations

import inspect
from typing import Any, TypeVar, assert_type, cast

import pytest
from pydantic import ValidationError

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import REQUESTS, Request, Scope
from pexrtc_py.protocol.models import Participant
from pexrtc_py.protocol.requests import (
    Ack,
    Events,
    Lock,
    Message,
    Mute,
    Participants,
    RefreshToken,
    RegistrationEvents,
    RegistrationReleaseToken,
    Registrations,
    ReleaseToken,
    RequestToken,
)
from pexrtc_py.signaling.scopes import CallScope, ConferenceScope, NodeScope, ParticipantScope, RegistrationScope, verb

SCOPES = {
    Scope.NODE: NodeScope,
    Scope.REGISTRATION: RegistrationScope,
    Scope.CONFERENCE: ConferenceScope,
    Scope.PARTICIPANT: ParticipantScope,
    Scope.CALL: CallScope,
}
ELSEWHERE = {RequestToken, RefreshToken, ReleaseToken, Events, RegistrationEvents}
"""What session and stream send."""


T = TypeVar("T")


class Wire:
    """Keeps what it is given to carry, and answers with one and the same."""

    def __init__(self, answer: object = True) -> None:
        self.carried: list[tuple[Address, Request[Any]]] = []
        self.answer = answer

    async def carry(self, address: Address, request: Request[T]) -> T:
        self.carried.append((address, request))
        return cast(T, self.answer)


def _verbs(scope: type) -> dict[Any, str]:
    return {each.kind: name for name, each in vars(scope).items() if isinstance(each, verb)}


@pytest.mark.parametrize("kind", [kind for kind in REQUESTS.values() if kind not in ELSEWHERE])
def test_every_request_has_its_line(kind: type[Request[Any]]) -> None:
    assert kind in _verbs(SCOPES[kind.scope]), f"{kind.__name__} needs a line in {SCOPES[kind.scope].__name__}"


def test_every_line_stands_in_the_scope_of_its_request() -> None:
    for scope, handle in SCOPES.items():
        assert {kind.scope for kind in _verbs(handle)} == {scope}


async def test_a_verb_sends_its_request_to_the_handle_s_address() -> None:
    wire = Wire()
    conference = ConferenceScope(wire, Address("meet"))

    await conference.lock()
    await conference.message(payload="hi")
    await conference.participant("p").mute()
    await conference.participant("p").call("c").ack()

    assert wire.carried == [
        (Address("meet"), Lock()),
        (Address("meet"), Message(payload="hi")),
        (Address("meet", participant="p"), Mute()),
        (Address("meet", participant="p", call="c"), Ack()),
    ]


async def test_a_breakout_room_is_the_same_handle_at_a_longer_address() -> None:
    wire = Wire()

    await ConferenceScope(wire, Address("meet", breakout="b")).participant("p").mute()
    await ConferenceScope(wire, Address("meet")).breakout("b").lock()

    assert wire.carried == [(Address("meet", breakout="b", participant="p"), Mute()), (Address("meet", breakout="b"), Lock())]


async def test_the_node_leads_to_its_conferences_and_registrations() -> None:
    wire = Wire()
    node = NodeScope(wire, Address())

    await node.get_registrations(q="bob")
    await node.conference("meet").lock()
    await node.registration("bob").release_token()

    assert wire.carried == [
        (Address(), Registrations(q="bob")),
        (Address("meet"), Lock()),
        (Address(registration="bob"), RegistrationReleaseToken()),
    ]


async def test_verbs_and_send_are_typed_by_the_request() -> None:
    conference = ConferenceScope(Wire(), Address("meet"))

    assert_type(await conference.lock(), bool)
    assert_type(await conference.get_participants(), list[Participant])
    assert_type(await conference.send(Participants()), list[Participant])
    assert_type(await conference.participant("p").send(Mute()), bool)
    assert_type(await conference.dial(destination="bob"), list[str])
    assert_type(await conference.breakout("b").request_guest_token(), str)
    assert_type(await conference.get_theme_resource(resource="a.jpg"), bytes)
    assert_type(await conference.participant("p").take_floor(), None)


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    wire = Wire()
    conference = ConferenceScope(wire, Address("meet"))

    with pytest.raises(UsageError, match="bogus"):
        conference.lock(bogus=1)  # type: ignore[call-arg, unused-coroutine]
    with pytest.raises(ValidationError):
        conference.message()  # type: ignore[call-arg, unused-coroutine]
    with pytest.raises(TypeError):
        conference.message("hi")  # type: ignore[call-arg, unused-coroutine]
    assert not wire.carried


def test_help_shows_the_request_s_sentence_and_signature() -> None:
    conference = ConferenceScope(Wire(), Address("meet"))

    assert ConferenceScope.lock.__doc__ == Lock.__doc__ == conference.lock.__doc__
    assert "payload" in inspect.signature(conference.message).parameters
