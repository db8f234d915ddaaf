from __future__ import annotations

from collections.abc import Iterator

import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol import (
    ANYONE,
    EVENTS,
    HOST,
    OPEN,
    REQUESTS,
    Address,
    ConferenceRequest,
    Event,
    Participant,
    Request,
    Scope,
    event,
    find,
    get,
    post,
    requests,
    wire,
)  # fmt: skip
from pexrtc_py.protocol.events import decode, encode
from pexrtc_py.protocol.requests import Ack, GetTheme, Lock, Mute, Participants, RequestToken, Status, TakeFloor


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    requests_before, events_before = dict(REQUESTS), dict(EVENTS)
    yield
    for request in REQUESTS.keys() - requests_before.keys():
        del REQUESTS[request]
    for name in EVENTS.keys() - events_before.keys():
        del EVENTS[name]


def test_one_declaration_is_all_a_new_endpoint_needs() -> None:
    @post("dial", by=HOST)
    class Dial(ConferenceRequest[list[str]]):
        """Call somebody into the conference."""

        destination: str
        protocol: str = "auto"

    request = Dial(destination="sip:bob@example.com")
    path = Address("meet").path(request.name)
    address, name = Address.parse(path)

    assert path == "/api/client/v2/conferences/meet/dial"
    assert find(address.scope, "POST", name) is Dial
    assert wire.decode_request(Dial, wire.encode(request)) == request
    assert wire.decode(Dial.answer, ["uuid"]) == ["uuid"]
    assert (Dial.method, Dial.by, Dial.since, Dial.scope) == ("POST", HOST, 14, Scope.CONFERENCE)


def test_one_declaration_is_all_a_new_event_needs() -> None:
    @event("raised", "raised_once", empty={})
    class Raised(Event):
        """Something was raised."""

        height: float | None = None

    assert encode(Raised()) == ("raised", {})
    assert decode("raised_once", '{"height": 2}') == Raised(height=2)


def test_the_answer_is_what_the_base_says() -> None:
    answers = {kind: kind.answer for kind in (Participants, Status, GetTheme)}

    assert answers[Participants] == list[Participant]
    assert answers[Status] is str
    assert wire.decode(GetTheme.answer, None) is None


def test_a_declaration_that_does_not_say_what_is_answered_is_refused() -> None:
    with pytest.raises(TypeError, match="Silent does not say what is answered"):

        @get("silent")
        class Silent(ConferenceRequest):  # type: ignore[type-arg]
            pass


def test_declaring_a_name_twice_is_refused_and_changes_nothing() -> None:
    with pytest.raises(UsageError, match="already declared, as Lock"):

        @post("lock")
        class Again(ConferenceRequest[bool]):
            pass

    with pytest.raises(UsageError, match="already declared"):

        @event("stage")
        class AgainStage(Event):
            pass

    assert find(Scope.CONFERENCE, "post", "lock") is Lock


def test_requests_are_values() -> None:
    heard: list[Request[object]] = [Lock(), TakeFloor(jpegs=True), RequestToken(display_name="Ann", call_tag="x")]  # type: ignore[list-item]

    assert Lock() in heard
    assert Mute() not in heard
    assert TakeFloor() not in heard
    assert len({Lock(), Lock(), Mute(), RequestToken.model_validate({"display_name": "Ann", "extra": {"a": [1, {}]}})}) == 3


def test_requests_cannot_be_changed() -> None:
    request = RequestToken(display_name="Ann")

    with pytest.raises(ValueError, match="frozen"):
        request.display_name = "Bob"  # type: ignore[misc]


def test_every_request_is_exported_documented_and_found_by_its_name() -> None:
    for (scope, method, name), kind in REQUESTS.items():
        assert getattr(requests, kind.__name__) is kind
        assert (kind.__doc__ or "").endswith((".", "\n    "))
        assert find(scope, method, name + "/") is kind
        assert kind.name.rstrip("/") == name


def test_the_same_word_is_another_request_in_another_scope() -> None:
    found = [find(scope, "POST", "disconnect") for scope in (Scope.CONFERENCE, Scope.PARTICIPANT, Scope.CALL)]

    assert found == [requests.Disconnect, requests.ParticipantDisconnect, requests.CallDisconnect]
    assert find(Scope.NODE, "POST", "disconnect") is None
    assert find(Scope.CONFERENCE, "GET", "disconnect") is None


def test_only_joining_and_the_status_need_no_token() -> None:
    assert {kind for kind in REQUESTS.values() if kind.by is OPEN} == {RequestToken, Status}
    assert requests.RefreshToken.by is ANYONE
    assert Ack.scope is Scope.CALL
