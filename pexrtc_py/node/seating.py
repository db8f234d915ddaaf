"""Where a layout puts people: its places as rectangles in a picture of 16 by 9, in the order in which they are filled; and drawings of it.

Sizes are the ones that a layout's name tells (`1:7`: a row of seven, and one as large as what is left allows). No document states
coordinates, and those of `ac`, which depend on the number of people, are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from pexrtc_py.protocol.layouts import EXTENDED_ADAPTIVE_PLACES, Layout, named, places

WIDTH, HEIGHT, MARGIN, GAP = 140, 88, 4, 1
"""Of a drawing, in its own units."""
MAINS = 5
"""How many Adaptive Composition shows large."""
SMALL_ROW = {False: 7, True: 9}
"""How many it shows in one row below them, the second with `enable_extended_ac`."""


@dataclass(frozen=True)
class Rect:
    """A part of the picture; left, top, width and height are fractions of it."""

    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction


def seats(layout: str, people: int, *, extended: bool = False) -> tuple[Rect, ...]:
    """The places of so many people, at most as many as the layout has. Raises `ValueError` for a layout that is not built in."""
    kind = named(layout)
    if kind is Layout.ADAPTIVE:
        return tuple(_adaptive(min(people, capacity(layout, extended=extended)), extended))
    return _FIXED[Layout(kind)][:people]


def upright(layout: str, people: int, *, extended: bool = False) -> tuple[Rect, ...]:
    """The same for a picture of 9 by 16: the large places over each other, the small ones in rows below, together in the middle."""
    places = seats(layout, people, extended=extended)
    large = [place for place in places if place.width == max(place.width for place in places)]
    if len(places) == 1 and places[0].width == 1:
        return places
    return tuple(_stacked(len(large), len(places) - len(large)))


def capacity(layout: str, *, extended: bool = False) -> int:
    """How many people a built-in layout shows at most."""
    if extended and named(layout) is Layout.ADAPTIVE:
        return EXTENDED_ADAPTIVE_PLACES
    return places(layout) or len(_FIXED[Layout.TEAMS])


def drawing(layout: str) -> str:
    """The layout with all its places taken, as an SVG in one colour that the page around it chooses."""
    boxes = "".join(_box(seat) for seat in seats(layout, capacity(layout)))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' fill='none'>"
        f"<rect x='0.5' y='0.5' width='{WIDTH - 1}' height='{HEIGHT - 1}' rx='3.5' fill='currentColor' stroke='#BBBFC3'/>{boxes}</svg>"
    )


def _box(seat: Rect) -> str:
    across, down = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    x, y = MARGIN + seat.x * across, MARGIN + seat.y * down
    width, height = seat.width * across - GAP, seat.height * down - GAP
    shape = f"x='{float(x):.4g}' y='{float(y):.4g}' width='{float(width):.4g}' height='{float(height):.4g}'"
    return f"<rect {shape} rx='2' fill='#BBBFC3' stroke='currentColor' stroke-width='0.5'/>"


# --- the table -------------------------------------------------------------------------------------------------------


def _at(x: Fraction | int, y: Fraction | int, width: Fraction | int, height: Fraction | int | None = None) -> Rect:
    return Rect(Fraction(x), Fraction(y), Fraction(width), Fraction(width if height is None else height))


def _grid(columns: int, rows: int, *, top: Fraction | int = 0, size: Fraction | None = None) -> Iterator[Rect]:
    """Equal places in reading order, each `size` of the picture wide and high."""
    size = size or Fraction(1, columns)
    for row in range(rows):
        for column in range(columns):
            yield _at(column * size, top + row * size, size)


def _ring(columns: int, inside: Callable[[int, int], bool]) -> Iterator[Rect]:
    """The places of a square grid that lie around the large ones."""
    for number, seat in enumerate(_grid(columns, columns)):
        if not inside(number % columns, number // columns):
            yield seat


def _above(main: Fraction, rows: int) -> tuple[Rect, ...]:
    """One large place in the middle above rows of seven."""
    return (_at((1 - main) / 2, 0, main), *_grid(7, rows, top=main))


def _two_above_rows() -> Iterator[Rect]:
    top, half = Fraction(1, 28), Fraction(1, 2)  # two halves and three sevenths leave a fourteenth, half of it above
    yield from (_at(0, top, half), _at(half, top, half))
    yield from _grid(7, 3, top=top + half)


_HALF, _QUARTER, _FIFTHS, _SEVENTHS = Fraction(1, 2), Fraction(1, 4), Fraction(4, 5), Fraction(4, 7)
_FIXED: Mapping[Layout, tuple[Rect, ...]] = {
    Layout.SPEAKER: (_at(0, 0, 1),),
    Layout.SPEAKER_AND_7: _above(Fraction(6, 7), 1),
    Layout.SPEAKER_AND_21: _above(_SEVENTHS, 3),
    Layout.TWO_SPEAKERS_AND_21: tuple(_two_above_rows()),
    Layout.SMALL_SPEAKER_AND_33: (_at(0, 0, _SEVENTHS), *_ring(7, lambda column, row: column < 4 and row < 4)),
    Layout.EQUAL_4: tuple(_grid(2, 2)),
    Layout.EQUAL_9: tuple(_grid(3, 3)),
    Layout.EQUAL_16: tuple(_grid(4, 4)),
    Layout.EQUAL_25: tuple(_grid(5, 5)),
    Layout.SPEAKER_AND_OVERLAY: (_at(0, 0, 1), _at(Fraction(29, 40), Fraction(29, 40), _QUARTER)),
    Layout.ONE_MAIN_NINE_AROUND: (_at(0, 0, _FIFTHS), *_ring(5, lambda column, row: column < 4 and row < 4)),
    Layout.ONE_MAIN_TWELVE_AROUND: (_at(_QUARTER, _QUARTER, _HALF), *_ring(4, lambda column, row: {column, row} <= {1, 2})),
    Layout.TWO_MAINS_EIGHT_AROUND: (
        _at(0, _QUARTER, _HALF),
        _at(_HALF, _QUARTER, _HALF),
        *_ring(4, lambda column, row: row in {1, 2}),
    ),
    Layout.TEAMS: tuple(_grid(3, 3)),
}


def _adaptive(people: int, extended: bool) -> Iterator[Rect]:
    """Up to five large ones in rows that fill the picture, and the others in rows below."""
    mains, small, row = min(people, MAINS), max(0, people - MAINS), SMALL_ROW[extended]
    below = -(-small // row)
    height = 1 - Fraction(below, row)
    rows = {3: (2, 1), 4: (2, 2), 5: (2, 3)}.get(mains, (mains,) if mains else ())
    for number, count in enumerate(rows):
        for column in range(count):
            yield _at(Fraction(column, count), number * height / len(rows), Fraction(1, count), height / len(rows))
    for number in range(small):
        in_row = min(row, small - number // row * row)
        left = Fraction(row - in_row, 2 * row)
        yield _at(left + Fraction(number % row, row), height + Fraction(number // row, row), Fraction(1, row))


_UPRIGHT = Fraction(9, 16) ** 2
"""The height of a place of 16 by 9 that is as wide as a picture of 9 by 16, in parts of that picture's height."""


def _stacked(large: int, small: int) -> Iterator[Rect]:
    """The widest places for so many with which everything fits."""
    options = ((across, less) for across in range(1, 8) for less in range(2 * across, 15))
    across, less = next(both for both in options if _height(large, both[0]) + _height(small, both[1]) <= 1)
    top = (1 - _height(large, across) - _height(small, less)) / 2
    yield from _rows_of(large, across, top)
    yield from _rows_of(small, less, top + _height(large, across))


def _height(people: int, across: int) -> Fraction:
    return -(-people // across) * _UPRIGHT / across


def _rows_of(people: int, across: int, top: Fraction) -> Iterator[Rect]:
    for number in range(people):
        yield _at(Fraction(number % across, across), top + number // across * _UPRIGHT / across, Fraction(1, across), _UPRIGHT / across)
