"""Fits pictures and sound to what is wanted; computes, so large pictures belong in an executor."""

from __future__ import annotations

from fractions import Fraction

import av

from pexrtc_media.arrays import rows


def fit(size: tuple[int, int], into: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of a picture of `size` scaled to fit centred `into` another; all even, at least 2 pixels."""
    scale = min(into[0] / size[0], into[1] / size[1])
    width, height = (max(min(round(side * scale / 2) * 2, most), 2) for side, most in zip(size, into, strict=True))
    return (into[0] - width) // 4 * 2, (into[1] - height) // 4 * 2, width, height


def letterbox(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """`frame` as yuv420p of `width` by `height` (even), its shape kept, with black around it where it does not fill."""
    if fit((frame.width, frame.height), (width, height)) == (0, 0, width, height):
        return timed(_scaled(frame, width, height), frame)
    outer = blank(width, height)
    place(frame, outer, (0, 0, width, height))
    return timed(outer, frame)


def place(frame: av.VideoFrame, onto: av.VideoFrame, box: tuple[int, int, int, int]) -> None:
    """Draw `frame` onto a yuv420p picture, as large as fits centred into `box` (left, top, width, height; even), its shape kept."""
    left, top, width, height = fit((frame.width, frame.height), box[2:])
    inner = _scaled(frame, width, height)
    left, top = box[0] + left, box[1] + top
    for index, half in enumerate((1, 2, 2)):
        target = rows(onto, index)[top // half : (top + height) // half, left // half : (left + width) // half]
        target[:] = rows(inner, index)


def blank(width: int, height: int) -> av.VideoFrame:
    """A black yuv420p picture."""
    frame = av.VideoFrame(width, height, "yuv420p")
    for index, black in enumerate((16, 128, 128)):
        rows(frame, index)[:] = black
    return frame


def _scaled(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    return frame.reformat(width, height, "yuv420p", interpolation="AREA" if width < frame.width else "BILINEAR")


def reformat(frame: av.VideoFrame, pixel_format: str = "yuv420p") -> av.VideoFrame:
    """`frame` in another pixel format; itself if it has it already."""
    return frame if frame.format.name == pixel_format else timed(frame.reformat(format=pixel_format), frame)


def timed(frame: av.VideoFrame, like: av.VideoFrame) -> av.VideoFrame:
    """`frame` with the time of another."""
    frame.pts = like.pts
    if like.time_base:
        frame.time_base = like.time_base
    return frame


class Resampler:
    """Turns sound of any kind, which may change on the way, into s16 frames of 20 ms at 48 kHz with 1 or 2 `channels`."""

    def __init__(self, *, channels: int = 1) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        self._inner: av.AudioResampler | None = None
        self._kind: tuple[str, str, int] | None = None

    def convert(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frames that are complete with `frame`; their `pts` count samples and follow those of the input."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        ready = []
        if self._inner is None or kind != self._kind:
            ready = self.flush()
            self._inner = av.AudioResampler(format="s16", layout=self._layout, rate=48000, frame_size=960)
            self._kind = kind
        return ready + self._inner.resample(frame)

    def flush(self) -> list[av.AudioFrame]:
        """What is left at the end; the last frame may be shorter."""
        rest = self._inner.resample(None) if self._inner is not None else []
        self._inner = None
        for frame in rest:
            frame.time_base = Fraction(1, 48000)
        return rest
