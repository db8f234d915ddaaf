"""What follows from a change in a conference: whom to tell what, and what to order of the media; kept until it is taken out."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field

from pexrtc_py.node.member import Member
from pexrtc_py.node.plan import CallEndpoint
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import Bye, CallDisconnected, CancelRefer, Disconnect, Fecc, InBreakout, PresentationFrame, Refer


@dataclass(frozen=True)
class Tell:
    """Send an event to a participant's streams."""

    who: str
    event: Event


@dataclass(frozen=True)
class StartCall:
    """The answer was acknowledged: let media flow."""

    call: str


@dataclass(frozen=True)
class CloseCall:
    """The call is over."""

    call: str


@dataclass(frozen=True)
class TakeCandidate:
    """A trickled candidate for a call."""

    call: str
    candidate: str
    mid: str | None
    ufrag: str | None


@dataclass(frozen=True)
class PlayTones:
    """Whoever is on the call hears the tones of telephone keys."""

    call: str
    keys: str


@dataclass(frozen=True)
class Passed:
    """What somebody waits for in direct media has come: the other side's answer, or nothing."""

    ticket: str
    sdp: str = field(repr=False)


@dataclass(frozen=True)
class CloseRoom:
    """A breakout room is gone, and its media with it."""

    room: str


Order = Tell | StartCall | CloseCall | PlayTones | CallEndpoint | TakeCandidate | Passed | CloseRoom

PERSONAL = (CallDisconnected, CancelRefer, Fecc, Refer)
"""What clients look for on the stream itself, in whatever room the participant is that it is about."""
ENDINGS = (Bye, Disconnect)
"""A control participant has no stream that could end; its Host is told that the room closed."""


class Outbox:
    """The orders of a conference and its breakout rooms, in one sequence, so that whoever hears of several rooms hears it in order."""

    def __init__(self) -> None:
        self.listening: Collection[str] | None = None
        """Who has an event stream open, by uuid, where that is known: nobody else needs to be told."""
        self.changed = False
        """Whether anything happened since the last time, also what nobody needed to be told: the media follow it all the same."""
        self._orders: list[Order] = []
        self._sequence = 0
        self._wrapped: InBreakout | None = None

    def drain(self) -> list[Order]:
        """Take out what is to be done."""
        orders, self._orders, self.changed = self._orders, [], False
        return orders

    def add(self, *orders: Order) -> None:
        """Have something done."""
        self._orders += orders
        self.changed = True

    def reaches(self, who: Member) -> bool:
        """Whether what a member is told is heard by anybody."""
        return self.listening is None or (who.owner or who.uuid) in self.listening

    def tell(self, who: Member, event: Event, *, breakout: str | None) -> None:
        """Send an event to a member; what a control participant sees in its breakout room goes to its Host, wrapped."""
        self.changed = True
        if not self.reaches(who):
            return
        if who.owner is None:
            self.add(Tell(who.uuid, event))
        elif isinstance(event, PERSONAL):
            self.add(Tell(who.owner, event))
        elif breakout is not None and not isinstance(event, ENDINGS):
            self.add(Tell(who.owner, self.wrap(event, breakout)))

    def wrap(self, event: Event, breakout: str) -> InBreakout:
        """The event as told to Hosts; the same object for the same event, so that it is encoded once."""
        last = self._wrapped
        if last is None or last.event is not event or last.breakout_uuid != breakout:
            self._sequence += 1
            id = event.id if isinstance(event, PresentationFrame) else None  # a still picture is fetched by it
            id = id or base64.b64encode(f"0_{self._sequence}".encode()).decode()
            self._wrapped = last = InBreakout(breakout_uuid=breakout, event=event, id=id)
        return last
