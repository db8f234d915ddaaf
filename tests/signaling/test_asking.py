from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import (
    ConferenceNotFound,
    NodeError,
    NodeUnreachable,
    NotAllowed,
    NotANode,
    OutOfCapacity,
    ProtocolError,
    RequestRefused,
    TokenExpired,
    UsageError,
)
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.forms import decode_form
from pexrtc_py.protocol.models import ConferenceStatus, RefreshedToken
from pexrtc_py.protocol.requests import (
    Calls,
    GetConferenceStatus,
    GetTheme,
    Lock,
    Message,
    PostPresentation,
    PresentationJpeg,
    RefreshToken,
    ReleaseFloor,
    RequestToken,
    ThemeResource,
)
from pexrtc_py.signaling.asking import answered, outgoing
from pexrtc_py.signaling.transport import Incoming

MEET = Address("meet alice")


def _json(result: object, *, status: int = 200, word: str = "success") -> Incoming:
    body = json.dumps({"status": word, "result": result}).encode()
    return Incoming(status=status, content_type="application/json", body=body)


def _text(status: int, body: str, kind: str = "text/plain") -> Incoming:
    return Incoming(status=status, content_type=kind, body=body.encode())


def test_a_request_with_fields_is_a_json_body_and_the_token_is_a_header() -> None:
    out = outgoing(MEET, Message(payload="hi"), token="secret")

    assert (out.method, out.path) == ("POST", "/api/client/v2/conferences/meet%20alice/message")
    assert json.loads(out.body or b"") == {"payload": "hi", "type": "text/plain"}
    assert out.headers == {"token": "secret", "Content-Type": "application/json"}


def test_a_request_without_fields_has_no_body() -> None:
    out = outgoing(MEET, Lock(), token="secret")

    assert (out.body, out.headers) == (None, {"token": "secret"})


def test_the_pin_is_a_header_and_no_secret_is_printed() -> None:
    out = outgoing(MEET, RequestToken(display_name="A", pin="1234"))

    assert out.headers["pin"] == "1234"
    assert b"1234" not in (out.body or b"")
    assert "1234" not in repr(out)


def test_a_still_is_sent_as_a_form_and_a_picture_comes_as_it_is() -> None:
    out = outgoing(MEET, PostPresentation(frame=b"\xff\xd8"), token="secret")
    picture = Incoming(status=200, content_type="image/jpeg", body=b"\xff\xd8")

    assert decode_form(out.headers["Content-Type"], out.body or b"") == {"frame": b"\xff\xd8"}
    assert outgoing(MEET, ThemeResource(resource="a/b.jpg")).path == "/api/client/v2/conferences/meet%20alice/theme/a/b.jpg"
    assert outgoing(MEET, PresentationJpeg(id="a==")).path.endswith("/presentation.jpeg?id=a%3D%3D")
    assert answered(PresentationJpeg(id="a=="), picture) == b"\xff\xd8"


def test_calls_may_take_longer() -> None:
    assert outgoing(MEET, Calls(sdp="")).seconds > outgoing(MEET, Lock()).seconds


def test_a_pin_that_cannot_be_a_header_is_the_caller_s_mistake() -> None:
    with pytest.raises(UsageError, match="pin"):
        outgoing(MEET, RequestToken(display_name="A", pin="12\r\nhost: x"))


def test_answers_are_typed() -> None:
    assert answered(Lock(), _json(True)) is True
    assert answered(GetConferenceStatus(), _json({"locked": True})) == ConferenceStatus(locked=True)
    assert answered(RefreshToken(), _json({"token": "t", "expires": "60"})) == RefreshedToken(token="t", expires=60)
    assert answered(ReleaseFloor(), _json(None)) is None
    assert answered(GetTheme(), Incoming(status=204, content_type="application/octet-stream", body=b"")) is None


@pytest.mark.parametrize(
    ("incoming", "kind"),
    [
        (_json("Invalid role", status=403, word="failed"), NotAllowed),
        (_json("Invalid token", status=403, word="failed"), TokenExpired),
        (_json("Invalid token", status=403, word="success"), TokenExpired),
        (_json("Neither conference nor gateway found", status=404, word="failed"), ConferenceNotFound),
        (_json("Participant limit reached", status=403, word="failed"), OutOfCapacity),
        (_json("Out of transcoding resource", status=503, word="failed"), OutOfCapacity),
        (_json("System in maintenance mode", status=503, word="failed"), RequestRefused),
        (_json("", status=529, word="failed"), OutOfCapacity),
        (_json("Live captions not available", status=200, word="failure"), RequestRefused),
        (_text(400, "bad SDP"), RequestRefused),
        (_text(500, "oops"), RequestRefused),
        (_text(404, "nothing here"), NotANode),
        (_text(404, "<html>", "text/html"), NotANode),
        (_text(200, "<html>", "text/html"), NotANode),
        (_text(403, "<html>", "text/html"), NotANode),
        (_text(502, "<html>Bad Gateway", "text/html"), NodeUnreachable),
        (_text(200, '{"status": "succ', "application/json"), ProtocolError),
        (_text(403, "[]", "application/json"), ProtocolError),
        (_json({"no": "bool"}), ProtocolError),
    ],
)
def test_every_kind_of_refusal_has_its_error(incoming: Incoming, kind: type[Exception]) -> None:
    with pytest.raises(kind) as error:
        answered(Lock(), incoming)

    assert type(error.value) is kind


def test_a_refusal_carries_the_request_and_the_node_s_words() -> None:
    with pytest.raises(RequestRefused) as error:
        answered(Lock(), _text(500, "oops"))

    assert (error.value.request, error.value.status, error.value.reason) == (Lock(), 500, "oops")


_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "result", "token", "expires", "locked"]), inner),
)


@settings(max_examples=200, deadline=None)
@given(
    status=st.sampled_from([200, 204, 400, 401, 403, 404, 500, 502, 529]),
    kind=st.sampled_from(["application/json", "text/html", "text/plain", ""]),
    body=st.binary(max_size=60) | _values.map(lambda value: json.dumps(value).encode()),
)
def test_whatever_a_node_answers_is_an_answer_or_a_node_error(status: int, kind: str, body: bytes) -> None:
    incoming = Incoming(status=status, content_type=kind, body=body)

    requests: tuple[Request[Any], ...] = (Lock(), RefreshToken(), GetConferenceStatus())
    for request in requests:
        try:
            answered(request, incoming)
        except NodeError as error:
            assert str(error)
