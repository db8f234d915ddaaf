"""What has to be known about encoded units without decoding them: sizes, durations, parameter sets, and a black picture."""

from __future__ import annotations

import base64
import io
import re
import zlib
from collections.abc import Iterator
from functools import cache

from pexrtc_media.base import MediaError

OPUS_LOOKAHEAD = 312
"""Samples at 48 kHz by which an Opus encoder is late, and which its decoder drops at the start (RFC 7845 4.2)."""

_START_CODE = re.compile(b"\x00\x00\x01")
_STARTS = b"\x00\x00\x00\x01"
_SILK_SAMPLES = (480, 960, 1920, 2880)
_SPS, _PPS = 7, 8

BLACK_SIZE = (1280, 720)
# Kept encoded, since an encoder takes longer for its first picture than an event loop can wait; made with libvpx and libx264 (baseline).
_BLACK = {
    "vp8": "c-s4Lh+!_H76a=ACJuLw*4B=hEgd>c3~XX7-`N^d=4aoYt!`00ibl~W8bzaM#34O~fA1DJ005xS!R7",
    "h264": "c-muNU|>vlI$(E;(LwBm0|Nsyg9F3*6Uv7exf&RNQW@v?Pk`vujutC54F*o8lhg&*V@pTTC>lkhXcXZ=55R>mgJnmD^P;2%h6y@zs0!we2Jt8wMWbj0pf~_d&=Qm",
}


def opus_samples(packet: bytes) -> int:
    """Samples at 48 kHz in one Opus packet, by its table of contents (RFC 6716 3.1); 0 for an empty packet."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = _SILK_SAMPLES[config & 3]
    elif config < 16:
        frame = 480 << (config & 1)
    else:
        frame = 120 << (config & 3)
    frames = (packet[1] & 63 if len(packet) > 1 else 0) if code == 3 else (1, 2, 2)[code]
    return frame * frames


def vp8_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height of a VP8 key frame (RFC 6386 9.1); None for any other frame."""
    if len(frame) < 10 or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(frame[6:8], "little") & 0x3FFF, int.from_bytes(frame[8:10], "little") & 0x3FFF


def nal_units(unit: bytes) -> Iterator[bytes]:
    """The NAL units of an H.264 access unit in Annex B form (ITU-T H.264 B.1)."""
    starts = [match.end() for match in _START_CODE.finditer(unit)]
    for start, following in zip(starts, [*(start - 3 for start in starts[1:]), len(unit)], strict=False):
        if nal := unit[start:following].rstrip(b"\x00"):
            yield nal


def length_prefixed(unit: bytes) -> bytes:
    """An H.264 access unit with four-byte lengths instead of start codes (ISO/IEC 14496-15 5.3.3)."""
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nal_units(unit))


def avc_configuration(keyframe: bytes) -> bytes:
    """The decoder configuration record for a key frame that carries SPS and PPS (ISO/IEC 14496-15 5.3.3.1); MediaError without them."""
    nals = list(nal_units(keyframe))
    sps = [nal for nal in nals if nal[0] & 31 == _SPS]
    pps = [nal for nal in nals if nal[0] & 31 == _PPS]
    if not sps or not pps or len(sps[0]) < 4:
        raise MediaError("The first H.264 key frame carries no parameter sets (SPS, PPS); the sender has to repeat them in band.")
    sets = [bytes([0xE0 | len(sps)]), *map(_sized, sps), bytes([len(pps)]), *map(_sized, pps)]
    return bytes([1, *sps[0][1:4], 0xFF]) + b"".join(sets)


def annex_b(unit: bytes, size: int = 4) -> bytes:
    """An H.264 access unit whose parts have lengths of `size` bytes, with start codes instead; MediaError when the lengths do not fit."""
    parts, at = [], 0
    while at < len(unit):
        length = int.from_bytes(unit[at : at + size], "big")
        at += size
        if not 0 < length <= len(unit) - at:
            raise MediaError(f"An H.264 picture of {len(unit)} bytes has a part of {length} at {at}.")
        parts.append(_STARTS + unit[at : at + length])
        at += length
    return b"".join(parts)


def parameter_sets(record: bytes) -> tuple[bytes, int]:
    """SPS and PPS of a decoder configuration record in Annex B form, and how many bytes a length has; MediaError for what is none.

    ISO/IEC 14496-15 5.3.3.1.
    """
    reader = io.BytesIO(record)
    head = reader.read(5)
    sets = []
    for mask in (0x1F, 0xFF):  # a number of SPS with bits above it, then a number of PPS
        for _ in range(int.from_bytes(reader.read(1), "big") & mask):
            length = int.from_bytes(reader.read(2), "big")
            sets.append(nal := reader.read(length))
            if not nal or len(nal) < length:
                raise MediaError(f"A configuration of H.264 ends after {len(record)} bytes, in the middle of a parameter set.")
    if len(head) < 5 or head[0] != 1 or not sets:
        raise MediaError(f"This is no configuration of H.264: {len(record)} bytes that begin with {record[:5].hex() or 'nothing'}.")
    return b"".join(_STARTS + nal for nal in sets), (head[4] & 3) + 1


def h264_size(keyframe: bytes) -> tuple[int, int]:
    """Width and height of an H.264 key frame in Annex B form; MediaError when it cannot be understood."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(keyframe), "r", format="h264") as probe:
            context = probe.streams.video[0].codec_context
            if context.width and context.height:
                return context.width, context.height
    except (FFmpegError, IndexError, ValueError):
        pass
    raise MediaError(f"An H.264 key frame of {len(keyframe)} bytes has no readable picture size; is it complete and in Annex B form?")


def picture_size(codec: str, keyframe: bytes) -> tuple[int, int]:
    """Width and height of a key frame of `codec` ("vp8" or "h264"); MediaError when it is none."""
    if codec == "h264":
        return h264_size(keyframe)
    size = vp8_size(keyframe)
    if size is None or 0 in size:
        raise MediaError(f"A VP8 frame of {len(keyframe)} bytes was announced as a key frame, but has no picture size.")
    return size


@cache
def black_picture(codec: str) -> bytes:
    """One encoded black key frame of `codec` ("vp8" or "h264", Annex B), of the size `BLACK_SIZE`."""
    return zlib.decompress(base64.b85decode(_BLACK[codec]))


def _sized(nal: bytes) -> bytes:
    return len(nal).to_bytes(2, "big") + nal
