"""RTP headers: written, read back, read by aiortc, and never a surprise on junk."""

from __future__ import annotations

from struct import pack

import pytest
from aiortc.rtp import HeaderExtensionsMap
from aiortc.rtp import RtpPacket as ReferencePacket
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.engine.rtp import (
    RtpPacket,
    TimestampUnwrapper,
    parse,
    sequence_delta,
    serialize,
    timestamp_delta,
    unwrap_rtx,
    wrap_rtx,
)

EXTENSIONS = st.dictionaries(st.integers(1, 255), st.binary(max_size=40), max_size=5)


def written(
    extensions: dict[int, bytes] | None = None, *, payload: bytes = b"media", padding: int = 0, csrcs: tuple[int, ...] = ()
) -> bytes:
    return serialize(
        payload_type=96,
        marker=True,
        sequence_number=65535,
        timestamp=0xFFFFFFFF,
        ssrc=0xDEADBEEF,
        payload=payload,
        extensions=extensions,
        padding=padding,
        csrcs=csrcs,
    )


@given(EXTENSIONS, st.binary(max_size=50), st.integers(0, 255), st.lists(st.integers(0, 2**32 - 1), max_size=15))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(extensions: dict[int, bytes], payload: bytes, padding: int, csrcs: list[int]) -> None:
    packet = parse(written(extensions, payload=payload, padding=padding, csrcs=tuple(csrcs)))

    assert (packet.payload_type, packet.marker, packet.sequence_number) == (96, True, 65535)
    assert (packet.timestamp, packet.ssrc) == (0xFFFFFFFF, 0xDEADBEEF)
    assert (packet.extensions, packet.payload, packet.csrcs) == (extensions, payload, tuple(csrcs))


def test_aiortc_reads_the_same() -> None:
    data = written({3: b"\x12\x34\x56"}, padding=7, csrcs=(1, 2))

    reference = ReferencePacket.parse(data, HeaderExtensionsMap())

    assert (reference.payload, reference.csrc, reference.padding_size, reference.marker) == (b"media", [1, 2], 7, 1)


@given(st.binary(max_size=80))
@settings(max_examples=300, deadline=None)
def test_junk_is_a_value_error_or_a_packet(data: bytes) -> None:
    try:
        packet = parse(b"\x90\x60" + data)
    except ValueError:
        return

    assert all(0 < number < 256 for number in packet.extensions)


@given(st.binary(min_size=12, max_size=80))
@settings(max_examples=300, deadline=None)
def test_we_accept_what_aiortc_accepts_and_read_the_same_payload(data: bytes) -> None:
    try:
        expected = ReferencePacket.parse(data, HeaderExtensionsMap()).payload
    except ValueError:
        return  # aiortc refuses truncated extension values, which are skipped here

    assert parse(data).payload == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        written()[:11],
        b"\x40" + written()[1:],
        b"\x8f" + written()[1:],
        b"\x90" + written(payload=b"")[1:],
        b"\x90" + written(payload=b"\xbe\xde\x00\x09")[1:],
        b"\xa0" + written(payload=b"\x00")[1:],
        b"\xa0" + written(payload=b"\x09")[1:],
    ],
)
def test_malformed_headers_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="RTP"):
        parse(data)


def test_a_truncated_extension_value_is_left_out() -> None:
    block = pack("!HHBBBB", 0xBEDE, 1, 1 << 4, 7, 2 << 4 | 15, 0)

    packet = parse(b"\x90" + written(payload=block + b"rest")[1:])

    assert packet.extensions == {1: b"\x07"}
    assert packet.payload == b"rest"


def test_an_extension_no_form_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 255"):
        written({256: b"x"})


def test_a_retransmission_carries_the_original() -> None:
    original = RtpPacket(96, True, 4711, 90_000, 1, b"frame")

    rtx = wrap_rtx(original, payload_type=97, ssrc=2, sequence_number=65536)
    back = unwrap_rtx(rtx, payload_type=96, ssrc=1)

    assert (rtx.payload_type, rtx.ssrc, rtx.sequence_number) == (97, 2, 0)
    assert (back.payload_type, back.ssrc, back.sequence_number) == (96, 1, 4711)
    assert (back.payload, back.marker, back.timestamp) == (b"frame", True, 90_000)


def test_an_empty_retransmission_is_refused() -> None:
    with pytest.raises(ValueError, match="retransmission"):
        unwrap_rtx(RtpPacket(97, False, 1, 0, 2, b"\x00"), payload_type=96, ssrc=1)


def test_numbers_wrap() -> None:
    assert sequence_delta(1, 65535) == 2
    assert sequence_delta(65535, 1) == -2
    assert timestamp_delta(5, 2**32 - 5) == 10


def test_timestamps_are_continued_over_wraps_in_both_directions() -> None:
    unwrapper = TimestampUnwrapper()

    seen = [unwrapper.unwrap(timestamp) for timestamp in (2**32 - 3000, 0, 3000, 2**32 - 3000, 6000)]

    assert seen == [2**32 - 3000, 2**32, 2**32 + 3000, 2**32 - 3000, 2**32 + 6000]
