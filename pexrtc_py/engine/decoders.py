"""Decoders for live media: one access unit in, its frame out at once.

Everything here works on the calling thread for up to some milliseconds: call it in an executor, one call at a time per object.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, cast

from av import AudioFrame, CodecContext, Packet, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from pexrtc_media.base import AccessUnit, MediaError

OPUS_RATE = 48_000
MAX_PIXELS = 4096 * 2304
"""Larger pictures are not decoded: two kilobytes that announce 14000x14000 would cost 600 MB."""

_VIDEO = ("h264", "vp8")

_LOW_DELAY = 1 << 19
"""FFmpeg's AV_CODEC_FLAG_LOW_DELAY: frames come out as they go in."""


class VideoDecoder:
    """VP8 or H.264 access units in, frames out at once, with the unit's timestamp as `pts` (1/90000 s).

    A unit that cannot be decoded, or is larger than `MAX_PIXELS`, gives no frame and counts in `damaged`: ask for a keyframe then.
    """

    def __init__(self, codec: str) -> None:
        if codec not in _VIDEO:
            raise ValueError(f"There is no video decoder for {codec!r}; use one of {', '.join(_VIDEO)}.")
        self.codec = codec
        self.damaged = 0
        self._context = cast(VideoCodecContext, create_context(codec, "r"))
        self._context.thread_count = 1
        self._context.options = {"max_pixels": str(MAX_PIXELS)}
        self._context.flags |= _LOW_DELAY

    def decode(self, unit: AccessUnit) -> list[VideoFrame]:
        """The frame of this unit."""
        try:
            return self._context.decode(_packet(unit))
        except FFmpegError:
            self.damaged += 1
            return []


class AudioDecoder:
    """Opus packets in, frames out (`s16` packed, 48 kHz, `channels`), with the unit's timestamp as `pts` (1/48000 s).

    A packet that cannot be decoded gives no frame and counts in `damaged`.
    """

    def __init__(self, *, channels: int = 2) -> None:
        self.damaged = 0
        self._context = cast(AudioCodecContext, create_context("libopus", "r"))
        self._context.format, self._context.sample_rate = "s16", OPUS_RATE
        self._context.layout = "mono" if channels == 1 else "stereo"

    def decode(self, unit: AccessUnit) -> list[AudioFrame]:
        """The frame of this packet."""
        try:
            return self._context.decode(_packet(unit))
        except FFmpegError:
            self.damaged += 1
            return []


def create_context(library: str, mode: Literal["r", "w"]) -> CodecContext:
    """A codec of FFmpeg that is not opened yet; raises MediaError where PyAV was built without it."""
    try:
        return CodecContext.create(library, mode)
    except UnknownCodecError as error:
        raise MediaError(f"This build of PyAV has no codec {library!r}; install the wheel `av` from PyPI.") from error


def _packet(unit: AccessUnit) -> Packet[Stream]:
    packet: Packet[Stream] = Packet(unit.data)
    packet.pts, packet.time_base = unit.timestamp, Fraction(1, unit.clock_rate)
    return packet
