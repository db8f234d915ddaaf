from __future__ import annotations

import pytest

from pexrtc_py.protocol import layouts, wire
from pexrtc_py.protocol.layouts import OLD_NAMES, Layout
from pexrtc_py.protocol.models import AvailableLayout, RequestedLayout, Transforms


@pytest.mark.parametrize(
    ("name", "layout", "view", "old"),
    [
        ("2x2", Layout.EQUAL_4, "4:0", "4:0"),
        ("4:0", Layout.EQUAL_4, "4:0", "4:0"),
        ("25:0", Layout.EQUAL_25, "25:0", "25:0"),
        ("1:7", Layout.SPEAKER_AND_7, "1:7", "1:7"),
        ("ac", Layout.ADAPTIVE, "5:7", "ac"),
        ("5:7", Layout.ADAPTIVE, "5:7", "ac"),
        ("ac_presentation_in_mix", Layout.ADAPTIVE, "5:7", "ac"),
        ("my_own", "my_own", "my_own", "my_own"),
        ("", "", "", ""),
    ],
)
def test_a_layout_has_one_name_per_place(name: str, layout: str, view: str, old: str) -> None:
    assert (layouts.named(name), layouts.view_of(name), layouts.old_name(name)) == (layout, view, old)


def test_every_layout_but_teams_says_how_many_it_shows() -> None:
    assert {layout for layout in Layout if layouts.places(layout) is None} == {Layout.TEAMS}
    assert [layouts.places(name) for name in ("1:0", "9:0", "5:7", "my_own")] == [1, 9, 12, None]


def test_every_layout_comes_back_from_its_view_and_its_old_name() -> None:
    for layout in Layout:
        assert layouts.named(layouts.view_of(layout)) is layout
        assert layouts.named(layouts.old_name(layout)) is layout
    assert len(OLD_NAMES) == 4


def test_an_old_name_is_asked_for_as_it_is_and_told_by_its_present_name() -> None:
    asked = Transforms(layout="4:0", guest_layout=Layout.EQUAL_9)
    told = wire.decode(RequestedLayout, {"primary_screen": {"chair_layout": "4:0", "guest_layout": "my_own"}})

    assert wire.encode(asked) == {"layout": "4:0", "guest_layout": "3x3"}
    assert wire.encode(told) == {"primary_screen": {"chair_layout": "2x2", "guest_layout": "my_own"}}
    assert told.primary_screen.chair_layout is Layout.EQUAL_4


def test_an_available_layout_is_a_name_or_a_name_with_tags() -> None:
    kind = list[AvailableLayout]

    read = wire.decode(kind, ["5:7", "16:0", {"name": "2x2", "tags": ["equal"]}, {"name": "my_own", "tags": []}])

    assert [layout.name for layout in read] == [Layout.ADAPTIVE, Layout.EQUAL_16, Layout.EQUAL_4, "my_own"]
    assert wire.encode_answer(kind, read) == ["ac", "4x4", {"name": "2x2", "tags": ["equal"]}, {"name": "my_own", "tags": []}]


def test_nothing_to_transform_is_an_empty_object() -> None:
    assert wire.encode(Transforms()) == {}
    assert wire.decode(Transforms, {"streaming": {"ac_presentation_in_mix": False}}).streaming is not None
