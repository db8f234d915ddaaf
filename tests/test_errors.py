from __future__ import annotations

import pytest

from pexrtc_py import errors
from pexrtc_py.errors import (
    ConferenceNotFound,
    InvalidTransition,
    NodeUnreachable,
    NotAllowed,
    OutOfCapacity,
    PexRTCError,
    PinRequired,
    ProtocolError,
    RequestRefused,
    TokenExpired,
    refusal,
)
from pexrtc_py.protocol import CallState, Idp
from pexrtc_py.protocol.requests import Ack, Lock, RequestToken


def _kinds(root: type[PexRTCError]) -> list[type[PexRTCError]]:
    """The public ones; a package may have kinds for its own use."""
    children = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return [root, *(kind for child in children for kind in _kinds(child))]


def _one_of_each() -> list[PexRTCError]:
    idp = Idp(uuid="i", name="Okta")
    refused = (RequestRefused, ConferenceNotFound, TokenExpired, errors.CredentialsRefused, NotAllowed, OutOfCapacity)
    own: dict[type[PexRTCError], PexRTCError] = {
        InvalidTransition: InvalidTransition("call", CallState.NEW, Ack()),
        ProtocolError: ProtocolError("Field required", path="$.uuid"),
        **{kind: kind(Lock(), 403, "Invalid role") for kind in refused},
        errors.LobbyTimeout: errors.LobbyTimeout(30),
        errors.ReferWithdrawn: errors.ReferWithdrawn("there", "meet"),
        errors.Disconnected: errors.Disconnected("Conference terminated by an administrator"),
        PinRequired: PinRequired(guest_pin=False),
        errors.PinIncorrect: errors.PinIncorrect(),
        errors.IdpRequired: errors.IdpRequired([idp]),
        errors.SsoRedirect: errors.SsoRedirect("https://idp.example/sign-in?secret", idp),
        errors.SignInFailed: errors.SignInFailed("Okta", "forbidden"),
        errors.ExtensionRequired: errors.ExtensionRequired("standard"),
        errors.FloorRefused: errors.FloorRefused("Guests cannot present"),
    }
    return [own[kind] if kind in own else kind("The node did not answer.") for kind in _kinds(PexRTCError)]


@pytest.mark.parametrize("error", _one_of_each(), ids=lambda error: type(error).__name__)
def test_every_error_prints_a_sentence(error: PexRTCError) -> None:
    said = str(error)

    assert said[0].isupper() or said.startswith("lock ")
    assert len(said.split()) > 3
    assert "secret" not in said


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None

    assert [kind.__name__ for kind in _kinds(PexRTCError) if kind.__name__ not in errors.__doc__] == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("UsageError", 2), ("InvalidTransition", 2), ("DeviceError", 3),
        ("NodeError", 10), ("NodeUnreachable", 10), ("DnsFailed", 10), ("TlsNotTrusted", 10), ("NotANode", 10), ("ProtocolError", 10),
        ("TokenExpired", 11), ("NotAllowed", 11), ("PinRequired", 11), ("PinIncorrect", 11), ("IdpRequired", 11), ("SsoRedirect", 11),
        ("ConferenceNotFound", 12), ("LobbyTimeout", 13), ("OutOfCapacity", 14),
        ("CallError", 20), ("NegotiationFailed", 20), ("IceFailed", 20), ("MediaLost", 21), ("Disconnected", 22), ("RecordingError", 31),
    ],
)  # fmt: skip
def test_exit_codes_are_the_documented_ones(kind: str, code: int) -> None:
    assert getattr(errors, kind).exit_code == code


@pytest.mark.parametrize(
    ("error", "builtin"),
    [(NodeUnreachable, ConnectionError), (ProtocolError, ValueError), (ConferenceNotFound, LookupError), (NotAllowed, PermissionError)],
)
def test_plain_except_clauses_work_too(error: type[PexRTCError], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (403, "Invalid role", NotAllowed),
        (403, "Invalid token", TokenExpired),
        (403, "Timer expired awaiting token refresh", TokenExpired),
        (403, "Participant limit reached", OutOfCapacity),
        (403, "Insufficient licenses", OutOfCapacity),
        (503, "Out of resource", OutOfCapacity),
        (529, "", OutOfCapacity),
        (404, "Neither conference nor gateway found", ConferenceNotFound),
        (503, "System in maintenance mode", RequestRefused),
        (400, "Illegal value", RequestRefused),
        (401, "", TokenExpired),
    ],
)
def test_a_refusal_becomes_the_error_one_reacts_to(status: int, reason: str, kind: type[RequestRefused]) -> None:
    error = refusal(Lock(), status, reason)

    assert type(error) is kind
    assert (error.request, error.status, error.reason) == (Lock(), status, reason)


def test_a_refused_request_token_does_not_print_the_pin() -> None:
    error = refusal(RequestToken(display_name="Ann", pin="739215", token="refer-token"), 403, "Invalid role")

    assert "739215" not in f"{error} {error!r} {error.request!r}"
    assert "refer-token" not in f"{error} {error!r} {error.request!r}"
