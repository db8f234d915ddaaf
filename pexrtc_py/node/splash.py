"""The picture a caller gets while there is nobody to show: a title, a sentence, and no cost per caller."""

from __future__ import annotations

import logging
from functools import lru_cache
from io import BytesIO

import av
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from pexrtc_media.base import AccessUnit
from pexrtc_media.encoding import VideoEncoding
from pexrtc_py.node.fonts import Font, drawable, font_for
from pexrtc_py.node.routing import SPLASH_EVERY, Board
from pexrtc_py.node.signs import Screen, Signs

_logger = logging.getLogger(__name__)

SIZE = (640, 360)
BITRATE = 4_000_000
"""For a picture that does not move: high enough that the lettering is clean."""
PICTURES = 10
"""The pictures of a round, the first a key frame."""
LONGEST = 48
TEXT = {
    Board.WAITING: "Waiting for the host",
    Board.ALONE: "Waiting for others to join",
    Board.HELD: "You are on hold",
    Board.NO_VIDEO: "Nobody is sending video",
}
_TOP, _BOTTOM = (16, 58, 92), (10, 26, 48)
_WHITE, _PALE = (255, 255, 255), (150, 190, 220)


def draw(title: str, text: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """An RGB picture of `size` (width, height in pixels) with a title and a line of text below it."""
    picture = _ground(size)
    canvas, (width, height) = ImageDraw.Draw(picture), size
    title, text = drawable(title), drawable(text)
    title = title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"
    canvas.text((width / 2, height * 0.44), title, _WHITE, _font(title, height // 9, width), anchor="mm")
    canvas.text((width / 2, height * 0.60), text, _PALE, _font(text, height // 18, width), anchor="mm")
    canvas.rectangle((width * 0.45, height * 0.52, width * 0.55, height * 0.525), fill=_PALE)
    return picture


def drawn(signs: Signs, board: Board, size: tuple[int, int] = SIZE) -> Image.Image:
    """What a room says on an occasion: the screen of its theme, or our own. A background that is no picture is left out."""
    screen = signs.screens.get(board)
    if screen is None or not (screen.lines or screen.background):
        return draw(signs.title, TEXT[board], size)
    picture, (width, height) = _background(screen.background, size), size
    canvas, step = ImageDraw.Draw(picture), height / 9
    for place, (text, colour) in enumerate(screen.lines):
        line, letters = drawable(text), height // (11 if place == 0 else 16)
        middle = height / 2 + (place - (len(screen.lines) - 1) / 2) * step
        canvas.text((width / 2, middle), line, colour, _font(line, letters, width), anchor="mm")
    return picture


def _background(data: bytes | None, size: tuple[int, int]) -> Image.Image:
    """A picture that covers all of the size, its edges cut off where its shape is another."""
    if data is not None:
        try:
            return ImageOps.fit(Image.open(BytesIO(data)).convert("RGB"), size)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            _logger.warning("The background of a theme's screen is no picture that can be read; the screen goes without")
    return _ground(size)


def _ground(size: tuple[int, int]) -> Image.Image:
    shade = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, _BOTTOM), Image.new("RGB", size, _TOP), shade)


def _font(text: str, size: int, width: int) -> Font:
    """A font of at most this size in which the text fits into nine tenths of the width."""
    return font_for(text, size * min(1.0, 0.9 * width / max(1.0, font_for(text, size).getlength(text))))


def splash(codec: str, signs: Signs, board: Board) -> tuple[AccessUnit, ...]:
    """The same picture several times in `codec` ("vp8" or "h264"): a key frame and what follows it, to be sent round and round.

    Takes some tens of milliseconds the first time, so it belongs in an executor; after that it is remembered.
    """
    return _splash(codec, signs.title, board, signs.screens.get(board))


@lru_cache(maxsize=64)
def _splash(codec: str, title: str, board: Board, screen: Screen | None) -> tuple[AccessUnit, ...]:
    signs = Signs(title, {board: screen} if screen is not None else {})
    frame = av.VideoFrame.from_ndarray(np.asarray(drawn(signs, board)), format="rgb24")
    encoding = VideoEncoding(codec, bitrate=BITRATE)
    return tuple(unit for place in range(PICTURES) for unit in encoding.encode(frame, place * SPLASH_EVERY))
