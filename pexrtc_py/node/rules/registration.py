"""Devices: registering, staying registered, the directory."""

from __future__ import annotations

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.ladder import version
from pexrtc_py.node.rules.images import portrait
from pexrtc_py.protocol.models import DirectoryEntry, RefreshedToken, RegistrationToken
from pexrtc_py.protocol.requests import (
    RegistrationAvatar,
    RegistrationRefreshToken,
    RegistrationReleaseToken,
    RegistrationRequestToken,
    Registrations,
)

UNAUTHORIZED = "Unauthorized"
FOUND_LIMIT = 100
"""So many lines one search of the directory answers at most."""


@answers(RegistrationRequestToken)
def request_token(asked: Asked, request: RegistrationRequestToken) -> RegistrationToken:
    """The device registers with its name and password; an unknown one is refused in the same words as a wrong password."""
    registrar = asked.house.registrar
    registered = registrar.register(asked.address.registration or "", request.credentials)
    if registered is None:
        raise Refused(401, UNAUTHORIZED)
    return RegistrationToken(
        token=registrar.passes.issue(registered.uuid, asked.now),
        expires=asked.config.token_seconds,
        registration_uuid=registered.uuid,
        directory_enabled=True,
        version=version(asked.config),
    )


@answers(RegistrationRefreshToken)
def refresh_token(asked: Asked, _: RegistrationRefreshToken) -> RefreshedToken:
    """A new token for the same registration."""
    return RefreshedToken(token=asked.house.registrar.passes.issue(asked.device.uuid, asked.now), expires=asked.config.token_seconds)


@answers(RegistrationReleaseToken)
def release_token(asked: Asked, _: RegistrationReleaseToken) -> bool:
    """The device is registered no longer; calls ring there no more."""
    asked.house.registrar.drop(asked.device)
    return True


@answers(Registrations)
def registrations(asked: Asked, request: Registrations) -> list[DirectoryEntry]:
    """The devices that fit, registered or not."""
    found = asked.house.registrar.find(request.q)[:FOUND_LIMIT]
    return [DirectoryEntry(alias=one.alias, description=one.description, username=one.username) for one in found]


@answers(RegistrationAvatar)
def avatar(asked: Asked, _: RegistrationAvatar) -> bytes:
    """The portrait configured for the device's alias, or for its user."""
    device = asked.house.registrar.devices.get((asked.address.registration or "").casefold())
    return portrait(asked, *((device.alias, device.username) if device is not None else ()))
