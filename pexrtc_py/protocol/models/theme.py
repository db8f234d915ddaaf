"""The theme: what clients in direct media draw themselves."""

from __future__ import annotations

from pexrtc_py.protocol.wire import Forgiving


class ThemeBackground(Forgiving):
    """Where a screen's picture is, below `theme/`."""

    path: str


class ThemeElement(Forgiving):
    """A line of text on a screen; `color` is ARGB in one number."""

    type: str = "text"
    color: int = 0xFFFFFFFF
    text: str = ""


class ThemeScreen(Forgiving):
    """A splash screen."""

    layout_type: str = "direct_media"
    background: ThemeBackground | None = None
    elements: tuple[ThemeElement, ...] = ()


class Theme(Forgiving):
    """The five splash screens of direct media, all or none."""

    direct_media_welcome: ThemeScreen
    direct_media_waiting_for_host: ThemeScreen
    direct_media_other_participants_audio_only: ThemeScreen
    direct_media_escalate: ThemeScreen
    direct_media_deescalate: ThemeScreen
