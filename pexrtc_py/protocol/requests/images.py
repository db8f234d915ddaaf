"""Pictures as files: the theme, stills of the presentation, portraits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pexrtc_py.protocol.declare import ConferenceRequest, ParticipantRequest, get, post
from pexrtc_py.protocol.models import Theme
from pexrtc_py.protocol.wire import FORM, OR_HEADER, PATH, Done


@get("theme/", since=31)
class GetTheme(ConferenceRequest[Theme | None]):
    """The splash screens of direct media; None (HTTP 204) without a theme."""


@get("theme/<resource>", since=31)
class ThemeResource(ConferenceRequest[bytes]):
    """A picture of the theme, by the path its screen names."""

    resource: Annotated[str, PATH]


@get("presentation.jpeg")
class PresentationJpeg(ConferenceRequest[bytes]):
    """The presentation as it was at a PresentationFrame; `id` is that event's."""

    id: Annotated[str | None, OR_HEADER] = None


@get("presentation_high.jpeg", since=17)
class PresentationHighJpeg(ConferenceRequest[bytes]):
    """The same as PresentationJpeg, in more detail."""

    id: Annotated[str | None, OR_HEADER] = None


@get("presentation.png", since=None)
class PresentationPng(ConferenceRequest[bytes]):
    """The same as PresentationJpeg, as PNG."""

    id: Annotated[str | None, OR_HEADER] = None


@post("presentation", since=None)
class PostPresentation(ConferenceRequest[Done]):
    """Show this JPEG as the presentation; one has taken the floor for stills before."""

    frame: Annotated[bytes, FORM] = Field(repr=False, exclude=True)


@get("avatar.jpg")
class Avatar(ParticipantRequest[bytes]):
    """The participant's portrait."""
