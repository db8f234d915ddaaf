"""Turns frames into access units for files and pre-encoded sending; calls here compute, so they belong in an executor."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
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

    def key(self) -> None:
        """The next picture is a key frame."""
        self._key_time = None

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
        self._resampler = _resampler("stereo")
        self._mono = False
        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate, self._context.format, self._context.layout = 48000, av.AudioFormat("s16"), av.AudioLayout("stereo")
        self._context.bit_rate = bitrate

    def encode(self, frame: av.AudioFrame, seconds: float) -> list[AccessUnit]:
        """The packets that are complete with `frame`, whose first sample is heard at `seconds` of media time."""
        begun = self._begin(mono=frame.layout.nb_channels == 1)
        pts, time_base = frame.pts, frame.time_base
        frame.pts, frame.time_base = round(seconds * frame.sample_rate), Fraction(1, frame.sample_rate)
        packets = self._resampler.resample(frame)
        frame.pts = pts
        if time_base is not None:  # PyAV's stubs do not say that it may be unset
            frame.time_base = time_base
        return begun + self._units(packets)

    def _begin(self, *, mono: bool) -> list[AccessUnit]:
        """Get ready for sound of one channel, or of more; the packets that the other kind leaves."""
        if mono == self._mono:
            return []
        rest = self.flush()
        # Of one channel FFmpeg would make two that are 3 dB softer each.
        self._mono, self._resampler = mono, _resampler("mono" if mono else "stereo")
        return rest

    def flush(self) -> list[AccessUnit]:
        """The packet that was still being filled, completed with silence at the end."""
        return self._units([_filled(frame) for frame in self._resampler.resample(None)])

    def _units(self, frames: list[av.AudioFrame]) -> list[AccessUnit]:
        # The encoder announces its look-ahead by earlier times; the time of a unit is that of what went in, as in RTP.
        packets = [packet for frame in frames for packet in self._context.encode(_doubled(frame))]
        return [AccessUnit(bytes(packet), "opus", (packet.pts or 0) + OPUS_LOOKAHEAD, 48000) for packet in packets]


def _resampler(layout: str) -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout=layout, rate=48000, frame_size=960)


def _filled(frame: av.AudioFrame) -> av.AudioFrame:
    channels = frame.layout.nb_channels
    samples = np.zeros((1, channels * 960), np.int16)
    samples[:, : channels * frame.samples] = frame.to_ndarray()
    return _timed(samples, frame, frame.layout.name)


def _doubled(frame: av.AudioFrame) -> av.AudioFrame:
    """The same sound in two channels."""
    if frame.layout.nb_channels > 1:
        return frame
    return _timed(np.repeat(frame.to_ndarray(), 2, axis=1), frame, "stereo")


def _timed(samples: npt.NDArray[Any], like: av.AudioFrame, layout: str) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = 48000, like.pts, Fraction(1, 48000)
    return frame
