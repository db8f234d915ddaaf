"""What one side says is what the other understands, for everything that is declared; and what nobody declared hurts nobody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol import Address, Event, Request, Scope, Unknown, UpdateAnswer, fields_in, find, name_of, requests, wire
from pexrtc_py.protocol.events import decode, encode
from pexrtc_py.protocol.forms import decode_form, encode_form
from tests.protocol.strategies import ALL_EVENTS, ALL_REQUESTS, answers, json_values, path_parts, texts, values

ADDRESSES = {
    Scope.NODE: Address(),
    Scope.CONFERENCE: Address("meet.alice@example.com", breakout="b/1"),
    Scope.PARTICIPANT: Address("meet", participant="p"),
    Scope.CALL: Address("meet", "b", "p", "c"),
    Scope.REGISTRATION: Address(registration="bob@example.com"),
}
few = settings(max_examples=10, deadline=None)


def _named(kind: type[Any]) -> str:
    return kind.__name__


def _travel(request: Request[Any]) -> Request[Any]:
    """The request as the other side reads it, from path, headers, and body, query or form."""
    address, name = Address.parse(ADDRESSES[request.scope].path(name_of(request)))
    kind = find(address.scope, request.method, name)
    assert kind is type(request)
    headers, besides = wire.headers_of(request), dict[str, object](fields_in(kind, name))
    if files := wire.files_of(request):
        return wire.decode_request(kind, None, headers=headers, besides=besides | decode_form(*encode_form(files)))
    body = wire.query_of(request) if request.method == "GET" else wire.from_text(wire.to_text(wire.encode(request)))
    return wire.decode_request(kind, body, headers=headers, besides=besides)


@pytest.mark.parametrize("kind", ALL_REQUESTS, ids=_named)
@few
@given(st.data())
def test_every_request_is_heard_as_it_was_sent(kind: type[Request[Any]], data: st.DataObject) -> None:
    request = data.draw(values(kind))

    assert _travel(request) == request


@pytest.mark.parametrize("kind", ALL_REQUESTS, ids=_named)
@few
@given(st.data())
def test_every_answer_is_read_as_it_was_given(kind: type[Request[Any]], data: st.DataObject) -> None:
    answer = data.draw(answers(kind))
    if isinstance(answer, bytes):  # travels as it is
        return

    written = wire.encode_answer(kind.answer, answer)
    read = wire.decode(kind.answer, wire.from_text(wire.to_text(written)))

    assert wire.encode_answer(kind.answer, read) == written
    assert read == answer or isinstance(answer, UpdateAnswer)  # a bare SDP has no room for more


@pytest.mark.parametrize("kind", ALL_EVENTS, ids=_named)
@few
@given(st.data())
def test_every_event_is_heard_as_it_was_told(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(_events(kind))

    name, payload = encode(event)

    assert decode(name, wire.to_text(payload)) == event


def _events(kind: type[Event]) -> st.SearchStrategy[Event]:
    if kind.name != "breakout_event":
        return values(kind)
    inner = st.sampled_from([each for each in ALL_EVENTS if each is not kind]).flatmap(values)
    return st.builds(kind, breakout_uuid=texts, event=inner)


@pytest.mark.parametrize("kind", [kind for kind in ALL_EVENTS if kind.name != "breakout_event"], ids=_named)
@few
@given(st.data())
def test_an_event_of_another_version_lacks_or_has_more_and_is_read(kind: type[Event], data: st.DataObject) -> None:
    name, payload = encode(data.draw(values(kind)))
    if not isinstance(payload, dict):
        return
    needed = {key for key in payload if _needs(kind, payload, key)}
    gone = data.draw(st.sets(st.sampled_from(sorted(payload.keys() - needed)))) if payload.keys() - needed else set[str]()
    more = {"a_field_of_tomorrow": data.draw(json_values.filter(lambda value: value is not None))}  # a null says nothing

    read = decode(name, {key: value for key, value in payload.items() if key not in gone} | more)

    assert type(read) is kind
    assert more.items() <= encode(read)[1].items()


def _needs(kind: type[Event], payload: dict[str, Any], key: str) -> bool:
    return isinstance(decode(kind.name, {other: value for other, value in payload.items() if other != key}), Unknown)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL_EVENTS), st.data())
def test_an_event_with_any_values_in_its_fields_is_read_or_passed_on(kind: type[Event], data: st.DataObject) -> None:
    name, payload = encode(data.draw(_events(kind)))
    if isinstance(payload, dict):
        payload = payload | data.draw(st.dictionaries(st.sampled_from([*payload, "x"]), json_values, max_size=3))

    wire.to_text(encode(decode(name, payload))[1])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL_REQUESTS), st.data())
def test_a_request_with_any_values_in_its_fields_is_read_or_refused(kind: type[Request[Any]], data: st.DataObject) -> None:
    body = wire.encode(data.draw(values(kind)))
    keys = [*kind.model_fields, "x"]
    odd = data.draw(st.dictionaries(st.sampled_from(keys), json_values, max_size=3))

    try:
        request = wire.decode_request(kind, body | odd, headers={}, besides={})
    except ProtocolError:
        return
    wire.to_text(wire.encode(request))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL_REQUESTS), st.data())
def test_any_answer_is_read_or_refused(kind: type[Request[Any]], data: st.DataObject) -> None:
    try:
        answer = wire.decode(kind.answer, data.draw(json_values))
    except ProtocolError:
        return
    if not isinstance(answer, bytes):
        wire.to_text(wire.encode_answer(kind.answer, answer))


@settings(max_examples=200, deadline=None)
@given(path_parts, st.lists(path_parts, min_size=1, max_size=3).map("/".join))
def test_what_stands_in_a_name_comes_back_from_the_path(mix: str, resource: str) -> None:
    for request in (requests.DeleteVideoMix(mix_name=mix), requests.ThemeResource(resource=resource)):
        assert _travel(request) == request
