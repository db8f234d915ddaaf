"""Media files and pictures as sources; decoding happens in an executor, one packet at a time and only when asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from fractions import Fraction
from os import PathLike, fspath
from typing import Any, Generic, Literal, TypeVar

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.error import FFmpegError

from pexrtc_media.base import AccessUnit, MediaError, Timeline
from pexrtc_media.bitstream import OPUS_LOOKAHEAD
from pexrtc_media.synthetic import Still, copied, load_image

T = TypeVar("T")
Kind = Literal["audio", "video"]

Image = Still
"""A picture in a file, as a source."""


class FileSource(Generic[T]):
    """One stream of a `MediaFile`; iterate over it once. `timeline` is shared with the other stream."""

    def __init__(self, step: Callable[[], Generator[T, None, None]], timeline: Timeline, *, encoded: bool = False) -> None:
        self.timeline = timeline
        self.encoded = encoded
        self._step = step
        self._items: Generator[T, None, None] | None = None
        self._busy = threading.Lock()
        self._closed = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        item = await asyncio.to_thread(self._next)
        if item is None:
            await self.aclose()
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close the file behind it; calling it again does nothing."""
        if not self._closed:
            await asyncio.to_thread(self._close)

    def _next(self) -> T | None:
        # A lock of threads, since a step goes on when the task that waits for it is cancelled.
        with self._busy:
            if self._closed:
                return None
            if self._items is None:
                self._items = self._step()
            return next(self._items, None)

    def _close(self) -> None:
        with self._busy:
            self._closed = True
            if self._items is not None:
                self._items.close()
                self._items = None


class MediaFile:
    """A file with `.audio` and `.video` (None where there is no such stream), both on one `timeline` that starts at zero.

    Frames come as the file has them; with `loop` their times go on without a jump. Raises MediaError when the file cannot be read or
    has neither sound nor pictures; a file that breaks in the middle ends there.
    """

    def __init__(self, path: str | PathLike[str], *, loop: bool = False) -> None:
        self.path = fspath(path)
        self.loop = loop
        self.timeline = Timeline()
        with _open(self.path) as container:
            kinds = {stream.type: stream.codec_context.name for stream in container.streams if stream.type in ("audio", "video")}
            self._duration = _duration(container)
        if not kinds:
            raise MediaError(f"{self.path} holds neither sound nor pictures that can be decoded.")
        if loop and self._duration <= 0:
            raise MediaError(f"{self.path} is empty, so it cannot be played in a loop.")
        self._codecs = kinds
        self._sources: list[FileSource[Any]] = []
        self.audio: FileSource[av.AudioFrame] | None = self._decoded("audio") if "audio" in kinds else None
        self.video: FileSource[av.VideoFrame] | None = self._decoded("video") if "video" in kinds else None

    @property
    def duration(self) -> Fraction:
        """Seconds of one round."""
        return self._duration

    def encoded_video(self) -> FileSource[AccessUnit]:
        """The pictures as they are in the file, VP8 or H.264 (Annex B), to be sent without encoding.

        Raises MediaError when the file holds another codec, and while iterating when pictures are not in the order they are shown in.
        """
        return self._undecoded("video", {"vp8": "vp8", "h264": "h264"})

    def encoded_audio(self) -> FileSource[AccessUnit]:
        """The sound as it is in the file, which has to be Opus; MediaError otherwise."""
        return self._undecoded("audio", {"opus": "opus", "libopus": "opus"})

    async def aclose(self) -> None:
        """Close all sources; calling it again does nothing."""
        for source in self._sources:
            await source.aclose()

    def _decoded(self, kind: Kind) -> FileSource[Any]:
        return self._source(lambda: self._frames(kind), encoded=False)

    def _undecoded(self, kind: Kind, usable: dict[str, str]) -> FileSource[AccessUnit]:
        codec = usable.get(self._codecs.get(kind, "none"))
        if codec is None:
            wanted = " or ".join(sorted(set(usable.values())))
            raise MediaError(f"The {kind} of {self.path} is {self._codecs.get(kind, 'missing')}; only {wanted} can be sent as it is.")
        return self._source(lambda: self._units(kind, codec), encoded=True)

    def _source(self, step: Callable[[], Generator[T, None, None]], *, encoded: bool) -> FileSource[T]:
        source = FileSource(step, self.timeline, encoded=encoded)
        self._sources.append(source)
        return source

    def _rounds(self) -> Iterator[tuple[InputContainer, Fraction]]:
        """The file opened anew for each round, and when the round begins."""
        begin = Fraction(0)
        while True:
            with _open(self.path) as container:
                yield container, begin - _start(container)
            if not self.loop:
                return
            begin += self._duration

    def _frames(self, kind: Kind) -> Generator[av.AudioFrame | av.VideoFrame, None, None]:
        for container, shift in self._rounds():
            stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
            stream.codec_context.thread_count = 1
            empty = True
            for frame in _until_broken(container.decode(stream)):
                if isinstance(frame, (av.AudioFrame, av.VideoFrame)) and frame.pts is not None and frame.time_base is not None:
                    frame.pts += round(shift / frame.time_base)
                    empty = False
                    yield frame
            self._check_round(kind, empty=empty)

    def _units(self, kind: Kind, codec: str) -> Generator[AccessUnit, None, None]:
        rate, late = (90000, 0) if kind == "video" else (48000, OPUS_LOOKAHEAD)
        latest = -1
        for container, shift in self._rounds():
            before = latest
            for packet in _packets(container, kind, annex_b=codec == "h264"):
                timestamp = round(((packet.pts or 0) * packet.time_base + shift) * rate) + late
                if kind == "video" and timestamp <= latest:
                    raise MediaError(f"{self.path} has pictures out of order (B-frames), which cannot be sent as they are.")
                latest = max(timestamp, latest + 1)
                yield AccessUnit(bytes(packet), codec, latest, rate, keyframe=packet.is_keyframe)
            self._check_round(kind, empty=latest == before)

    def _check_round(self, kind: Kind, *, empty: bool) -> None:
        """A file that gives nothing would be played round and round without a pause."""
        if empty:
            raise MediaError(f"The {kind} of {self.path} cannot be decoded; the file is damaged.")


class ImageSequence:
    """Pictures one after the other, each shown for `seconds_each`, repeated `fps` times a second; without end if `loop`.

    All are brought to the size of the first, with black where they do not fill. Raises MediaError when one cannot be read.
    """

    def __init__(self, paths: Sequence[str | PathLike[str]], seconds_each: float, *, fps: int = 5, loop: bool = False) -> None:
        if not paths or seconds_each * fps < 1:
            raise MediaError(f"A sequence of {len(paths)} pictures for {seconds_each} s each at {fps} fps shows nothing.")
        from pexrtc_media.transform import letterbox

        frames = [av.VideoFrame.from_ndarray(load_image(path), format="rgb24") for path in paths]
        size = frames[0].width & ~1, frames[0].height & ~1
        self._frames = [letterbox(frame, *size) for frame in frames]
        self._each = round(seconds_each * fps)
        self._fps = fps
        self._loop = loop

    def __aiter__(self) -> AsyncIterator[av.VideoFrame]:
        return self._pictures()

    async def _pictures(self) -> AsyncIterator[av.VideoFrame]:
        index = 0
        while self._loop or index < self._each * len(self._frames):
            frame = self._frames[index // self._each % len(self._frames)]
            yield copied(frame, pts=index, time_base=Fraction(1, self._fps))
            index += 1


def _open(path: str) -> InputContainer:
    try:
        return av.open(path, "r")
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{path} cannot be opened as a media file: {reason}.") from error


def _packets(container: InputContainer, kind: Kind, *, annex_b: bool) -> Iterator[av.Packet[Any]]:
    stream = container.streams.video[0] if kind == "video" else container.streams.audio[0]
    extradata = stream.codec_context.extradata
    # Only the form with lengths begins its parameter sets with version 1; start codes begin with zeros.
    convert = BitStreamFilterContext("h264_mp4toannexb", stream) if annex_b and extradata and extradata[0] == 1 else None
    for packet in _until_broken(container.demux(stream)):
        if packet.size and packet.pts is not None:
            yield from convert.filter(packet) if convert is not None else [packet]


def _start(container: InputContainer) -> Fraction:
    return Fraction(container.start_time or 0, av.time_base)


def _duration(container: InputContainer) -> Fraction:
    """Seconds of the file; counted over the packets when its head does not say."""
    if container.duration:
        return Fraction(container.duration, av.time_base)
    ends = [
        (packet.pts + (packet.duration or 0)) * packet.time_base for packet in _until_broken(container.demux()) if packet.pts is not None
    ]
    return max(ends, default=Fraction(0)) - _start(container)


def _until_broken(items: Iterator[T]) -> Iterator[T]:
    """The items until the file turns out damaged, which ends it."""
    while True:
        try:
            yield next(items)
        except (StopIteration, FFmpegError):
            return
