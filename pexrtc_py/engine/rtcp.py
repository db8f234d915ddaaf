"""RTCP packets (RFC 3550 6, RFC 4585) read and written with aiortc's classes, less strictly than aiortc itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import error as StructError

from aiortc.rtp import (
    RTCP_BYE,
    RTCP_PSFB,
    RTCP_RR,
    RTCP_RTPFB,
    RTCP_RTPFB_NACK,
    RTCP_SR,
    AnyRtcpPacket,
    RtcpPacket,
    unpack_remb_fci,
)

_NEEDED = {RTCP_SR, RTCP_RR, RTCP_BYE, RTCP_PSFB}


def write(packets: Iterable[AnyRtcpPacket]) -> bytes:
    """A compound packet."""
    return b"".join(bytes(packet) for packet in packets)


def read_compound(data: bytes) -> tuple[list[AnyRtcpPacket], int]:
    """The packets of a compound that are of use here, and how many parts could not be read.

    aiortc refuses a whole compound for one bad part; here each part stands for itself. Descriptions and transport-wide
    feedback are passed over.
    """
    packets: list[AnyRtcpPacket] = []
    malformed = 0
    for part in _parts(data):
        try:
            packets += RtcpPacket.parse(part)
        except (ValueError, IndexError, StructError):
            malformed += 1
    return packets, malformed


def read_fir(fci: bytes) -> list[int]:
    """The SSRCs that a full intra request names (RFC 5104 4.3.1)."""
    return [int.from_bytes(fci[at : at + 4], "big") for at in range(0, len(fci) - 7, 8)]


def read_remb(fci: bytes) -> tuple[int, list[int]] | None:
    """Bits per second and SSRCs of a REMB (draft-alvestrand-rmcat-remb-03); None for anything else."""
    try:
        return unpack_remb_fci(fci)
    except (ValueError, StructError):
        return None


def _parts(data: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        head = data[position : position + 4]
        end = position + 4 + 4 * int.from_bytes(head[2:4], "big")
        if len(head) < 4 or head[1] in _NEEDED or (head[1] == RTCP_RTPFB and head[0] & 0x1F == RTCP_RTPFB_NACK):
            yield _without_extension(data[position:end])
        position = end


def _without_extension(part: bytes) -> bytes:
    """A report cut to its blocks: profile-specific extensions may follow them (RFC 3550 6.4.3), which aiortc refuses."""
    if len(part) < 4 or part[1] not in {RTCP_SR, RTCP_RR}:
        return part
    length = (28 if part[1] == RTCP_SR else 8) + 24 * (part[0] & 0x1F)
    if len(part) <= length:
        return part
    return bytes([part[0] & 0xDF, part[1]]) + (length // 4 - 1).to_bytes(2, "big") + part[4:length]
