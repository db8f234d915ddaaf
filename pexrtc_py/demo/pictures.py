"""What the demo's participants show: a film and a moving portrait, each frame stamped with its stream and media time; and the slides."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import ExitStack
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pexrtc_media import stamp
from pexrtc_media.arrays import Plane, rows
from pexrtc_media.base import Timeline
from pexrtc_media.files import MediaFile
from pexrtc_media.synthetic import load_image
from pexrtc_media.transform import letterbox

FILM, PORTRAIT = 1, 2
"""Stream numbers in the stamps."""
SIZE = (640, 360)
"""Of both, so that the recording keeps one size, and a small machine keeps up."""
PORTRAIT_FPS = 15
_MARGIN = 24
"""How far the portrait moves to each side, in pixels."""
_PERIOD = 8.0


class Assets(ExitStack):
    """The files of the demo as paths, wherever the package lies; use as a context manager."""

    def path(self, name: str) -> Path:
        """Where the asset is while the context is open."""
        return self.enter_context(as_file(files("pexrtc_py.demo") / "assets" / name))

    def slides(self) -> list[Path]:
        """The slides in order."""
        names = sorted(entry.name for entry in (files("pexrtc_py.demo") / "assets").iterdir() if entry.name.startswith("slide-"))
        return [self.path(name) for name in names]


class Film:
    """A film in a loop, every picture stamped and named."""

    def __init__(self, path: Path, timeline: Timeline, *, name: str = "Film") -> None:
        self.timeline = timeline
        self._file = MediaFile(path, loop=True)
        self._name = name

    def __aiter__(self) -> AsyncIterator[av.VideoFrame]:
        return self._frames()

    async def _frames(self) -> AsyncIterator[av.VideoFrame]:
        assert self._file.video is not None, "the demo's film has pictures"
        index = 0
        async for frame in self._file.video:
            yield await asyncio.to_thread(self._stamped, frame, index)
            index += 1

    def _stamped(self, frame: av.VideoFrame, index: int) -> av.VideoFrame:
        # Smaller, and so a copy: on the picture itself the decoder builds the next ones.
        assert (frame.width, frame.height) != SIZE, "the demo's film is larger than what is shown"
        return _finished(letterbox(frame, *SIZE), self._name, FILM, index)

    async def aclose(self) -> None:
        """Close the file."""
        await self._file.aclose()


class Portrait:
    """A portrait that moves gently, as if somebody sat there, stamped and named."""

    def __init__(self, path: Path, timeline: Timeline, *, name: str = "Portrait") -> None:
        self.timeline = timeline
        self._name = name
        self._canvas = _canvas(load_image(path))

    def __aiter__(self) -> AsyncIterator[av.VideoFrame]:
        return self._frames()

    async def _frames(self) -> AsyncIterator[av.VideoFrame]:
        index = 0
        while True:
            yield await asyncio.to_thread(self.picture, index)
            index += 1

    def picture(self, index: int) -> av.VideoFrame:
        """Picture number `index`."""
        phase = 2 * math.pi * index / PORTRAIT_FPS / _PERIOD
        left = round(_MARGIN / 2 * (1 + math.sin(phase))) * 2
        top = round(_MARGIN / 2 * (1 + math.sin(2 * phase))) * 2
        frame = av.VideoFrame(*SIZE, "yuv420p")
        for plane in range(3):
            half = 1 if plane == 0 else 2
            view = rows(frame, plane)
            view[:] = rows(self._canvas, plane)[top // half :, left // half :][: view.shape[0], : view.shape[1]]
        frame.pts, frame.time_base = index, Fraction(1, PORTRAIT_FPS)
        return _finished(frame, self._name, PORTRAIT, index)


def _canvas(portrait: Plane) -> av.VideoFrame:
    """The portrait before a blurred and darkened copy of itself, larger than what is shown by the margin all round."""
    width, height = (side + 2 * _MARGIN for side in SIZE)
    picture = Image.fromarray(portrait)
    back = picture.resize((width, width)).crop((0, (width - height) // 2, width, (width + height) // 2))
    canvas = back.filter(ImageFilter.GaussianBlur(18)).point(lambda level: level * 0.55)
    front = picture.resize((height, height), Image.Resampling.LANCZOS)
    canvas.paste(front, (0, 0))  # to the left, so that the stamp does not hide the face
    return av.VideoFrame.from_ndarray(np.asarray(canvas), format="rgb24").reformat(format="yuv420p")


def _finished(frame: av.VideoFrame, name: str, stream: int, index: int) -> av.VideoFrame:
    """Name and stamp a picture, in place."""
    assert frame.pts is not None and frame.time_base is not None
    label = _label(name, frame.height // 18)
    bottom, left = frame.height - frame.height // 24 & ~1, frame.height // 24 & ~1
    luma = rows(frame)
    luma[bottom - label.shape[0] : bottom, left : left + label.shape[1]] = label
    for plane in (1, 2):
        rows(frame, plane)[(bottom - label.shape[0]) // 2 : bottom // 2, left // 2 : (left + label.shape[1]) // 2] = 128
    stamp.draw(frame, stream=stream, frame=index, ms=round(frame.pts * frame.time_base * 1000))
    return frame


_labels: dict[tuple[str, int], Plane] = {}


def _label(text: str, size: int) -> Plane:
    """White text on black as rows of luma, both sides even."""
    if (text, size) not in _labels:
        font = ImageFont.load_default(size)
        width, height = math.ceil(font.getlength(text)) + size, size + size // 2
        image = Image.new("L", ((width + 1) & ~1, (height + 1) & ~1), 24)
        ImageDraw.Draw(image).text((size // 2, size // 8), text, fill=230, font=font)
        _labels[text, size] = np.asarray(image)
    return _labels[text, size]
