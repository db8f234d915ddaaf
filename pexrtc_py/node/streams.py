"""Event streams from the node's side: numbered frames, a bounded queue for each open stream, dropped when nobody reads."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count

from pexrtc_py.protocol import history
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import Bye, Disconnect, PresentationFrame
from pexrtc_py.protocol.wire import to_text

_logger = logging.getLogger(__name__)
NEWEST = 9999
"""A version that has everything."""
STREAMS_PER_PARTICIPANT = 8
"""Clients hold one, two while reconnecting; with more the oldest is dropped."""

AT_ONCE = 20
"""So many frames are made in one go; the loop has other work."""
BYTES_LIMIT = 8 * 1024 * 1024
"""So much may wait for one reader; a long message counts for more than a short one."""


def frame(event: Event, id: str, *, version: int = NEWEST) -> bytes:
    """An event as the bytes of a `text/event-stream` block (HTML standard, 9.2.6); its data is one line of JSON.

    None at all where a node of this version does not tell it.
    """
    said = history.event(event, version)
    return f"event: {said[0]}\nid: {id}\ndata: {to_text(said[1])}\n\n".encode() if said is not None else b""


class Stream:
    """What waits for one reader: an async iterator of frames that ends after `disconnect` and `bye`."""

    def __init__(self, limit: int, abort: Callable[[], None]) -> None:
        self.dropped = False
        self._frames: asyncio.Queue[bytes | Callable[[], bytes] | None] = asyncio.Queue(limit + 1)  # one place is for the end mark
        self._limit, self._abort, self._ended = limit, abort, False
        self._bytes = self._made = 0

    def put(self, data: bytes | Callable[[], bytes]) -> bool:
        """Queue a frame, or what makes it; False when the reader is too slow, and then the stream is cut."""
        if self._ended:
            return True
        if self._frames.qsize() >= self._limit or self._bytes > BYTES_LIMIT:
            self.cut()
            return False
        self._bytes += len(data) if isinstance(data, bytes) else 0
        self._frames.put_nowait(data)
        return True

    @property
    def waiting(self) -> int:
        """How many frames wait for the reader."""
        return self._frames.qsize()

    def end(self) -> None:
        """Nothing comes after what is queued."""
        if not self._ended:
            self._ended = True
            self._frames.put_nowait(None)

    def cut(self) -> None:
        """Break the connection without waiting for the reader."""
        self.dropped = self._ended = True
        self._abort()

    async def next(self) -> bytes | None:
        """The next frame; None at the end."""
        if self.dropped:
            return None
        if self._made >= AT_ONCE:
            self._made = 0
            await asyncio.sleep(0)  # before a frame is taken, for whoever waits may give up here
        data = await self._frames.get()
        if callable(data):
            self._made += 1
            return data()
        self._bytes -= len(data or b"")
        return data


class Streams:
    """All open event streams of a node, by participant."""

    def __init__(self, *, limit: int, number: int = 1, version: int = NEWEST) -> None:
        self.limit, self.number, self.version = limit, number, version
        self.dropped = 0
        """Streams that were cut because their reader was too slow."""
        self.on_tell: Callable[[Sequence[str], Event], None] = lambda participants, event: None
        """Called with each event that is told, and those who have a stream open for it."""
        self._open: defaultdict[str, list[Stream]] = defaultdict(list)
        self._sequence = count(1)

    @property
    def listening(self) -> Collection[str]:
        """The participants who have a stream open; a view that follows."""
        return self._open.keys()

    @property
    def waiting(self) -> int:
        """How many frames wait for the slowest reader."""
        return max((stream.waiting for streams in self._open.values() for stream in streams), default=0)

    def open(self, participant: str, welcome: Iterable[Event | Callable[[], Event]], abort: Callable[[], None]) -> Stream:
        """A new stream that begins with the events of `welcome`, some of them made when they are read; `abort` breaks its connection."""
        events = list(welcome)
        stream = Stream(self.limit + len(events), abort)
        for event in events:
            if data := self._frame(event) if isinstance(event, Event) else self._later(event):
                stream.put(data)
        streams = self._open[participant]
        streams.append(stream)
        for old in streams[:-STREAMS_PER_PARTICIPANT]:
            old.end()
            streams.remove(old)
        return stream

    def close(self, participant: str, stream: Stream) -> None:
        """Forget a stream whose connection is gone."""
        streams = self._open.get(participant, [])
        if stream in streams:
            streams.remove(stream)
        if not streams:
            self._open.pop(participant, None)

    def tell(self, participants: Sequence[str], event: Event) -> None:
        """Queue an event, encoded once, to every stream of the participants; `disconnect` and `bye` end them."""
        listening = [(participant, stream) for participant in participants for stream in self._open.get(participant, ())]
        data = self._frame(event) if listening else b""
        if not data:
            return
        self.on_tell([participant for participant, _ in listening], event)
        for participant, stream in listening:
            if not stream.put(data):
                self.dropped += 1
                _logger.warning("an event stream whose reader is too slow was cut with %d events unread", stream.waiting)
                self.close(participant, stream)
            elif isinstance(event, Bye | Disconnect):
                stream.end()

    def end_all(self) -> None:
        """Every stream ends after what is queued."""
        for stream in [stream for streams in self._open.values() for stream in streams]:
            stream.end()

    def count(self, participant: str) -> int:
        """How many streams the participant has open."""
        return len(self._open.get(participant, ()))

    def _frame(self, event: Event) -> bytes:
        """The event as a node of the emulated version tells it; nothing when it does not."""
        return frame(event, self._id(event), version=self.version)

    def _later(self, make: Callable[[], Event]) -> Callable[[], bytes]:
        number = next(self._sequence)
        return lambda: frame(make(), self._named(number), version=self.version)

    def _id(self, event: Event) -> str:
        """A new id; but a picture is fetched by the id that its event was made with."""
        if isinstance(event, PresentationFrame) and event.id is not None:
            return event.id
        return self._named(next(self._sequence))

    def _named(self, number: int) -> str:
        return base64.b64encode(f"{self.number}_{number}".encode()).decode()
