from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pexrtc_py.errors import ProtocolError, UsageError
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
    fields_in,
    find,
    get,
    name_of,
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
    @post("summon", by=HOST)
    class Summon(ConferenceRequest[list[str]]):
        """Call somebody into the conference."""

        destination: str
        protocol: str = "auto"

    request = Summon(destination="sip:bob@example.com")
    path = Address("meet").path(request.name)
    address, name = Address.parse(path)

    assert path == "/api/client/v2/conferences/meet/summon"
    assert find(address.scope, "POST", name) is Summon
    assert wire.decode_request(Summon, wire.encode(request)) == request
    assert wire.decode(Summon.answer, ["uuid"]) == ["uuid"]
    assert (Summon.method, Summon.by, Summon.since, Summon.scope) == ("POST", HOST, 14, Scope.CONFERENCE)


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


def test_only_joining_registering_and_the_status_need_no_token() -> None:
    assert {kind for kind in REQUESTS.values() if kind.by is OPEN} == {RequestToken, requests.RegistrationRequestToken, Status}
    assert requests.RefreshToken.by is ANYONE
    assert Ack.scope is Scope.CALL


@pytest.mark.parametrize(
    ("name", "kind", "fields"),
    [
        ("theme", GetTheme, {}),
        ("theme/", GetTheme, {}),
        ("theme/background.jpg", requests.ThemeResource, {"resource": "background.jpg"}),
        ("theme/a%20b/c%3F.png", requests.ThemeResource, {"resource": "a b/c?.png"}),
        ("video_mixes/main.!personal/configure", requests.ConfigureVideoMix, {"mix_name": "main.!personal"}),
        ("video_mixes/main.%21personal/delete/", requests.DeleteVideoMix, {"mix_name": "main.!personal"}),
        ("video_mixes/a%2Fb/delete", requests.DeleteVideoMix, {"mix_name": "a/b"}),
        ("participants/breakout", requests.MoveParticipants, {}),
        ("breakouts", requests.CreateBreakout, {}),
        ("breakouts/empty", requests.EmptyBreakouts, {}),
    ],
)
def test_a_field_may_stand_in_the_name(name: str, kind: type[Request[Any]], fields: dict[str, str]) -> None:
    found = find(Scope.CONFERENCE, kind.method, name)

    assert found is kind
    assert fields_in(kind, name) == fields


@pytest.mark.parametrize("name", ["video_mixes", "video_mixes/a/b/delete", "video_mixes//delete", "theme//a", "video_mixes/a/delete/b"])
def test_a_name_with_too_much_in_it_is_none(name: str) -> None:
    for method in ("GET", "POST"):
        kind = find(Scope.CONFERENCE, method, name)
        assert kind in (None, requests.ThemeResource)
        with pytest.raises(ProtocolError):
            fields_in(kind or requests.DeleteVideoMix, name)


@pytest.mark.parametrize("name", ["theme/..", "theme/a/../b", "theme/%2e%2e", "theme/%ff", "theme/a/", "theme/%2E%2e/secret"])
def test_what_stands_in_a_name_does_not_lead_out_of_it(name: str) -> None:
    if name == "theme/a/":  # a trailing slash is nothing
        assert fields_in(requests.ThemeResource, name) == {"resource": "a"}
        return
    with pytest.raises(ProtocolError):
        fields_in(requests.ThemeResource, name)


@pytest.mark.parametrize("value", ["", ".", "..", "a/../b", "a//b", "\ud800"])
def test_what_cannot_stand_in_a_path_is_the_callers_fault(value: str) -> None:
    with pytest.raises(UsageError):
        name_of(requests.ThemeResource(resource=value))


def test_a_place_in_a_name_without_its_field_is_refused() -> None:
    with pytest.raises(UsageError, match="must mark PATH"):

        @get("rooms/<room>")
        class Room(ConferenceRequest[bool]):
            room: str


def test_what_no_document_dates_has_no_version() -> None:
    assert (requests.Hold.since, requests.Dial.since, requests.PresentationHighJpeg.since, requests.LayoutSvgs.since) == (None, 14, 17, 34)
