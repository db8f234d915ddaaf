from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pexrtc_py.errors import (
    ConferenceNotFound,
    ExtensionRequired,
    IdpRequired,
    NotAllowed,
    PinIncorrect,
    PinRequired,
    ProtocolError,
    SsoRedirect,
)
from pexrtc_py.protocol.models import Role, Token
from pexrtc_py.protocol.requests import RequestToken
from pexrtc_py.signaling.joining import Introduction, joining
from pexrtc_py.signaling.transport import Incoming

TOKEN = {"token": "t", "expires": "120", "participant_uuid": "u", "role": "GUEST"}
VERSION = {"version_id": "37", "pseudo_version": "1"}
PIN = {"pin": "required", "guest_pin": "required", "version": VERSION}
OPEN_TO_GUESTS = {"pin": "required", "guest_pin": "none", "version": VERSION}
IDPS = {"idp": [{"name": "Corp", "uuid": "i1"}, {"name": "Other", "uuid": "i2"}], "version": VERSION}
REDIRECT = {"redirect_url": "https://idp", "redirect_idp": {"name": "Corp", "uuid": "i1"}, "version": VERSION}
EXTENSION = {"conference_extension": "required", "conference_extension_type": "standard", "version": VERSION}

Rule = Callable[[RequestToken], object]


def _run(rule: Rule, who: Introduction) -> tuple[Token, list[RequestToken]]:
    """Play the node: what `rule` returns is the result, 200 for a token and 403 for all else."""
    flow, asked = joining(who), []
    request = next(flow)
    while True:
        asked.append(request)
        result = rule(request)
        status = 200 if isinstance(result, dict) and "token" in result else 404 if "found" in str(result) else 403
        body = json.dumps({"status": "failed" if isinstance(result, str) else "success", "result": result}).encode()
        try:
            request = flow.send(Incoming(status=status, content_type="application/json", body=body))
        except StopIteration as done:
            return done.value, asked


def _pins(challenge: object) -> Rule:
    def rule(request: RequestToken) -> object:
        roles = {"1234": TOKEN, "99": TOKEN}
        if challenge is OPEN_TO_GUESTS:
            roles["none"] = TOKEN
        return challenge if request.pin is None else roles.get(request.pin, "Invalid PIN")

    return rule


def test_an_open_conference_needs_one_request() -> None:
    token, asked = _run(lambda _: TOKEN, Introduction(display_name="A", pin="1234"))

    assert (token.participant_uuid, len(asked)) == ("u", 1)
    assert asked[0].pin is None  # a PIN is not shown to whoever does not ask for it


def test_the_pin_follows_when_asked_for() -> None:
    _, asked = _run(_pins(PIN), Introduction(display_name="A", pin="1234"))

    assert [request.pin for request in asked] == [None, "1234"]


def test_a_guest_enters_without_pin_where_guests_need_none() -> None:
    _, asked = _run(_pins(OPEN_TO_GUESTS), Introduction(display_name="A", role=Role.GUEST))

    assert asked[-1].pin == "none"


@pytest.mark.parametrize("who", [Introduction(display_name="A"), Introduction(display_name="A", role=Role.HOST)])
def test_a_pin_that_is_needed_and_not_given_is_asked_for(who: Introduction) -> None:
    with pytest.raises(PinRequired) as error:
        _run(_pins(OPEN_TO_GUESTS), who)

    assert error.value.guest_pin is False


def test_a_guest_is_asked_for_a_pin_where_guests_need_one() -> None:
    with pytest.raises(PinRequired) as error:
        _run(_pins(PIN), Introduction(display_name="A", role=Role.GUEST))

    assert error.value.guest_pin is True


def test_a_wrong_pin_is_said_to_be_wrong() -> None:
    with pytest.raises(PinIncorrect):
        _run(_pins(PIN), Introduction(display_name="A", pin="0000"))


def test_a_second_challenge_for_the_pin_means_it_was_wrong() -> None:
    with pytest.raises(PinIncorrect):
        _run(lambda _: PIN, Introduction(display_name="A", pin="0000"))


def test_earlier_answers_are_repeated() -> None:
    def reception_then_pin(request: RequestToken) -> object:
        if request.conference_extension is None:
            return EXTENSION
        return TOKEN if request.pin == "1234" else PIN

    _, asked = _run(reception_then_pin, Introduction(display_name="A", pin="1234", extension="42"))

    assert [(request.conference_extension, request.pin) for request in asked] == [(None, None), ("42", None), ("42", "1234")]


@pytest.mark.parametrize("extension", [None, "41"])
def test_a_reception_asks_for_an_extension(extension: str | None) -> None:
    with pytest.raises(ExtensionRequired) as error:
        _run(lambda _: EXTENSION, Introduction(display_name="A", extension=extension))

    assert error.value.kind == "standard"


def test_an_extension_that_does_not_exist_is_not_found() -> None:
    def rule(request: RequestToken) -> object:
        return EXTENSION if request.conference_extension is None else "Conference extension not found"

    with pytest.raises(ConferenceNotFound):
        _run(rule, Introduction(display_name="A", extension="41"))


def _sso(request: RequestToken) -> object:
    if request.chosen_idp is None:
        return IDPS
    return TOKEN if request.sso_token == "signed in" else REDIRECT


def test_an_identity_provider_must_be_chosen() -> None:
    with pytest.raises(IdpRequired) as error:
        _run(_sso, Introduction(display_name="A", idp="Nobody"))

    assert [idp.name for idp in error.value.idps] == ["Corp", "Other"]


def test_the_identity_provider_sends_the_user_away() -> None:
    with pytest.raises(SsoRedirect) as error:
        _run(_sso, Introduction(display_name="A", idp="Corp"))

    assert error.value.url == "https://idp"


@pytest.mark.parametrize("idp", ["Corp", "i1"])
def test_who_has_signed_in_gets_a_token(idp: str) -> None:
    _, asked = _run(_sso, Introduction(display_name="A", idp=idp, sso_token="signed in"))

    assert (asked[-1].chosen_idp, asked[-1].sso_token) == ("i1", "signed in")


def test_other_refusals_are_refusals() -> None:
    with pytest.raises(NotAllowed):
        _run(lambda _: "SSO Authentication Failed", Introduction(display_name="A"))


def test_a_one_time_token_is_shown_at_once() -> None:
    _, asked = _run(lambda _: TOKEN, Introduction(display_name="A", token="once"))

    assert asked[0].token == "once"


def test_a_node_that_never_stops_asking_is_given_up() -> None:
    def rule(request: RequestToken) -> object:
        return {**REDIRECT, "redirect_idp": 5}

    with pytest.raises(ProtocolError):
        _run(rule, Introduction(display_name="A"))


def test_a_node_that_offers_the_only_identity_provider_again_is_given_up() -> None:
    only = {**IDPS, "idp": [{"name": "Corp", "uuid": "i1"}]}

    with pytest.raises(ProtocolError, match="Corp was chosen, and the node asks for an identity provider again"):
        _run(lambda _: only, Introduction(display_name="A", idp="i1"))
