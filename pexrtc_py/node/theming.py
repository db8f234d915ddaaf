"""A conference's theme: the screens clients in direct media draw themselves, and their pictures, all held in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pexrtc_py.errors import ProtocolError, UsageError
from pexrtc_py.protocol.models import Theme, ThemeScreen
from pexrtc_py.protocol.wire import decode, from_text

SCREENS = "theme.json"
"""The file that holds the five screens, in the folder of a theme."""


@dataclass(frozen=True)
class ThemeFiles:
    """The five screens, and each picture by the path a screen names. Raises `UsageError` when a picture is missing."""

    screens: Theme
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for path in _named(self.screens):
            if path not in self.pictures:
                raise UsageError(f"A screen of the theme names the picture {path!r}, which is not there.")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The theme in a folder: `theme.json` with the screens as the API has them, and the pictures beside it. Raises `UsageError`."""
        try:
            screens = decode(Theme, from_text((folder / SCREENS).read_bytes()))
            return cls(screens, {path: _inside(folder, path).read_bytes() for path in _named(screens)})
        except OSError as error:
            raise UsageError(f"The theme in {folder} cannot be read: {error}.") from error
        except ProtocolError as error:
            raise UsageError(f"{folder / SCREENS} does not hold the five screens of a theme, at {error.path}: {error.problem}.") from error


def _named(screens: Theme) -> set[str]:
    all_of_them = (screen for _, screen in screens if isinstance(screen, ThemeScreen))
    return {screen.background.path for screen in all_of_them if screen.background is not None}


def _inside(folder: Path, path: str) -> Path:
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise UsageError(f"A screen of the theme names the picture {path!r}, which is outside {folder}.")
    return found
