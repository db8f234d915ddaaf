"""RTMP: values and chunks for themselves, then a stream from our client to our server and back, judged by content."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pexrtc_media import Pattern, Tone, stamp
from pexrtc_media.base import MediaError
from pexrtc_media.rtmp import amf
from pexrtc_media.rtmp.chunks import LONGEST, OURS, SMALLEST, UNFINISHED, Kind, Message, Reader, to_bytes
from pexrtc_media.rtmp.client import play, publish
from pexrtc_media.rtmp.connection import PING, WAITING, Address, Connection
from pexrtc_media.rtmp.flv import FramesIn, PicturesOut, SoundOut
from pexrtc_media.rtmp.server import PATIENCE, STREAM, Server, begins

SIZE = (320, 180)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.dictionaries(st.text(min_size=1, max_size=10), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(VALUES, max_size=4))
def test_values_are_read_as_they_were_written(values: list[object]) -> None:
    try:
        assert amf.decode(amf.encode(*values)) == values
    except MediaError as error:
        assert "deep" in str(error)


@given(st.binary(max_size=60))
def test_garbage_is_no_command_and_nothing_worse(data: bytes) -> None:
    with suppress(MediaError):
        amf.decode(data)


@given(
    st.lists(
        st.builds(
            Message,
            st.sampled_from([Kind.AUDIO, Kind.VIDEO, Kind.DATA, Kind.COMMAND]),
            st.binary(max_size=300),
            st.integers(0, 9),
            st.integers(0, 0xFFFFFFFF),
        ),
        max_size=4,
    ),
    st.integers(40, 4000),
)
@settings(max_examples=40)
def test_messages_arrive_as_they_were_sent_however_the_bytes_are_cut(messages: list[Message], cut: int) -> None:
    messages = [*messages, Message(Kind.VIDEO, bytes(OURS + 7), 1, 0xFFFFFF)]
    size = to_bytes(Message(Kind.CHUNK_SIZE, OURS.to_bytes(4, "big")), 2)
    data = size + b"".join(to_bytes(message, 3 + number % 2) for number, message in enumerate(messages))
    reader = Reader()

    got = [message for start in range(0, len(data), cut) for message in reader.feed(data[start : start + cut])]

    assert got == messages


def test_headers_may_leave_out_what_has_not_changed() -> None:
    whole = b"\x04" + (1000).to_bytes(3, "big") + (2).to_bytes(3, "big") + b"\x08" + (1).to_bytes(4, "little") + b"ab"
    same_stream = b"\x44" + (20).to_bytes(3, "big") + (1).to_bytes(3, "big") + b"\x08" + b"c"
    same_length = b"\x84" + (30).to_bytes(3, "big") + b"d"
    all_the_same = b"\xc4" + b"e"

    got = Reader().feed(whole + same_stream + same_length + all_the_same)

    assert got == [Message(8, b"ab", 1, 1000), Message(8, b"c", 1, 1020), Message(8, b"d", 1, 1050), Message(8, b"e", 1, 1080)]


def begun(number: int, length: int, sent: int) -> bytes:
    """The first bytes of a message of this length."""
    return bytes([number]) + bytes(3) + length.to_bytes(3, "big") + bytes([Kind.VIDEO]) + bytes(4 + sent)


def test_each_chunk_of_a_long_message_costs_the_same() -> None:
    chunk = b"\xc4" + bytes(128)
    reader = Reader()
    reader.feed(begun(4, LONGEST, 128))

    begin = time.process_time()
    (message,) = reader.feed(chunk * (LONGEST // 128 - 1))

    assert len(message.data) == LONGEST
    assert time.process_time() - begin < 10  # a copy of what there is with each chunk takes minutes


def test_unfinished_messages_are_bounded_over_all_chunk_streams_together() -> None:
    reader = Reader()
    size = to_bytes(Message(Kind.CHUNK_SIZE, (LONGEST - 1).to_bytes(4, "big")), 2)
    reader.feed(size)
    for number in (4, 5):
        reader.feed(begun(number, LONGEST, LONGEST - 1))

    with pytest.raises(MediaError, match=f"more than {UNFINISHED} bytes"):
        reader.feed(begun(6, LONGEST, LONGEST - 1))


def test_finished_messages_do_not_count_as_unfinished() -> None:
    reader = Reader()
    reader.feed(to_bytes(Message(Kind.CHUNK_SIZE, LONGEST.to_bytes(4, "big")), 2))

    got = [len(reader.feed(begun(4, LONGEST, LONGEST))) for _ in range(UNFINISHED // LONGEST + 2)]

    assert got == [1] * len(got)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc4e",  # goes on with a stream that did not begin
        b"\x04" + bytes(3) + (LONGEST + 1).to_bytes(3, "big") + b"\x08" + bytes(4),
        to_bytes(Message(Kind.CHUNK_SIZE, bytes(4)), 2),
        to_bytes(Message(Kind.CHUNK_SIZE, (SMALLEST - 1).to_bytes(4, "big")), 2),
        to_bytes(Message(Kind.CHUNK_SIZE, (LONGEST + 1).to_bytes(4, "big")), 2),
        begun(4, 200, 128) + begun(4, 100, 0),  # another length in the middle of a message
    ],
)
def test_what_is_no_rtmp_is_refused(data: bytes) -> None:
    with pytest.raises(MediaError):
        Reader().feed(data)


def test_an_address_names_server_application_and_stream_and_shows_no_key() -> None:
    address = Address.parse("rtmps://live.example.com/app/instance/SECRET?token=1")

    assert (address.host, address.port, address.app, address.name) == ("live.example.com", 443, "app/instance", "SECRET?token=1")
    assert "SECRET" not in f"{address} {address!r}"


@pytest.mark.parametrize("url", ["", "http://a/b/c", "rtmp://", "rtmp://a", "rtmp://a/b", "rtmp://a:x/b/c", "rtmp://[a/b/SECRET"])
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(MediaError, match="must be rtmp://") as refused:
        Address.parse(url)

    assert "SECRET" not in str(refused.value)


class Studio:
    """A server that keeps the frames of whoever publishes, and shows a picture and a tone to whoever plays `show`."""

    def __init__(self, patience: float) -> None:
        self.frames: list[av.AudioFrame | av.VideoFrame] = []
        self.over = asyncio.Event()
        self.server = Server(self._handle, patience=patience)

    @property
    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.server.port}/pexip"

    async def _handle(self, app: str, name: str, publishes: bool, connection: Connection) -> None:
        if app != "pexip" or name not in ("push", "show"):
            raise MediaError("There is no such stream.")
        begins(connection, publishes=publishes)
        if publishes:
            self.frames += await frames_of(connection)
            self.over.set()
        else:
            send(connection, STREAM)


async def frames_of(connection: Connection) -> list[av.AudioFrame | av.VideoFrame]:
    decoding, found = FramesIn(), list[av.AudioFrame | av.VideoFrame]()
    while (message := await connection.receive()) is not None:
        if message.kind in (Kind.AUDIO, Kind.VIDEO):
            found += decoding.decode(message)
    assert decoding.damaged == 0
    return found


def send(connection: Connection, stream: int) -> None:
    """A second of picture and tone."""
    sound, pictures, film, tone = SoundOut(), PicturesOut(SIZE), Pattern(SIZE, 10, stamp=4), Tone(600)
    messages = [(sound.configuration, True)]
    for index in range(10):
        encoded = pictures.encode(film.picture(index), index / 10)
        if index == 0 and pictures.configuration is not None:
            messages.append((pictures.configuration, True))
        messages += encoded
        messages += [(one, True) for at in range(5) for one in sound.encode(tone.sound(index * 5 + at), (index * 5 + at) / 50)]
    for message, keyframe in messages:
        connection.put_media(replace(message, stream=stream), keyframe=keyframe)


def check(frames: list[av.AudioFrame | av.VideoFrame]) -> None:
    marks = [stamp.read_at(frame) for frame in frames if isinstance(frame, av.VideoFrame)]
    sound = np.concatenate([np.asarray(frame.to_ndarray())[0] for frame in frames if isinstance(frame, av.AudioFrame)])
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert [mark.frame for mark in marks if mark] == list(range(10))
    assert spectrum.argmax() * 48_000 / len(sound) == pytest.approx(600, abs=5)


@asynccontextmanager
async def studio(patience: float = PATIENCE) -> AsyncIterator[Studio]:
    made = Studio(patience)
    await made.server.start()
    try:
        yield made
    finally:
        await made.server.aclose()


async def test_what_is_published_arrives() -> None:
    async with studio() as made:
        connection, stream = await publish(f"{made.url}/push")
        send(connection, stream)
        await connection.aclose()
        await made.over.wait()

    check(made.frames)


async def test_what_is_played_arrives() -> None:
    async with studio() as made:
        connection = await play(f"{made.url}/show")
        frames = await frames_of(connection)
        await connection.aclose()

    check(frames)


async def test_a_stream_that_is_not_there_is_refused_with_the_servers_words() -> None:
    async with studio() as made:
        with pytest.raises(MediaError, match=r"refused 'publish': There is no such stream\."):
            await publish(f"{made.url}/SECRET")
        with pytest.raises(MediaError, match=r"refused 'play': There is no such stream\."):
            await play(f"{made.url}/SECRET")


async def test_a_server_that_is_not_there_is_an_error_with_its_place() -> None:
    async with studio() as made:
        url = f"{made.url}/push"

    with pytest.raises(MediaError, match="cannot be reached by RTMP") as refused:
        await publish(url)

    assert str(made.server.port) in str(refused.value)


async def test_a_client_that_speaks_something_else_is_let_go() -> None:
    async with studio() as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(2000))

        assert await reader.read() == b""

        writer.close()
        assert made.server.turned_away == 1


class Deaf(asyncio.Transport):
    """A transport to somebody who never reads."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting, self.aborted = 0, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


async def test_a_client_that_pings_and_never_reads_is_let_go() -> None:
    reader, deaf = asyncio.StreamReader(), Deaf()
    writer = asyncio.StreamWriter(deaf, asyncio.StreamReaderProtocol(reader), reader, asyncio.get_running_loop())
    connection = Connection(reader, writer)
    deaf.waiting = 2 * WAITING
    reader.feed_data(2 * to_bytes(Message(Kind.CONTROL, PING.to_bytes(2, "big") + bytes(4)), 2))

    with pytest.raises(MediaError, match="does not read"):
        await connection.receive()

    assert deaf.aborted
    connection.put(Message(Kind.CONTROL, bytes(6)))  # nobody is there any more, and that is no error


async def refusal_of(description: str, url: str) -> str:
    """What our client says when a server refuses a stream in these words."""

    async def refuse(app: str, name: str, publishes: bool, connection: Connection) -> None:
        raise MediaError(description)

    server = Server(refuse)
    await server.start()
    try:
        with pytest.raises(MediaError) as refused:
            await publish(f"rtmp://127.0.0.1:{server.port}/app/{url}")
        return str(refused.value)
    finally:
        await server.aclose()


@pytest.mark.parametrize("said", ["No stream SECRET", "No stream secret here", "No stream %53ECRET", "Bad key TOKEN"])
async def test_the_key_does_not_show_when_a_server_repeats_it(said: str) -> None:
    error = await refusal_of(said, "SECRET?key=TOKEN")

    assert error == "The RTMP server refused 'publish': NetStream.Publish.BadName."


async def test_a_client_that_does_not_say_what_it_wants_is_let_go() -> None:
    async with studio(patience=0.05) as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.server.port)
        writer.write(b"\x03" + bytes(2 * 1536))

        await reader.read()  # until it is closed

        writer.close()
        assert made.server.turned_away == 1


async def test_before_a_client_has_said_what_it_wants_it_sends_no_long_messages() -> None:
    async with studio() as made:
        connection = await Connection.to(Address.parse(f"{made.url}/push"))
        connection.put(Message(Kind.CHUNK_SIZE, OURS.to_bytes(4, "big")))
        connection.put(Message(Kind.COMMAND, bytes(100_000)))

        assert await connection.receive() is None

        await connection.aclose()
        assert made.server.turned_away == 1
