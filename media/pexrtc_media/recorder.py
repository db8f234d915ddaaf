"""Records audio, video and slides as they arrive, without decoding, on one time line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import black_picture, opus_samples
from pexrtc_media.clock import Reference, backdated
from pexrtc_media.container import TrackHeader, kind_of
from pexrtc_media.inputs import RecorderInput
from pexrtc_media.recording import RecordingResult
from pexrtc_media.reel import Place, Reel

logger = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds to wait for every track to start and to be placed by a sender report, before the file is begun without."""
PENDING = 4000
"""Units held until the file is begun; one more begins it."""
_EARLY = 0.5
_PICTURE = 1 / 30


class Recorder:
    """Writes what its inputs `audio`, `video` and `presentation` are given into the file `path`.

    The ending decides: `.mkv` holds VP8 or H.264 with Opus, `.webm` VP8 with Opus, `.mp4` (fragmented) H.264 with Opus. All tracks stand
    on the sender's clock; time zero is the earliest unit. The file has its name from the start and can be played up to
    about the last second whenever the process ends. Slides are a second video track, black while nobody presents; in `.mp4`, and for H.264
    slides, they are a file of their own beside it, `NAME.presentation.mp4`, with the same time zero. A track whose codec changes or
    comes too late for the head of the file continues in `NAME.video.mkv` in the same way.

    Raises MediaError when the ending is unknown or the file cannot be created. Afterwards errors are kept in `error`.
    """

    def __init__(self, path: str | PathLike[str], *, audio: bool = True, video: bool = True, presentation: bool = True) -> None:
        self.path = Path(path)
        self._kind = kind_of(self.path)
        self._reference = Reference()
        self._main = Reel(self.path, self._kind)
        self._beside: list[Reel] = []
        self._error: MediaError | None = None
        self._pending: list[tuple[RecorderInput, AccessUnit]] = []
        self._since: float | None = None
        self._zero: float | None = None
        self._newest = 0.0
        self._closed = False
        self._ending: asyncio.Task[None] | None = None
        self.audio = self._input("audio", enabled=audio)
        self.video = self._input("video", enabled=video)
        self.presentation = self._input("presentation", enabled=presentation)
        self._inputs = (self.audio, self.video, self.presentation)

    def codecs(self, name: str) -> tuple[str, ...]:
        """The codecs that the input `name` ("audio", "video" or "presentation") can be given, the best first."""
        return ("opus",) if name == "audio" else self._kind.video

    @property
    def error(self) -> MediaError | None:
        """Why the recording could not go on (disk full and the like), or None; what was written stays playable."""
        return self._error or next((error for reel in self._reels() if (error := reel.check())), None)

    @property
    def result(self) -> RecordingResult:
        """What has been written so far; complete after `aclose`."""
        tracks = {each.name: each.tally.result() for each in self._inputs}
        ends = [track.last for track in tracks.values() if track.last is not None]
        others = tuple(reel.path for reel in self._beside)
        length = sum(reel.length for reel in self._reels())
        return RecordingResult(path=self.path, others=others, duration=max(ends, default=0.0), bytes=length, tracks=tracks)

    async def aclose(self) -> None:
        """Write what is held back and complete the files, even if whoever waits for it is cancelled; a second call waits for the same."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        for each in self._inputs:
            await each.finish()
        self._begin()
        self._closed = True
        for reel in self._reels():
            await reel.aclose()

    def _input(self, name: str, *, enabled: bool) -> RecorderInput:
        return RecorderInput(name, self.codecs(name), self._reference, enabled=enabled, take=self._take, blank=self._blank)

    def _reels(self) -> Iterator[Reel]:
        yield self._main
        yield from self._beside

    def _take(self, source: RecorderInput, unit: AccessUnit) -> None:
        if self._closed or self.error is not None:
            source.drop("recording ended")
        elif self._zero is not None:
            self._write(source, unit, source.clock.place(unit, time.time()) - self._zero)
        else:
            self._hold(source, unit)

    def _hold(self, source: RecorderInput, unit: AccessUnit) -> None:
        now = unit.arrival or time.time()
        self._pending.append((source, unit))
        self._reference.see(unit, now)
        self._since = now if self._since is None else self._since
        if self._complete() or now - self._since >= PATIENCE or len(self._pending) >= PENDING:
            self._begin()

    def _complete(self) -> bool:
        """Whether each track that will come has come, and its place on the common clock is known."""
        started = {source.name for source, _ in self._pending}
        placed = {source.name for source, unit in self._pending if unit.ntp is not None or not unit.arrival}
        return started == placed and all(each.name in placed for each in (self.audio, self.video) if each.enabled)

    def _begin(self) -> None:
        """Write the head, then all that was held back."""
        if self._zero is not None:
            return
        self._reference.local = self._reference.offset is None
        timed = [(source.clock.place(unit, time.time()), source, unit) for source, unit in self._held()]
        timed.sort(key=lambda each: each[0])
        self._pending.clear()
        self._zero = timed[0][0] if timed else 0.0
        self._open([unit for _, source, unit in timed if source is self.video])
        for when, source, unit in timed:
            self._write(source, unit, when - self._zero)

    def _held(self) -> Iterator[tuple[RecorderInput, AccessUnit]]:
        for each in self._inputs:
            for unit in backdated([unit for source, unit in self._pending if source is each]):
                yield each, unit

    def _open(self, video: Sequence[AccessUnit]) -> None:
        """Write the head of the main file; a picture track that has no picture yet starts black."""
        codec = video[0].codec if video else self._kind.video[0]
        headers = [TrackHeader("audio", "opus")] if self.audio.enabled else []
        if self.video.enabled:
            headers.append(TrackHeader("video", codec, video[0].data if video else black_picture(codec)))
        if self.presentation.enabled and not self._kind.slides_beside:
            headers.append(TrackHeader("presentation", "vp8", black_picture("vp8")))
        self._main.open(headers)
        for index, header in enumerate(headers):
            source = next(each for each in self._inputs if each.name == header.name)
            source.places[header.codec] = Place(self._main, index, header.codec)
            if source is self.presentation or (source is self.video and not video):
                self._black(source, header.codec, 0.0)

    def _write(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> None:
        if seconds < -_EARLY:
            source.drop("before the start")
            source.interrupt()
            return
        place = source.places.get(unit.codec) or self._beside_place(source, unit)
        if place is None:
            source.drop("no file")
            return
        if source.tally.codec not in (None, unit.codec) and source.tally.codec in source.places:
            self._black(source, source.tally.codec, seconds)
        written = place.reel.put(place.track, seconds, unit.data, keyframe=unit.keyframe)
        self._newest = max(self._newest, written)
        source.tally.codec, source.tally.path = unit.codec, place.reel.path
        source.tally.written(written, opus_samples(unit.data) / 48000 if unit.codec == "opus" else _PICTURE)

    def _beside_place(self, source: RecorderInput, unit: AccessUnit) -> Place | None:
        """A track in a file of its own, for what the main file has no track for; None when it cannot be created."""
        others = any(place.reel is not self._main for place in source.places.values())
        name = f"{self.path.stem}.{source.name}{f'.{unit.codec}' if others else ''}{self.path.suffix}"
        try:
            reel = Reel(self.path.with_name(name), self._kind)
        except MediaError as error:
            self._error = error
            return None
        self._beside.append(reel)
        reel.open([TrackHeader(source.name, unit.codec, unit.data)])
        place = source.places[unit.codec] = Place(reel, 0, unit.codec)
        return place

    def _black(self, source: RecorderInput, codec: str, seconds: float) -> None:
        place = source.places[codec]
        place.reel.put(place.track, seconds, black_picture(codec), keyframe=True)

    def _blank(self, source: RecorderInput) -> None:
        if self._closed:
            return
        self._begin()
        if self._zero is None or source.tally.codec is None:
            return
        now = self._reference.of_arrival(time.time()) - self._zero
        # Units of a file or a test may be far from our clock; then the newest unit is the best idea of "now".
        self._black(source, source.tally.codec, now if abs(now - self._newest) < PATIENCE else self._newest)
