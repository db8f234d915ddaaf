"""A font that has the letters of a text: the one that Pillow brings, or one of this machine; and what is left of a text without any."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
BUILT_IN = ""
FILES = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf"),
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf"),
    *("PingFang.ttc", "msyh.ttc", "Arial Unicode.ttf", "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf"),
)
"""Looked for where the system keeps its fonts; Pillow's own has little beyond ASCII."""
SMALLEST = 8.0
"""Pixels of the smallest letters."""
_NOTHING = "\uffff"
"""No character, so what is drawn for it is what a font draws for letters that it lacks."""


def font_for(text: str, size: float) -> Font:
    """The first font that has all letters of a text, else the one that has most of them."""
    names = [BUILT_IN, *(name for name in FILES if _load(name, 20.0) is not None)]
    return _loaded(max(names, key=lambda name: sum(has(name, letter) for letter in set(text))), size)


def drawable(text: str) -> str:
    """The text in one line, with the letters that its font has: plainer ones for those with accents, nothing for the rest."""
    line = " ".join(unicodedata.normalize("NFC", "".join(letter if letter.isprintable() else " " for letter in text)).split())
    font = font_for(line, 20.0)
    kept = "".join(letter if _has(font, letter) else _plainer(font, letter) for letter in line)
    return " ".join(kept.split())


@lru_cache(maxsize=4096)
def has(name: str, letter: str) -> bool:
    """Whether a font has a letter."""
    return _has(_loaded(name, 20.0), letter)


def _has(font: Font, letter: str) -> bool:
    return letter == " " or _drawn(font, letter) != _drawn(font, _NOTHING)


def _drawn(font: Font, letter: str) -> bytes:
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).text((5, 5), letter, 255, font)
    return picture.tobytes()


def _plainer(font: Font, letter: str) -> str:
    apart = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in apart if not unicodedata.combining(part) and _has(font, part)) if apart != letter else ""


def _loaded(name: str, size: float) -> Font:
    return _load(name, max(SMALLEST, size)) or ImageFont.load_default(max(SMALLEST, size))


@lru_cache(maxsize=256)
def _load(name: str, size: float) -> Font | None:
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return None
