"""The files of a recording: which track of which file a unit goes to, and when the next segment begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import black_picture, nal_units, picture_size, vp8_size
from pexrtc_media.container import Chapter, Kind, TrackHeader
from pexrtc_media.recording import Note, Segment
from pexrtc_media.reel import Place, Reel

if TYPE_CHECKING:
    from pexrtc_media.inputs import RecorderInput

LINGER = 1.0
"""Seconds for which the segment before takes what belongs to it and comes late."""
KEYFRAME_PATIENCE = 2.0
"""Seconds without pictures after which a segment begins without one."""
CAPTIONS = "captions"
_ASK_AGAIN = 0.5
_SPS = 7
_POLICIES = ("native", "segment", "scale")


@dataclass(frozen=True)
class Limits:
    """When the next file of a recording begins."""

    seconds: float | None = None
    bytes: int | None = None
    on_change: Literal["native", "segment", "scale"] = "native"
    """Whether main video of another size or codec goes on in the same file, begins the next, or is scaled (composed pictures only)."""

    def __post_init__(self) -> None:
        if (self.seconds is not None and not self.seconds > 0) or (self.bytes is not None and self.bytes < 1):
            raise MediaError("A segment has a length above 0 seconds and a size above 0 bytes.")
        if self.on_change not in _POLICIES:
            raise MediaError(f"on_change is one of {', '.join(_POLICIES)}, not {self.on_change!r}.")


class FileSet:
    """The file with the tracks of a recording, those beside it for what it has no track for, and the segments before it.

    `want_keyframe` is called when the next segment waits for a picture to begin with. Raises MediaError when the file cannot be created.
    """

    def __init__(self, path: Path, kind: Kind, limits: Limits, note: Callable[[Note], None], want_keyframe: Callable[[], None]) -> None:
        self._path, self._kind, self._limits = path, kind, limits
        self._one_file = limits.seconds is None and limits.bytes is None and limits.on_change != "segment"
        self._note, self._want_keyframe = note, want_keyframe
        self._main = Reel(path, kind)
        self._number = 1
        self._before: list[Reel] = []
        self._beside: list[Reel] = []
        self._done: dict[Reel, asyncio.Task[None]] = {}
        """What is being completed; when it is, only its length is kept."""
        self._done_length = 0
        self._places: dict[tuple[str, str], Place] = {}
        self._places_before: dict[tuple[str, str], Place] = {}
        self._keyframes: dict[str, AccessUnit] = {}
        self._shape: tuple[str, tuple[int, int]] | None = None
        self._sizes: dict[bytes, tuple[int, int]] = {}
        self._inputs: tuple[RecorderInput, ...] = ()
        self._last_picture = 0.0
        self._asked = -_ASK_AGAIN
        self.segments: list[Segment] = []
        self.others: tuple[Path, ...] = ()
        """The files beside the main ones."""
        self.chapters: list[Chapter] = []
        """Parts of the recording that have a name; those that a file holds are written at its end."""
        self.captions = False
        self.error: MediaError | None = None

    @property
    def length(self) -> int:
        """Bytes of all files together."""
        return self._done_length + sum(reel.length for reel in self._all())

    def check(self) -> MediaError | None:
        """Why nothing more can be written, if so."""
        self.error = self.error or next((error for reel in self._all() if (error := reel.check())), None)
        return self.error

    def open(self, inputs: tuple[RecorderInput, ...], video: AccessUnit | None) -> None:
        """Write the head of the first file; `video` is the first picture, if it has come."""
        self._inputs = inputs
        self._begin(0.0, video)

    def put(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> Written | None:
        """Write a unit for this time of the recording, perhaps as the first of the next segment; None when it has no file."""
        if self._begins_segment(source, unit, seconds):
            self._rotate(source, unit, seconds)
        place = self._place(source, unit, seconds)
        if place is None:
            return None
        if unit.keyframe and source.name != "audio":
            self._see_keyframe(source, unit, seconds)
        last = source.tally.codec
        if last not in (None, unit.codec) and (source.name, last) in self._places:
            self.black(source, str(last), seconds)
        return Written(place.reel.put(place.track, seconds, unit.data, keyframe=unit.keyframe), place.reel.path)

    def black(self, source: RecorderInput, codec: str, seconds: float) -> None:
        """A black picture from now on."""
        self._keyframes.pop(source.name, None)
        place = self._places.get((source.name, codec))
        if place is not None:
            place.reel.put(place.track, seconds, black_picture(codec), keyframe=True)

    def caption(self, text: str, seconds: float) -> bool:
        """Write a caption; False where there is no track for it."""
        place = self._places.get((CAPTIONS, "text"))
        if place is not None:
            place.reel.put(place.track, seconds, text.encode(), keyframe=True)
        return place is not None

    async def aclose(self, end: float) -> None:
        """Complete all files."""
        self._end_segment(end)
        self._retire()
        await self._main.aclose(self._chapters_between(self._main.zero, end))
        for reel in self._beside:
            await reel.aclose()
        await asyncio.gather(*self._done.values())

    # Places

    def _all(self) -> Iterator[Reel]:
        yield self._main
        yield from self._before
        yield from self._done
        yield from self._beside

    def _place(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> Place | None:
        key = (source.name, unit.codec)
        if self._before:
            if seconds < self._main.zero and key in self._places_before:
                return self._places_before[key]
            if seconds > self._main.zero + LINGER:
                self._retire()
        return self._places.get(key) or self._place_beside(source, unit)

    def _place_beside(self, source: RecorderInput, unit: AccessUnit) -> Place | None:
        """A track in a file of its own, for what the main file has no track for; None when it cannot be created."""
        others = any(name == source.name and place.reel is not self._main for (name, _), place in self._places.items())
        name = f"{self._main.path.stem}.{source.name}{f'.{unit.codec}' if others else ''}{self._path.suffix}"
        try:
            reel = Reel(self._path.with_name(name), self._kind, zero=self._main.zero)
        except MediaError as error:
            self.error = error
            return None
        self._beside.append(reel)
        self.others = (*self.others, reel.path)
        reel.open([TrackHeader(source.name, unit.codec, unit.data)])
        place = self._places[source.name, unit.codec] = Place(reel, 0, unit.codec)
        return place

    def _see_keyframe(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> None:
        self._keyframes[source.name] = unit
        if source.name != "video":
            return
        shape = self._shape_of(unit)
        if shape != self._shape:
            self._shape = shape
            self._note(Note("size", seconds, {"track": source.name, "codec": shape[0], "width": shape[1][0], "height": shape[1][1]}))

    def _shape_of(self, unit: AccessUnit) -> tuple[str, tuple[int, int]]:
        """Codec and size of a key frame; H.264 without parameter sets is as large as those before."""
        if unit.codec == "vp8":
            return unit.codec, vp8_size(unit.data) or (0, 0)
        sets = next((bytes(nal) for nal in nal_units(unit.data) if nal[0] & 0x1F == _SPS), None)
        if sets is not None and sets not in self._sizes:
            self._sizes = {sets: picture_size(unit.codec, unit.data)}
        return unit.codec, next(iter(self._sizes.values()), (0, 0))

    # Segments

    def _begins_segment(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> bool:
        if self._one_file:
            return False
        if source.name == "video":
            self._last_picture = seconds
            segments = self._limits.on_change == "segment" and self._shape is not None and seconds > self._main.zero
            if segments and unit.keyframe and self._shape_of(unit) != self._shape:
                return True
        limits, length = self._limits, seconds - self._main.zero
        due = (limits.seconds is not None and length >= limits.seconds) or (
            limits.bytes is not None and self._main.length >= limits.bytes and length > 0
        )
        if not due or source.name == "presentation":
            return False
        if source.name == "video":
            if not unit.keyframe and not 0 <= seconds - self._asked < _ASK_AGAIN:
                self._asked = seconds
                self._want_keyframe()
            return unit.keyframe
        return seconds - self._last_picture > KEYFRAME_PATIENCE

    def _rotate(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> None:
        """Begin the next file with this unit; the one before lingers for what is late."""
        self._number += 1
        path = self._path.with_name(f"{self._path.stem}.{self._number:04}{self._path.suffix}")
        try:
            reel = Reel(path, self._kind, zero=seconds)
        except MediaError as error:
            self.error = error
            return
        self._retire()
        self._end_segment(seconds)
        self._before, self._main, self._beside = [self._main, *self._beside], reel, []
        self._places_before, self._places = self._places, {}
        self._begin(seconds, unit if source.name == "video" else None)

    def _retire(self) -> None:
        """Complete the segment before, and what lies beside it, in the background."""
        before, self._before, self._places_before = self._before, [], {}
        for reel in before:
            self._done[reel] = asyncio.get_running_loop().create_task(self._complete(reel, self._main.zero))

    async def _complete(self, reel: Reel, end: float) -> None:
        await reel.aclose(self._chapters_between(reel.zero, end))
        self.error = self.error or reel.check()
        del self._done[reel]
        self._done_length += reel.length

    def _chapters_between(self, begin: float, end: float) -> list[Chapter]:
        inside = [chapter for chapter in self.chapters if chapter.start < end and chapter.end > begin]
        return [Chapter(max(chapter.start, begin), min(chapter.end, end), chapter.title) for chapter in inside]

    def _begin(self, seconds: float, video: AccessUnit | None) -> None:
        """Write the head of the main file; a picture track that has no picture yet starts black, slides with the last one shown."""
        slides = self._keyframes.get("presentation")
        slides = slides if slides is not None and slides.codec == "vp8" else None
        headers: list[TrackHeader] = []
        for each in self._inputs:
            if not each.enabled:
                continue
            if each.name == "audio":
                headers.append(TrackHeader("audio", "opus"))
            elif each.name == "video":
                codec = video.codec if video is not None else self._kind.video[0]
                headers.append(TrackHeader("video", codec, video.data if video is not None else black_picture(codec)))
            elif not self._kind.slides_beside:
                headers.append(TrackHeader("presentation", "vp8", slides.data if slides is not None else black_picture("vp8")))
        if self.captions and self._kind.captions:
            headers.append(TrackHeader(CAPTIONS, "text"))
        self._main.open(headers)
        for index, header in enumerate(headers):
            if header.name == CAPTIONS:
                self._places[CAPTIONS, "text"] = Place(self._main, index, "text")
                continue
            source = next(each for each in self._inputs if each.name == header.name)
            self._places[header.name, header.codec] = place = Place(self._main, index, header.codec)
            if header.name == "presentation" or (header.name == "video" and video is None):
                place.reel.put(index, seconds, header.keyframe, keyframe=True)
                source.interrupt_if_begun()
        self.segments.append(Segment(path=self._main.path, start=seconds, end=None))
        tracks = [{"track": header.name, "codec": header.codec} for header in headers]
        self._note(Note("segment", seconds, {"file": self._main.path.name, "tracks": tracks}))
        if slides is not None and seconds > 0:
            self._want_keyframe()

    def _end_segment(self, seconds: float) -> None:
        if self.segments:
            last = self.segments.pop()
            self.segments.append(Segment(path=last.path, start=last.start, end=max(seconds, last.start)))


@dataclass(frozen=True, slots=True)
class Written:
    """Where a unit went."""

    seconds: float
    path: Path
