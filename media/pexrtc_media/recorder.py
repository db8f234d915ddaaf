"""Records audio, video and slides as they arrive, without decoding, on one time line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from math import inf
from os import PathLike
from pathlib import Path

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import opus_samples
from pexrtc_media.clock import Reference, backdated
from pexrtc_media.container import Chapter, kind_of
from pexrtc_media.fileset import FileSet, Limits
from pexrtc_media.filling import LENGTH, PACKET, Filler
from pexrtc_media.inputs import RecorderInput
from pexrtc_media.recording import Note, RecordingResult

logger = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds to wait for every track to start and to be placed by a sender report, before the file is begun without."""
PENDING = 4000
"""Units held until the file is begun; one more begins it."""
CLOCK_NOTES = 10.0
"""Seconds between two notes of where a track stands on the sender's clock."""
LOOK_EVERY = 16
"""Units between two looks at whether the file can still be written."""
_EARLY = 0.5
_PICTURE = 1 / 30


class Recorder:
    """Writes what its inputs `audio`, `video` and `presentation` are given into the file `path`.

    The ending decides: `.mkv` holds VP8 or H.264 with Opus, `.webm` VP8 with Opus, `.mp4` (fragmented) H.264 with Opus. All tracks stand
    on the sender's clock; time zero is the earliest unit. The file has its name from the start and can be played up to
    about the last second whenever the process ends. Slides are a second video track, black while nobody presents; in `.mp4`, and for H.264
    slides, they are a file of their own beside it, `NAME.presentation.mp4`, with the same time zero. A track whose codec changes or
    comes too late for the head of the file continues in `NAME.video.mkv` in the same way.

    With `limits` the recording goes on in `NAME.0002.mkv` and so on, each beginning with a key frame.

    Raises MediaError when the ending is unknown or the file cannot be created. Afterwards errors are kept in `error`.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        audio: bool = True,
        video: bool = True,
        presentation: bool = True,
        captions: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.path = Path(path)
        self.on_note: Callable[[Note], None] | None = None
        """Called with what happens to the recording: segments, gaps, changes of size, places of units on the sender's clock."""
        self.on_keyframe_wanted: Callable[[], None] | None = None
        """Called when the next segment waits for a picture to begin with."""
        self._kind = kind_of(self.path)
        self._reference = Reference()
        self._files = FileSet(self.path, self._kind, limits or Limits(), self._tell, self._want_keyframe)
        self._files.captions = captions
        self._filler = Filler()
        self._pending: list[tuple[RecorderInput, AccessUnit]] = []
        self._since: float | None = None
        self._zero: float | None = None
        self._newest = 0.0
        self._arrived: tuple[float, float] | None = None
        """When a unit last came, on its clock and on one that nobody sets."""
        self._told_clock: dict[str, float] = {}
        self._closed = False
        self._taken = 0
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
        return self._files.check()

    @property
    def begun(self) -> float | None:
        """Time zero in Unix seconds of the common clock, once the file has its head."""
        return self._zero

    def now(self) -> float:
        """Seconds of the recording at this moment; 0 before the file has its head. Whoever sets the machine's clock does not change it."""
        if self._zero is None:
            return 0.0
        return max(0.0, self._reference.of_arrival(self._local_time()) - self._zero)

    def _local_time(self) -> float:
        """Now, on the clock that arrivals are told by."""
        if self._arrived is None:
            return time.time()
        arrival, then = self._arrived
        return arrival + (time.monotonic() - then)

    @property
    def result(self) -> RecordingResult:
        """What has been written so far; complete after `aclose`."""
        tracks = {each.name: each.tally.result() for each in self._inputs}
        return RecordingResult(
            path=self.path,
            others=self._files.others,
            duration=self._end_of_tracks(),
            bytes=self._files.length,
            tracks=tracks,
            segments=tuple(self._files.segments),
        )

    def caption(self, text: str) -> None:
        """Something was said a moment ago: in `.mkv` it stands in a track of its own, if the recorder was made with `captions`."""
        if self._zero is not None and not self._closed and text.strip():
            self._files.caption(text, self.now())

    def chapter(self, start: float, end: float, title: str) -> None:
        """A part of the recording has a name; in `.mkv` and `.webm` it is a chapter. To be told before `aclose`."""
        self._files.chapters.append(Chapter(start, end, title))

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
        await self._files.aclose(self._end_of_tracks())

    def _end_of_tracks(self) -> float:
        return max((each.tally.end for each in self._inputs if each.tally.end is not None), default=0.0)

    def _tell(self, note: Note) -> None:
        if self.on_note is not None:
            self.on_note(note)

    def _want_keyframe(self) -> None:
        if self.on_keyframe_wanted is not None:
            self.on_keyframe_wanted()

    def _input(self, name: str, *, enabled: bool) -> RecorderInput:
        return RecorderInput(name, self.codecs(name), self._reference, enabled=enabled, take=self._take, blank=self._blank)

    def _take(self, source: RecorderInput, unit: AccessUnit) -> None:
        if unit.arrival and (self._arrived is None or unit.arrival >= self._arrived[0]):
            self._arrived = unit.arrival, time.monotonic()
        if self._closed or self._has_failed():
            source.drop("recording ended")
        elif self._zero is not None:
            self._write(source, unit, source.clock.place(unit, time.time()) - self._zero)
        else:
            self._hold(source, unit)

    def _has_failed(self) -> bool:
        """As `error`, but looked at with some units only: it takes as long as writing one."""
        self._taken += 1
        if self._taken % LOOK_EVERY == 0:
            self._files.check()
        return self._files.error is not None

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
        timed = sorted(self._placed(), key=lambda each: each[0])
        self._pending.clear()
        self._zero = timed[0][0] if timed else 0.0
        self._files.open(self._inputs, next((unit for _, source, unit in timed if source is self.video), None))
        for when, source, unit in timed:
            self._write(source, unit, when - self._zero)

    def _placed(self) -> Iterator[tuple[float, RecorderInput, AccessUnit]]:
        """What was held back, with its times; within an input they never go back, since pictures are decoded in the order of arrival."""
        for each in self._inputs:
            latest = -inf
            for unit in backdated([unit for source, unit in self._pending if source is each]):
                latest = max(latest, each.clock.place(unit, time.time()))
                yield latest, each, unit

    def _write(self, source: RecorderInput, unit: AccessUnit, seconds: float) -> None:
        if seconds < -_EARLY:
            source.drop("before the start")
            source.interrupt()
            return
        if source is self.audio:
            if self._filler.overtook(seconds):
                source.drop("silence stands there already")
                return
            self._fill(self._filler.before(seconds, self._newest))
        written = self._files.put(source, unit, seconds)
        if written is None:
            source.drop("no file")
            return
        length = opus_samples(unit.data) / 48000 if unit.codec == "opus" else _PICTURE
        self._newest = max(self._newest, written.seconds)
        source.tally.codec, source.tally.path = unit.codec, written.path
        if (gap := source.tally.written(written.seconds, length)) is not None:
            self._tell(Note("gap", gap[0], {"track": source.name, "end": round(gap[1], 3)}))
        if unit.ntp is not None:
            self._compare(source, unit.ntp, written.seconds)
        if source is self.audio:
            self._filler.taken(written.seconds, length)
        elif self.audio.tally.units and unit.arrival:  # what is live waits for nobody
            self._fill(self._filler.while_waiting(self._newest))

    def _fill(self, times: Iterator[float]) -> None:
        for seconds in times:
            written = self._files.put(self.audio, AccessUnit(PACKET, "opus", 0, 48000, keyframe=True), seconds)
            if written is not None:
                self._filler.taken(written.seconds, LENGTH)
                self.audio.tally.filled += LENGTH

    def _compare(self, source: RecorderInput, ntp: float, seconds: float) -> None:
        """Keep account of where units stand on the sender's clock."""
        assert self._zero is not None
        source.tally.reported(seconds - (self._reference.of_report(ntp) - self._zero))
        if seconds - self._told_clock.get(source.name, -CLOCK_NOTES) >= CLOCK_NOTES:
            self._told_clock[source.name] = seconds
            self._tell(Note("clock", seconds, {"track": source.name, "ntp": round(self._reference.of_report(ntp), 6)}))

    def _blank(self, source: RecorderInput) -> None:
        if self._closed:
            return
        self._begin()
        if self._zero is None or source.tally.codec is None:
            return
        now = self._reference.of_arrival(self._local_time()) - self._zero
        # Units of a file or a test may be far from our clock; then the newest unit is the best idea of "now".
        self._files.black(source, source.tally.codec, now if abs(now - self._newest) < PATIENCE else self._newest)
