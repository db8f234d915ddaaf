"""What request_token may answer instead of a token (HTTP 403, status success): what is still needed to join."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, model_validator

from pexrtc_py.protocol.models import Idp, Version
from pexrtc_py.protocol.wire import Forgiving, decode

INVALID_PIN = "Invalid PIN"
"""What a wrong PIN is answered with (status failed)."""


def _is_required(value: object) -> object:
    return value == "required" if isinstance(value, str) else value


Required = Annotated[bool, BeforeValidator(_is_required), PlainSerializer(lambda value: "required" if value else "none", return_type=str)]
"""A need spelled "required" or "none"."""


class PinChallenge(Forgiving):
    """A PIN is wanted; without `guest_pin` guests say the PIN "none". `conference_extension` may announce a reception's kind."""

    pin: Required
    guest_pin: Required
    version: Version = Version()
    conference_extension: str | None = None


class IdpChallenge(Forgiving):
    """An identity provider must be chosen."""

    idp: tuple[Idp, ...]
    version: Version = Version()


class RedirectChallenge(Forgiving):
    """The user must sign in at `redirect_url`."""

    redirect_url: str
    redirect_idp: Idp
    disable_popup_flow: bool | None = None
    version: Version = Version()


class ExtensionChallenge(Forgiving):
    """A virtual reception wants an extension.

    The documents put the kind ("standard", "mssip") into `conference_extension`; nodes say "required" there and put the kind beside it.
    """

    conference_extension: str = "required"
    conference_extension_type: str = "standard"
    version: Version = Version()

    @model_validator(mode="before")
    @classmethod
    def _documented(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or data.get("conference_extension_type") or data.get("conference_extension") in (None, "required"):
            return data
        return {**data, "conference_extension": "required", "conference_extension_type": data["conference_extension"]}


Challenge: TypeAlias = PinChallenge | IdpChallenge | RedirectChallenge | ExtensionChallenge


def read_challenge(result: object) -> Challenge | None:
    """The challenge in the result of a 403, tested in the vendor's order; None when it is a refusal. Raises ProtocolError."""
    if not isinstance(result, Mapping):
        return None
    tests: tuple[tuple[set[str], type[Challenge]], ...] = (
        ({"pin", "guest_pin"}, PinChallenge),
        ({"idp"}, IdpChallenge),
        ({"redirect_url", "redirect_idp"}, RedirectChallenge),
        ({"conference_extension"}, ExtensionChallenge),
    )
    return next((decode(kind, result) for keys, kind in tests if keys <= result.keys()), None)
