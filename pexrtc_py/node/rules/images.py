"""Pictures that were configured: the theme's, and portraits."""

from __future__ import annotations

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.models import Theme
from pexrtc_py.protocol.requests import Avatar, GetTheme, ThemeResource

NO_IMAGE = "No image available"
"""The words in which clients know that somebody has no portrait."""


@answers(GetTheme)
def theme(asked: Asked, _: GetTheme) -> Theme | None:
    """The five screens; None (HTTP 204) without a theme, and clients draw their own."""
    files = asked.room.vmr.theme
    return files.screens if files is not None else None


@answers(ThemeResource)
def theme_resource(asked: Asked, request: ThemeResource) -> bytes:
    """A picture that a screen names; nothing but these can be had, whatever the path says."""
    files = asked.room.vmr.theme
    picture = files.pictures.get(request.resource) if files is not None else None
    if picture is None:
        raise Refused(404, "There is no such picture in this theme")
    return picture


@answers(Avatar)
def avatar(asked: Asked, _: Avatar) -> bytes:
    """The portrait configured for the participant's name."""
    return portrait(asked, asked.target.display_name)


def portrait(asked: Asked, *names: str) -> bytes:
    """The portrait configured for the first of these names that has one. Raises `Refused` (404) in the words clients know."""
    portraits = {name.casefold(): picture for name, picture in asked.config.avatars.items()}
    found = next((portraits[name.casefold()] for name in names if name.casefold() in portraits), None)
    if found is None:
        raise Refused(404, NO_IMAGE)
    return found
