from __future__ import annotations

import re

import pytest

from pexrtc_py.node.admission import KEPT_TOKENS, Passes, PinWanted, Refused, must_wait, role_for
from pexrtc_py.node.config import Vmr
from pexrtc_py.protocol.models import Role

OPEN = Vmr("open")
HOSTS = Vmr("hosts", host_pin="1234")
BOTH = Vmr("both", host_pin="1234", guest_pin="5678")
CLOSED = Vmr("closed", host_pin="1234", allow_guests=False)


@pytest.mark.parametrize(
    ("vmr", "pin", "role"),
    [
        (OPEN, None, Role.HOST),
        (OPEN, "anything", Role.HOST),
        (HOSTS, "1234", Role.HOST),
        (HOSTS, "none", Role.GUEST),
        (BOTH, "1234", Role.HOST),
        (BOTH, "5678", Role.GUEST),
        (CLOSED, "1234", Role.HOST),
    ],
)
def test_a_pin_earns_its_role(vmr: Vmr, pin: str | None, role: Role) -> None:
    assert role_for(vmr, pin) is role


@pytest.mark.parametrize(("vmr", "guests"), [(HOSTS, False), (BOTH, True), (CLOSED, True)])
@pytest.mark.parametrize("pin", [None, ""])
def test_without_a_pin_one_is_asked_for(vmr: Vmr, pin: str | None, guests: bool) -> None:
    with pytest.raises(PinWanted) as wanted:
        role_for(vmr, pin)

    assert wanted.value.guests is guests


@pytest.mark.parametrize(
    ("vmr", "pin"), [(HOSTS, "9"), (BOTH, "none"), (BOTH, "12345"), (CLOSED, "none"), (CLOSED, "5678"), (BOTH, "\udcff")]
)
def test_a_wrong_pin_is_refused_in_the_words_clients_know(vmr: Vmr, pin: str) -> None:
    with pytest.raises(Refused) as refused:
        role_for(vmr, pin)

    assert (refused.value.status, refused.value.result, refused.value.processed) == (403, "Invalid PIN", False)


@pytest.mark.parametrize(
    ("vmr", "role", "locked", "started", "waits"),
    [
        (OPEN, Role.HOST, False, True, False),
        (OPEN, Role.HOST, True, True, True),
        (HOSTS, Role.GUEST, False, False, True),
        (HOSTS, Role.GUEST, False, True, False),
        (HOSTS, Role.GUEST, True, True, True),
        (HOSTS, Role.HOST, False, False, False),
        (HOSTS, Role.HOST, True, True, False),
    ],
)
def test_guests_wait_for_a_host_and_a_lock_holds_all_but_hosts_with_a_pin(
    vmr: Vmr, role: Role, locked: bool, started: bool, waits: bool
) -> None:
    assert must_wait(vmr, role, locked=locked, started=started) is waits


def test_a_token_is_url_safe_and_ends_with_its_seconds() -> None:
    passes = Passes(120)

    token = passes.issue("alice", now=0)

    assert re.fullmatch(r"[A-Za-z0-9_=-]{20,}", token)
    assert passes.holder(token, now=119.9) == "alice"
    assert passes.holder(token, now=120) is None


def test_a_refreshed_token_stays_good_until_its_own_expiry() -> None:
    passes = Passes(120)
    first = passes.issue("alice", now=0)

    second = passes.issue("alice", now=40)

    assert [passes.holder(token, now=100) for token in (first, second)] == ["alice", "alice"]
    assert [passes.holder(token, now=130) for token in (first, second)] == [None, "alice"]


def test_a_participant_expires_with_its_last_token() -> None:
    passes = Passes(120)
    passes.issue("alice", now=0)
    passes.issue("bob", now=0)
    passes.issue("alice", now=100)

    assert passes.expired(now=150) == ["bob"]
    assert passes.expired(now=220) == ["alice", "bob"]


def test_revoking_ends_every_token_of_a_participant() -> None:
    passes = Passes(120)
    tokens = [passes.issue("alice", now=0), passes.issue("alice", now=1)]

    passes.revoke("alice")

    assert [passes.holder(token, now=2) for token in tokens] == [None, None]
    assert passes.expired(now=1000) == []


def test_refreshing_without_end_keeps_few_tokens() -> None:
    passes = Passes(120)
    tokens = [passes.issue("alice", now=0) for _ in range(100)]

    living = [token for token in tokens if passes.holder(token, now=1)]

    assert living == tokens[-KEPT_TOKENS:]
