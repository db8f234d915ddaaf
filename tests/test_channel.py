"""What is said over the data channel of direct media, as text and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.channel import MOST_PIECES, PIECE, Listener, PresentationImage, spoken
from pexrtc_py.protocol.events import Fecc, MessageReceived
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement
from pexrtc_py.protocol.requests import CallFecc, Lock, Message, ParticipantMessage, PostPresentation
from pexrtc_py.protocol.requests import Fecc as ParticipantFecc

MOVE = (FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT),)


def said(request: Any) -> list[Any]:
    return [json.loads(text) for text in spoken(request, origin="Anne", uuid="a-1") or ()]


def test_chat_names_who_says_it() -> None:
    body = {"type": "text/plain", "origin": "Anne", "uuid": "a-1", "payload": "hello"}

    assert said(Message(payload="hello")) == said(ParticipantMessage(payload="hello")) == [{"type": "message", "body": body}]


@pytest.mark.parametrize("kind", [CallFecc, ParticipantFecc])
def test_a_camera_is_moved_without_naming_whose(kind: Any) -> None:
    told = said(kind(action=FeccAction.START, movement=MOVE, timeout=1000))

    body = {"action": "start", "movement": [{"axis": "pan", "direction": "left"}], "timeout": 1000.0}
    assert told == [{"type": "fecc", "body": body}]


def test_other_requests_are_for_the_node() -> None:
    assert spoken(Lock(), origin="Anne", uuid="a-1") is None


def test_a_picture_travels_in_pieces() -> None:
    picture = bytes(range(256)) * 400
    texts = spoken(PostPresentation(frame=picture), origin="Anne", uuid="a-1") or []
    listener = Listener()

    heard = [listener.hear(text) for text in texts]

    assert [len(json.loads(text)["body"]["data"]) <= PIECE for text in texts] == [True] * 3
    assert heard == [None, None, PresentationImage(picture)]


def test_what_the_other_says_are_events_as_from_the_node() -> None:
    listener = Listener()
    message = {"type": "text/plain", "origin": "Bill", "uuid": "b-1", "payload": "hi", "direct": True}

    chat = listener.hear(json.dumps({"type": "message", "body": message}))
    fecc = listener.hear(json.dumps({"type": "fecc", "body": {"action": "stop", "movement": [], "timeout": 0}}))

    assert chat == MessageReceived(origin="Bill", uuid="b-1", payload="hi", type="text/plain", direct=False)
    assert fecc == Fecc(action=FeccAction.STOP, movement=(), timeout=0)


PIECES = {"fragment": 0, "total": 1, "data": "data:image/png;base64,AAAA"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        '{"type": "message"}',
        '{"type": "fecc", "body": {}}',
        '{"type": "unknown", "body": {}}',
        *(
            json.dumps({"type": "image", "body": PIECES | wrong})
            for wrong in (
                {"total": MOST_PIECES + 1},
                {"total": 0},
                {"fragment": 1, "total": 2},
                {"data": "data:image/png;base64,A"},
                {"data": "http://example.com/"},
                {"data": "x" * (PIECE + 1)},
                {"data": 7},
            )
        ),
    ],
)
def test_what_makes_no_sense_is_counted(text: str) -> None:
    listener = Listener()

    assert listener.hear(text) is None
    assert listener.ignored == 1


def test_the_kind_of_a_picture_is_what_its_sender_says() -> None:
    assert Listener().hear(json.dumps({"type": "image", "body": PIECES})) == PresentationImage(b"\0\0\0", "image/png")


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_nothing_that_arrives_is_an_error(body: object) -> None:
    listener = Listener()

    for kind in ("message", "fecc", "image", body):
        listener.hear(json.dumps({"type": kind, "body": body}))
