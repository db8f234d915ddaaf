from __future__ import annotations

import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.node.endpoints import Endpoint, answering, protocol_of
from pexrtc_py.node.reading import parse_endpoint, parse_toml
from pexrtc_py.protocol.models import Protocol


@pytest.mark.parametrize(
    ("uri", "destination", "called"),
    [
        ("sip:bob@example.com", "sip:bob@example.com", True),
        ("sip:bob@example.com", "BOB@Example.com", True),
        ("bob@example.com", "sip:bob@example.com", True),
        ("sip:bob@example.com", "h323:bob@example.com", False),
        ("sip:*@example.com", "sip:eve@example.com", True),
        ("sip:*@example.com", "sip:eve@example.org", False),
        ("rtmp://*", "rtmp://stream.example.com/live/key", True),
    ],
)
def test_an_endpoint_is_called_by_its_address(uri: str, destination: str, *, called: bool) -> None:
    assert Endpoint(uri).is_called(destination) is called


def test_the_first_endpoint_with_the_address_answers() -> None:
    bob, all_others = Endpoint("bob@example.com"), Endpoint("*@example.com")

    assert answering([bob, all_others], "sip:bob@example.com") is bob
    assert answering([bob, all_others], "sip:eve@example.com") is all_others
    assert answering([bob, all_others], "sip:eve@example.org") is None


@pytest.mark.parametrize(
    ("endpoint", "destination", "wanted", "protocol"),
    [
        (Endpoint("bob@example.com"), "bob@example.com", "auto", Protocol.SIP),
        (Endpoint("h323:10.0.0.7"), "10.0.0.7", "auto", Protocol.H323),
        (Endpoint("bob@example.com"), "bob@example.com", "h323", Protocol.H323),
        (Endpoint("bob@example.com", protocol="teams"), "bob@example.com", "auto", Protocol.TEAMS),
        (Endpoint("rtmp://a/b"), "rtmp://a/b", "auto", Protocol.RTMP),
    ],
)
def test_the_protocol_is_as_wanted_or_as_the_address_says(endpoint: Endpoint, destination: str, wanted: str, protocol: Protocol) -> None:
    assert protocol_of(endpoint, destination, wanted) is protocol


def test_a_line_and_a_table_say_the_same() -> None:
    line = parse_endpoint("sip:bob@example.com,answers_after=0.5,name=Bob,outcome=busy,tone=600,video=no")

    table = parse_toml(
        """
        [[endpoint]]
        uri = "sip:bob@example.com"
        answers_after = 0.5
        name = "Bob"
        outcome = "busy"
        tone = 600
        video = false
        """
    )

    assert line == Endpoint("sip:bob@example.com", answers_after=0.5, name="Bob", outcome="busy", tone=600.0, video=False)
    assert table == NodeConfig(endpoints=(line,))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be called"),
        ("bob,outcome=sleeps", "'answers' or 'rejects' or 'busy' or 'rings'"),
        ("bob,answers_after=-1", "must be"),
        ("bob,answers_after=soon", "a number"),
        ("bob,tone=30000", "from 0 to 20000"),
        ("bob,anwers_after=1", "did you mean answers_after"),
        ("bob,busy", "key=value, such as answers_after=2"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_endpoint(text)
