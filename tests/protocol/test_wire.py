from __future__ import annotations

import json
import logging
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol import REQUESTS, CallAnswer, ConferenceStatus, Participant, Request, Token, wire
from pexrtc_py.protocol.requests import Calls, Lock, Message, NewCandidate, RequestToken, TakeFloor, Update
from pexrtc_py.protocol.wire import SEND_NULL, Done, NoneWord, Nothing, OnOff, Seconds, UnixTime, Wire, YesNo

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


class _Spelled(Wire):
    flag: YesNo = False
    secure: OnOff = False
    expires: Seconds = 120.0
    at: UnixTime = 0
    idp: NoneWord = None
    mix: Annotated[str | None, SEND_NULL] = None
    absent: str | None = None


def test_values_are_spelled_as_the_api_has_them() -> None:
    spelled = wire.encode(_Spelled(flag=True, secure=True, expires=90, at=1.5))

    assert spelled == {"flag": "YES", "secure": "On", "expires": "90", "at": 1.5, "mix": None}
    assert wire.to_text(wire.encode(_Spelled())) == '{"flag":"NO","secure":"Off","expires":"120","at":0,"mix":null}'


def test_every_spelling_met_in_the_wild_is_read() -> None:
    read = wire.decode(_Spelled, {"flag": "YES", "secure": "Unknown", "expires": "33.5", "at": "12.25", "idp": "none", "extra": [1]})

    assert read == _Spelled.model_validate({"flag": True, "expires": 33.5, "at": 12.25, "extra": [1]})
    assert wire.decode(_Spelled, {"flag": True, "secure": "on", "expires": 30}).expires == 30
    assert wire.encode(read)["extra"] == [1]


@pytest.mark.parametrize("expires", ["0", "-1", "soon", "inf", "nan", "1e300", None])
def test_a_token_that_never_lived_is_a_protocol_error(expires: str | None) -> None:
    with pytest.raises(ProtocolError, match=r"at \$\.expires"):
        wire.decode(_Spelled, {"expires": expires})


@pytest.mark.parametrize(
    ("kind", "data", "path"),
    [
        (Participant, {}, "$.uuid"),
        (list[Participant], [{"uuid": "a"}, {"display_name": "b"}], "$[1].uuid"),
        (Token, {"token": "t"}, "$.participant_uuid"),
        (CallAnswer, {"sdp": "v=0"}, "$.call_uuid"),
        (bool, "perhaps", "$"),
        (Participant, None, "$"),
    ],
)
def test_what_is_missing_is_named_by_its_path(kind: Any, data: object, path: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        wire.decode(kind, data)

    assert refused.value.path == path
    assert path in str(refused.value)


def test_an_optional_field_that_makes_no_sense_costs_no_more_than_itself(caplog: pytest.LogCaptureFixture) -> None:
    Participant.complained.clear()
    odd: dict[str, object] = {"uuid": "a", "display_name": "Ann", "has_media": "banana", "spotlight": [], "overlay_text": None}

    with caplog.at_level(logging.WARNING):
        read = [wire.decode(Participant, odd) for _ in range(3)]

    assert read[0] == Participant(uuid="a", display_name="Ann")
    assert [record.getMessage().split()[0] for record in caplog.records] == [
        "Participant.has_media", "Participant.spotlight",
    ]  # fmt: skip


def test_a_program_that_builds_a_participant_wrongly_is_told() -> None:
    with pytest.raises(ValueError, match="has_media"):
        Participant.model_validate({"uuid": "a", "has_media": "banana"})


def test_errors_do_not_repeat_what_was_sent() -> None:
    with pytest.raises(ProtocolError) as refused:
        wire.decode(Token, {"token": {"secret": "s3cret"}, "participant_uuid": "p"})

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("body", [None, {}, {"unknown": None}])
def test_no_body_null_and_an_empty_object_are_the_same(body: object) -> None:
    assert wire.decode_request(Lock, body) == Lock()


@pytest.mark.parametrize("body", [[], "lock", 3, True])
def test_a_body_that_is_no_object_is_a_protocol_error(body: object) -> None:
    with pytest.raises(ProtocolError):
        wire.decode_request(Lock, body)


def test_a_null_key_is_an_absent_one_in_a_request() -> None:
    asked = wire.decode_request(RequestToken, {"display_name": "Ann", "call_tag": None, "chosen_idp": "none", "sso_token": ""})

    assert asked == RequestToken(display_name="Ann")


def test_the_pin_travels_as_a_header_only() -> None:
    request = RequestToken(display_name="Ann", pin="739215")

    body, headers = wire.encode(request), wire.headers_of(request)
    back = wire.decode_request(RequestToken, body | {"pin": "000000"}, headers=headers)

    assert "pin" not in body
    assert headers == {"pin": "739215"}
    assert back == request
    assert wire.headers_of(RequestToken(display_name="Ann")) == {}


def test_the_query_of_a_get_spells_truths_in_lower_case() -> None:
    assert wire.query_of(_Spelled.model_validate({"annotate": True, "q": "bob", "n": 3}))["annotate"] == "true"
    assert wire.query_of(TakeFloor()) == {}


@pytest.mark.parametrize(("kind", "data", "value"), [(Done, None, True), (Done, False, False), (Nothing, True, None), (Nothing, {}, None)])
def test_true_and_null_are_both_read_where_the_documents_disagree(kind: Any, data: object, value: object) -> None:
    assert wire.decode(kind, data) is value
    assert wire.encode_answer(kind, value) is value


def test_update_answers_a_string_or_an_object_and_either_is_read() -> None:
    kind = Update.answer

    bare, whole = wire.decode(kind, "v=0"), wire.decode(kind, {"call_uuid": "c", "sdp": "", "offer_ignored": True})

    assert (bare.sdp, whole.sdp, whole.offer_ignored) == ("v=0", "", True)
    assert wire.encode_answer(kind, bare) == "v=0"
    assert wire.encode_answer(kind, whole) == {"call_uuid": "c", "sdp": "", "offer_ignored": True}
    assert wire.decode(kind, None).sdp == ""


def test_an_answer_to_calls_has_no_turn_unless_wanted() -> None:
    plain = wire.encode(CallAnswer(call_uuid="c", sdp="v=0"))

    assert plain == {"call_uuid": "c", "sdp": "v=0"}
    assert wire.encode(CallAnswer(call_uuid="c", turn=()))["turn"] == []


def test_the_envelope_wraps_and_unwraps() -> None:
    assert wire.success({"a": 1}) == {"status": "success", "result": {"a": 1}}
    assert wire.failed("Invalid role") == {"status": "failed", "result": "Invalid role"}
    assert wire.unseal(wire.success(True)) == wire.Envelope(processed=True, result=True)
    assert not wire.unseal({"status": "failure", "result": "no"}).processed
    assert wire.unseal({"status": "failed", "reason": "no"}).reason == "no"
    assert wire.unseal(wire.success({"pin": "required"})).reason == ""


@pytest.mark.parametrize("body", [None, [], "OK", {}, {"result": 1}, {"status": 200, "result": 1}])
def test_what_is_not_in_an_envelope_is_a_protocol_error(body: object) -> None:
    with pytest.raises(ProtocolError):
        wire.unseal(body)


def test_text_that_is_no_json_is_a_protocol_error() -> None:
    assert wire.from_text(" \n") is None
    assert wire.from_text(b'{"a":1}') == {"a": 1}
    for text in ("{", "yes", "[" * 100_000, '"\\ud800"', "\ud800", b"\xff"):
        with pytest.raises(ProtocolError):
            wire.from_text(text)


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_any_json_is_decoded_or_refused(data: object) -> None:
    for kind in (Token, Participant, ConferenceStatus, CallAnswer, Update.answer, list[Participant], bool):
        try:
            value = wire.decode(kind, data)
        except ProtocolError:
            continue
        wire.to_text(wire.encode_answer(kind, value))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([Token, Participant, ConferenceStatus, CallAnswer]), st.data())
def test_any_values_in_known_fields_are_decoded_or_refused(kind: type[Wire], data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(kind.model_fields)), json_values))

    try:
        value = wire.decode(kind, fields | {"uuid": "u", "token": "t", "participant_uuid": "p", "call_uuid": "c"})
    except ProtocolError:
        assert kind in {Token, CallAnswer}
        return
    again = wire.decode(kind, wire.from_text(wire.to_text(wire.encode(value))))

    assert wire.encode(again) == wire.encode(value)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(REQUESTS.values(), key=lambda kind: kind.__name__)), json_values, st.data())
def test_any_body_is_a_request_or_a_protocol_error(kind: type[Request[Any]], body: object, data: st.DataObject) -> None:
    known = data.draw(st.dictionaries(st.sampled_from(sorted(kind.model_fields)), json_values)) if kind.model_fields else {}
    for heard in (body, known):
        try:
            request = wire.decode_request(kind, heard)
        except ProtocolError:
            continue
        assert hash(request) == hash(request.model_copy())


@settings(max_examples=200, deadline=None)
@given(st.text() | st.binary())
def test_any_text_is_json_or_a_protocol_error(text: str | bytes) -> None:
    try:
        value = wire.from_text(text)
    except ProtocolError:
        return
    assert json.loads(wire.to_text(value)) == value or "NaN" in str(text) or "Infinity" in str(text)


def test_what_is_sent_is_what_is_heard() -> None:
    for request in (
        Message(payload="hello"),
        Calls(sdp="v=0", bandwidth=1280),
        NewCandidate(candidate="candidate:1 1 udp 1 192.0.2.1 9 typ host", mid="0", ufrag="u", pwd="p"),
        Update(sdp="v=0", fecc_supported=False),
        TakeFloor(),
    ):
        assert wire.decode_request(type(request), wire.from_text(wire.to_text(wire.encode(request)))) == request
