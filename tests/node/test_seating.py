"""The places of layouts: where they are, and what a drawing of them shows."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import pytest

from pexrtc_py.node.seating import Rect, capacity, drawing, seats
from pexrtc_py.protocol.layouts import OLD_NAMES, Layout, places

ALL = [*Layout, *OLD_NAMES, "5:7"]
OVERLAID = {Layout.SPEAKER_AND_OVERLAY}


def overlap(one: Rect, other: Rect) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height


@pytest.mark.parametrize("layout", ALL)
def test_a_layout_has_as_many_places_as_its_name_promises(layout: str) -> None:
    assert len(seats(layout, 100)) == capacity(layout)
    assert places(layout) in (capacity(layout), None)


@pytest.mark.parametrize("layout", ALL)
@pytest.mark.parametrize("people", [*range(14), 40])
def test_no_place_leaves_the_picture_or_covers_another(layout: str, people: int) -> None:
    taken = seats(layout, people)

    assert len(taken) == min(people, capacity(layout))
    for seat in taken:
        assert min(seat.x, seat.y) >= 0
        assert max(seat.x + seat.width, seat.y + seat.height) <= 1
        assert min(seat.width, seat.height) > 0
    assert layout in OVERLAID or not any(overlap(*pair) for pair in combinations(taken, 2))


@pytest.mark.parametrize("layout", [layout for layout in Layout if layout is not Layout.ADAPTIVE])
def test_every_place_but_adaptive_ones_has_the_shape_of_the_picture(layout: Layout) -> None:
    assert all(seat.width == seat.height for seat in seats(layout, 100))


@pytest.mark.parametrize("layout", [layout for layout in Layout if layout is not Layout.ADAPTIVE])
def test_a_place_stays_where_it_is_when_others_come(layout: Layout) -> None:
    assert all(seats(layout, people) == seats(layout, 100)[:people] for people in range(1, 10))


def test_the_first_place_is_the_largest() -> None:
    for layout in ALL:
        first, *others = seats(layout, 100)
        assert all(seat.width * seat.height <= first.width * first.height for seat in others)


@pytest.mark.parametrize("layout", ["4x4", "5x5", "one_main_twelve_around", "two_mains_eight_around", "1:33", "one_main_nine_around"])
def test_these_fill_the_whole_picture(layout: str) -> None:
    assert sum(seat.width * seat.height for seat in seats(layout, 100)) == 1


@pytest.mark.parametrize("extended", [False, True])
def test_adaptive_composition_fills_the_picture_with_its_large_places_and_adds_rows(extended: bool) -> None:
    for people in range(1, 6):
        assert sum(seat.width * seat.height for seat in seats("ac", people, extended=extended)) == 1
    full = seats("ac", 100, extended=extended)
    assert len(full) == (23 if extended else 12)
    assert sum(seat.width * seat.height for seat in full) == 1


def test_what_is_not_built_in_has_no_places() -> None:
    with pytest.raises(ValueError, match="my own"):
        seats("my own", 3)


@pytest.mark.parametrize("layout", list(Layout))
def test_a_drawing_shows_the_frame_and_each_place(layout: Layout) -> None:
    svg = ElementTree.fromstring(drawing(layout))

    frame, *boxes = svg
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(boxes) == capacity(layout)
    for box in boxes:
        for start, size, whole in (("x", "width", 140), ("y", "height", 88)):
            assert 0 <= float(box.get(start, "")) < float(box.get(start, "")) + float(box.get(size, "")) <= whole
    assert frame.get("fill") == "currentColor"


def test_what_lies_over_another_place_is_drawn_over_it() -> None:
    widths = [float(box.get("width", "")) for box in ElementTree.fromstring(drawing("1:1"))]

    assert widths == sorted(widths, reverse=True)
