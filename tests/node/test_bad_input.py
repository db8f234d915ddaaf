"""What must not be: every request with bad tokens, too low a role, unknown ids, bodies and paths that make no sense, from the registry.

Each is refused with the status and the words of the API; nothing changes, and nothing is logged.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.node.asked import RULES
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests as r
from pexrtc_py.protocol.address import PREFIX, Address
from pexrtc_py.protocol.declare import Permission, Request, Scope
from pexrtc_py.protocol.paths import places
from pexrtc_py.protocol.wire import failed, to_text
from tests.protocol.strategies import ALL_REQUESTS, json_values

INSIDE = tuple(kind for kind in ALL_REQUESTS if kind.scope in (Scope.CONFERENCE, Scope.PARTICIPANT, Scope.CALL))
WITH_TOKEN = tuple(kind for kind in INSIDE if kind.by is not Permission.OPEN)
ANSWERED = tuple(kind for kind in INSIDE if kind in RULES)
LONG = 100_000


@dataclass
class Meeting:
    """A conference with Hosts and a Guest in calls, and another one with somebody in it."""

    node: InProcess
    host: Attendee
    other: Attendee
    guest: Attendee
    stranger: Attendee
    call: str

    def ask(self, kind: type[Request[Any]], *, token: str, about: str | None = None, call: str | None = None, body: object = None) -> Reply:
        """Ask for it at the address that its scope has, for what is not said about the host and its call."""
        at = Address("meet")
        if kind.scope in (Scope.PARTICIPANT, Scope.CALL):
            at = Address("meet", participant=about or self.host.uuid, call=(call or self.call) if kind.scope is Scope.CALL else None)
        name = kind.name
        for place in places(name):
            name = name.replace(f"<{place}>", "x")
        return self.carry(Incoming(method=kind.method, path=at.path(name), body=body, token=token))

    def carry(self, incoming: Incoming) -> Reply:
        if incoming.path.partition("?")[0].rstrip("/").endswith("/events"):
            opened = self.node.desk.listen(incoming, self.node.now)
            return opened if isinstance(opened, Reply) else Reply(200)
        return self.node.carry(incoming)

    def state(self) -> object:
        """Everything the node knows, as values."""
        return [*_frozen(self.node.desk.rooms), len(self.node.desk.heard), len(self.node.orders)]


def _frozen(value: Any) -> Any:
    """The values that a thing is made of, down to numbers and texts; our own objects as their fields."""
    return list(_flat(value, set()))


def _flat(value: Any, seen: set[int]) -> Iterator[Any]:
    if isinstance(value, Enum | str | bytes | int | float | type(None)):
        yield value
    elif id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield key
                yield from _flat(item, seen)
        elif isinstance(value, list | tuple | set | frozenset | deque):
            yield len(value)
            for item in value:
                yield from _flat(item, seen)
        elif type(value).__module__.startswith("pexrtc_py"):
            yield type(value).__name__
            yield from _flat(getattr(value, "__dict__", {}), seen)


@pytest.fixture
def meeting(caplog: pytest.LogCaptureFixture) -> Iterator[Meeting]:
    with caplog.at_level(logging.WARNING):
        yield _meeting()
    assert not caplog.records


def _meeting() -> Meeting:
    node = InProcess(Vmr("meet", host_pin="1"), Vmr("elsewhere"))
    host, other, guest = (node.join(name, pin=pin) for name, pin in (("Host", "1"), ("Other", "1"), ("Guest", "none")))
    call = host.send(r.Calls(sdp="offer"))["call_uuid"]
    host.send(r.Ack(), call=call)
    return Meeting(node, host, other, guest, node.join("Stranger", "elsewhere"), call)


shared_meeting = cache(_meeting)
"""For what changes nothing."""


def _named(kind: type[Any]) -> str:
    return f"{kind.scope.value}-{kind.__name__}"


@pytest.mark.parametrize("kind", WITH_TOKEN, ids=_named)
def test_a_token_that_does_not_count_is_refused(meeting: Meeting, kind: type[Request[Any]]) -> None:
    expired = meeting.other.token
    meeting.other.send(r.ReleaseToken())
    before = meeting.state()

    replies = [meeting.ask(kind, token=token) for token in ("", "x", "\x00", "ü" * LONG, expired, meeting.stranger.token)]

    assert {(reply.status, to_text(reply.json)) for reply in replies} == {(403, to_text(failed("Invalid token")))}
    assert meeting.state() == before


@pytest.mark.parametrize("kind", WITH_TOKEN, ids=_named)
def test_a_token_that_ran_out_is_refused(meeting: Meeting, kind: type[Request[Any]]) -> None:
    before = meeting.state()
    meeting.node.now += meeting.node.desk.config.token_seconds

    reply = meeting.ask(kind, token=meeting.host.token)

    assert (reply.status, reply.json) == (403, failed("Invalid token"))
    assert meeting.state() == before


@pytest.mark.parametrize("kind", [kind for kind in INSIDE if kind.by is Permission.HOST], ids=_named)
def test_what_is_the_hosts_is_refused_to_guests(meeting: Meeting, kind: type[Request[Any]]) -> None:
    before = meeting.state()

    reply = meeting.ask(kind, token=meeting.guest.token)

    assert (reply.status, reply.json) == (403, failed("Invalid role"))
    assert meeting.state() == before


@pytest.mark.parametrize("kind", [kind for kind in INSIDE if kind.by is Permission.HOST_OR_SELF], ids=_named)
def test_what_is_about_somebody_else_is_refused_to_guests(meeting: Meeting, kind: type[Request[Any]]) -> None:
    before = meeting.state()

    reply = meeting.ask(kind, token=meeting.guest.token)

    assert (reply.status, reply.json) == (403, failed("Invalid role"))
    assert meeting.state() == before


@pytest.mark.parametrize("kind", [kind for kind in INSIDE if kind.by is Permission.SELF], ids=_named)
def test_what_is_about_oneself_is_refused_to_everybody_else(meeting: Meeting, kind: type[Request[Any]]) -> None:
    before = meeting.state()

    replies = [meeting.ask(kind, token=one.token) for one in (meeting.guest, meeting.other)]

    assert [(reply.status, reply.json) for reply in replies] == [(403, failed("Invalid role"))] * 2
    assert meeting.state() == before


@pytest.mark.parametrize("kind", [kind for kind in INSIDE if kind.scope is not Scope.CONFERENCE], ids=_named)
def test_whoever_is_not_there_is_not_found(meeting: Meeting, kind: type[Request[Any]]) -> None:
    before = meeting.state()
    unknown = ("x", "00000000-0000-0000-0000-000000000000", "\u202e", meeting.stranger.uuid)

    replies = [meeting.ask(kind, token=meeting.host.token, about=one) for one in unknown]
    if kind.scope is Scope.CALL:
        replies += [meeting.ask(kind, token=meeting.host.token, call=one) for one in unknown]

    assert {(reply.status, reply.json["status"]) for reply in replies} == {(404, "failed")}
    assert meeting.state() == before


NO_OBJECTS = (b"{", b"\xff\xfe", b"[]", b'"text"', b"7", b"true", b"NaN", b"[" * LONG, b'{"a":' * LONG)


@pytest.mark.parametrize("kind", [kind for kind in INSIDE if kind.method == "POST"], ids=_named)
def test_a_body_that_is_no_object_is_refused(meeting: Meeting, kind: type[Request[Any]]) -> None:
    before = meeting.state()
    token = "" if kind is r.RequestToken else meeting.host.token

    statuses = {meeting.ask(kind, token=token, body=body).status for body in NO_OBJECTS}

    assert statuses == {415 if kind is r.RequestToken else 400}
    assert meeting.state() == before


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ANSWERED), st.data())
def test_a_body_of_any_values_is_carried_out_or_refused_without_a_trace(kind: type[Request[Any]], data: st.DataObject) -> None:
    meeting = _meeting()
    names = sorted({str(field.serialization_alias or name) for name, field in kind.model_fields.items()})
    body = data.draw(st.dictionaries(st.sampled_from([*names, "x"]), json_values, max_size=4))
    before = meeting.state()

    reply = meeting.ask(kind, token="" if kind is r.RequestToken else meeting.host.token, body=to_text(body).encode())

    assert reply.status < 500 or reply.status in (501, 503)
    if reply.status in (400, 415):
        assert meeting.state()[:-2] == before[:-2]  # type: ignore[index]  # lists, of which the last are what was heard and ordered


TRICKS = (
    "..", ".", "%2e%2e", "%2E.", "%2e%2e%2f%2e%2e", "..%2f..", "%252e%252e", "meet%2f", "meet%00", "%00", "%", "%zz", "%ff", "%c0%ae",
    "meet%20", "meet;x=1", "meet%3Fx", "%E2%80%AE", "*", "<script>", "a" * LONG, "%2525" * 1000,
)  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick[:20])
def test_a_path_that_plays_tricks_leads_nowhere(meeting: Meeting, trick: str) -> None:
    host, before = meeting.host.uuid, meeting.state()
    paths = [
        f"{PREFIX}/conferences/{trick}/participants",
        f"{PREFIX}/conferences/meet/participants/{trick}/mute",
        f"{PREFIX}/conferences/meet/participants/{host}/calls/{trick}/disconnect",
        f"{PREFIX}/conferences/meet/breakouts/{trick}/lock",
        f"{PREFIX}/conferences/meet/{trick}/lock",
        f"{PREFIX}/conferences/meet/{trick}",
        f"{PREFIX}/conferences/meet/participants/{host}/{trick}",
        f"{PREFIX}/{trick}",
        f"/{trick}",
    ]

    replies = [
        meeting.carry(Incoming(method=method, path=path, token=meeting.host.token)) for path in paths for method in ("GET", "POST")
    ]  # fmt: skip

    assert {reply.status for reply in replies} <= {404, 405}
    assert all(reply.json["status"] == "failed" for reply in replies)
    assert meeting.state() == before


PARTS = ("conferences", "meet", "participants", "calls", "breakouts", "mute", "%2e", "..", "", "x", "%")


def test_a_name_is_decoded_once_and_no_more(meeting: Meeting) -> None:
    def status(alias: str) -> int:
        path = f"{PREFIX}/conferences/{alias}/participants"
        return meeting.carry(Incoming(method="GET", path=path, token=meeting.host.token)).status

    assert (status("%6Deet"), status("MEET"), status(quote("%6Deet"))) == (200, 200, 404)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["conferences", "meet", "participants", "calls", "breakouts", "mute", "%2e", "..", "", "x", "%"]), max_size=9)
)
def test_any_path_is_answered(parts: list[str]) -> None:
    meeting = shared_meeting()

    reply = meeting.carry(Incoming(method="GET", path="/".join([PREFIX, *parts]), token=meeting.host.token))

    assert reply.status in (200, 404, 405)
