"""The names of layouts, of which there are three spellings, and how many participants each shows.

Requests, `requested_layout` and `available_layouts` use the names of `Layout`. Up to version 33 the equal layouts were called 4:0 to 25:0
instead, and those names are still taken. The `view` of a layout event keeps the old names, and calls Adaptive Composition 5:7.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator

from pexrtc_py.protocol.wire import Open


class Layout(StrEnum):
    """The layouts every node has; a theme may bring more."""

    SPEAKER = "1:0"
    SPEAKER_AND_7 = "1:7"
    SPEAKER_AND_21 = "1:21"
    TWO_SPEAKERS_AND_21 = "2:21"
    SMALL_SPEAKER_AND_33 = "1:33"
    EQUAL_4 = "2x2"
    EQUAL_9 = "3x3"
    EQUAL_16 = "4x4"
    EQUAL_25 = "5x5"
    SPEAKER_AND_OVERLAY = "1:1"
    ONE_MAIN_NINE_AROUND = "one_main_nine_around"
    ONE_MAIN_TWELVE_AROUND = "one_main_twelve_around"
    TWO_MAINS_EIGHT_AROUND = "two_mains_eight_around"
    ADAPTIVE = "ac"
    TEAMS = "teams"


OLD_NAMES: Mapping[str, Layout] = {
    "4:0": Layout.EQUAL_4,
    "9:0": Layout.EQUAL_9,
    "16:0": Layout.EQUAL_16,
    "25:0": Layout.EQUAL_25,
}
"""What the equal layouts were called up to version 33."""
_VIEWS: Mapping[str, Layout] = {
    **OLD_NAMES,
    "5:7": Layout.ADAPTIVE,
    "ac_presentation_in_mix": Layout.ADAPTIVE,
    "ac_presentation_in_mix_group": Layout.ADAPTIVE,
}
_VIEW_OF = {layout: view for view, layout in reversed(list(_VIEWS.items()))}  # the first spelling of each is the usual one
_PLACES: Mapping[Layout, int] = {
    Layout.SPEAKER: 1,
    Layout.SPEAKER_AND_7: 8,
    Layout.SPEAKER_AND_21: 22,
    Layout.TWO_SPEAKERS_AND_21: 23,
    Layout.SMALL_SPEAKER_AND_33: 34,
    Layout.EQUAL_4: 4,
    Layout.EQUAL_9: 9,
    Layout.EQUAL_16: 16,
    Layout.EQUAL_25: 25,
    Layout.SPEAKER_AND_OVERLAY: 2,
    Layout.ONE_MAIN_NINE_AROUND: 10,
    Layout.ONE_MAIN_TWELVE_AROUND: 13,
    Layout.TWO_MAINS_EIGHT_AROUND: 10,
    Layout.ADAPTIVE: 12,
}
EXTENDED_ADAPTIVE_PLACES = 23
"""How many Adaptive Composition shows with `enable_extended_ac`."""


def named(name: str) -> Layout | str:
    """The layout of this name in any spelling, that of a view too; a name that is not built in stays as it is."""
    if name in _VIEWS:
        return _VIEWS[name]
    return Layout(name) if name in tuple(Layout) else name


def view_of(layout: str) -> str:
    """What the `view` of a layout event calls a layout."""
    kind = named(layout)
    return _VIEW_OF.get(kind, str(kind)) if isinstance(kind, Layout) else kind


def old_name(layout: str) -> str:
    """What nodes up to version 33 call a layout in requests and lists."""
    kind = named(layout)
    return next((old for old, new in OLD_NAMES.items() if new == kind), str(kind))


def places(layout: str) -> int | None:
    """How many participants a layout shows; None when that is not known."""
    kind = named(layout)
    return _PLACES.get(kind) if isinstance(kind, Layout) else None


def _current(value: object) -> object:
    return named(value) if isinstance(value, str) else value


OpenLayout = Annotated[Layout | str, Open(Layout)]
"""A layout as it is asked for; an old name stays what it is, since an old node knows no other."""
CurrentLayout = Annotated[Layout | str, Open(Layout), BeforeValidator(_current)]
"""A layout read in any spelling, and written by its present name."""
