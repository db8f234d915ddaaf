"""Codecs with settings for real time: frames in, access units out.

Everything here works on the calling thread for up to some milliseconds: call it in an executor, one call at a time per object.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from fractions import Fraction
from typing import cast

from av import AudioFifo, AudioFrame, AudioResampler, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import OPUS_RATE, AudioDecoder, VideoDecoder, create_context

__all__ = [
    "OPUS_RATE",
    "OPUS_SAMPLES",
    "SILENT_OPUS",
    "VIDEO_RATE",
    "AudioDecoder",
    "OpusEncoder",
    "VideoDecoder",
    "VideoEncoder",
    "black_frame",
    "default_bitrate",
    "fitted",
    "still_unit",
]

OPUS_SAMPLES = 960
"""Samples of one Opus packet: 20 ms."""
VIDEO_RATE = 90_000

SILENT_OPUS = b"\xfc\xff\xfe"
"""20 ms of silence: a full-band CELT packet whose frame is empty (RFC 6716 3.1)."""

MIN_BITRATE = 50_000
HYSTERESIS = 0.15
"""A bitrate this much off (relative) is worth changing the encoder."""

_AUDIO_GAP = 0.06
_LONGEST_STEP = 10 * VIDEO_RATE
_NEVER = 1_000_000


def default_bitrate(width: int, height: int, fps: float) -> int:
    """What a picture of this size deserves, in bits/s: 360p30 500 k, 720p30 1.5 M, 720p5 800 k."""
    size = math.pow(width * height / (640 * 360), 0.8)
    return max(MIN_BITRATE, round(500_000 * size * math.pow(min(fps, 60.0) / 30, 0.35)))


def fitted(width: int, height: int, max_size: tuple[int, int] | None) -> tuple[int, int]:
    """The largest even size of the same shape that fits into `max_size`; never larger than what came in."""
    scale = min(1.0, max_size[0] / width, max_size[1] / height) if max_size else 1.0
    return max(2, round(width * scale) & ~1), max(2, round(height * scale) & ~1)


class OpusEncoder:
    """Audio frames of any format in, Opus packets of exactly 20 ms out; `bitrate` in bits/s, 1 or 2 `channels`.

    A packet's timestamp (48 kHz) is the time of its first sample on the time line of the frames' `pts` (the codec's
    delay of 6.5 ms is not in it, as is usual). Packets follow each other by 960 without exception until the frames
    leave a gap of more than 60 ms.
    """

    def __init__(self, *, bitrate: int = 64_000, channels: int = 2) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        self._context = _opus_context(bitrate, self._layout)
        self._pts = 0
        self._position: int | None = None
        self._source: tuple[str, str, int] | None = None
        self._start_over(mono=False)

    def encode(self, frame: AudioFrame) -> list[AccessUnit]:
        """Take one frame; none, one or several packets are complete with it."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        starts = _ticks(frame, OPUS_RATE)
        expected = None if self._position is None else self._position + self._fifo.samples
        if source != self._source or expected is None or (starts is not None and abs(starts - expected) > _AUDIO_GAP * OPUS_RATE):
            self._source = source
            self._start_over(mono=frame.layout.nb_channels == 1)
            self._position = starts if starts is not None else expected or 0
        for part in self._resampler.resample(frame):
            part.pts = None  # the samples are counted here; a rounded time stamp would make the FIFO refuse them
            self._fifo.write(part)
        return [unit for part in self._fifo.read_many(OPUS_SAMPLES) for unit in self._packets(part)]

    def _start_over(self, *, mono: bool) -> None:
        # Of one channel FFmpeg would make two that are 3 dB softer each.
        self._resampler = AudioResampler(format="s16", layout="mono" if mono else self._layout, rate=OPUS_RATE)
        self._fifo = AudioFifo()

    def _packets(self, part: AudioFrame) -> list[AccessUnit]:
        position, self._position = self._position or 0, (self._position or 0) + OPUS_SAMPLES
        part = part if part.layout.name == self._layout else _doubled(part)
        part.pts, part.time_base = self._pts, Fraction(1, OPUS_RATE)
        self._pts += OPUS_SAMPLES
        return [AccessUnit(bytes(packet), "opus", position, OPUS_RATE) for packet in self._context.encode(part)]


class VideoEncoder:
    """Video frames of any format and size in, VP8 or constrained baseline H.264 (Annex B) out, one for one.

    Frames are scaled down into `max_size` and to even sizes. Time stamps are the frames' own at 90 kHz. `fps` is what
    to expect; more is noticed. `bitrate` (bits/s; None: by picture size) and `limit` (upper bound, as the network
    tells) may be set while running: a difference of more than 15 % takes effect with the next frame, for which the
    encoder is made anew where FFmpeg cannot adjust it (VP8, and H.264 above the rate it was opened with).
    """

    def __init__(
        self, codec: str, *, bitrate: int | None = None, fps: float = 30.0, max_size: tuple[int, int] | None = (1280, 720)
    ) -> None:
        if codec not in _VIDEO:
            raise ValueError(f"There is no video encoder for {codec!r}; use one of {', '.join(sorted(_VIDEO))}.")
        self.codec = codec
        self.bitrate = bitrate
        self.limit: int | None = None
        self.max_size = max_size
        self.opened = 0
        """How often the encoder was made."""
        self._fps = fps
        self._interval = 1 / fps
        self._context: VideoCodecContext | None = None
        self._rate = self._ceiling = 0
        self._reformatter = VideoReformatter()
        self._last: int | None = None
        self._pts = 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the last picture; None before the first."""
        return (self._context.width, self._context.height) if self._context else None

    def target(self, width: int, height: int) -> int:
        """The bitrate for pictures of this size, in bits/s."""
        wanted = self.bitrate or default_bitrate(width, height, self._fps)
        return max(MIN_BITRATE, min(wanted, self.limit or wanted))

    def encode(self, frame: VideoFrame, *, keyframe: bool = False) -> list[AccessUnit]:
        """Encode one frame, as a keyframe if asked; the frame itself is left as it is."""
        picture = self._private(frame)
        timestamp = self._step(_ticks(frame, VIDEO_RATE))
        context = self._ready(picture.width, picture.height)
        picture.pts, picture.time_base = self._pts, Fraction(1, VIDEO_RATE)
        picture.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = context.encode(picture)
        if not packets:
            return []
        data = b"".join(bytes(packet) for packet in packets)
        return [AccessUnit(data, self.codec, timestamp, VIDEO_RATE, keyframe=packets[0].is_keyframe)]

    def _private(self, frame: VideoFrame) -> VideoFrame:
        width, height = fitted(frame.width, frame.height, self.max_size)
        picture = self._reformatter.reformat(frame, width, height, "yuv420p", threads=1)
        if picture is not frame:
            return picture
        # Encoding writes into the frame's fields, and the same frame may be on its way to other encoders.
        return VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")

    def _step(self, timestamp: int | None) -> int:
        """Move the codec's own clock, which must never stand or go back, by what the frame's did."""
        usual = max(1, round(self._interval * VIDEO_RATE))
        if timestamp is None:
            timestamp = 0 if self._last is None else self._last + usual
        step = usual if self._last is None else timestamp - self._last
        regular = 0 < step < _LONGEST_STEP
        if regular:
            self._interval += 0.2 * (step / VIDEO_RATE - self._interval)
        self._pts += step if regular else usual
        self._last = timestamp
        return timestamp

    def _ready(self, width: int, height: int) -> VideoCodecContext:
        context, target = self._context, self.target(width, height)
        faster = 1 / self._interval > 1.5 * self._fps
        if faster:
            # x264 spends bits per frame, not per second: more frames than it was told of would overrun the target.
            self._fps, target = 1 / self._interval, 0
        if context is None or faster or (context.width, context.height) != (width, height):
            return self._open(width, height)
        if abs(target - self._rate) <= HYSTERESIS * self._rate:
            return context
        if self.codec == "vp8" or target > self._ceiling:
            return self._open(width, height)
        context.bit_rate = self._rate = target
        return context

    def _open(self, width: int, height: int) -> VideoCodecContext:
        library, options = _VIDEO[self.codec]
        self._rate = self._ceiling = rate = self.target(width, height)
        context = cast(VideoCodecContext, create_context(library, "w"))
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.bit_rate, context.gop_size, context.thread_count = rate, _NEVER, 1
        context.time_base, context.framerate = Fraction(1, VIDEO_RATE), Fraction(max(1, round(self._fps)))
        context.options = options(rate)
        self._context = context
        self.opened += 1
        return context


def still_unit(frame: VideoFrame, codec: str) -> AccessUnit:
    """One picture as one keyframe, at the size it has (made even); for splash screens and black."""
    width, height = fitted(frame.width, frame.height, None)
    encoder = VideoEncoder(codec, bitrate=3 * default_bitrate(width, height, 30.0), max_size=None)
    return encoder.encode(frame, keyframe=True)[0]


def black_frame(width: int, height: int) -> VideoFrame:
    """A black picture (`yuv420p`, limited range) of an even size."""
    frame = VideoFrame(width, height, "yuv420p")
    for plane, level in zip(frame.planes, (16, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    return frame


def _doubled(part: AudioFrame) -> AudioFrame:
    """The same sound in two channels."""
    one = array("h", bytes(part.planes[0]))
    two = array("h", bytes(4 * len(one)))
    two[0::2] = two[1::2] = one
    both = AudioFrame(format="s16", layout="stereo", samples=part.samples)
    both.planes[0].update(two.tobytes())
    both.sample_rate = part.sample_rate
    return both


def _ticks(frame: AudioFrame | VideoFrame, rate: int) -> int | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return round(frame.pts * frame.time_base * rate)


def _opus_context(bitrate: int, layout: str) -> AudioCodecContext:
    context = cast(AudioCodecContext, create_context("libopus", "w"))
    context.bit_rate, context.sample_rate = bitrate, OPUS_RATE
    context.format, context.layout, context.time_base = "s16", layout, Fraction(1, OPUS_RATE)
    context.options = {"application": "audio", "frame_duration": "20"}
    return context


def _vp8_options(rate: int) -> dict[str, str]:
    # A negative cpu-used is a fixed speed; a positive one makes libvpx measure the machine and vary its speed.
    # minrate = maxrate makes the rate constant, with one second of buffer.
    constant = dict.fromkeys(("bufsize", "minrate", "maxrate"), str(rate))
    realtime = {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "static-thresh": "1"}
    return constant | realtime | {"undershoot-pct": "100", "overshoot-pct": "15", "partitions": "0"}


def _h264_options(rate: int) -> dict[str, str]:
    constant = dict.fromkeys(("bufsize", "maxrate"), str(rate))
    return constant | {"preset": "superfast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}


_VIDEO: dict[str, tuple[str, Callable[[int], dict[str, str]]]] = {"vp8": ("libvpx", _vp8_options), "h264": ("libx264", _h264_options)}
