"""What simulated endpoints and scripted participants show and say: encoded once, said again and again. Computes: not on the event loop."""

from __future__ import annotations

import colorsys
import math
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from av import AudioFrame, VideoFrame
from PIL import Image, ImageDraw

from pexrtc_media import stamp as stamping
from pexrtc_media.base import AccessUnit
from pexrtc_media.encoding import OpusEncoding, VideoEncoding
from pexrtc_media.synthetic import RATE, SAMPLES, Pattern, Tone
from pexrtc_py.node.bots import Bot
from pexrtc_py.node.splash import draw

SIZE, LARGE = (320, 180), (640, 360)
FPS = 10
ROUND = 2.0
"""Seconds after which sound and picture begin again."""
BLOCK = SAMPLES / RATE
STREAM = 15
"""The stamp of an endpoint's test picture says this stream number."""
_LOUDNESS = 6000
_SYLLABLE = 0.2


@dataclass(frozen=True)
class Performance:
    """A round of sound in packets of 20 ms, of pictures at `FPS`, and a picture to present; each may be empty."""

    sound: tuple[AccessUnit, ...] = ()
    pictures: tuple[AccessUnit, ...] = ()
    slides: tuple[AccessUnit, ...] = ()


def performed(bot: Bot) -> Performance:
    """What a scripted participant shows and says."""
    pictures = person(bot.name, bot.stamp) if bot.picture == "person" else bars(LARGE, bot.stamp) if bot.picture else ()
    sound = voice(bot.name) if bot.sound == "voice" else tone(float(bot.sound)) if bot.sound else ()
    return Performance(sound, pictures, slide(bot.name, bot.stamp) if bot.slides else ())


@lru_cache(maxsize=32)
def tone(hz: float) -> tuple[AccessUnit, ...]:
    """A round of a tone; takes some milliseconds."""
    encoding, source = OpusEncoding(), Tone(hz)
    return tuple(unit for index in range(round(ROUND / BLOCK)) for unit in encoding.encode(source.sound(index), index * BLOCK))


@lru_cache(maxsize=32)
def voice(name: str) -> tuple[AccessUnit, ...]:
    """A round of syllables at a pitch that goes with the name."""
    encoding, pitch = OpusEncoding(), 90 + _number(name) % 130
    time = np.arange(round(ROUND * RATE)) / RATE
    syllable = np.sin(np.pi * (time / _SYLLABLE % 1)) ** 0.5 * (np.floor(time / _SYLLABLE) % 5 < 4)
    melody = 1 + 0.08 * np.sin(2 * np.pi * time / ROUND)
    phase = 2 * np.pi * np.cumsum(pitch * melody) / RATE
    harmonics = sum(np.sin(number * phase) / number for number in range(1, 12))
    samples = np.asarray(_LOUDNESS * syllable * harmonics, np.int16).reshape(-1, SAMPLES)
    return tuple(unit for index, block in enumerate(samples) for unit in encoding.encode(_sound(block), index * BLOCK))


@lru_cache(maxsize=32)
def bars(size: tuple[int, int] = SIZE, stamp: int | None = STREAM) -> tuple[AccessUnit, ...]:
    """A round of colour bars as VP8, a keyframe first; takes some tens of milliseconds."""
    encoding, pattern = VideoEncoding("vp8", bitrate=300_000), Pattern(size, FPS, stamp=stamp)
    return tuple(unit for index in range(round(ROUND * FPS)) for unit in encoding.encode(pattern.picture(index), index / FPS))


@lru_cache(maxsize=64)
def person(name: str, stamp: int | None) -> tuple[AccessUnit, ...]:
    """A round of somebody who nods and talks, in colours that go with the name, as VP8."""
    encoding = VideoEncoding("vp8", bitrate=300_000)
    frames = (_stamped(portrait(name, index / FPS), stamp, index) for index in range(round(ROUND * FPS)))
    return tuple(unit for index, frame in enumerate(frames) for unit in encoding.encode(frame, index / FPS))


@lru_cache(maxsize=64)
def slide(name: str, stamp: int | None) -> tuple[AccessUnit, ...]:
    """One picture to present."""
    frame = _stamped(draw(name, "shares this slide", (1280, 720)), stamp, 0)
    return tuple(VideoEncoding("vp8", bitrate=2_000_000).encode(frame, 0.0))


def portrait(name: str, seconds: float, size: tuple[int, int] = LARGE) -> Image.Image:
    """A drawn person `seconds` into its round, who moves a little and whose mouth opens and closes."""
    number, (width, height) = _number(name), size
    picture = Image.new("RGB", size, _colour(number, 0.30, 0.80))
    canvas, unit = ImageDraw.Draw(picture), height / 36
    turn = 2 * math.pi * seconds / ROUND
    x, y = width / 2 + unit * math.sin(turn), height / 2 + 0.4 * unit * math.sin(2 * turn)
    mouth = 0.3 + abs(math.sin(math.pi * seconds / _SYLLABLE)) * 1.2

    def oval(left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        canvas.ellipse((x + left * unit, y + top * unit, x + right * unit, y + bottom * unit), fill=colour)

    oval(-17, 9, 17, 43, _colour(number // 7, 0.55, 0.50))
    oval(-8.6, -13, 8.6, 4, _colour(number // 3, 0.60, 0.28))
    oval(-7.5, -11, 7.5, 9, (236, 200, 170))
    for side in (-3, 3):
        oval(side - 0.8, -3.5, side + 0.8, -1.9, (40, 40, 50))
    oval(-2.2, 4 - mouth / 2, 2.2, 4 + mouth / 2, (150, 60, 60))
    return picture


def _stamped(picture: Image.Image, stamp: int | None, number: int) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.asarray(picture), format="rgb24").reformat(format="yuv420p")
    if stamp is not None:
        stamping.draw(frame, stream=stamp, frame=number, ms=round(number * 1000 / FPS))
    return frame


def _sound(samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> AudioFrame:
    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = RATE
    return frame


def _number(name: str) -> int:
    return zlib.crc32(name.encode())


def _colour(number: int, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number * 0.137 % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
