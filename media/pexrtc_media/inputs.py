"""The inputs of a recorder: sinks for encoded units and, at the price of encoding them, for frames."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import avc_configuration, picture_size
from pexrtc_media.clock import Reference, TrackClock
from pexrtc_media.recording import Tally

if TYPE_CHECKING:
    import av

    from pexrtc_media.encoding import OpusEncoding, VideoEncoding

logger = logging.getLogger(__name__)


class RecorderInput:
    """One input of a `Recorder`: give it `AccessUnit`s by `put` or `write`, or frames of PyAV by `write`, which are encoded.

    Nothing is raised for a unit that cannot be written: it is counted with its reason, and `refusal` says more.
    """

    encoded = True
    """An engine should hand over access units and not decode."""

    def __init__(
        self,
        name: str,
        codecs: Sequence[str],
        reference: Reference,
        *,
        enabled: bool,
        take: Callable[[RecorderInput, AccessUnit], None],
        blank: Callable[[RecorderInput], None],
    ) -> None:
        self.name = name
        self.codecs = tuple(codecs)
        self.enabled = enabled
        self.tally = Tally()
        self.clock = TrackClock(reference)
        self.refusal: MediaError | None = None
        self._take = take
        self._blank = blank
        self._codec: str | None = None
        self._video: VideoEncoding | None = None
        self._audio: OpusEncoding | None = None

    def put(self, unit: AccessUnit) -> None:
        """Take one encoded unit; returns at once and never raises."""
        if not self.enabled:
            self.drop("not recorded")
        elif unit.codec not in self.codecs:
            wanted = " or ".join(self.codecs)
            self._refuse(MediaError(f"{self.name} can be recorded here as {wanted}, not as {unit.codec}; use another ending or codec."))
        elif not unit.data:
            self.drop("empty")
        elif unit.codec == self._codec or self._starts(unit):
            self._codec = unit.codec
            self._take(self, unit)

    async def write(self, frame: AccessUnit | av.VideoFrame | av.AudioFrame, /) -> None:
        """Take one unit, or one frame to be encoded in an executor; frames of all inputs share the zero of their `pts`."""
        if isinstance(frame, AccessUnit):
            self.put(frame)
        elif frame.pts is None or frame.time_base is None:
            self.drop("frame without time")
        else:
            seconds = float(frame.pts * frame.time_base)
            for unit in await asyncio.to_thread(self._encode, frame, seconds):
                self.put(unit)

    def blank(self) -> None:
        """What was shown has ended: black from now on, until the next key frame. No effect on audio."""
        if self.name != "audio" and self._codec is not None:
            self._codec = None
            self._blank(self)

    async def aclose(self) -> None:
        """The source has ended: slides give way to black. The file goes on until the recorder is closed."""
        await self.finish()
        if self.name == "presentation":
            self.blank()

    async def finish(self) -> None:
        """Write what an encoder still holds."""
        if self._audio is not None:
            encoding, self._audio = self._audio, None
            for unit in await asyncio.to_thread(encoding.flush):
                self.put(unit)

    def interrupt(self) -> None:
        """Pictures are missing: go on with the next key frame."""
        self._codec = None

    def interrupt_if_begun(self) -> None:
        """The same, where pictures have come before."""
        if self.tally.units:
            self.interrupt()

    def drop(self, reason: str) -> None:
        """Count a unit that is not written."""
        self.tally.drops[reason] += 1

    def _starts(self, unit: AccessUnit) -> bool:
        """Whether a track can begin, or go on with another codec, with this unit."""
        if unit.codec == "opus":
            return True
        if not unit.keyframe:
            self.drop("before a key frame")
            return False
        try:
            picture_size(unit.codec, unit.data)
            if unit.codec == "h264":
                avc_configuration(unit.data)
        except MediaError as error:
            self._refuse(error)
            return False
        return True

    def _refuse(self, error: MediaError) -> None:
        self.drop("refused")
        if self.refusal is None:
            logger.warning("%s", error)
        self.refusal = error

    def _encode(self, frame: av.VideoFrame | av.AudioFrame, seconds: float) -> list[AccessUnit]:
        import av

        from pexrtc_media.encoding import OpusEncoding, VideoEncoding

        if isinstance(frame, av.AudioFrame):
            self._audio = self._audio or OpusEncoding()
            return self._audio.encode(frame, seconds)
        self._video = self._video or VideoEncoding(self.codecs[0])
        return self._video.encode(frame, seconds)
