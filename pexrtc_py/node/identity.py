"""The node's own identity providers, for tests and demonstrations: who may sign in, and who has; pure, `now` is given."""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from dataclasses import KW_ONLY, dataclass
from typing import Generic, Literal, TypeVar
from uuid import NAMESPACE_URL, uuid5

from pexrtc_py.protocol.models import Idp

T = TypeVar("T", bound=Hashable)
SIGN_IN_SECONDS = 600.0
"""How long a person may take to sign in."""
TOKEN_SECONDS = 120.0
"""How long what signing in yields is good; the client asks on at once, a person may have a PIN to type."""
KEPT = 10_000
"""So many sign-ins are open, and tokens good, at once; beyond it the oldest is forgotten."""
PLACEHOLDER = "__pexip-sso-token__"
"""What stands for the token in the address the browser returns to."""


@dataclass(frozen=True)
class IdentityProvider:
    """A pretended identity provider: whoever opens its page picks a user, or just agrees, and is signed in."""

    name: str
    _: KW_ONLY
    uuid: str = ""
    """Follows from the name when empty."""
    users: tuple[str, ...] = ()
    """Who can be picked; a participant gets that name. When empty the participant keeps its own."""
    popup: bool = True
    """Whether the page tells the window that opened it; otherwise the browser goes back to where the client said."""
    img: str = ""
    """The address of a picture clients may show."""
    outcome: Literal["success", "forbidden", "service unavailable"] = "success"
    """What signing in comes to."""
    domains: tuple[str, ...] = ()
    """The hosts under which clients must have dialled the node; any when empty."""

    @property
    def idp(self) -> Idp:
        """As clients are told of it."""
        uuid = self.uuid or str(uuid5(NAMESPACE_URL, f"idp:{self.name}"))
        return Idp(uuid=uuid, name=self.name, img=self.img, disable_popup_flow=not self.popup)


@dataclass(frozen=True)
class SignIn:
    """Somebody is on the way to sign in with `provider`; `target` is where the browser returns to, `origin` the page that asked."""

    provider: IdentityProvider
    target: str | None = None
    origin: str = ""


@dataclass(frozen=True)
class SignedIn:
    """Somebody has: with which provider, and as whom where it says."""

    idp: str
    user: str | None = None


class Kept(Generic[T]):
    """Values under keys that cannot be guessed, each for `seconds`; beyond `KEPT` the oldest goes, counted in `outrun`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.outrun = 0
        self._values: dict[str, tuple[T, float]] = {}  # oldest first

    def keep(self, value: T, now: float) -> str:
        """A new key for the value; URL-safe."""
        while self._values and next(iter(self._values.values()))[1] <= now:
            self.drop(next(iter(self._values)))
        if len(self._values) >= KEPT:
            self.outrun += 1
            self.drop(next(iter(self._values)))
        key = secrets.token_urlsafe(32)
        self._values[key] = value, now + self.seconds
        return key

    def get(self, key: str, now: float) -> T | None:
        """The value; None when it is unknown or its time is up."""
        value, expiry = self._values.get(key, (None, 0.0))
        return value if now < expiry else None

    def drop(self, key: str) -> None:
        """The key is good no more."""
        self._values.pop(key, None)


class SignIns:
    """Who is about to sign in, and who has."""

    def __init__(self) -> None:
        self.open: Kept[SignIn] = Kept(SIGN_IN_SECONDS)
        self.done: Kept[SignedIn] = Kept(TOKEN_SECONDS)

    def finish(self, key: str, user: str | None, now: float) -> str | None:
        """The token for an open sign-in, which is over with it; None when there is none, or the provider has no such user."""
        sign_in = self.open.get(key, now)
        if sign_in is None or (user not in sign_in.provider.users if sign_in.provider.users else user is not None):
            return None
        self.open.drop(key)
        return self.done.keep(SignedIn(sign_in.provider.idp.uuid, user), now)
