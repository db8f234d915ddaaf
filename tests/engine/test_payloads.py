"""Access units cut into payloads, and put together again."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from av import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.encoders import VideoDecoder, VideoEncoder
from pexrtc_py.engine.payloads import packetize, payload_format

SPS, PPS, SEI = b"\x67\x42\xc0\x1f", b"\x68\xce\x3c\x80", b"\x06\x05\x01\xff\x80"
IDR, SECOND_SLICE, P_SLICE = b"\x65\x88" + b"\x11" * 3000, b"\x65\x42" + b"\x22" * 50, b"\x41\x9a\x33"


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)


def together(codec: str, payloads: list[bytes]) -> bytes:
    return b"".join(payload_format(codec).depayload(payload) for payload in payloads)


@cache
def encoded(codec: str, count: int = 4) -> list[AccessUnit]:
    encoder = VideoEncoder(codec, bitrate=2_000_000, max_size=None)
    units = []
    for index in range(count):
        frame = VideoFrame(320, 240, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes((position * 7 * (index + 1)) & 0xFF for position in range(plane.buffer_size)))
        frame.pts, frame.time_base = index * 3000, Fraction(1, 90_000)
        units += encoder.encode(frame)
    return units


@given(st.binary(max_size=5000), st.integers(0, 2**20), st.integers(20, 1400))
@settings(max_examples=100, deadline=None)
def test_a_vp8_frame_survives_being_cut(data: bytes, picture_id: int, max_size: int) -> None:
    payloads = packetize("vp8", data, picture_id=picture_id, max_size=max_size)

    assert together("vp8", payloads) == data
    assert all(len(payload) <= max_size for payload in payloads)
    starts = [payload_format("vp8").is_frame_start(payload) for payload in payloads]
    assert starts == [index == 0 for index in range(len(payloads))]
    assert {VpxPayloadDescriptor.parse(payload)[0].picture_id for payload in payloads} <= {picture_id % 2**15}


NAL_UNITS = st.lists(st.binary(min_size=2, max_size=3000).map(lambda body: b"\x65" + body.replace(b"\x00", b"\x01")), max_size=6)


@given(NAL_UNITS, st.integers(40, 1400))
@settings(max_examples=100, deadline=None)
def test_h264_nal_units_survive_being_cut(units: list[bytes], max_size: int) -> None:
    payloads = packetize("h264", annex_b(*units), max_size=max_size)

    assert together("h264", payloads) == annex_b(*units)
    assert all(len(payload) <= max_size for payload in payloads)


def test_small_h264_units_travel_together_and_large_ones_in_fragments() -> None:
    payloads = packetize("h264", annex_b(SPS, PPS, IDR))

    assert [payload[0] & 0x1F for payload in payloads] == [24, 28, 28, 28]
    assert [payload[1] & 0xC0 for payload in payloads[1:]] == [0x80, 0, 0x40]
    assert max(map(len, payloads)) - min(map(len, payloads[1:])) < 1100


def test_three_byte_start_codes_and_trailing_zeros_are_understood() -> None:
    assert packetize("h264", b"\x00\x00\x01" + SPS + b"\x00\x00\x01" + P_SLICE + b"\x00\x00") == packetize("h264", annex_b(SPS, P_SLICE))


def test_an_opus_packet_is_a_payload() -> None:
    assert packetize("opus", b"opus") == [b"opus"]
    assert together("opus", [b"opus"]) == b"opus"


@pytest.mark.parametrize("codec", ["opus", "vp8", "h264"])
def test_nothing_makes_no_payload(codec: str) -> None:
    assert packetize(codec, b"") == []


def test_length_prefixed_h264_is_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="h264_mp4toannexb"):
        packetize("h264", len(P_SLICE).to_bytes(4, "big") + P_SLICE)


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(LookupError, match="av1"):
        packetize("av1", b"x")


@pytest.mark.parametrize(
    ("unit", "keyframe", "complete"),
    [
        (annex_b(SPS, PPS, IDR), True, True),
        (annex_b(b"\x09\x10", SEI, SPS, PPS, IDR), True, True),
        (annex_b(IDR), True, False),
        (annex_b(SEI, IDR, SPS), True, False),
        (annex_b(SPS, PPS, P_SLICE), True, True),
        (annex_b(P_SLICE), False, False),
        (annex_b(SEI, P_SLICE, P_SLICE), False, False),
        (b"", False, False),
        (b"\x00\x00\x01", False, False),
    ],
)
def test_h264_keyframes_are_recognised(unit: bytes, keyframe: bool, complete: bool) -> None:
    h264 = payload_format("h264")

    assert (h264.is_keyframe(unit), h264.is_complete_start(unit)) == (keyframe, complete)


def test_the_beginning_of_an_h264_picture_is_recognised() -> None:
    starts = payload_format("h264").is_frame_start

    assert [starts(p) for p in packetize("h264", annex_b(SPS, PPS, IDR))] == [
        True,
        True,
        False,
        False,
    ]  # a slice cannot know what went before
    assert [starts(p) for p in packetize("h264", annex_b(IDR))] == [True, False, False]
    assert not starts(SECOND_SLICE)
    assert not starts(PPS)
    assert starts(P_SLICE)
    assert not starts(b"\x7c")
    assert not starts(b"\x78")


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_what_an_encoder_made_is_decoded_after_the_journey(codec: str) -> None:
    units = encoded(codec)
    form = payload_format(codec)

    arrived = [together(codec, packetize(codec, unit.data, picture_id=index)) for index, unit in enumerate(units)]

    decoder = VideoDecoder(codec)
    frames = [
        frame
        for data, unit in zip(arrived, units, strict=True)
        for frame in decoder.decode(AccessUnit(data, codec, unit.timestamp, unit.clock_rate))
    ]
    assert len(frames) == len(units)
    assert [form.is_keyframe(data) for data in arrived] == [unit.keyframe for unit in units]
    assert form.is_complete_start(arrived[0])


@pytest.mark.parametrize("codec", ["opus", "vp8", "h264"])
@given(data=st.binary(min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_junk_is_a_value_error_or_media(codec: str, data: bytes) -> None:
    form = payload_format(codec)
    form.is_frame_start(data)
    form.is_keyframe(data)
    form.is_complete_start(data)
    try:
        media = form.depayload(data)
    except ValueError:
        return

    assert isinstance(media, bytes)
