"""A recording of a call: the slots' encoded media into a file, undecoded, or with their pictures composed into one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pexrtc_media.base import MediaError
from pexrtc_media.recorder import Recorder
from pexrtc_py.engine.clock import until_next
from pexrtc_py.engine.types import Slot
from pexrtc_py.errors import CallError, NodeError, RecordingError
from pexrtc_py.protocol.events import LiveCaptions, PresentationStop

if TYPE_CHECKING:
    import os

    from pexrtc_media.base import AccessUnit
    from pexrtc_media.composed import Composed
    from pexrtc_media.fileset import Limits
    from pexrtc_media.recording import Note, RecordingResult
    from pexrtc_py.call import Call
    from pexrtc_py.hub import Hub
    from pexrtc_py.transcoding import Transcoder

logger = logging.getLogger(__name__)

WATCH = 0.25
"""How often the state of the file is looked at, in seconds."""
CODEC_PATIENCE = 2.0
"""How long main video in another codec is left out before it is recorded after all, in a file beside the first."""
_DECODABLE: dict[Slot, tuple[str, ...]] = {Slot.AUDIO: ("opus",), Slot.VIDEO: ("vp8", "h264"), Slot.PRESENTATION: ("vp8", "h264")}


@dataclass(frozen=True)
class RecordingFailed:
    """The file could not be written any further; the call goes on, and what was written plays."""

    path: Path
    error: RecordingError


class Recording:
    """Runs until `stop()`, or until its call ends; `result` says what was written, `error` why it ended early."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        call: Call,
        hub: Hub,
        limits: Limits | None = None,
        *,
        captions: bool = False,
        composed: Composed | None = None,
    ) -> None:
        if composed is None and limits is not None and limits.on_change == "scale":
            raise RecordingError('Only what is decoded can be scaled: record with composed=Composed(), or with on_change="native".')
        try:
            self._recorder = Recorder(path, limits=limits, captions=captions, presentation=composed is None)
        except MediaError as error:
            raise RecordingError(str(error)) from error
        self._composed = composed
        self._transcoder: Transcoder | None = None
        self._recorder.on_keyframe_wanted = self._want_keyframes
        self._call = call
        self._hub = hub
        self._unsubscribe: list[Callable[[], None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._codec: str | None = None
        self._strange_since: float | None = None
        self._stopped = False
        self.failed = asyncio.Event()
        self.error: RecordingError | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._recorder.path

    @property
    def codecs(self) -> dict[Slot, tuple[str, ...]]:
        """What can be recorded in each slot, the preferred codec first."""
        if self._composed is not None:
            return _DECODABLE
        return {slot: tuple(self._recorder.codecs(slot.value)) for slot in Slot}

    @property
    def duration(self) -> float:
        """Seconds in the file so far."""
        return self._recorder.result.duration

    @property
    def begun(self) -> float | None:
        """Time zero in Unix seconds of the sender's clock; None until the file has its head."""
        return self._recorder.begun

    def now(self) -> float:
        """Seconds of the recording at this moment, counted from its time zero."""
        return self._recorder.now()

    def on_note(self, callback: Callable[[Note], None]) -> None:
        """Call back with what happens to the file: segments, gaps, changes of size, places on the sender's clock."""
        self._recorder.on_note = callback

    @property
    def result(self) -> RecordingResult:
        """What was written so far; final after `stop()`."""
        return self._recorder.result

    def start(self) -> None:
        """Take what arrives from now on, beginning with a fresh picture."""
        takes = self._takes()
        for slot, arriving in self._call.slots.items():
            self._unsubscribe.append(arriving.subscribe(takes[slot], relaxed=True))
            arriving.request_keyframe()
        self._hub.on(PresentationStop)(self._presentation_stopped)
        self._hub.on(LiveCaptions)(self._captioned)
        self._watching = asyncio.create_task(self._watch())

    def _takes(self) -> dict[Slot, Callable[[AccessUnit], None]]:
        """Where the units of each slot go."""
        sound, video, slides = self._recorder.audio.put, self._recorder.video, self._recorder.presentation
        if self._composed is None:
            return {Slot.AUDIO: sound, Slot.VIDEO: self._take_video, Slot.PRESENTATION: slides.put}
        from pexrtc_py.transcoding import Transcoder

        self._transcoder = transcoder = Transcoder(self._composed, video.codecs[0], video.put, self._want_keyframe)
        pictures = (Slot.VIDEO, Slot.PRESENTATION)
        return {Slot.AUDIO: sound, **{slot: partial(transcoder.take, slot) for slot in pictures}}

    def _want_keyframe(self, slot: Slot) -> None:
        self._call.slots[slot].request_keyframe()

    def _want_keyframes(self) -> None:
        if self._transcoder is not None:
            self._transcoder.key()
            return
        for slot in (Slot.VIDEO, Slot.PRESENTATION):
            if slot in self._call.slots:
                self._call.slots[slot].request_keyframe()

    def _take_video(self, unit: AccessUnit) -> None:
        """Keep main video in one codec, so in one track: when a speaker sends another, ask the node for the first one and wait a while."""
        self._codec = self._codec or unit.codec
        if unit.codec == self._codec:
            self._strange_since = None
            self._recorder.video.put(unit)
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_for(self._codec))
        self._strange_since = self._strange_since or unit.arrival
        if unit.arrival - self._strange_since > CODEC_PATIENCE:
            self._recorder.video.put(unit)

    async def _ask_for(self, codec: str) -> None:
        try:
            await self._call.receive_only(Slot.VIDEO, codec)
        except (CallError, NodeError) as error:
            logger.warning("Main video changes its codec, and the node was not moved to keep it %s: %s", codec, error)

    def _presentation_stopped(self, event: PresentationStop) -> None:
        if self._transcoder is not None:
            self._transcoder.blank()
        else:
            self._recorder.presentation.blank()

    def _captioned(self, event: LiveCaptions) -> None:
        if event.is_final:
            self._recorder.caption(event.data)

    def chapter(self, start: float, end: float, title: str) -> None:
        """Name a part of the recording, in seconds of it, before it is stopped: a chapter in .mkv and .webm."""
        self._recorder.chapter(start, end, title)

    async def _watch(self) -> None:
        while self._recorder.error is None:  # noqa: ASYNC110  # the error comes from the writing thread, which tells nobody
            await asyncio.sleep(until_next(WATCH))
        self._fail(self._recorder.error)

    def _fail(self, error: MediaError) -> None:
        if self.error is not None:
            return
        self.error = RecordingError(str(error))
        self.error.__cause__ = error
        logger.error("The recording %s ends early: %s", self.path, error)
        self.failed.set()
        self._hub.publish(RecordingFailed(self.path, self.error))

    async def stop(self) -> RecordingResult:
        """Finish the file and say what is in it; calling it again changes nothing, but waits for the end as well."""
        if not self._stopped:
            self._stopped = True
            self._hub.off(self._presentation_stopped)
            self._hub.off(self._captioned)
            for unsubscribe in self._unsubscribe:
                unsubscribe()
            tasks = [task for task in (self._watching, self._asking) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._transcoder is not None:
            await self._transcoder.aclose()
            self._recorder.video.tally.drops.update(self._transcoder.drops)
            self._transcoder.drops.clear()
        await self._recorder.aclose()
        if self._recorder.error is not None:
            self._fail(self._recorder.error)
        return self._recorder.result


def recordable(path: str | os.PathLike[str], *, composed: bool = False) -> dict[Slot, tuple[str, ...]]:
    """The codecs a file of this name can be made of in each slot, without creating it; raises RecordingError for an unknown ending."""
    from pexrtc_media.container import kind_of

    try:
        video = kind_of(Path(path)).video
    except MediaError as error:
        raise RecordingError(str(error)) from error
    return _DECODABLE if composed else {Slot.AUDIO: ("opus",), Slot.VIDEO: video, Slot.PRESENTATION: video}
