"""Turns frames into access units for files and pre-encoded sending; calls here compute, so they belong in an executor."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.video.frame import PictureType

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import OPUS_LOOKAHEAD

_VIDEO = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0", "error-resilient": "0"}),
    "h264": ("libx264", {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"}),
}


class VideoEncoding:
    """Encodes pictures as `codec` ("vp8" or "h264") at `bitrate` bits per second, with a key frame at least every two seconds.

    A picture of another size starts over with a key frame.
    """

    def __init__(self, codec: str, *, bitrate: int = 2_000_000) -> None:
        if codec not in _VIDEO:
            raise MediaError(f"{codec!r} is not a video codec that can be encoded; use {', '.join(_VIDEO)}.")
        self._codec = codec
        self._bitrate = bitrate
        self._context: av.VideoCodecContext | None = None
        self._key_time: float | None = None

    def encode(self, frame: av.VideoFrame, seconds: float) -> list[AccessUnit]:
        """The units for `frame`, which is shown at `seconds` of media time."""
        if self._context is None or (self._context.width, self._context.height) != (frame.width, frame.height):
            self._context = self._open(frame.width, frame.height)
            self._key_time = None
        picture = frame.reformat(format="yuv420p")
        picture.pts, picture.time_base = round(seconds * 90000), Fraction(1, 90000)
        due = self._key_time is None or seconds - self._key_time >= 2
        picture.pict_type = PictureType.I if due else PictureType.NONE
        if due:
            self._key_time = seconds
        return [self._unit(packet) for packet in self._context.encode(picture)]

    def _unit(self, packet: av.Packet[av.VideoStream]) -> AccessUnit:
        return AccessUnit(bytes(packet), self._codec, packet.pts or 0, 90000, keyframe=packet.is_keyframe)

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        name, options = _VIDEO[self._codec]
        context = cast("av.VideoCodecContext", av.CodecContext.create(name, "w"))
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 90000), Fraction(30)
        context.bit_rate, context.gop_size, context.thread_count = self._bitrate, 300, 1
        context.options = options
        return context


class OpusEncoding:
    """Encodes sound of any rate and layout as stereo Opus packets of 20 ms at `bitrate` bits per second."""

    def __init__(self, *, bitrate: int = 64_000) -> None:
        self._resampler = av.AudioResampler(format="s16", layout="stereo", rate=48000, frame_size=960)
        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate, self._context.format, self._context.layout = 48000, av.AudioFormat("s16"), av.AudioLayout("stereo")
        self._context.bit_rate = bitrate

    def encode(self, frame: av.AudioFrame, seconds: float) -> list[AccessUnit]:
        """The packets that are complete with `frame`, whose first sample is heard at `seconds` of media time."""
        pts, time_base = frame.pts, frame.time_base
        frame.pts, frame.time_base = round(seconds * frame.sample_rate), Fraction(1, frame.sample_rate)
        packets = self._resampler.resample(frame)
        frame.pts = pts
        if time_base is not None:  # PyAV's stubs do not say that it may be unset
            frame.time_base = time_base
        return self._units(packets)

    def flush(self) -> list[AccessUnit]:
        """The packet that was still being filled, completed with silence at the end."""
        rest = self._resampler.resample(None)
        return self._units([_filled(frame) for frame in rest])

    def _units(self, frames: list[av.AudioFrame]) -> list[AccessUnit]:
        # The encoder announces its look-ahead by earlier times; the time of a unit is that of what went in, as in RTP.
        packets = [packet for frame in frames for packet in self._context.encode(frame)]
        return [AccessUnit(bytes(packet), "opus", (packet.pts or 0) + OPUS_LOOKAHEAD, 48000) for packet in packets]


def _filled(frame: av.AudioFrame) -> av.AudioFrame:
    samples = np.zeros((1, 2 * 960), np.int16)
    samples[:, : 2 * frame.samples] = frame.to_ndarray()
    filled = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
    filled.sample_rate, filled.pts, filled.time_base = 48000, frame.pts, Fraction(1, 48000)
    return filled
