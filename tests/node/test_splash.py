"""Splash: a readable key frame of each codec, the same one every time."""

from __future__ import annotations

import io
import struct

import av
import av.container
import numpy as np
import pytest

from pexrtc_py.node.routing import Board
from pexrtc_py.node.splash import SIZE, draw, splash


def decoded(codec: str, data: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(data), "r", format="h264") if codec == "h264" else ivf(data) as container:
        (frame,) = container.decode(video=0)
    return frame


def ivf(frame: bytes) -> av.container.InputContainer:
    header = b"DKIF" + struct.pack("<HH4sHHIIII", 0, 32, b"VP80", *SIZE, 30, 1, 1, 0)
    return av.open(io.BytesIO(header + struct.pack("<IQ", len(frame), 0) + frame), "r", format="ivf")


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_splash_is_one_key_frame_that_shows_the_picture(codec: str) -> None:
    unit = splash(codec, "Meet Alice", Board.WAITING)

    shown = decoded(codec, unit.data).to_ndarray(format="gray").astype(float)
    drawn = np.asarray(draw("Meet Alice", "Waiting for the host").convert("L")).astype(float)
    assert unit.keyframe
    assert unit.codec == codec
    assert shown.shape == (SIZE[1], SIZE[0])
    assert np.abs(shown - drawn).mean() < 4
    assert len(unit.data) < 40_000


def test_a_splash_is_encoded_once() -> None:
    assert splash("vp8", "Meet Alice", Board.ALONE) is splash("vp8", "Meet Alice", Board.ALONE)


def test_each_board_says_something_else() -> None:
    pictures = {splash("vp8", "Meet Alice", board).data for board in Board}

    assert len(pictures) == len(Board)


@pytest.mark.parametrize("title", ["", "A" * 300, "Besprechung Überblick", "会议"])
def test_any_title_fits(title: str) -> None:
    picture = np.asarray(draw(title, "Waiting for the host").convert("L")).astype(int)

    edges = np.concatenate([picture[:, :8], picture[:, -8:]], axis=1)
    assert edges.max() < 90
