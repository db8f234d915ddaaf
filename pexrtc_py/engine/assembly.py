"""Access units put together from packets that are in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.payloads import PayloadFormat, payload_format
from pexrtc_py.engine.reception import ReceiverStats, SenderClocks
from pexrtc_py.engine.rtp import RtpPacket, TimestampUnwrapper, timestamp_delta
from pexrtc_py.engine.types import Codec

MAX_PIECES = 2048
"""Packets of one frame; a sender that never ends a frame must not fill the memory."""

_MAX_CLOCK_STEP = 5.0
"""Seconds between two frames by which RTP clock and wall clock may differ; beyond them the sender's clock was set anew."""


@dataclass(slots=True)
class _Frame:
    codec: Codec
    form: PayloadFormat
    timestamp: int
    whole: bool
    """Nothing of it is known to be missing."""
    read: Callable[[bytes], bytes]
    """Takes the media out of a payload."""
    pieces: list[bytes] = field(default_factory=list)


class Assembler:
    """Hands `deliver` each complete unit; of video only what can be decoded after what was delivered before."""

    def __init__(self, *, video: bool, stats: ReceiverStats, clocks: SenderClocks, deliver: Callable[[AccessUnit], None]) -> None:
        self.needs_keyframe = False
        """Units are held back until a keyframe comes."""
        self._video = video
        self._stats = stats
        self._clocks = clocks
        self._deliver = deliver
        self._formats: dict[int, tuple[Codec, PayloadFormat]] = {}
        self._ssrc = 0
        self._epoch = -1
        self._unwrapper = TimestampUnwrapper()
        self._frame: _Frame | None = None
        self._after_frame = False
        self._codec: str | None = None
        self._has_parameter_sets = False
        self._last_frame: tuple[int, float] | None = None

    def configure(self, codecs: Sequence[Codec]) -> None:
        """Take over the negotiated codecs; raises LookupError for an unknown one."""
        self._formats = {codec.payload_type: (codec, payload_format(codec.name)) for codec in codecs}

    @property
    def unfinished(self) -> bool:
        """Whether the rest of a frame is awaited."""
        return self._frame is not None

    def begin(self, ssrc: int) -> None:
        """What follows comes from another source."""
        self.break_off()
        self._ssrc, self._last_frame, self._has_parameter_sets = ssrc, None, False
        self._new_epoch()

    def _new_epoch(self) -> None:
        self._epoch += 1
        self._stats.epochs += 1
        self._unwrapper = TimestampUnwrapper()

    def break_off(self) -> None:
        """Something before the next packet is missing for good."""
        if self._frame is not None:
            self._stats.frames_dropped += 1
        self._frame, self._after_frame = None, False
        self.needs_keyframe = self._video

    def begins_keyframe(self, packet: RtpPacket) -> bool:
        """Whether a packet is the first one of a keyframe that a new decoder can begin with."""
        _, form = self._formats.get(packet.payload_type, (None, None))
        if form is None or not packet.payload or not form.is_frame_start(packet.payload):
            return False
        try:
            return form.is_complete_start(form.depayload(packet.payload))
        except ValueError:
            return False

    def add(self, packet: RtpPacket, now: float) -> None:
        """Take the next packet in order; padding and foreign payload types count for nothing but their number."""
        self.put(packet.payload_type, packet.timestamp, packet.payload, packet.marker, now)

    def put(self, payload_type: int, timestamp: int, payload: bytes, marker: bool, now: float) -> None:
        """The same for a packet that was never made an object."""
        frame = self._frame
        if not payload or payload_type not in self._formats:
            return
        if frame is not None and frame.timestamp != timestamp:
            self._complete(frame, now)  # without a marker
            frame = None
        if frame is None:
            codec, form = self._formats[payload_type]
            whole = self._after_frame or form.is_frame_start(payload)
            frame = self._frame = _Frame(codec, form, timestamp, whole, form.depayload)
        try:
            frame.pieces.append(frame.read(payload))
        except ValueError:
            self._stats.malformed += 1
            frame.whole = False
        if marker or not self._video:
            self._complete(frame, now)
        elif len(frame.pieces) >= MAX_PIECES:
            self.break_off()

    def _complete(self, frame: _Frame, now: float) -> None:
        self._frame, self._after_frame = None, True
        self._follow_clock(frame, now)
        if not frame.whole:
            self._stats.frames_dropped += 1
            self.needs_keyframe = self._video
            return
        data = frame.pieces[0] if len(frame.pieces) == 1 else b"".join(frame.pieces)
        if not data:
            return
        if self._video and not self._usable(frame, data):
            self._stats.frames_dropped += 1
            return
        self._hand_out(frame, data, now)

    def _follow_clock(self, frame: _Frame, now: float) -> None:
        if self._last_frame is not None:
            timestamp, time = self._last_frame
            passed = timestamp_delta(frame.timestamp, timestamp) / frame.codec.clock_rate
            if abs(passed - (now - time)) > _MAX_CLOCK_STEP:
                self._new_epoch()
        self._last_frame = frame.timestamp, now

    def _usable(self, frame: _Frame, data: bytes) -> bool:
        """Whether a decoder that got every unit so far can take this one."""
        if frame.codec.name != self._codec:
            self._codec, self.needs_keyframe, self._has_parameter_sets = frame.codec.name, True, False
        if not self.needs_keyframe:
            return True
        known = self._has_parameter_sets or "sprop-parameter-sets" in frame.codec.fmtp
        if frame.form.is_complete_start(data) or (known and frame.form.is_keyframe(data)):
            self.needs_keyframe, self._has_parameter_sets = False, True
            return True
        return False

    def _hand_out(self, frame: _Frame, data: bytes, now: float) -> None:
        codec = frame.codec
        keyframe = frame.form.is_keyframe(data)
        self._stats.frames_received += 1
        if keyframe and self._video:
            self._stats.key_frames_received += 1
        unit = AccessUnit(
            data=data,
            codec=codec.name,
            timestamp=self._unwrapper.unwrap(frame.timestamp),
            clock_rate=codec.clock_rate,
            keyframe=keyframe,
            ntp=self._clocks.time_of(self._ssrc, frame.timestamp, codec.clock_rate),
            arrival=now,
            epoch=self._epoch,
        )
        self._deliver(unit)
