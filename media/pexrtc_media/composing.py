"""One picture made of main video and slides; computes, so it belongs in an executor."""

from __future__ import annotations

import av

from pexrtc_media.arrays import rows
from pexrtc_media.transform import blank, letterbox, place

_SLIDES_SHARE = 0.75


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
