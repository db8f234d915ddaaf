from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_media import MediaError, Pattern
from pexrtc_media.encoding import VideoEncoding
from pexrtc_media.stamp import Mark, draw, read_at, unwrap

WORDS = st.integers(0, 0xFFFF)


@settings(max_examples=200, deadline=None)
@given(
    stream=st.integers(0, 15), frame=WORDS, ms=WORDS, size=st.sampled_from([(1280, 720), (640, 360), (320, 180), (720, 1280), (854, 480)])
)
def test_what_is_drawn_is_read(stream: int, frame: int, ms: int, size: tuple[int, int]) -> None:
    luma = np.full((size[1], size[0]), 100, np.uint8)

    draw(luma, stream=stream, frame=frame, ms=ms)

    assert read_at(luma) == Mark(stream, frame, ms)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_noise_is_no_stamp(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (180, 320), np.uint8)

    assert read_at(noise, repair=False) is None


@settings(max_examples=200, deadline=None)
@given(frame=WORDS, ms=WORDS, wrong=st.sets(st.tuples(st.integers(0, 15), st.integers(0, 2)), min_size=1, max_size=1))
def test_one_wrong_cell_is_refused_and_an_uncertain_one_repaired(frame: int, ms: int, wrong: set[tuple[int, int]]) -> None:
    luma = np.full((720, 1280), 100, np.uint8)
    draw(luma, stream=3, frame=frame, ms=ms)
    ((column, row),) = wrong
    cell = luma[80 + (2 + row) * 16 : 96 + (2 + row) * 16, 480 + (2 + column) * 16 : 496 + (2 + column) * 16]

    cell[:] = 120 if cell[8, 8] > 125 else 131

    assert read_at(luma, repair=False) is None
    assert read_at(luma) == Mark(3, frame, ms)


@pytest.mark.parametrize("kbps", [150, 300, 500])
@pytest.mark.parametrize("scaled", [None, (640, 360), (1920, 1080)])
async def test_a_stamp_survives_coding_and_scaling(kbps: int, scaled: tuple[int, int] | None) -> None:
    encoding = VideoEncoding("vp8", bitrate=kbps * 1000)
    decoder = av.CodecContext.create("vp8", "r")
    marks: list[Mark | None] = []

    async for frame in Pattern(stamp=5, frames=45, clock=lambda: 12.5):
        for unit in encoding.encode(frame, float(frame.pts or 0) / 30):
            for picture in decoder.decode(av.Packet(unit.data)):
                assert isinstance(picture, av.VideoFrame)
                marks.append(read_at(picture.reformat(*scaled) if scaled else picture))

    wanted = [Mark(5, index, 12500) for index in range(45)]
    right = sum(mark in wanted for mark in marks)
    assert right >= 0.95 * len(marks) >= 0.95 * 20
    assert all(mark is None or mark in wanted for mark in marks)


def test_a_frame_is_stamped_in_place_and_read_in_any_format() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((360, 640), 90, np.uint8), format="gray").reformat(format="yuv420p")

    draw(frame, stream=1, frame=70000, ms=2)

    assert read_at(frame) == Mark(1, 70000 - 65536, 2)
    assert read_at(frame.reformat(format="rgb24")) == Mark(1, 70000 - 65536, 2)


def test_a_stamp_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(MediaError, match="does not fit"):
        draw(np.zeros((720, 1280), np.uint8), stream=0, frame=0, ms=0, cell=100)
    with pytest.raises(MediaError, match="rgb24"):
        draw(av.VideoFrame(640, 360, "rgb24"), stream=0, frame=0, ms=0)


@given(number=st.integers(0, 1 << 40), step=st.integers(-30000, 30000))
def test_numbers_go_on_beyond_sixteen_bits(number: int, step: int) -> None:
    assert unwrap((number + step) % 65536, number) == number + step


def test_time_base_of_the_pattern() -> None:
    assert Pattern(fps=25).picture(3).time_base == Fraction(1, 25)
