"""Sources without a device: moving bars, tone, silence, a still picture, and flash and beep together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from os import PathLike, fspath
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from pexrtc_media import stamp as stamping
from pexrtc_media.arrays import rows
from pexrtc_media.base import MediaError, Timeline

RATE = 48000
SAMPLES = 960
"""20 ms, as Opus likes it."""

_BARS = ((235, 128, 128), (210, 16, 146), (170, 166, 16), (145, 54, 34), (106, 202, 222), (81, 90, 240), (41, 240, 110))
"""White, yellow, cyan, green, magenta, red and blue in Y, Cb, Cr (BT.601, limited range)."""


class Pattern:
    """Colour bars that move to the left, with a grey square falling over them, as yuv420p pictures.

    `stamp` is the stream number (0 to 15) of a frame stamp; its time is that of `clock` (Unix seconds) when the picture is made.
    Ends after `frames` pictures if given.
    """

    def __init__(
        self,
        size: tuple[int, int] = (1280, 720),
        fps: int = 30,
        stamp: int | None = None,
        frames: int | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if min(size) < 16 or size[0] % 2 or size[1] % 2 or fps <= 0:
            raise MediaError(f"There is no pattern of {size[0]}x{size[1]} at {fps} fps: sizes are even and at least 16, rates positive.")
        self.size = size
        self.fps = fps
        self.stamp = stamp
        self.frames = frames
        self._clock = clock
        self._bars = [_bars(size, channel) for channel in range(3)]

    def __aiter__(self) -> AsyncIterator[av.VideoFrame]:
        return self._pictures()

    async def _pictures(self) -> AsyncIterator[av.VideoFrame]:
        index = 0
        while self.frames is None or index < self.frames:
            yield self.picture(index)
            index += 1

    def picture(self, index: int) -> av.VideoFrame:
        """Picture number `index`."""
        width, height = self.size
        frame = av.VideoFrame(width, height, "yuv420p")
        shift = index * 4 % width
        side = height // 6 & ~1
        top, left = index * 3 % (height - side) & ~1, width // 8 & ~1
        for index_of_plane, (bars, half) in enumerate(zip(self._bars, (1, 2, 2), strict=True)):
            view = rows(frame, index_of_plane)
            view[:] = bars[shift // half : shift // half + width // half]
            view[top // half : (top + side) // half, left // half : (left + side) // half] = 128
        if self.stamp is not None:
            stamping.draw(frame, stream=self.stamp, frame=index, ms=int(self._clock() * 1000))
        frame.pts, frame.time_base = index, Fraction(1, self.fps)
        return frame


class Tone:
    """A sine of `hz`, of `level` (0 to 1, the peak), as s16 frames of 20 ms with 1 or 2 `channels`; without end, or for `seconds`."""

    def __init__(
        self, hz: float = 440.0, rate: int = RATE, level: float = 0.25, *, channels: int = 1, seconds: float | None = None
    ) -> None:
        self.hz, self.rate, self.level, self.channels, self.seconds = hz, rate, level, channels, seconds

    def __aiter__(self) -> AsyncIterator[av.AudioFrame]:
        return self._sound()

    async def _sound(self) -> AsyncIterator[av.AudioFrame]:
        index = 0
        while self.seconds is None or index * (self.rate // 50) < self.seconds * self.rate:
            yield self.sound(index)
            index += 1

    def sound(self, index: int) -> av.AudioFrame:
        """Frame number `index`."""
        step = self.rate // 50
        phase = (index * step + np.arange(step)) * (self.hz / self.rate)
        return sound_frame(np.sin(2 * np.pi * (phase % 1.0)) * self.level, pts=index * step, rate=self.rate, channels=self.channels)


class Silence:
    """Silence as s16 frames of 20 ms at 48 kHz with 1 or 2 `channels`."""

    def __init__(self, *, channels: int = 1) -> None:
        self.channels = channels

    def __aiter__(self) -> AsyncIterator[av.AudioFrame]:
        return self._sound()

    async def _sound(self) -> AsyncIterator[av.AudioFrame]:
        pts = 0
        while True:
            yield sound_frame(np.zeros(SAMPLES), pts=pts, channels=self.channels)
            pts += SAMPLES


class Still:
    """One picture again and again: a file that Pillow reads, or an array of rows, columns and red, green, blue.

    Sizes are made even by leaving out a row or column. Raises MediaError when the file is not a picture.
    """

    def __init__(self, image: str | PathLike[str] | npt.NDArray[np.uint8], fps: int = 5) -> None:
        rgb = image if isinstance(image, np.ndarray) else load_image(image)
        even = np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2])
        self._frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p")
        self.fps = fps

    def __aiter__(self) -> AsyncIterator[av.VideoFrame]:
        return self._pictures()

    async def _pictures(self) -> AsyncIterator[av.VideoFrame]:
        index = 0
        while True:
            yield copied(self._frame, pts=index, time_base=Fraction(1, self.fps))
            index += 1


class FlashBeep:
    """For lip sync: a white flash in `.video` and a beep of 1 kHz in `.audio`, both for 100 ms from the middle of each second.

    Both share one `timeline`; pictures are yuv420p of `size` at 30 fps, sound is s16 mono at 48 kHz.
    """

    PERIOD = 1.0
    FIRST = 0.5
    LENGTH = 0.1

    def __init__(self, size: tuple[int, int] = (640, 360), *, seconds: float | None = None) -> None:
        self.timeline = Timeline()
        self.video = Flash(size, self.timeline, seconds)
        self.audio = Beep(self.timeline, seconds)


class Flash:
    """The picture of a `FlashBeep`."""

    def __init__(self, size: tuple[int, int], timeline: Timeline, seconds: float | None) -> None:
        self.timeline = timeline
        self._seconds = seconds
        self._light, self._dark = _plain(size, 235), _plain(size, 32)

    def __aiter__(self) -> AsyncIterator[av.VideoFrame]:
        return self._pictures()

    async def _pictures(self) -> AsyncIterator[av.VideoFrame]:
        index = 0
        while self._seconds is None or index < self._seconds * 30:
            on = 15 <= index % 30 < 18
            yield copied(self._light if on else self._dark, pts=index, time_base=Fraction(1, 30))
            index += 1


class Beep:
    """The sound of a `FlashBeep`."""

    def __init__(self, timeline: Timeline, seconds: float | None) -> None:
        self.timeline = timeline
        self._seconds = seconds
        self._beep = np.sin(2 * np.pi * 1000 * np.arange(SAMPLES) / RATE) * 0.5

    def __aiter__(self) -> AsyncIterator[av.AudioFrame]:
        return self._sound()

    async def _sound(self) -> AsyncIterator[av.AudioFrame]:
        index = 0
        while self._seconds is None or index < self._seconds * 50:
            on = 25 <= index % 50 < 30
            yield sound_frame(self._beep if on else np.zeros(SAMPLES), pts=index * SAMPLES)
            index += 1


def sound_frame(samples: npt.NDArray[np.floating[Any]], *, pts: int, rate: int = RATE, channels: int = 1) -> av.AudioFrame:
    """A frame of s16 samples made of values between -1 and 1; each channel gets the same."""
    whole = np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.repeat(whole, channels)[None], format="s16", layout="mono" if channels == 1 else "stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, pts, Fraction(1, rate)
    return frame


def copied(frame: av.VideoFrame, *, pts: int, time_base: Fraction) -> av.VideoFrame:
    """A copy of a yuv420p `frame` for another time, since whoever gets a frame may change it."""
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for to, plane in zip(copy.planes, frame.planes, strict=True):
        to.update(bytes(plane))
    copy.pts, copy.time_base = pts, time_base
    return copy


def load_image(path: str | PathLike[str]) -> npt.NDArray[np.uint8]:
    """The picture in a file as rows, columns and red, green, blue; MediaError when it cannot be read."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(fspath(path)) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, ValueError, Pillow.DecompressionBombError) as error:
        raise MediaError(f"{fspath(path)} is not a picture that can be read: {error}.") from error


def _bars(size: tuple[int, int], channel: int) -> npt.NDArray[np.uint8]:
    """A row of one colour channel, twice as long as the picture is wide, so that any shift of it is a slice."""
    half = 1 if channel == 0 else 2
    width = size[0] // half
    row = np.array(_BARS, np.uint8)[np.arange(width) * len(_BARS) // width, channel]
    return np.concatenate([row, row])


def _plain(size: tuple[int, int], light: int) -> av.VideoFrame:
    frame = av.VideoFrame(*size, "yuv420p")
    for plane, value in zip(frame.planes, (light, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame
