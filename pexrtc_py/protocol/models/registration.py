"""Registered devices: their token, and the directory."""

from __future__ import annotations

from pydantic import Field

from pexrtc_py.protocol.models.joining import Version
from pexrtc_py.protocol.wire import Forgiving, Seconds


class RegistrationToken(Forgiving):
    """What a device that registers is granted, for `expires` seconds."""

    token: str = Field(repr=False)
    expires: Seconds = 120.0
    registration_uuid: str = ""
    directory_enabled: bool = False
    route_via_registrar: bool = False
    version: Version = Version()


class DirectoryEntry(Forgiving):
    """Somebody who can be called."""

    alias: str
    description: str = ""
    username: str = ""
