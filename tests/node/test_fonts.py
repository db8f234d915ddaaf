from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from pexrtc_py.node import fonts
from pexrtc_py.node.lettering import plate
from pexrtc_py.node.splash import draw

BUILT_IN_ALONE = ("no-such-font.ttf",)


def ink(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(plate.__wrapped__(text, 40, 600))


@pytest.mark.parametrize("text", ["Zoë", "Łukasz", "Müller", "Žižek", "Жанна"])
def test_letters_beyond_ascii_are_drawn_where_a_font_has_them(text: str) -> None:
    missing = [letter for letter in text if not any(fonts.has(name, letter) for name in fonts.FILES if fonts._load(name, 20.0))]
    if missing:
        assert all(letter not in fonts.drawable(text) for letter in missing)
    else:
        assert fonts.drawable(text) == text
        assert not np.array_equal(ink(text), ink(text[:-1] + "\uffff"))


def test_without_such_a_font_accents_are_left_out_and_nothing_is_a_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FILES", BUILT_IN_ALONE)

    assert fonts.drawable("Zoë Müller") == "Zoe Muller"
    assert fonts.drawable("Жанна") == ""
    assert fonts.drawable("a\nb\x07 c") == "a b c"


def test_plain_names_keep_the_built_in_font() -> None:
    font = fonts.font_for("Ada Lovelace", 20)

    assert isinstance(font, ImageFont.FreeTypeFont)
    assert font.getname() == ImageFont.load_default(20).getname()  # type: ignore[union-attr]


def test_a_screen_can_be_titled_in_other_letters() -> None:
    with_umlaut, plain = draw("Zoë", "x"), draw("Zoe", "x")

    assert with_umlaut.size == plain.size
    assert with_umlaut.tobytes() != draw("Zo\uffff", "x").tobytes()
