"""RTP packets (RFC 3550 5.1) read and written without detours, and the arithmetic of their wrapping numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct

_HEADER = Struct("!BBHII")
_EXTENSION_HEADER = Struct("!HH")
_SEQUENCE_NUMBER = Struct("!H")

_ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x1000

_read_header = _HEADER.unpack_from


class RtpPacket:
    """One RTP packet. `payload` is without padding; `extensions` maps ids to values (RFC 8285), read when first asked for."""

    __slots__ = ("_block", "_extensions", "csrcs", "marker", "payload", "payload_type", "sequence_number", "ssrc", "timestamp")

    def __init__(  # noqa: PLR0917  # called once per packet; keywords cost a fifth of its time
        self,
        payload_type: int,
        marker: bool,
        sequence_number: int,
        timestamp: int,
        ssrc: int,
        payload: bytes,
        block: bytes = b"",
        csrcs: tuple[int, ...] = (),
    ) -> None:
        self.payload_type = payload_type
        self.marker = marker
        self.sequence_number = sequence_number
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.payload = payload
        self.csrcs = csrcs
        self._block = block
        self._extensions: dict[int, bytes] | None = None

    @property
    def extensions(self) -> dict[int, bytes]:
        """Header extensions by id; what is truncated or in an unknown form is left out."""
        if self._extensions is None:
            self._extensions = _read_extensions(self._block) if self._block else {}
        return self._extensions

    def __repr__(self) -> str:
        return (
            f"RtpPacket(payload_type={self.payload_type}, marker={self.marker}, sequence_number={self.sequence_number},"
            f" timestamp={self.timestamp}, ssrc={self.ssrc}, {len(self.payload)} bytes)"
        )


def parse(data: bytes) -> RtpPacket:
    """Read one packet (RFC 3550 5.1); raises ValueError when it is malformed."""
    if len(data) < 12:
        raise ValueError(f"An RTP packet has at least 12 bytes, this one has {len(data)}.")
    first, second, sequence_number, timestamp, ssrc = _read_header(data)
    if first == 0x80:
        return RtpPacket(second & 0x7F, second > 0x7F, sequence_number, timestamp, ssrc, data[12:])
    if first >> 6 != 2:
        raise ValueError(f"An RTP packet has version 2, this one {first >> 6}.")
    start, block = 12, b""
    csrcs: tuple[int, ...] = ()
    if first & 0x0F:
        csrcs, start = _read_csrcs(data, first & 0x0F)
    if first & 0x10:
        block = _extension_block(data, start)
        start += len(block)
    end = len(data) - _padding(data, start) if first & 0x20 else len(data)
    return RtpPacket(second & 0x7F, second > 0x7F, sequence_number, timestamp, ssrc, data[start:end], block, csrcs)


def serialize(
    *,
    payload_type: int,
    sequence_number: int,
    timestamp: int,
    ssrc: int,
    payload: bytes = b"",
    marker: bool = False,
    extensions: Mapping[int, bytes] | None = None,
    csrcs: Sequence[int] = (),
    padding: int = 0,
) -> bytes:
    """Write one packet; `padding` (0-255) bytes follow the payload, extensions take the shortest form that holds them (RFC 8285).

    Numbers are cut to their width, so a counter may just count. Raises ValueError for an extension that no form holds.
    """
    block = _write_extensions(extensions) if extensions else b""
    first = 0x80 | bool(padding) << 5 | bool(block) << 4 | len(csrcs)
    second = payload_type & 0x7F | (0x80 if marker else 0)
    header = _HEADER.pack(first, second, sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    sources = b"".join(csrc.to_bytes(4, "big") for csrc in csrcs) if csrcs else b""
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    return header + sources + block + payload + tail


def unwrap_rtx(packet: RtpPacket, *, payload_type: int, ssrc: int) -> RtpPacket:
    """The packet that a retransmission carries (RFC 4588 4); raises ValueError when it carries none."""
    if len(packet.payload) < 2:
        raise ValueError("A retransmission begins with the original sequence number; this one is empty.")
    original = int.from_bytes(packet.payload[:2], "big")
    return RtpPacket(payload_type, packet.marker, original, packet.timestamp, ssrc, packet.payload[2:])


def wrap_rtx(packet: RtpPacket, *, payload_type: int, ssrc: int, sequence_number: int) -> RtpPacket:
    """The retransmission that carries a packet (RFC 4588 4)."""
    payload = _SEQUENCE_NUMBER.pack(packet.sequence_number) + packet.payload
    return RtpPacket(payload_type, packet.marker, sequence_number & 0xFFFF, packet.timestamp, ssrc, payload)


def sequence_delta(later: int, earlier: int) -> int:
    """How far one 16-bit sequence number is after another: -32768 to 32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def timestamp_delta(later: int, earlier: int) -> int:
    """How far one 32-bit timestamp is after another: -2**31 to 2**31 - 1."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class TimestampUnwrapper:
    """Continues 32-bit timestamps without their wraps; the first one is taken as it is."""

    def __init__(self) -> None:
        self._last: int | None = None

    def unwrap(self, timestamp: int) -> int:
        """The number nearest to the last one that has these lower 32 bits."""
        last = self._last
        self._last = timestamp if last is None else last + timestamp_delta(timestamp, last)
        return self._last


def _read_csrcs(data: bytes, count: int) -> tuple[tuple[int, ...], int]:
    end = 12 + 4 * count
    if len(data) < end:
        raise ValueError(f"The RTP packet announces {count} contributing sources and ends before them.")
    return Struct(f"!{count}I").unpack_from(data, 12), end


def _extension_block(data: bytes, start: int) -> bytes:
    if len(data) < start + 4:
        raise ValueError("The RTP packet announces a header extension and ends before it.")
    end = start + 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if len(data) < end:
        raise ValueError("The RTP packet ends within its header extension.")
    return data[start:end]


def _padding(data: bytes, start: int) -> int:
    count = data[-1]
    if not 0 < count <= len(data) - start:
        raise ValueError(f"The RTP packet announces {count} bytes of padding and has {len(data) - start} to hold them.")
    return count


def _read_extensions(block: bytes) -> dict[int, bytes]:
    profile = int.from_bytes(block[:2], "big")
    if profile == _ONE_BYTE_PROFILE:
        return _read_one_byte(block)
    return _read_two_byte(block) if profile & 0xFFF0 == _TWO_BYTE_PROFILE else {}


def _read_one_byte(block: bytes) -> dict[int, bytes]:
    found, position = {}, 4
    while position < len(block):
        number, length = block[position] >> 4, (block[position] & 0x0F) + 1
        if block[position] == 0:  # padding
            position += 1
            continue
        end = position + 1 + length
        if number == 15 or end > len(block):  # 15 ends the list (RFC 8285 4.2)
            break
        if number:
            found[number] = block[position + 1 : end]
        position = end
    return found


def _read_two_byte(block: bytes) -> dict[int, bytes]:
    found, position = {}, 4
    while position < len(block) - 1:
        if block[position] == 0:
            position += 1
            continue
        end = position + 2 + block[position + 1]
        if end > len(block):
            break
        found[block[position]] = block[position + 2 : end]
        position = end
    return found


def _write_extensions(extensions: Mapping[int, bytes]) -> bytes:
    if not all(0 < number < 256 and len(value) < 256 for number, value in extensions.items()):
        raise ValueError(f"Header extensions have ids 1-255 and at most 255 bytes, not {dict(extensions)}.")
    short = all(number < 15 and 0 < len(value) <= 16 for number, value in extensions.items())
    if short:
        body = b"".join(bytes([number << 4 | len(value) - 1]) + value for number, value in extensions.items())
    else:
        body = b"".join(bytes([number, len(value)]) + value for number, value in extensions.items())
    body += bytes(-len(body) % 4)
    return _EXTENSION_HEADER.pack(_ONE_BYTE_PROFILE if short else _TWO_BYTE_PROFILE, len(body) // 4) + body
