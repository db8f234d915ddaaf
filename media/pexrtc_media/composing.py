"""One picture made of main video and slides; computes, so it belongs in an executor."""

from __future__ import annotations

from dataclasses import dataclass

import av

from pexrtc_media.arrays import rows
from pexrtc_media.base import MediaError
from pexrtc_media.transform import blank, letterbox, place

SMALLEST, LARGEST = 64, 4096
_SLIDES_SHARE = 0.75


@dataclass(frozen=True)
class Composed:
    """How a composed picture is made: main video fills it; while slides are shown they are large, and main video is small beside them.

    Raises MediaError for a size that cannot be.
    """

    size: tuple[int, int] = (1280, 720)
    frame_rate: float = 30.0
    """At most so many pictures a second."""
    bitrate: int = 2_000_000
    """Bits per second."""

    def __post_init__(self) -> None:
        if any(side % 2 or not SMALLEST <= side <= LARGEST for side in self.size):
            width, height = self.size
            raise MediaError(f"A picture of {width}x{height} cannot be composed; both are even, and from {SMALLEST} to {LARGEST} pixels.")
        if not 1 <= self.frame_rate <= 60 or self.bitrate < 10_000:
            raise MediaError(f"{self.frame_rate:g} pictures a second at {self.bitrate} bit/s cannot be encoded; 1 to 60, from 10000 bit/s.")


class Composer:
    """Draws pictures of one `size` (width, height; even)."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = width, height = size
        large = round(width * _SLIDES_SHARE / 2) * 2, round(height * _SLIDES_SHARE / 2) * 2
        top = (height - large[1]) // 4 * 2
        self.slides_box = (0, top, *large)
        """Left, top, width and height of what slides may fill, while they are shown."""
        self.beside_box = (large[0], top, width - large[0], round((width - large[0]) * height / width / 2) * 2)
        """The same of main video beside slides."""
        self._base: tuple[av.VideoFrame, av.VideoFrame] | None = None

    def compose(self, main: av.VideoFrame | None, slides: av.VideoFrame | None) -> av.VideoFrame:
        """The picture (`yuv420p`) of what is there of both; it has no time."""
        width, height = self.size
        if slides is None:
            self._base = None
            return letterbox(main, width, height) if main is not None else blank(width, height)
        if self._base is None or self._base[0] is not slides:
            base = blank(width, height)
            place(slides, base, self.slides_box)
            self._base = slides, base
        picture = _copy(self._base[1])
        if main is not None:
            place(main, picture, self.beside_box)
        return picture


def _copy(frame: av.VideoFrame) -> av.VideoFrame:
    copy = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for index in range(3):
        rows(copy, index)[:] = rows(frame, index)
    return copy
