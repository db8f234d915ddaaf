"""RTMP messages and the chunks they travel in (RTMP 1.0, 5.3); pure: bytes in, messages out, and back."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from pexrtc_media.base import MediaError

CHUNK = 128
"""Bytes of a message per chunk until the other side says otherwise."""
SMALLEST = 64
"""Smaller chunks than these are refused: nobody uses them, and each costs as much time as a large one."""
OURS = 60_000
LONGEST = 8 * 1024 * 1024
UNFINISHED = 2 * LONGEST
"""Bytes of unfinished messages that one connection may keep here, over all its chunk streams."""
STREAMS = 64
"""Chunk streams of one connection; real ones use five."""
EXTENDED = 0xFFFFFF


class Kind(IntEnum):
    """What a message is."""

    CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGED = 3
    CONTROL = 4
    WINDOW = 5
    BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA = 18
    COMMAND = 20


@dataclass(frozen=True)
class Message:
    """One message; `time` in milliseconds, `stream` 0 for the connection itself."""

    kind: int
    data: bytes
    stream: int = 0
    time: int = 0


@dataclass
class _ChunkStream:
    """What the last header of a chunk stream said, and what has come of its message."""

    time: int = 0
    step: int = 0
    length: int = 0
    kind: int = 0
    stream: int = 0
    extended: bool = False
    data: bytearray = field(default_factory=bytearray)


class Reader:
    """Takes bytes as they come and gives complete messages, of at most `longest` bytes. Raises MediaError for what is no RTMP."""

    def __init__(self) -> None:
        self.longest = LONGEST
        self._size = CHUNK
        self._unfinished = 0
        self._bytes = bytearray()
        self._streams: dict[int, _ChunkStream] = {}

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with `data`; sizes of chunks are obeyed here, and not reported."""
        self._bytes += data
        messages = []
        while (taken := self._chunk()) is not None:
            length, message = taken
            del self._bytes[:length]
            if message is None:
                continue
            if message.kind == Kind.CHUNK_SIZE:
                self._size = self._new_size(message.data)
            elif message.kind != Kind.ABORT:
                messages.append(message)
        return messages

    def _chunk(self) -> tuple[int, Message | None] | None:
        """One chunk from the front: its length, and the message that is complete with it; None while it is not all there."""
        data = self._bytes
        try:
            (form, number), place = _basic(data)
            known = self._streams.get(number)
            if known is None and (form > 1 or len(self._streams) >= STREAMS):
                raise MediaError(f"RTMP chunk stream {number} begins in the middle.")
            header, place = _header(data, place, form, known or _ChunkStream())
        except (IndexError, struct.error):
            return None
        done = len(known.data) if known else 0
        if header.length > self.longest:
            raise MediaError(f"An RTMP message of {header.length} bytes is longer than the {self.longest} that are taken.")
        if header.length < done:
            raise MediaError(f"An RTMP message of {header.length} bytes had {done} bytes before; its length changed on the way.")
        end = place + min(self._size, header.length - done)
        if len(data) < end:
            return None
        header.data = known.data if known else bytearray()
        header.data += data[place:end]
        self._streams[number] = header
        self._unfinished += end - place
        if self._unfinished > UNFINISHED:
            raise MediaError(f"Unfinished RTMP messages of more than {UNFINISHED} bytes are not kept.")
        if len(header.data) < header.length:
            return end, None
        self._unfinished -= header.length
        message = Message(header.kind, bytes(header.data), header.stream, header.time)
        header.data = bytearray()
        return end, message

    def _new_size(self, data: bytes) -> int:
        size = int.from_bytes(data[:4], "big")
        if not SMALLEST <= size <= LONGEST:
            raise MediaError(f"RTMP chunks of {size} bytes are not taken; they must be of {SMALLEST} to {LONGEST}.")
        return size


def _basic(data: bytearray) -> tuple[tuple[int, int], int]:
    form, number = data[0] >> 6, data[0] & 0x3F
    if number == 0:
        return (form, data[1] + 64), 2
    if number == 1:
        return (form, data[1] + data[2] * 256 + 64), 3
    return (form, number), 1


def _header(data: bytearray, place: int, form: int, last: _ChunkStream) -> tuple[_ChunkStream, int]:
    """The header at `place`, and where it ends; a header between the chunks of one message changes nothing."""
    now = _ChunkStream(last.time, last.step, last.length, last.kind, last.stream, last.extended)
    size = (11, 7, 3, 0)[form]
    if len(data) < place + size:
        raise IndexError
    step = int.from_bytes(data[place : place + 3], "big") if form < 3 else 0
    now.extended = step == EXTENDED if form < 3 else last.extended
    if form < 2:
        now.length, now.kind = int.from_bytes(data[place + 3 : place + 6], "big"), data[place + 6]
    if form == 0:
        now.stream = int.from_bytes(data[place + 7 : place + 11], "little")
    place += size
    if now.extended:
        (extended,) = struct.unpack_from(">I", data, place)
        step, place = extended if form < 3 else step, place + 4
    if form < 3:
        now.step = step
    if form == 0:
        now.time, now.step = step, 0
    elif not last.data:
        now.time = now.time + now.step & 0xFFFFFFFF
    return now, place


def to_bytes(message: Message, number: int) -> bytes:
    """A message on chunk stream `number` (2 to 63), in chunks of `OURS` bytes."""
    long = message.time >= EXTENDED
    extra = struct.pack(">I", message.time) if long else b""
    time = EXTENDED if long else message.time
    head = bytes([number]) + time.to_bytes(3, "big") + len(message.data).to_bytes(3, "big") + bytes([message.kind])
    parts = [head, message.stream.to_bytes(4, "little"), extra]
    for start in range(0, max(1, len(message.data)), OURS):
        parts += [bytes([0xC0 | number]), extra] if start else []
        parts.append(message.data[start : start + OURS])
    return b"".join(parts)
