from __future__ import annotations

import pytest

from pexrtc_py.errors import InvalidTransition
from pexrtc_py.protocol.models import RefreshedToken, Role, Token
from pexrtc_py.signaling.tokenlife import (
    TRANSITIONS,
    Expired,
    Refresh,
    Refreshed,
    Refused,
    Release,
    Released,
    SessionState,
    TokenLife,
    Unanswered,
)

NEW = Refreshed(RefreshedToken(token="new", expires=120), asked=50.0)
INPUTS = (Refresh(), NEW, Unanswered(), Refused(), Expired(), Release(), Released())
REFUSED = {
    SessionState.JOINED: {Refreshed, Unanswered, Refused, Released},
    SessionState.REFRESHING: {Refresh, Expired, Released},
    SessionState.RELEASING: {Refresh, Expired, Release},
    SessionState.RELEASED: {type(seen) for seen in INPUTS},
    SessionState.LOST: {type(seen) for seen in INPUTS},
}


def _life(chance: float = 0.0) -> TokenLife:
    return TokenLife(Token(token="old", participant_uuid="u", expires=100, role=Role.GUEST), 0.0, chance=lambda: chance)


def test_the_table_refuses_exactly_these() -> None:
    refused = {state: {type(seen) for seen in INPUTS if (state, type(seen)) not in TRANSITIONS} for state in SessionState}

    assert refused == REFUSED


def test_it_refreshes_at_half_life_a_little_early() -> None:
    assert _life(chance=0.0).wake == 50
    assert _life(chance=1.0).wake == 45
    assert _life().due(49) is None
    assert _life().due(51) == Refresh()


def test_a_refreshed_token_lives_from_when_it_was_asked_for() -> None:
    life = _life()
    life.see(Refresh(), 50)

    life.see(NEW, 59)

    assert (life.token.token, life.expires, life.wake, life.state) == ("new", 170, 110, SessionState.JOINED)
    assert life.token.participant_uuid == "u"


def test_a_new_role_arrives_with_a_refresh_and_a_missing_one_changes_nothing() -> None:
    life = _life()
    for role in (Role.HOST, None):
        life.see(Refresh(), 50)
        life.see(Refreshed(RefreshedToken(token="new", role=role), asked=50), 50)

    assert life.token.role is Role.HOST


def test_an_unanswered_refresh_is_repeated_while_the_token_lives() -> None:
    life = _life()
    tries = []
    now = life.wake
    while isinstance(life.due(now), Refresh):
        tries.append(now)
        life.see(Refresh(), now)
        life.see(Unanswered(), now)
        now = life.wake

    assert len(tries) > 5
    assert life.due(now) == Expired()
    assert now == life.expires == 100


def test_hurry_makes_it_due_now() -> None:
    life = _life()

    life.hurry(7)

    assert life.due(7) == Refresh()


def test_a_token_of_no_length_does_not_make_a_storm_of_refreshes() -> None:
    life = TokenLife(Token(token="t", participant_uuid="u", expires=0.001), 0.0)

    assert life.wake >= 0.1


def test_after_release_nothing_is_due_and_nothing_can_be_sent() -> None:
    life = _life()
    life.see(Release(), 1)
    assert life.usable  # the call is still to be ended
    life.see(Released(), 2)

    assert not life.usable
    assert life.due(1000) is None
    with pytest.raises(InvalidTransition):
        life.see(Refresh(), 1000)
