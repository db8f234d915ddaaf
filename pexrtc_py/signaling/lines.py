"""The lines of an event stream, bounded and always decodable, for a reader that is neither."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

LONGEST_EVENT = 4 * 2**20
"""Bytes; what of one event goes beyond is left out, and the stream goes on."""


class Lines:
    """Iterates the complete lines of a chunked body; it can be iterated again and goes on where it was.

    A line longer than `limit` is left out whole, so is what exceeds `limit` between two blank lines, and so is
    an incomplete line at the end: a half event is none (HTML 9.2.6).
    """

    def __init__(self, chunks: AsyncIterator[bytes], *, limit: int = LONGEST_EVENT) -> None:
        self.skipped = 0
        self._chunks, self._limit = chunks, limit
        self._ready: deque[bytes] = deque()
        self._rest = bytearray()
        self._too_long = False
        self._event_size = 0

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> bytes:
        """Raise StopAsyncIteration at the end of the body."""
        while not self._ready:
            self.feed(await anext(self._chunks))
        return self._ready.popleft()

    def feed(self, chunk: bytes) -> None:
        """Take what came, cut it into lines."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._rest += line
            self._end_line()
        self._rest += rest
        if len(self._rest) > self._limit:
            self._too_long = True
            self._rest.clear()

    def _end_line(self) -> None:
        line, skip = bytes(self._rest).rstrip(b"\r"), self._too_long
        self._rest.clear()
        self._too_long = False
        self._event_size = self._event_size + len(line) if line else 0
        if skip or self._event_size > self._limit:
            self.skipped += 1
        elif not line.startswith(b"retry"):  # we decide when to come back, and a huge number breaks the reader
            self._ready.append(line.decode(errors="replace").encode() + b"\n")
