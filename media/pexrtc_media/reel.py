"""One file of a recording: its storage, its container, and the order in which units of several tracks go into it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pexrtc_media.base import MediaError
from pexrtc_media.container import Chapter, Container, Kind, TrackHeader
from pexrtc_media.storage import Storage


@dataclass(frozen=True, slots=True)
class Place:
    """A track in a file."""

    reel: Reel
    track: int
    codec: str


WINDOW = 0.25
"""Seconds of media that are kept back so that the tracks of a file go in interleaved."""

PICTURE_STEP = 0.005
"""Seconds between two pictures of a track at least: more than the shortest picture that the head of the file speaks of."""


class Reel:
    """A file that has its name from the start and gets its head once the tracks are known; MediaError when it cannot be created."""

    def __init__(self, path: Path, kind: Kind, *, zero: float = 0.0) -> None:
        self.path = path
        self.zero = zero
        """The time of the recording at which this file begins."""
        self.error: MediaError | None = None
        self._kind = kind
        self._storage = Storage(path)
        self._container: Container | None = None
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, int, bytes, bool]] = []
        self._newest = 0.0
        self._last: list[float] = []
        self._steps: list[float] = []

    @property
    def length(self) -> int:
        """Bytes of the file so far."""
        return self._storage.length

    def open(self, headers: Sequence[TrackHeader]) -> None:
        """Write the head for these tracks."""
        self._last = [self.zero - 1.0] * len(headers)
        self._steps = [PICTURE_STEP if header.codec in {"vp8", "h264"} else 0.001 for header in headers]
        try:
            self._container = self._kind.open(self._storage, headers)
        except MediaError as error:
            self.error = error

    def put(self, track: int, seconds: float, data: bytes, *, keyframe: bool) -> float:
        """Add a unit; gives the time it got, which is later than that of the unit before."""
        time = max(seconds, self._last[track] + self._steps[track], self.zero)
        self._last[track] = time
        self._newest = max(self._newest, time)
        heapq.heappush(self._waiting, (time, next(self._order), track, data, keyframe))
        self._write(self._newest - WINDOW)
        return time

    def check(self) -> MediaError | None:
        """Why nothing more can be written, if so."""
        self.error = self.error or self._storage.error
        return self.error

    async def aclose(self, chapters: Sequence[Chapter] = ()) -> None:
        """Write what is left and complete the file; calling it again does nothing. Times of chapters are those of the recording."""
        self._write(float("inf"))
        container, self._container = self._container, None
        if container is not None and self.check() is None:
            try:
                container.close([Chapter(max(each.start - self.zero, 0.0), each.end - self.zero, each.title) for each in chapters])
            except MediaError as error:
                self.error = error
        await asyncio.to_thread(self._storage.finish)
        self.check()

    def _write(self, until: float) -> None:
        while self._waiting and self._waiting[0][0] <= until:
            time, _, track, data, keyframe = heapq.heappop(self._waiting)
            if self._container is None or self.check() is not None:
                continue
            try:
                self._container.write(track, time - self.zero, data, keyframe=keyframe)
            except MediaError as error:
                self.error = error
