"""Splash: a readable picture in each codec, a key frame and what follows it, the same every time."""

from __future__ import annotations

import io
import struct

import av
import av.container
import numpy as np
import pytest
from PIL import Image

from pexrtc_media.base import AccessUnit
from pexrtc_py.node.routing import Board
from pexrtc_py.node.signs import SCREENS, Screen, Signs, signs
from pexrtc_py.node.splash import PICTURES, SIZE, draw, drawn, splash
from pexrtc_py.node.theming import ThemeFiles
from pexrtc_py.protocol.models import Theme, ThemeBackground, ThemeElement, ThemeScreen


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
    units = splash(codec, Signs("Meet Alice"), Board.WAITING)

    shown = [frame.to_ndarray(format="gray").astype(float) for frame in decoded(codec, units)]
    drawn = np.asarray(draw("Meet Alice", "Waiting for the host").convert("L")).astype(float)
    assert [unit.keyframe for unit in units] == [True, *[False] * (PICTURES - 1)]
    assert {unit.codec for unit in units} == {codec}
    assert len(shown) == PICTURES
    assert all(picture.shape == (SIZE[1], SIZE[0]) and np.abs(picture - drawn).mean() < 4 for picture in shown)
    assert len(units[0].data) < 40_000


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_what_follows_costs_little(codec: str) -> None:
    first, *rest = splash(codec, Signs("Meet Alice"), Board.WAITING)

    assert sum(len(unit.data) for unit in rest) < len(first.data)


def test_a_splash_is_encoded_once() -> None:
    assert splash("vp8", Signs("Meet Alice"), Board.ALONE) is splash("vp8", Signs("Meet Alice"), Board.ALONE)


def test_each_board_says_something_else() -> None:
    pictures = {splash("vp8", Signs("Meet Alice"), board)[0].data for board in Board}

    assert len(pictures) == len(Board)


@pytest.mark.parametrize("title", ["", "A" * 300, "Besprechung Überblick", "会议"])
def test_any_title_fits(title: str) -> None:
    picture = np.asarray(draw(title, "Waiting for the host").convert("L")).astype(int)

    edges = np.concatenate([picture[:, :8], picture[:, -8:]], axis=1)
    assert edges.max() < 90


def _theme(**more: bytes) -> ThemeFiles:
    path = next(iter(more), None)
    plain = ThemeScreen(elements=(ThemeElement(text="Please wait", color=0xFFFF0000), ThemeElement(text="Soon", color=0xFF00FF00)))
    screen = plain.model_copy(update={"background": ThemeBackground(path=path)}) if path else plain
    names = [*SCREENS.values(), "direct_media_escalate", "direct_media_deescalate"]
    return ThemeFiles(Theme(**dict.fromkeys(names, screen)), more)


def _file(colour: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (100, 100), colour).save(written, "PNG")
    return written.getvalue()


def test_a_theme_s_words_and_picture_are_shown_in_place_of_our_own() -> None:
    themed = signs("Meet Alice", _theme(back=_file("blue")))
    pixels = np.asarray(drawn(themed, Board.WAITING)).astype(int)
    red, green, blue = (pixels[..., part] for part in range(3))

    assert tuple(pixels[0, 0]) == (0, 0, 255)
    assert (red > 200).sum() > 100, "the first line is red"
    assert (green > 200).sum() > 50, "the second is green"
    assert np.argwhere(red > 200)[:, 0].mean() < np.argwhere(green > 200)[:, 0].mean()
    assert blue.mean() > 200
    assert splash("vp8", themed, Board.WAITING)[0].data != splash("vp8", Signs("Meet Alice"), Board.WAITING)[0].data


def test_of_what_a_theme_says_nothing_our_own_is_shown() -> None:
    themed = signs("Meet Alice", _theme())

    assert Board.HELD not in themed.screens
    assert np.array_equal(np.asarray(drawn(themed, Board.HELD)), np.asarray(drawn(Signs("Meet Alice"), Board.HELD)))
    empty = Signs("Meet Alice", {Board.ALONE: Screen(())})
    assert np.array_equal(np.asarray(drawn(empty, Board.ALONE)), np.asarray(drawn(Signs("Meet Alice"), Board.ALONE)))


def test_a_background_that_is_no_picture_costs_no_words() -> None:
    pixels = np.asarray(drawn(signs("Meet Alice", _theme(back=b"nothing")), Board.ALONE)).astype(int)

    assert ((pixels[..., 0] > 200) & (pixels[..., 1] < 80)).sum() > 100
