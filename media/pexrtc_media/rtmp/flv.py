"""Sound and pictures as RTMP carries them: AAC and H.264 in the bodies of FLV tags, made from frames, and frames made from them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.error import FFmpegError

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import annex_b, avc_configuration, length_prefixed, parameter_sets
from pexrtc_media.encoding import VideoEncoding
from pexrtc_media.rtmp import amf
from pexrtc_media.rtmp.chunks import Kind, Message
from pexrtc_media.transform import letterbox

RATE = 48_000
AAC_HEAD, AVC, KEY, INTER = 0xAF, 7, 1, 2
CONFIGURATION, CODED = 0, 1
MAX_PIXELS = 4096 * 2304
_AVC_HEAD = 5


def about(size: tuple[int, int], fps: float) -> Message:
    """What a stream begins with: a description of itself."""
    data = {"width": size[0], "height": size[1], "framerate": fps, "videocodecid": AVC, "audiocodecid": 10, "audiosamplerate": RATE}
    return Message(Kind.DATA, amf.encode("@setDataFrame", "onMetaData", data | {"stereo": True, "encoder": "pexrtc"}))


class SoundOut:
    """Frames of sound of any kind in, AAC (48 kHz, stereo) out. Computes, so it belongs in an executor."""

    def __init__(self, *, bitrate: int = 128_000) -> None:
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE, frame_size=1024)
        self._context = av.CodecContext.create("aac", "w")
        self._context.sample_rate, self._context.format, self._context.layout = RATE, av.AudioFormat("fltp"), av.AudioLayout("stereo")
        self._context.bit_rate = bitrate
        self._context.open()
        self.configuration = Message(Kind.AUDIO, bytes([AAC_HEAD, CONFIGURATION]) + bytes(self._context.extradata or b""))

    def encode(self, frame: av.AudioFrame, seconds: float) -> list[Message]:
        """The messages that are complete with a frame whose first sample is heard at `seconds` of the stream."""
        frame.pts, frame.time_base = round(seconds * frame.sample_rate), Fraction(1, frame.sample_rate)
        packets = [packet for part in self._resampler.resample(frame) for packet in self._context.encode(part)]
        return [Message(Kind.AUDIO, bytes([AAC_HEAD, CODED]) + bytes(packet), 0, _ms(packet)) for packet in packets]


class PicturesOut:
    """Pictures of any size in, H.264 of one size out, a key frame at least every two seconds. It computes: call it in an executor."""

    def __init__(self, size: tuple[int, int] = (1280, 720), *, bitrate: int = 1_500_000) -> None:
        self.size = size
        self.configuration: Message | None = None
        """What must go before the first picture; None until there is one."""
        self._encoding = VideoEncoding("h264", bitrate=bitrate)

    def encode(self, frame: av.VideoFrame, seconds: float) -> list[tuple[Message, bool]]:
        """The messages for a picture shown at `seconds` of the stream, and which of them are key frames."""
        return [self._message(unit, seconds) for unit in self._encoding.encode(letterbox(frame, *self.size), seconds)]

    def pass_on(self, unit: AccessUnit, seconds: float) -> list[tuple[Message, bool]]:
        """The messages for a picture that is H.264 already; none before the first key frame, which needs SPS and PPS: else MediaError."""
        messages: list[tuple[Message, bool]] = []
        if unit.keyframe:
            configuration = Message(Kind.VIDEO, _avc(KEY, CONFIGURATION) + avc_configuration(unit.data), 0, round(seconds * 1000))
            if self.configuration is None or configuration.data != self.configuration.data:
                self.configuration = configuration
                messages.append((configuration, True))
        return [*messages, self._message(unit, seconds)] if self.configuration is not None else []

    def _message(self, unit: AccessUnit, seconds: float) -> tuple[Message, bool]:
        if unit.keyframe and self.configuration is None:
            self.configuration = Message(Kind.VIDEO, _avc(KEY, CONFIGURATION) + avc_configuration(unit.data))
        head = _avc(KEY if unit.keyframe else INTER, CODED)
        return Message(Kind.VIDEO, head + length_prefixed(unit.data), 0, round(seconds * 1000)), unit.keyframe


class FramesIn:
    """Messages in, frames out (`pts` in milliseconds); `damaged` counts what cannot be decoded. It computes: call it in an executor."""

    def __init__(self) -> None:
        self.damaged = 0
        self._contexts: dict[int, av.CodecContext] = {}

    def decode(self, message: Message) -> Iterator[av.AudioFrame | av.VideoFrame]:
        """The frames of one message."""
        data = message.data
        head = 2 if message.kind == Kind.AUDIO else 5
        codec = {(Kind.AUDIO, 10): "aac", (Kind.VIDEO, AVC): "h264"}.get((Kind(message.kind), _codec_id(message)))
        if codec is None or len(data) <= head:
            self.damaged += codec is None
            return
        if data[1] == CONFIGURATION:
            self._contexts[message.kind] = _decoder(codec, data[head:])
        elif data[1] == CODED and (context := self._contexts.get(message.kind)) is not None:
            yield from self._decoded(context, data[head:], message.time)

    def _decoded(self, context: av.CodecContext, data: bytes, time: int) -> Iterator[Any]:
        packet: av.Packet[Any] = av.Packet(data)
        packet.pts = packet.dts = time
        packet.time_base = Fraction(1, 1000)
        try:
            yield from context.decode(packet)  # type: ignore[attr-defined]
        except FFmpegError:
            self.damaged += 1


class PicturesIn:
    """Messages in, H.264 access units in Annex B form out; `damaged` counts those that are none."""

    def __init__(self) -> None:
        self.damaged = 0
        self._sets: tuple[bytes, int] | None = None

    def units(self, message: Message) -> list[AccessUnit]:
        """The picture of one message, with the parameter sets before a key frame; nothing before these have come."""
        data = message.data
        if _codec_id(message) != AVC or len(data) <= _AVC_HEAD:
            self.damaged += len(data) > 0
            return []
        try:
            if data[1] == CONFIGURATION:
                self._sets = parameter_sets(data[_AVC_HEAD:])
            elif data[1] == CODED and self._sets is not None:
                return [self._unit(message, *self._sets)]
        except MediaError:
            self.damaged += 1
        return []

    def _unit(self, message: Message, sets: bytes, size: int) -> AccessUnit:
        keyframe = message.data[0] >> 4 == KEY
        data = annex_b(message.data[_AVC_HEAD:], size)
        return AccessUnit(sets + data if keyframe else data, "h264", message.time * 90, 90_000, keyframe=keyframe)


def is_configuration(message: Message) -> bool:
    """Whether a message says how to decode what follows."""
    return len(message.data) > 1 and message.data[1] == CONFIGURATION


def _codec_id(message: Message) -> int:
    if not message.data:
        return -1
    return message.data[0] >> 4 if message.kind == Kind.AUDIO else message.data[0] & 0x0F


def _decoder(codec: str, configuration: bytes) -> av.CodecContext:
    context = av.CodecContext.create(codec, "r")
    context.extradata = configuration
    context.thread_count = 1
    if codec == "h264":
        context.options = {"max_pixels": str(MAX_PIXELS)}
    return context


def _avc(frame: int, kind: int) -> bytes:
    return bytes([frame << 4 | AVC, kind, 0, 0, 0])


def _ms(packet: av.Packet[Any]) -> int:
    return max(0, round((packet.pts or 0) * (packet.time_base or Fraction(1, RATE)) * 1000))
