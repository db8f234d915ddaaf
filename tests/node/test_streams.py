from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.node.streams import AT_ONCE, BYTES_LIMIT, STREAMS_PER_PARTICIPANT, Stream, Streams, frame
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


async def test_a_long_welcome_leaves_time_for_others_and_keeps_its_order() -> None:
    streams = Streams(limit=1)
    made: list[int] = []
    seen: list[int] = []

    def line(number: int) -> MessageReceived:
        made.append(number)
        return MessageReceived(payload=str(number))

    lines = [partial(line, number) for number in range(200)]
    stream = streams.open("alice", [ParticipantSyncBegin(), *lines, PresentationStop()], nothing)
    at_first = list(made)
    streams.tell(["alice"], Bye())

    async def others() -> None:
        while len(made) < 200:
            seen.append(len(made))
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    blocks = [block.decode() async for block in _read(stream)]
    await other

    assert at_first == []
    assert max(later - before for before, later in pairwise(seen)) <= AT_ONCE
    assert [block.split("\n")[0] for block in blocks] == [
        "event: participant_sync_begin",
        *["event: message_received"] * 200,
        "event: presentation_stop",
        "event: bye",
    ]
    assert [json.loads(block.split("data: ")[1])["payload"] for block in blocks[1:201]] == [str(number) for number in range(200)]
    numbers = [base64.b64decode(block.split("\n")[1].removeprefix("id: ")).decode() for block in blocks]
    assert numbers == [f"1_{number}" for number in range(1, 204)]


async def _read(stream: Stream) -> AsyncIterator[bytes]:
    while (block := await stream.next()) is not None:
        yield block
