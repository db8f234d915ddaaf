"""The public names of `pexrtc_media`: `from pexrtc_py.media import Recorder`. Loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pexrtc_media
from pexrtc_media import __all__ as __all__

if TYPE_CHECKING:
    from pexrtc_media import *  # noqa: F403  # one list of names, in one place


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(pexrtc_media, name)


def __dir__() -> list[str]:
    return sorted(__all__)
