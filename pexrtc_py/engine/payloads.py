"""Payload formats: what an RTP payload holds of an access unit, and how a unit is cut into payloads.

Opus RFC 7587, VP8 RFC 7741, H.264 RFC 6184 (packetization mode 1: single NAL units, STAP-A and FU-A).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.codecs.vpx import VpxPayloadDescriptor

MAX_PAYLOAD = 1200
"""Bytes of one payload: fits with RTP, SRTP, TURN and IPv6 into the smallest MTU of the internet."""

_START_CODE = b"\x00\x00\x00\x01"
_SHORT_START_CODE = b"\x00\x00\x01"
_IDR, _SEI, _SPS, _DELIMITER, _STAP_A, _FU_A = 5, 6, 7, 9, 24, 28
_SLICES = {1, 2, _IDR}


@dataclass(frozen=True)
class PayloadFormat:
    """What a receiver must know of one codec's payloads."""

    depayload: Callable[[bytes], bytes]
    """The media in a payload, H.264 with start codes; raises ValueError when malformed."""
    is_frame_start: Callable[[bytes], bool]
    """Whether a payload (not empty) can be the first of an access unit; H.264 parameter sets before a slice do not show in the slice."""
    is_keyframe: Callable[[bytes], bool]
    """Whether an access unit can be decoded without those before it."""
    is_complete_start: Callable[[bytes], bool]
    """Whether a keyframe also brings its parameter sets, so that a new decoder can begin with it."""


def payload_format(codec: str) -> PayloadFormat:
    """The format of `"opus"`, `"vp8"` or `"h264"`; raises LookupError for another codec."""
    try:
        return _FORMATS[codec]
    except KeyError:
        raise LookupError(f"There is no RTP payload format for {codec!r} here; there are {', '.join(_FORMATS)}.") from None


def packetize(codec: str, data: bytes, *, picture_id: int = 0, max_size: int = MAX_PAYLOAD) -> list[bytes]:
    """Cut an access unit into payloads of at most `max_size` bytes, in order; the last one gets the RTP marker.

    `picture_id` (VP8 only) counts frames, 15 bits are used. An empty unit gives no payload. Raises LookupError for an
    unknown codec and ValueError for H.264 that is not in Annex B form.
    """
    payload_format(codec)
    if codec == "vp8":
        return list(_cut_vp8(data, picture_id, max_size))
    if codec == "h264":
        return list(_cut_h264(data, max_size))
    return [data] if data else []


# Opus: one packet is one payload.


def _as_it_is(payload: bytes) -> bytes:
    return payload


def _always(_: bytes) -> bool:
    return True


# VP8


def _read_vp8(payload: bytes) -> bytes:
    """RFC 7741 4.2: only how long the descriptor is; what it says, such as the picture's number, no receiver here needs."""
    start = 1
    if payload and payload[0] & 0x80:
        flags, start = payload[1] if len(payload) > 1 else 0, 2
        if flags & 0x80:
            start += 2 if len(payload) > 2 and payload[2] & 0x80 else 1
        start += bool(flags & 0x40) + bool(flags & 0x30)
    if len(payload) < start:
        raise ValueError(f"A VP8 payload ends within its descriptor: {len(payload)} bytes.")
    return payload[start:]


def _starts_vp8(payload: bytes) -> bool:
    return payload[0] & 0x1F == 0x10  # S = 1, partition 0 (RFC 7741 4.2); the bit above is reserved


def _is_vp8_keyframe(data: bytes) -> bool:
    return bool(data) and not data[0] & 1  # RFC 6386 9.1


def _cut_vp8(data: bytes, picture_id: int, max_size: int) -> Iterator[bytes]:
    descriptor = VpxPayloadDescriptor(partition_start=1, partition_id=0, picture_id=picture_id & 0x7FFF)
    head = bytes(descriptor)
    descriptor.partition_start = 0
    later = bytes(descriptor)
    room = max_size - len(head)
    for position in range(0, len(data), room):
        yield (later if position else head) + data[position : position + room]


# H.264


def _read_h264(payload: bytes) -> bytes:
    if len(payload) == 1:  # "end of sequence" is nothing but its header
        return _START_CODE + payload
    return H264PayloadDescriptor.parse(payload)[1]


def _starts_h264(payload: bytes) -> bool:
    """Told by the parameter sets that come first, or by the first macroblock's number being 0 (H.264 7.3.3: one bit, set)."""
    kind, body = payload[0] & 0x1F, payload[1:2]
    if kind == _FU_A:
        kind, body = payload[1:2][0] & 0x1F if payload[1:2] >= b"\x80" else 0, payload[2:3]
    elif kind == _STAP_A and len(payload) > 3:
        kind, body = payload[3] & 0x1F, payload[4:5]
    return kind in {_SEI, _SPS, _DELIMITER} or (kind in _SLICES and body >= b"\x80")


def _is_h264_keyframe(data: bytes) -> bool:
    for kind in _nal_types(data):
        if kind in {_IDR, _SPS}:
            return True
        if 0 < kind < _IDR:
            return False  # the slices of a picture are IDR together or not at all (H.264 7.4.1.2.4)
    return False


def _has_parameter_sets(data: bytes) -> bool:
    for kind in _nal_types(data):
        if 0 < kind <= _IDR:
            return False
        if kind == _SPS:
            return True
    return False


def _nal_types(data: bytes) -> Iterator[int]:
    position = data.find(_SHORT_START_CODE)
    while 0 <= position < len(data) - 3:
        yield data[position + 3] & 0x1F
        position = data.find(_SHORT_START_CODE, position + 3)


def _nal_units(data: bytes) -> list[bytes]:
    if data and not data.startswith((_SHORT_START_CODE, _START_CODE)):
        raise ValueError("The H.264 access unit does not begin with a start code; convert it to Annex B form (h264_mp4toannexb).")
    parts = (part.rstrip(b"\x00") for part in data.split(_SHORT_START_CODE))  # a NAL unit never ends with a zero byte
    return [part for part in parts if part]


def _cut_h264(data: bytes, max_size: int) -> Iterator[bytes]:
    waiting: list[bytes] = []
    for unit in _nal_units(data):
        if waiting and _stap_size(waiting) + 2 + len(unit) > max_size:
            yield _aggregate(waiting)
            waiting = []
        if len(unit) > max_size:
            yield from _fragment(unit, max_size)
        else:
            waiting.append(unit)
    if waiting:
        yield _aggregate(waiting)


def _stap_size(units: list[bytes]) -> int:
    return 1 + sum(2 + len(unit) for unit in units)


def _aggregate(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    importance = max(unit[0] & 0x60 for unit in units)
    return bytes([importance | _STAP_A]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragment(unit: bytes, max_size: int) -> Iterator[bytes]:
    """FU-A fragments of nearly equal size (RFC 6184 5.8)."""
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F
    count = -(-(len(unit) - 1) // (max_size - 2))
    for index in range(count):
        start, end = (1 + (len(unit) - 1) * edge // count for edge in (index, index + 1))
        flags = (0x80 if index == 0 else 0) | (0x40 if index == count - 1 else 0)
        yield bytes([indicator, flags | kind]) + unit[start:end]


_FORMATS = {
    "opus": PayloadFormat(_as_it_is, _always, _always, _always),
    "vp8": PayloadFormat(_read_vp8, _starts_vp8, _is_vp8_keyframe, _is_vp8_keyframe),
    "h264": PayloadFormat(_read_h264, _starts_h264, _is_h264_keyframe, _has_parameter_sets),
}
