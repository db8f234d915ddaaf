from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.signaling.backoff import Backoff
from pexrtc_py.signaling.lines import Lines
from pexrtc_py.signaling.stream import EventStream, Reconnected, Reconnecting, StreamLost
from pexrtc_py.signaling.transport import Frame, HttpTransport, Outgoing, StreamBroken
from tests.signaling.servers import PlayScripts, Script, Scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\nConnection: close\r\n\r\n<p>"


def _event(number: int) -> bytes:
    return f"event: e\nid: id{number}\ndata: {number}\n\n".encode()


class Client:
    """An event stream on a real connection to a server, with a token that can be refreshed."""

    def __init__(self, server: Scripted, *, idle: float = 5.0, patience: float = 60.0) -> None:
        self.transport = HttpTransport(server.url)
        self.tokens = count(1)
        self.token = f"token{next(self.tokens)}"
        self.idle = idle
        backoff = Backoff(first=0.01, cap=0.05)
        self.stream = EventStream(self._connect, refused=self._refresh, backoff=backoff, patience=patience)

    def _connect(self, last_id: str) -> AsyncGenerator[Frame, None]:
        out = Outgoing(method="GET", path="/events", headers={"token": self.token, "last-event-id": last_id})
        return self.transport.events(out, idle=self.idle)

    async def _refresh(self) -> None:
        self.token = f"token{next(self.tokens)}"

    async def until(self, last: str) -> list[Frame | Reconnecting | Reconnected]:
        """Everything up to the event with this data."""
        heard: list[Frame | Reconnecting | Reconnected] = []
        try:
            async with contextlib.aclosing(self.stream.frames()) as frames:
                async for item in frames:
                    heard.append(item)
                    if isinstance(item, Frame) and item.data == last:
                        break
        finally:
            await self.transport.aclose()
        return heard


def _data(heard: list[Frame | Reconnecting | Reconnected]) -> list[str]:
    return [item.data for item in heard if isinstance(item, Frame)]


async def test_no_event_is_lost_doubled_or_glued_whatever_happens_to_the_connections(scripted: PlayScripts) -> None:
    server = await scripted(
        Script(OK + _event(1) + _event(2) + b"event: e\ndata: half"),
        Script(BUSY),
        Script(OK + _event(3), reset=True),
        Script(PAGE),
        Script(b"", reset=True),
        Script(OK + _event(4), stays=True),
        Script(OK + _event(5)),
    )

    heard = await Client(server, idle=0.2).until("5")

    assert _data(heard) == ["1", "2", "3", "4", "5"]


async def test_a_gap_is_announced_before_and_after(scripted: PlayScripts) -> None:
    server = await scripted(Script(OK + _event(1)), Script(BUSY), Script(OK + _event(2)))

    heard = await Client(server).until("2")

    kinds = [type(item) for item in heard]
    assert kinds == [Frame, Reconnecting, Reconnecting, Reconnected, Frame]
    again = heard[3]
    assert isinstance(again, Reconnected)
    assert (again.attempts, again.gap > 0) == (2, True)


async def test_the_first_connection_is_no_reconnection(scripted: PlayScripts) -> None:
    heard = await Client(await scripted(Script(BUSY), Script(OK + _event(1)))).until("1")

    assert [type(item) for item in heard] == [Reconnecting, Frame]


async def test_a_refused_token_is_refreshed_and_the_new_one_is_used(scripted: PlayScripts) -> None:
    server = await scripted(Script(OK + _event(1)), Script(REFUSED), Script(OK + _event(2)))

    await Client(server).until("2")

    tokens = [next(line for line in head.splitlines() if line.startswith("token")) for head in server.requests]
    assert tokens == ["token: token1", "token: token1", "token: token2"]


async def test_an_event_makes_the_next_pause_short_again(scripted: PlayScripts) -> None:
    server = await scripted(Script(BUSY), Script(BUSY), Script(OK + _event(1)), Script(OK + _event(2)))

    heard = await Client(server).until("2")

    assert [item.attempt for item in heard if isinstance(item, Reconnecting)] == [1, 2, 1]


async def test_the_last_event_s_id_is_told(scripted: PlayScripts) -> None:
    server = await scripted(Script(OK + _event(1) + _event(2)), Script(OK + _event(3)))

    await Client(server).until("3")

    assert "last-event-id: id2" in server.requests[1].lower()


async def test_silence_for_too_long_counts_as_broken(scripted: PlayScripts) -> None:
    server = await scripted(Script(OK + _event(1), stays=True), Script(OK + _event(2)))

    heard = await Client(server, idle=0.1).until("2")

    assert _data(heard) == ["1", "2"]


async def test_the_node_is_lost_when_the_stream_stays_away(scripted: PlayScripts) -> None:
    client = Client(await scripted(Script(OK + _event(1)), Script(BUSY)), patience=0.2)

    with pytest.raises(StreamLost, match="503"):
        await client.until("never")


def _stream(connections: list[list[Frame]], now: list[float]) -> EventStream:
    """A stream whose connections bring these frames and break, at times told by hand."""
    left = iter(connections)

    async def connect(_: str) -> AsyncGenerator[Frame, None]:
        for frame in next(left, []):
            yield frame
        raise StreamBroken("over")

    async def refused() -> None: ...

    return EventStream(connect, refused=refused, backoff=Backoff(first=0, cap=0), patience=10, clock=lambda: now[0])


async def test_patience_counts_from_the_last_connection_that_brought_something() -> None:
    now = [0.0]
    frame = Frame(name="e", data="1")
    frames = _stream([[frame], [], [frame], []], now).frames()
    seen: list[str] = []

    with pytest.raises(StreamLost):
        async for item in frames:
            seen.append(type(item).__name__)
            now[0] += 6

    assert seen == ["Frame", "Reconnecting", "Reconnecting", "Reconnected", "Frame", "Reconnecting", "Reconnecting"]


async def test_giving_up_the_stream_closes_the_connection(scripted: PlayScripts) -> None:
    server = await scripted(Script(OK + _event(1), stays=True))
    client = Client(server)

    await client.until("1")

    assert client.transport._session is None


class Fed:
    """A body whose bytes are here already, read by the real event source."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def iterate(self) -> AsyncGenerator[bytes, None]:
        for chunk in self._chunks:
            yield chunk


def _oracle(text: bytes) -> list[tuple[str, str]]:
    """What the standard says these bytes mean (HTML 9.2.6), for lines that end in LF or CRLF."""
    events, name, data = [], "", list[str]()
    *lines, _ = text.decode(errors="replace").split("\n")
    for line in (line.rstrip("\r") for line in lines):
        field, _, value = line.partition(":")
        if not line:
            if data:
                events.append((name, "\n".join(data)))
            name, data = "", []
        elif field == "event":
            name = value.lstrip(" ")
        elif field == "data":
            data.append(value.lstrip(" "))
    return events


async def _read(pieces: list[bytes]) -> list[tuple[str, str]]:
    from aiohttp_sse_client.client import EventSource

    class Response:
        status = 200
        content = Lines(Fed(pieces).iterate())

    def ended() -> None:
        raise StreamBroken

    source = EventSource("http://127.0.0.1", session=object(), on_error=ended)
    source._response = Response()
    events = []
    with contextlib.suppress(StreamBroken):
        async for message in source:
            events.append((message.message, message.data.rstrip("\n")))
    return events


_fields = st.sampled_from([b"event", b"data", b"id", b"retry", b"", b"other"])
_junk = st.binary(max_size=12).map(lambda text: text.replace(b"\r", b"."))
_lines = st.tuples(_fields, st.sampled_from([b":", b": ", b""]), _junk).map(b"".join) | st.just(b"")


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(_lines, max_size=30), ends=st.sampled_from([b"\n", b"\r\n"]), size=st.integers(1, 40))
def test_any_bytes_in_any_pieces_are_the_events_the_standard_says(lines: list[bytes], ends: bytes, size: int) -> None:
    text = b"".join(line + ends for line in lines)

    events = asyncio.run(_read([text[start : start + size] for start in range(0, len(text), size)]))

    assert events == [(name, data.rstrip("\n")) for name, data in _oracle(text)]
