"""Splash: a readable picture in each codec, a key frame and what follows it, the same every time."""

from __future__ import annotations

import io
import struct

import av
import av.container
import numpy as np
import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_py.node.routing import Board
from pexrtc_py.node.splash import PICTURES, SIZE, draw, splash


def decoded(codec: str, units: tuple[AccessUnit, ...]) -> list[av.VideoFrame]:
    data = b"".join(unit.data for unit in units)
    with av.open(io.BytesIO(data), "r", format="h264") if codec == "h264" else ivf(units) as container:
        return list(container.decode(video=0))


def ivf(units: tuple[AccessUnit, ...]) -> av.container.InputContainer:
    header = b"DKIF" + struct.pack("<HH4sHHIIII", 0, 32, b"VP80", *SIZE, 30, 1, len(units), 0)
    frames = [struct.pack("<IQ", len(unit.data), place) + unit.data for place, unit in enumerate(units)]
    return av.open(io.BytesIO(header + b"".join(frames)), "r", format="ivf")


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_splash_is_a_key_frame_and_what_follows_and_shows_the_picture(codec: str) -> None:
    units = splash(codec, "Meet Alice", Board.WAITING)

    shown = [frame.to_ndarray(format="gray").astype(float) for frame in decoded(codec, units)]
    drawn = np.asarray(draw("Meet Alice", "Waiting for the host").convert("L")).astype(float)
    assert [unit.keyframe for unit in units] == [True, *[False] * (PICTURES - 1)]
    assert {unit.codec for unit in units} == {codec}
    assert len(shown) == PICTURES
    assert all(picture.shape == (SIZE[1], SIZE[0]) and np.abs(picture - drawn).mean() < 4 for picture in shown)
    assert len(units[0].data) < 40_000


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_what_follows_costs_little(codec: str) -> None:
    first, *rest = splash(codec, "Meet Alice", Board.WAITING)

    assert sum(len(unit.data) for unit in rest) < len(first.data)


def test_a_splash_is_encoded_once() -> None:
    assert splash("vp8", "Meet Alice", Board.ALONE) is splash("vp8", "Meet Alice", Board.ALONE)


def test_each_board_says_something_else() -> None:
    pictures = {splash("vp8", "Meet Alice", board)[0].data for board in Board}

    assert len(pictures) == len(Board)


@pytest.mark.parametrize("title", ["", "A" * 300, "Besprechung Überblick", "会议"])
def test_any_title_fits(title: str) -> None:
    picture = np.asarray(draw(title, "Waiting for the host").convert("L")).astype(int)

    edges = np.concatenate([picture[:, :8], picture[:, -8:]], axis=1)
    assert edges.max() < 90
