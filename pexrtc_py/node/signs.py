"""What a room says on the pictures it shows while there is nobody to see: its title, and the screens of its theme; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pexrtc_py.node.routing import Board
from pexrtc_py.node.theming import ThemeFiles
from pexrtc_py.protocol.models import ThemeScreen

Colour = tuple[int, int, int]
SCREENS = {
    Board.WAITING: "direct_media_waiting_for_host",
    Board.ALONE: "direct_media_welcome",
    Board.NO_VIDEO: "direct_media_other_participants_audio_only",
}
"""The screen of a theme for each occasion; of being on hold themes say nothing."""


@dataclass(frozen=True)
class Screen:
    """A screen of a theme: lines of text, each in its colour, and a picture behind them, if there is one."""

    lines: tuple[tuple[str, Colour], ...]
    background: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Signs:
    """The title of a room, and the screens that its theme has."""

    title: str = "Welcome"
    screens: Mapping[Board, Screen] = field(default_factory=dict)


def signs(title: str, theme: ThemeFiles | None) -> Signs:
    """What a room with this name and theme says."""
    if theme is None:
        return Signs(title)
    return Signs(title, {board: _screen(getattr(theme.screens, name), theme) for board, name in SCREENS.items()})


def _screen(screen: ThemeScreen, theme: ThemeFiles) -> Screen:
    lines = tuple((element.text, _colour(element.color)) for element in screen.elements if element.type == "text" and element.text)
    return Screen(lines, theme.pictures[screen.background.path] if screen.background is not None else None)


def _colour(argb: int) -> Colour:
    return argb >> 16 & 255, argb >> 8 & 255, argb & 255
