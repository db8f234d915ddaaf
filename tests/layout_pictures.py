"""Draws every layout as the node composes it, people in it: `python -m tests.layout_pictures` writes `docs/images/layouts.png`."""

from __future__ import annotations

import colorsys
import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pexrtc_py.node.compositing import Painter
from pexrtc_py.node.scenes import Person, Scene
from pexrtc_py.node.seating import capacity
from pexrtc_py.protocol.layouts import Layout

OUT = Path(__file__).parents[1] / "docs" / "images" / "layouts.png"
SIZE, SHOWN, COLUMNS = (1280, 720), (400, 225), 3
NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Tim", "Vint", "Margaret", "Claude", "Hedy")


def portrait(number: int) -> av.VideoFrame:
    """Somebody before a wall, in colours of its own."""
    picture = Image.new("RGB", (640, 360), _colour(number, 0.35, 0.85))
    canvas = ImageDraw.Draw(picture)
    canvas.ellipse((150, 220, 490, 560), fill=_colour(number + 5, 0.6, 0.55))
    canvas.ellipse((240, 70, 400, 250), fill=(236, 200, 170))
    canvas.pieslice((236, 56, 404, 220), 180, 360, fill=_colour(number + 2, 0.5, 0.25))
    return av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")


def sheet() -> Image.Image:
    """All layouts with all their places taken, each above its name."""
    painter, layouts = Painter(), list(Layout)
    pictures = {f"p{number}": portrait(number) for number in range(max(map(capacity, layouts)))}
    high = SHOWN[1] + 30
    whole = Image.new("RGB", (COLUMNS * (SHOWN[0] + 10) + 10, -(-len(layouts) // COLUMNS) * high + 10), "white")
    font, canvas = ImageFont.load_default(16), ImageDraw.Draw(whole)
    for number, layout in enumerate(layouts):
        left, top = 10 + number % COLUMNS * (SHOWN[0] + 10), 10 + number // COLUMNS * high
        people = tuple(Person(f"p{place}", NAMES[place % len(NAMES)], speaking=place == 0) for place in range(capacity(layout)))
        frame = painter.paint(Scene(layout, people), SIZE, pictures)
        whole.paste(Image.fromarray(frame.to_ndarray(format="rgb24")).resize(SHOWN, Image.Resampling.LANCZOS), (left, top))
        canvas.text((left, top + SHOWN[1] + 4), str(layout), "black", font)
    return whole


def _colour(number: int, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number * 0.137 % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


if __name__ == "__main__":
    OUT.parent.mkdir(exist_ok=True)
    sheet().quantize(128).save(OUT, optimize=True)
    print(f"{OUT} written: {OUT.stat().st_size} bytes", file=sys.stderr)
