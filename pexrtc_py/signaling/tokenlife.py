"""The life of a token as a table, and when to refresh it: at half life, and again while it lives; pure, `now` is given."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from pexrtc_py.protocol.machine import Machine, Table
from pexrtc_py.protocol.models import RefreshedToken, Token
from pexrtc_py.signaling.backoff import Backoff

MIN_PAUSE = 0.2
"""Seconds between refreshes at least, whatever a node says about its tokens."""


class SessionState(Enum):
    """The states of a token's life."""

    JOINED = "joined"
    REFRESHING = "refreshing"
    RELEASING = "releasing"
    RELEASED = "released"
    LOST = "lost"


@dataclass(frozen=True)
class Refresh:
    """It is time to refresh."""


@dataclass(frozen=True)
class Refreshed:
    """The node gave a new token; its time counts from when we asked."""

    token: RefreshedToken
    asked: float


@dataclass(frozen=True)
class Unanswered:
    """The refresh brought no answer, or none that says anything about our token."""


@dataclass(frozen=True)
class Refused:
    """The node refused to refresh."""


@dataclass(frozen=True)
class Expired:
    """The token's time is up."""


@dataclass(frozen=True)
class Release:
    """We leave."""


@dataclass(frozen=True)
class Released:
    """The node knows, or cannot be told."""


S = SessionState
TRANSITIONS: Table[SessionState] = {
    (S.JOINED, Refresh): S.REFRESHING,
    (S.JOINED, Expired): S.LOST,
    (S.JOINED, Release): S.RELEASING,
    (S.REFRESHING, Refreshed): S.JOINED,
    (S.REFRESHING, Unanswered): S.JOINED,  # to be tried again
    (S.REFRESHING, Refused): S.LOST,
    (S.REFRESHING, Release): S.RELEASING,
    (S.RELEASING, Refreshed): S.RELEASING,  # the refresh was on its way
    (S.RELEASING, Unanswered): S.RELEASING,
    (S.RELEASING, Refused): S.RELEASING,
    (S.RELEASING, Released): S.RELEASED,
}


class TokenLife:
    """When to refresh, and whether the token still lives; `now` is given, in seconds of any steady clock."""

    def __init__(self, token: Token, now: float, *, chance: Callable[[], float] = random.random) -> None:
        self._machine = Machine("session", TRANSITIONS, S.JOINED)
        self._backoff = Backoff(first=0.5, cap=10.0, chance=chance)
        self._chance = chance
        self._born(token, now)

    @property
    def state(self) -> SessionState:
        """Where it is."""
        return self._machine.state

    @property
    def usable(self) -> bool:
        """Whether requests may be sent with the token."""
        return self.state not in {S.RELEASED, S.LOST}

    def see(self, seen: object, now: float) -> None:
        """Move on; raises `InvalidTransition` for what makes no sense now."""
        self._machine.see(seen)
        match seen:
            case Refreshed():
                told = {name: getattr(seen.token, name) for name in type(seen.token).model_fields}
                changes = {name: value for name, value in told.items() if value is not None}
                self._born(self.token.model_copy(update=changes), seen.asked)
            case Unanswered():
                self.wake = min(now + self._backoff.next(), self.expires)
            case _:
                pass

    def due(self, now: float) -> Refresh | Expired | None:
        """What the clock says."""
        if self.state is not S.JOINED or now < self.wake:
            return None
        return Expired() if now >= self.expires else Refresh()

    def hurry(self, now: float) -> None:
        """Refresh at the next opportunity."""
        self.wake = min(self.wake, now)

    def _born(self, token: Token, now: float) -> None:
        self.token = token
        self.expires = now + token.expires
        self.wake = now + max(MIN_PAUSE, token.expires / 2 * (1 - 0.1 * self._chance()))
        self._backoff.reset()
