from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.node.streams import BYTES_LIMIT, STREAMS_PER_PARTICIPANT, Streams, frame
from pexrtc_py.protocol.events import Bye, MessageReceived, ParticipantSyncBegin, PresentationStop


def nothing() -> None: ...


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_whatever_is_said_is_one_line_of_data(text: str) -> None:
    block = frame(MessageReceived(origin=text, payload=text), "id").decode()

    lines = block.split("\n")
    assert lines[:2] == ["event: message_received", "id: id"]
    assert lines[3:] == ["", ""]
    assert json.loads(lines[2].removeprefix("data: "))["payload"] == text


def test_an_event_without_payload_has_data_nevertheless() -> None:
    assert frame(ParticipantSyncBegin(), "1").endswith(b"data: null\n\n")
    assert frame(PresentationStop(), "1").endswith(b"data: {}\n\n")


async def test_a_stream_begins_with_its_welcome_and_ends_after_bye() -> None:
    streams = Streams(limit=10)
    stream = streams.open("alice", [PresentationStop()], nothing)

    streams.tell(["alice"], Bye())
    streams.tell(["alice"], PresentationStop())

    frames = [await stream.next(), await stream.next(), await stream.next()]
    assert [data and data.split(b"\n")[0] for data in frames] == [b"event: presentation_stop", b"event: bye", None]


async def test_a_slow_reader_is_cut_and_counted_and_the_others_are_told() -> None:
    cut: list[str] = []
    streams = Streams(limit=3)
    slow = streams.open("alice", [], lambda: cut.append("slow"))
    quick = streams.open("alice", [], lambda: cut.append("quick"))

    read = []
    for _ in range(4):
        streams.tell(["alice"], PresentationStop())
        read.append(await quick.next())

    assert (cut, streams.dropped, await slow.next()) == (["slow"], 1, None)
    assert all(read)
    assert streams.count("alice") == 1


async def test_long_messages_cut_a_stream_earlier() -> None:
    streams = Streams(limit=1000)
    streams.open("alice", [], nothing)
    message = MessageReceived(payload="x" * (BYTES_LIMIT // 4))

    for _ in range(6):
        streams.tell(["alice"], message)

    assert streams.dropped == 1


async def test_a_participant_has_few_streams() -> None:
    streams = Streams(limit=10)
    first = streams.open("alice", [], nothing)

    for _ in range(STREAMS_PER_PARTICIPANT):
        streams.open("alice", [], nothing)

    assert streams.count("alice") == STREAMS_PER_PARTICIPANT
    assert await first.next() is None


async def test_a_closed_stream_is_forgotten() -> None:
    streams = Streams(limit=10)
    stream = streams.open("alice", [], nothing)

    streams.close("alice", stream)
    streams.close("alice", stream)

    assert streams.count("alice") == 0
