"""One-time tokens: good once, for one conference, without PIN, identity provider or extension; pure, `now` is given.

Each conference keeps its own, beside the tokens of its participants:

```python
token = room.invitations.mint(Invitation(alias="meet", role=Role.GUEST, target=ReferTarget.TRANSCODED), now)
room.tell(member, Refer(alias="meet", token=token, target=ReferTarget.TRANSCODED))
```

Whoever asks the conference for a token with it (`request_token`, in the body or the header) enters in that role. `room` is the conference
that is entered: that of a rule's path is `asked.room`, another one is `asked.conference(alias)`.
"""

from __future__ import annotations

import secrets
from dataclasses import KW_ONLY, dataclass

from pexrtc_py.node.identity import SignedIn
from pexrtc_py.protocol.models import ReferTarget, Role

SECONDS = 120.0
"""How long a one-time token is good: clients use it within a second, a person who answers a call needs longer."""
KEPT = 10_000
"""So many one-time tokens of one conference are good at once; beyond it the oldest dies early."""


@dataclass(frozen=True)
class Invitation:
    """What a one-time token is good for."""

    alias: str
    """The alias to dial with it."""
    _: KW_ONLY
    role: Role
    target: ReferTarget = ReferTarget.CONFERENCE
    """What the participant is referred to; `DIRECT` and `TRANSCODED` say which media its next session has."""
    breakout: str | None = None
    """The breakout room it leads into."""
    previous: str | None = None
    """The room of the same conference that it leads out of: "main", or a breakout room."""
    signed_in: SignedIn | None = None
    """With which identity provider, and as whom, the participant has signed in."""
    of: str | None = None
    """The participant of the same conference whose session it goes on with; when that is removed, it is good no more."""
    parent: str | None = None
    """The participant whose child enters: the child's media belongs to the parent's line of the roster."""


@dataclass(frozen=True)
class Referral:
    """Where a participant was sent and has not gone yet: the token, and the conference's invitations that know it."""

    token: str
    invitations: Invitations
    breakout: str | None = None
    """The breakout room that it leads into."""

    def withdraw(self) -> None:
        """The token is good no more."""
        self.invitations.spend(self.token)


class Invitations:
    """The one-time tokens of a conference; `outrun` counts those that died early for there were too many."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.outrun = 0
        self._good: dict[str, tuple[Invitation, float]] = {}  # oldest first

    def mint(self, invitation: Invitation, now: float, *, seconds: float | None = None) -> str:
        """A new token, good once within `seconds` (`self.seconds` when not given) from `now`; URL-safe."""
        while self._good and next(iter(self._good.values()))[1] <= now:
            self.spend(next(iter(self._good)))
        if len(self._good) >= KEPT:
            self.outrun += 1
            self.spend(next(iter(self._good)))
        token = secrets.token_urlsafe(32)
        self._good[token] = invitation, now + (self.seconds if seconds is None else seconds)
        return token

    def shown(self, token: str, now: float) -> Invitation | None:
        """What the token is good for; None when it is unknown, spent or expired."""
        invitation, expiry = self._good.get(token, (None, 0.0))
        return invitation if now < expiry else None

    def spend(self, token: str) -> bool:
        """The token is good no more: used, or withdrawn. Whether it was kept until now."""
        return self._good.pop(token, None) is not None

    def withdraw(self, of: str | None = None) -> None:
        """A participant of this conference was removed, or all of them: what they were sent on with is good no more."""
        for token in [token for token, (one, _) in self._good.items() if one.of is not None and of in (None, one.of)]:
            self.spend(token)

    def referred(self, now: float, role: Role | None = None) -> bool:
        """Whether somebody, or somebody of this role, is on the way from one session of this conference to another."""
        return any(one.of is not None and role in (None, one.role) and now < expiry for one, expiry in self._good.values())
