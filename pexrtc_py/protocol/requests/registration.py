"""Registering as a device that can be called, and the directory of those that are."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode
from typing import Annotated, Self

from pydantic import Field

from pexrtc_py.protocol.declare import OPEN, NodeRequest, RegistrationRequest, get, post
from pexrtc_py.protocol.models import DirectoryEntry, RefreshedToken, RegistrationToken
from pexrtc_py.protocol.wire import HEADER, Done, Nothing

_SCHEME = "x-pexip-basic"


@get("registrations", since=None)
class Registrations(NodeRequest[list[DirectoryEntry]]):
    """Who can be called, by part of a name; needs the token of a registration or of a conference."""

    q: str = ""


@post("request_token", by=OPEN, since=None)
class RegistrationRequestToken(RegistrationRequest[RegistrationToken]):
    """Register a device, with the credentials that `of` puts into the headers."""

    authorization: Annotated[str | None, HEADER] = Field(default=None, repr=False)
    x_pexip_authorization: Annotated[str | None, HEADER] = Field(default=None, repr=False)

    @classmethod
    def of(cls, username: str, password: str) -> Self:
        """The request with these credentials, in both headers, since a proxy may keep one."""
        told = f"{_SCHEME} {b64encode(f'{username}:{password}'.encode()).decode()}"
        return cls(authorization=told, x_pexip_authorization=told)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Name and password, if either header has them, in either alphabet of base64."""
        scheme, _, text = (self.x_pexip_authorization or self.authorization or "").partition(" ")
        try:
            plain = urlsafe_b64decode(text.strip().translate(str.maketrans("+/", "-_")) + "==").decode()
        except ValueError:
            return None
        username, colon, password = plain.partition(":")
        return (username, password) if scheme.lower() == _SCHEME and colon else None


@post("refresh_token", since=None)
class RegistrationRefreshToken(RegistrationRequest[RefreshedToken]):
    """Exchange the token for a new one before it expires."""


@post("release_token", since=None)
class RegistrationReleaseToken(RegistrationRequest[Done]):
    """Be registered no longer."""


@get("events", since=None)
class RegistrationEvents(RegistrationRequest[Nothing]):
    """Open the event stream of the registration: calls that come in."""


@get("avatar.jpg", since=None)
class RegistrationAvatar(RegistrationRequest[bytes]):
    """The portrait of somebody in the directory."""
