"""Words in the picture: drawn with Pillow once, laid over each picture as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from av import VideoFrame
from PIL import Image, ImageDraw

from pexrtc_media.arrays import Plane, rows
from pexrtc_py.node.fonts import Font, drawable, font_for

WHITE = (255, 255, 255, 255)
SHADE = (0, 0, 0, 150)
ALARM = (176, 28, 40, 230)
CALM = (20, 84, 140, 235)

Alpha = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of a picture with its opacity (0 to 256), luma and chroma; left and top are even, as are width and height."""

    left: int
    top: int
    planes: tuple[Plane, Plane, Plane]
    alphas: tuple[Alpha, Alpha]
    """Of luma, and of chroma."""


def lay(patch: Patch, onto: VideoFrame) -> None:
    """Lay the patch over a yuv420p picture in which it has room."""
    for index, plane in enumerate(patch.planes):
        left, top = (patch.left, patch.top) if index == 0 else (patch.left // 2, patch.top // 2)
        height, width = plane.shape
        below, alpha = rows(onto, index)[top : top + height, left : left + width], patch.alphas[min(index, 1)]
        below[:] = (below * (256 - alpha) + plane * alpha) >> 8


@lru_cache(maxsize=512)
def plate(text: str, height: int, width: int, *, colour: tuple[int, int, int, int] = SHADE) -> Image.Image:
    """`text` in white on a plate that is `height` high and at most `width` wide, shortened where it must be (RGBA, even sizes)."""
    height = max(height & ~1, 10)
    text = drawable(text)
    font = font_for(text, round(height * 0.62))
    padding = height // 3
    shown = _shortened(text, font, width - 2 * padding)
    across = min(max(round(font.getlength(shown)) + 2 * padding, 2), max(width, 2)) & ~1
    picture = Image.new("RGBA", (across, height), (0, 0, 0, 0))
    canvas = ImageDraw.Draw(picture)
    canvas.rounded_rectangle((0, 0, across - 1, height - 1), height // 5, fill=colour)
    canvas.text((padding, height / 2), shown, WHITE, font, anchor="lm")
    return picture


def bar(text: str, size: tuple[int, int], colour: tuple[int, int, int, int]) -> Image.Image:
    """`text` in the middle of a bar of `size` (width, height; even)."""
    picture, text = Image.new("RGBA", size, colour), drawable(text)
    font = font_for(text, round(size[1] * 0.62))
    ImageDraw.Draw(picture).text((size[0] / 2, size[1] / 2), _shortened(text, font, size[0] - size[1]), WHITE, font, anchor="mm")
    return picture


def patched(image: Image.Image, left: int, top: int) -> Patch:
    """An RGBA picture of even size as what can be laid over others at an even place (BT.601, limited range)."""
    points = np.asarray(image, np.float64)
    red, green, blue, alpha = (points[:, :, index] for index in range(4))
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    first = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    second = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    opacity = alpha * (256 / 255)
    planes = (_bytes(luma), _bytes(_halved(first)), _bytes(_halved(second)))
    return Patch(left & ~1, top & ~1, planes, (opacity.astype(np.uint16), _halved(opacity).astype(np.uint16)))


def _bytes(values: npt.NDArray[np.float64]) -> Plane:
    return np.asarray(np.rint(values), np.uint8)


def _halved(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    height, width = values.shape
    return np.asarray(values.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)), np.float64)


def _shortened(text: str, font: Font, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    keep = len(text)
    while keep and font.getlength(f"{text[:keep].rstrip()}…") > width:
        keep -= 1
    return f"{text[:keep].rstrip()}…" if keep else ""
