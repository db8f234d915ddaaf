"""Who gets in, as what, and for how long: the PIN table, tokens and the waiting room; pure, `now` is given."""

from __future__ import annotations

import secrets

from pexrtc_py.node.config import Vmr
from pexrtc_py.protocol.models import Role

KEPT_TOKENS = 16
"""So many tokens of one participant live at once; clients hold two. Beyond it the oldest dies early."""

INVALID_PIN = "Invalid PIN"
INVALID_ROLE = "Invalid role"
INVALID_TOKEN = "Invalid token"
NO_GUESTS = "Guests cannot join this conference"
NOT_FOUND = "Neither conference nor gateway found"
MAINTENANCE = "System in maintenance mode"
LIMIT_REACHED = "Participant limit reached"
TOKEN_EXPIRED = "Timer expired awaiting token refresh"
WAITED_TOO_LONG = "Timeout waiting for conference host to join or permit access to locked conference"


class Refused(Exception):
    """The answer is no: an HTTP status and what goes into `result`.

    `processed` says `status: "success"` on the wire, as the challenges of request_token do; `plain` sends the
    bare text instead of JSON, as `calls` and `update` do.
    """

    def __init__(self, status: int, result: object, *, processed: bool = False, plain: bool = False) -> None:
        super().__init__(status, result)
        self.status, self.result, self.processed, self.plain = status, result, processed, plain


class PinWanted(Exception):
    """A PIN has to be asked for; `guests` says whether Guests need one as well."""

    def __init__(self, *, guests: bool) -> None:
        super().__init__(guests)
        self.guests = guests


def role_for(vmr: Vmr, pin: str | None) -> Role:
    """The role that a PIN header earns. Raises `PinWanted` without one where one is needed, `Refused` for a wrong one.

    The literal `none` enters as a Guest where Guests need no PIN; an empty header counts as absent.
    """
    if vmr.host_pin is None:
        return Role.HOST
    open_to_guests = vmr.allow_guests and vmr.guest_pin is None
    if not pin:
        raise PinWanted(guests=not open_to_guests)
    if _same(pin, vmr.host_pin):
        return Role.HOST
    if (open_to_guests and pin.lower() == "none") or (vmr.guest_pin is not None and _same(pin, vmr.guest_pin)):
        return Role.GUEST
    raise Refused(403, INVALID_PIN)


def check_pin(vmr: Vmr, role: Role, pin: str | None) -> None:
    """Whether somebody may be sent into a conference in a role, with this PIN for it. Raises `Refused`."""
    if role is Role.GUEST and not vmr.allow_guests:
        raise Refused(403, NO_GUESTS)
    wanted = vmr.host_pin if role is Role.HOST else vmr.guest_pin
    if wanted is not None and not _same(pin or "", wanted):
        raise Refused(403, INVALID_PIN)


def must_wait(vmr: Vmr, role: Role, *, locked: bool, started: bool) -> bool:
    """Whether a newcomer stays in the waiting room: Guests without a Host, and in a locked room all but Hosts with a PIN."""
    host_by_pin = vmr.host_pin is not None and role is Role.HOST
    return not host_by_pin and (locked or not started)


class Passes:
    """The tokens of a room. Each belongs to one participant; a refreshed one stays good until its own expiry."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._holders: dict[str, str] = {}
        self._expiries: dict[str, dict[str, float]] = {}

    def issue(self, participant: str, now: float) -> str:
        """A new token, good for `seconds` from `now`; URL-safe."""
        token = secrets.token_urlsafe(32)
        tokens = self._expiries.setdefault(participant, {})
        for old in [old for old, expiry in tokens.items() if expiry <= now] + list(tokens)[: 1 - KEPT_TOKENS]:
            self._forget(participant, old)
        self._holders[token] = participant
        tokens[token] = now + self.seconds
        return token

    def holder(self, token: str, now: float) -> str | None:
        """The participant whose token this is; None when unknown or expired."""
        participant = self._holders.get(token)
        if participant is None or self._expiries[participant][token] <= now:
            return None
        return participant

    def revoke(self, participant: str) -> None:
        """All tokens of the participant are void."""
        for token in self._expiries.pop(participant, {}):
            del self._holders[token]

    def expired(self, now: float) -> list[str]:
        """Participants whose last token has run out."""
        return [participant for participant, tokens in self._expiries.items() if max(tokens.values()) <= now]

    def _forget(self, participant: str, token: str) -> None:
        if self._expiries[participant].pop(token, None) is not None:
            del self._holders[token]


def _same(given: str, pin: str) -> bool:
    return secrets.compare_digest(given.encode(errors="surrogateescape"), pin.encode())
