from __future__ import annotations

import contextlib
from typing import cast

import av
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pexrtc_media import MediaError
from pexrtc_media.bitstream import (
    BLACK_SIZE,
    annex_b,
    avc_configuration,
    black_picture,
    length_prefixed,
    nal_units,
    opus_samples,
    parameter_sets,
    picture_size,
    vp8_size,
)

NALS = st.lists(st.binary(min_size=1, max_size=20).map(lambda data: b"\x65" + data.replace(b"\x00", b"\x01")), min_size=1, max_size=6)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_the_black_picture_is_black(codec: str) -> None:
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))

    frames = [*decoder.decode(av.Packet(black_picture(codec))), *decoder.decode(None)]

    assert (frames[0].width, frames[0].height) == BLACK_SIZE == picture_size(codec, black_picture(codec))
    assert frames[0].to_ndarray(format="gray").max() <= 1


@settings(max_examples=200, deadline=None)
@given(nals=NALS, long=st.booleans())
def test_start_codes_become_lengths(nals: list[bytes], long: bool) -> None:
    code = b"\x00\x00\x00\x01" if long else b"\x00\x00\x01"
    unit = b"".join(code + nal for nal in nals)

    assert list(nal_units(unit)) == nals
    assert length_prefixed(unit) == b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
@example(b"\x00\x00\x01\x67\x00\x00\x01\x68")
def test_junk_is_told_from_pictures(data: bytes) -> None:
    assert opus_samples(data) >= 0
    vp8_size(data)
    length_prefixed(data)
    for codec in ("vp8", "h264"):
        try:
            width, height = picture_size(codec, data)
        except MediaError:
            continue
        assert width > 0
        assert height > 0


def test_a_key_frame_without_parameter_sets_is_refused() -> None:
    with pytest.raises(MediaError, match="parameter sets"):
        avc_configuration(b"\x00\x00\x01\x65\x88\x84")


@pytest.mark.parametrize(("packet", "samples"), [(b"\xfc", 960), (b"\xf8\xff\xfe", 960), (b"\x03\x03", 1440), (b"\x19", 5760), (b"", 0)])
def test_an_opus_packet_tells_its_duration(packet: bytes, samples: int) -> None:
    assert opus_samples(packet) == samples


@settings(max_examples=200, deadline=None)
@given(nals=NALS, size=st.sampled_from([1, 2, 4]))
def test_lengths_become_start_codes(nals: list[bytes], size: int) -> None:
    unit = b"".join(len(nal).to_bytes(size, "big") + nal for nal in nals)

    assert list(nal_units(annex_b(unit, size))) == nals


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
@example(bytes([1, 66, 0, 31, 0xFF, 0xE1, 0, 1, 0x67, 1, 0, 9, 0x68]))
def test_junk_is_no_configuration_and_no_picture(data: bytes) -> None:
    for read in (annex_b, parameter_sets):
        with contextlib.suppress(MediaError):
            read(data)


def test_a_configuration_gives_its_parameter_sets_back() -> None:
    sets = b"\x00\x00\x00\x01\x67\x42\x00\x1f\x00\x00\x00\x01\x68\xce"
    keyframe = sets + b"\x00\x00\x00\x01\x65\x88"

    assert parameter_sets(avc_configuration(keyframe)) == (sets, 4)
