"""Devices that register with the node: who they are, their tokens, and calls that ring at them; pure, `now` is given.

Whoever calls a device, a conference that dials or a caller who is only pretended, rings its alias:

```python
ring = house.registrar.ring(room, "device.bob", Caller("Alice", "meet.alice"), Role.GUEST, now)    # None: nobody is registered
ring.outcome                                # None while it rings; then ACCEPTED, REJECTED, CANCELLED or TIMED_OUT
house.registrar.cancel(ring)           # the caller gave up
```

Every registration of the alias gets `incoming` with a one-time token of the room; whoever asks the room for a token with it has accepted,
and is a participant like any other. Releasing that token rejects. Whoever else it rang at gets `incoming_cancelled`.
"""

from __future__ import annotations

import secrets
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from uuid import uuid4

from pexrtc_py.node.admission import Passes
from pexrtc_py.node.devices import Device
from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.outbox import Tell
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import Bye, Incoming, IncomingCancelled
from pexrtc_py.protocol.models import Role, ServiceType

RING_SECONDS = 60.0
REGISTRATIONS_PER_DEVICE = 16
"""One device may be registered from several places at once; beyond it the oldest is dropped."""


class Outcome(StrEnum):
    """How ringing ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Caller:
    """Who calls, as the device shows it."""

    name: str
    alias: str


@dataclass
class Ring:
    """A call that rings at a device, until it has an outcome."""

    token: str = field(repr=False)
    room: Room = field(repr=False)
    alias: str
    _: KW_ONLY
    until: float
    caller: Caller
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Registered:
    """One registration of a device."""

    uuid: str
    device: Device


class Registrar:
    """The devices of a node, and who of them is registered."""

    def __init__(self, devices: tuple[Device, ...], token_seconds: float) -> None:
        self.devices = {device.alias.casefold(): device for device in devices}
        self.passes = Passes(token_seconds)
        self.registered: dict[str, Registered] = {}
        """By uuid, oldest first."""
        self._rings: dict[str, Ring] = {}
        self._outbox: list[Tell] = []

    def drain(self) -> list[Tell]:
        """Take out what registrations are to be told."""
        tells, self._outbox = self._outbox, []
        return tells

    # --- registering -----------------------------------------------------------------------------------------------

    def register(self, alias: str, credentials: tuple[str, str] | None) -> Registered | None:
        """A new registration; None for an unknown alias or wrong credentials, which look alike from outside."""
        device = self.devices.get(alias.casefold())
        if device is None or credentials is None or not _same(credentials, (device.username, device.password)):
            return None
        for old in self.of(alias)[: 1 - REGISTRATIONS_PER_DEVICE]:
            self.drop(old)
        registered = Registered(str(uuid4()), device)
        self.registered[registered.uuid] = registered
        return registered

    def holder(self, token: str, now: float) -> Registered | None:
        """The registration whose token this is."""
        return self.registered.get(self.passes.holder(token, now) or "")

    def of(self, alias: str) -> list[Registered]:
        """All registrations of a device, oldest first."""
        return [one for one in self.registered.values() if one.device.alias.casefold() == alias.casefold()]

    def drop(self, registered: Registered) -> None:
        """The registration is over; its token dies, its event streams end."""
        self._tell(registered, Bye())
        self.passes.revoke(registered.uuid)
        self.registered.pop(registered.uuid, None)

    def find(self, text: str) -> list[Device]:
        """The devices in the directory with this text in alias, description or user name; all of them for an empty one."""
        wanted = text.casefold()
        return [device for device in self.devices.values() if device.listed and any(wanted in word.casefold() for word in device.words)]

    def sweep(self, now: float) -> None:
        """Drop who let the token run out, and let calls end that rang too long."""
        for uuid in self.passes.expired(now):
            self.drop(self.registered[uuid])
        for ring in [ring for ring in self._rings.values() if ring.until <= now]:
            self._settle(ring, Outcome.TIMED_OUT)

    # --- ringing ---------------------------------------------------------------------------------------------------

    def ring(self, room: Room, alias: str, caller: Caller, role: Role, now: float, *, seconds: float = RING_SECONDS) -> Ring | None:
        """Call a device into a room, for at most `seconds`; None when it is not registered anywhere."""
        devices = self.of(alias)
        if not devices:
            return None
        token = room.invitations.mint(Invitation(room.vmr.alias, role=role), now, seconds=seconds)
        ring = self._rings[token] = Ring(token, room, alias, until=now + seconds, caller=caller)
        for one in devices:
            self._tell(one, _incoming(ring, one))
        return ring

    def welcome(self, registered: Registered) -> list[Event]:
        """What an event stream of a registration begins with: the calls that ring there already."""
        return [_incoming(ring, registered) for ring in self._rings.values() if registered in self.of(ring.alias)]

    def cancel(self, ring: Ring) -> None:
        """The caller gave up; nothing happens when the ringing is over."""
        self._settle(ring, Outcome.CANCELLED)

    def reject(self, token: str) -> bool:
        """The device does not want the call; False when none rings with this token."""
        ring = self._rings.get(token)
        if ring is not None:
            self._settle(ring, Outcome.REJECTED)
        return ring is not None

    def accepted(self, token: str, registration_token: str, now: float) -> None:
        """Somebody came in with this token, by the registration it may name; nothing happens when it is none of a ringing call."""
        if (ring := self._rings.get(token)) is not None:
            self._settle(ring, Outcome.ACCEPTED, by=self.holder(registration_token, now))

    def _settle(self, ring: Ring, outcome: Outcome, *, by: Registered | None = None) -> None:
        if self._rings.pop(ring.token, None) is None:
            return
        ring.outcome = outcome
        ring.room.invitations.spend(ring.token)
        for one in self.of(ring.alias):
            if one is not by:
                self._tell(one, IncomingCancelled(token=ring.token))

    def _tell(self, registered: Registered, event: Event) -> None:
        self._outbox.append(Tell(registered.uuid, event))


def _incoming(ring: Ring, registered: Registered) -> Incoming:
    vmr = ring.room.vmr
    return Incoming(
        conference_alias=vmr.alias,
        token=ring.token,
        remote_display_name=ring.caller.name,
        remote_alias=ring.caller.alias,
        local_alias=registered.device.alias,
        service_type=ServiceType(vmr.service_type),
    )


def _same(given: tuple[str, str], right: tuple[str, str]) -> bool:
    name, password = (secrets.compare_digest(mine.encode(), theirs.encode()) for mine, theirs in zip(given, right, strict=True))
    return name and password
