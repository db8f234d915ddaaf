"""Mends what a killed recorder left: cuts off what is incomplete and writes index and chapters, as if the file had been closed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pexrtc_media.base import MediaError
from pexrtc_media.container import Chapter
from pexrtc_media.matroska import (
    CHAPTERS,
    CLUSTER,
    CUES,
    EBML,
    INFO,
    SEEK_ROOM,
    SEGMENT,
    TRACKS,
    chapters_element,
    cue_element,
    element,
    seek_head,
    size_field,
)

_BLOCK, _GROUP, _GROUP_BLOCK, _TIME, _ENTRY, _NUMBER, _TYPE = 0xA3, 0xA0, 0xA1, 0xE7, 0xAE, 0xD7, 0x83
_HEAD = 24
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done to a file."""

    cut: int
    """Bytes that were incomplete and are gone."""
    indexed: int
    """Key frames in the new index; 0 where there was one, or the kind of file needs none."""

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.cut or self.indexed)


def mend(path: Path, chapters: Sequence[Chapter] = ()) -> Mended:
    """Make a file of our recorder whole; one that is whole stays as it is. Blocking. Raises MediaError for what is no such file."""
    try:
        with path.open("r+b") as file:
            return _mend_mp4(file, path) if path.suffix.lower() == ".mp4" else _Matroska(file, path).mend(chapters)
    except OSError as error:
        raise MediaError(f"{path} cannot be mended: {error.strerror}.") from error


@dataclass(frozen=True, slots=True)
class _Part:
    kind: int
    start: int
    body: int
    size: int

    @property
    def end(self) -> int:
        return self.body + self.size


class _Matroska:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._length = os.fstat(file.fileno()).st_size

    def mend(self, chapters: Sequence[Chapter]) -> Mended:
        segment = self._segment()
        places: dict[int, int] = {}
        cues: list[tuple[int, int, int]] = []
        videos: set[int] = set()
        end = segment.body
        for part in self._parts(segment.body, self._length):
            if part.size == _UNKNOWN or part.end > self._length:
                break
            end = part.end
            if part.kind in {INFO, TRACKS, CUES, CHAPTERS}:
                places[part.kind] = part.start
            if part.kind == TRACKS:
                videos = self._videos(part)
            elif part.kind == CLUSTER:
                cues += self._key_frames(part, videos, segment.body)
        if TRACKS not in places:
            raise MediaError(f"{self._path} has no complete head; there is nothing in it to be saved.")
        if CUES in places and segment.end == self._length == end:
            return Mended(0, 0)
        return self._complete(segment, end, places, cues, chapters)

    def _complete(
        self, segment: _Part, end: int, places: dict[int, int], cues: list[tuple[int, int, int]], chapters: Sequence[Chapter]
    ) -> Mended:
        file, cut = self._file, self._length - end
        file.truncate(end)
        file.seek(end)
        indexed = 0
        if CUES not in places and cues:
            places[CUES], indexed = file.tell(), len(cues)
            file.write(element(CUES, *(cue_element(*cue) for cue in sorted(cues))))
        if CHAPTERS not in places and chapters:
            places[CHAPTERS] = file.tell()
            file.write(chapters_element(chapters))
        length = file.tell()
        if places[INFO] - segment.body >= SEEK_ROOM:
            file.seek(segment.body)
            file.write(seek_head(places, segment.body))
        file.seek(segment.body - 8)
        file.write(size_field(length - segment.body, 8))
        return Mended(cut, indexed)

    def _segment(self) -> _Part:
        parts = self._parts(0, self._length)
        first, second = next(parts, None), next(parts, None)
        if first is None or first.kind != EBML or second is None or second.kind != SEGMENT:
            raise MediaError(f"{self._path} is no Matroska or WebM file.")
        if second.body - second.start != 12:
            raise MediaError(f"{self._path} was written by another program, which has its own ways to mend it.")
        return second

    def _parts(self, start: int, end: int) -> Iterator[_Part]:
        """The elements between two places, as far as their heads can be read."""
        while start < end:
            self._file.seek(start)
            head = self._file.read(_HEAD)
            part = _read_head(head, start)
            if part is None:
                return
            yield part
            if part.kind == SEGMENT or part.size == _UNKNOWN:
                return
            start = part.end

    def _videos(self, tracks: _Part) -> set[int]:
        """The numbers of the tracks with pictures."""
        found = set()
        for entry in self._parts(tracks.body, tracks.end):
            if entry.kind == _ENTRY:
                fields = {part.kind: self._number(part) for part in self._parts(entry.body, entry.end) if part.kind in {_NUMBER, _TYPE}}
                if fields.get(_TYPE) == 1:
                    found.add(fields.get(_NUMBER, 0))
        return found

    def _key_frames(self, cluster: _Part, videos: set[int], segment: int) -> Iterator[tuple[int, int, int]]:
        time, seen = 0, set[int]()
        for part in self._parts(cluster.body, cluster.end):
            if part.kind == _TIME:
                time = self._number(part)
            elif part.kind == _BLOCK and part.size >= 4:
                self._file.seek(part.body)
                head = self._file.read(4)
                track = head[0] & 0x7F
                if head[3] & 0x80 and track in videos and track not in seen:
                    seen.add(track)
                    yield time + int.from_bytes(head[1:3], "big", signed=True), track, cluster.start - segment

    def _number(self, part: _Part) -> int:
        self._file.seek(part.body)
        return int.from_bytes(self._file.read(min(part.size, 8)), "big")


def _read_head(head: bytes, start: int) -> _Part | None:
    """Identifier and size at the beginning of an element (RFC 8794 5, 6); None for what is none, or cut off."""
    if not head or not head[0] & 0xF0:
        return None
    width = 9 - head[0].bit_length()
    if len(head) <= width or not head[width]:
        return None
    size_width = 9 - head[width].bit_length()
    field = head[width : width + size_width]
    if len(field) < size_width:
        return None
    size = int.from_bytes(field, "big") & ((1 << 7 * size_width) - 1)
    unknown = size == (1 << 7 * size_width) - 1
    return _Part(int.from_bytes(head[:width], "big"), start, start + width + size_width, _UNKNOWN if unknown else size)


def _mend_mp4(file: BinaryIO, path: Path) -> Mended:
    """Cut a fragmented file behind the last fragment that is there with its media."""
    length, start, end, begun = os.fstat(file.fileno()).st_size, 0, 0, False
    while start + 8 <= length:
        file.seek(start)
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if size < 8 or start + size > length:
            break
        begun |= kind == b"moov"
        start += size
        if kind != b"moof":  # which is nothing without what follows
            end = start
    if not begun:
        raise MediaError(f"{path} has no complete head; there is nothing in it to be saved.")
    if end < length:
        file.truncate(end)
    return Mended(length - end, 0)
