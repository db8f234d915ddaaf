from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol import Idp, wire
from pexrtc_py.protocol.challenges import (
    INVALID_PIN,
    ExtensionChallenge,
    IdpChallenge,
    PinChallenge,
    RedirectChallenge,
    read_challenge,
)

VERSION = {"version_id": "37", "pseudo_version": "79019.0.0"}
IDP = {"name": "Okta", "uuid": "i"}


@pytest.mark.parametrize(
    ("challenge", "body"),
    [
        (PinChallenge(pin=True, guest_pin=False), {"pin": "required", "guest_pin": "none", "version": VERSION}),
        (PinChallenge(pin=True, guest_pin=True, conference_extension="mssip"),
         {"pin": "required", "guest_pin": "required", "conference_extension": "mssip", "version": VERSION}),
        (IdpChallenge(idp=(Idp(uuid="i", name="Okta", img=""),)), {"idp": [IDP | {"img": ""}], "version": VERSION}),
        (RedirectChallenge(redirect_url="https://idp.example/", redirect_idp=Idp(uuid="i", name="Okta")),
         {"redirect_url": "https://idp.example/", "redirect_idp": IDP, "version": VERSION}),
        (ExtensionChallenge(), {"conference_extension": "required", "conference_extension_type": "standard", "version": VERSION}),
    ],
)  # fmt: skip
def test_a_challenge_is_written_as_clients_test_for_it_and_read_back(challenge: Any, body: dict[str, Any]) -> None:
    assert wire.encode(challenge) == body
    assert read_challenge(body) == challenge


def test_the_kind_of_reception_is_found_where_either_source_puts_it() -> None:
    documented, spoken = {"conference_extension": "mssip"}, {"conference_extension": "required", "conference_extension_type": "mssip"}

    read = [read_challenge(body) for body in (documented, spoken)]

    assert read == [ExtensionChallenge(conference_extension_type="mssip")] * 2


@pytest.mark.parametrize("result", [INVALID_PIN, "", None, True, [], {}, {"pin": "required"}, {"redirect_url": "https://idp.example/"}])
def test_a_refusal_is_no_challenge(result: object) -> None:
    assert read_challenge(result) is None


def test_a_challenge_without_its_parts_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError) as refused:
        read_challenge({"redirect_url": "https://idp.example/", "redirect_idp": {"name": "Okta"}})

    assert refused.value.path == "$.redirect_idp.uuid"


values = st.recursive(
    st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["pin", "guest_pin", "idp", "redirect_url", "redirect_idp", "conference_extension", "version"]), values)
)
def test_any_result_is_a_challenge_or_none_or_refused(result: dict[str, Any]) -> None:
    try:
        challenge = read_challenge(result)
    except ProtocolError:
        return
    assert challenge is None or wire.encode(challenge)
