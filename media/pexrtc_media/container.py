"""What a recording asks of a file format, and which formats there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pexrtc_media.base import MediaError
from pexrtc_media.storage import Storage


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """What the head of a file says of one track, once and for all."""

    name: str
    codec: str
    """`"opus"`, `"vp8"`, `"h264"`, or `"text"` for captions."""
    keyframe: bytes = b""
    """The first picture of a video track, from which its size and parameter sets are taken."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a file that has a name; times are seconds from the start of the file."""

    start: float
    end: float
    title: str


class Container(Protocol):
    """An open file of some format; `track` counts in the order of the headers, `seconds` from the start of the file."""

    def write(self, track: int, seconds: float, data: bytes, *, keyframe: bool) -> None:
        """Add one unit; each track's times increase."""
        ...

    def close(self, chapters: Sequence[Chapter] = ()) -> None:
        """Complete the file, with its chapters where it can have any."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what it can hold and how it is written."""

    ending: str
    video: tuple[str, ...]
    slides_beside: bool
    """Whether the second picture goes to a file of its own."""
    captions: bool
    """Whether it has room for captions as a track."""
    open: Callable[[Storage, Sequence[TrackHeader]], Container]


def _matroska(storage: Storage, headers: Sequence[TrackHeader]) -> Container:
    from pexrtc_media.matroska import Matroska

    return Matroska(storage, headers, document="matroska")


def _webm(storage: Storage, headers: Sequence[TrackHeader]) -> Container:
    from pexrtc_media.matroska import Matroska

    return Matroska(storage, headers, document="webm")


def _mp4(storage: Storage, headers: Sequence[TrackHeader]) -> Container:
    from pexrtc_media.mp4 import FragmentedMp4

    return FragmentedMp4(storage, headers)


KINDS = {
    ".mkv": Kind(".mkv", video=("vp8", "h264"), slides_beside=False, captions=True, open=_matroska),
    ".webm": Kind(".webm", video=("vp8",), slides_beside=False, captions=False, open=_webm),
    ".mp4": Kind(".mp4", video=("h264",), slides_beside=True, captions=False, open=_mp4),
}


def kind_of(path: Path) -> Kind:
    """The kind of file that `path` names by its ending; MediaError for an unknown one."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise MediaError(f"{path} has the ending {path.suffix or 'of no kind'!r}, which cannot be recorded to; use {', '.join(KINDS)}.")
    return kind
