"""What the node passes on between the two calls of direct media: descriptions word for word, candidates when they can be used; pure.

A call here is a `Leg`. Two legs make a pair; an offer told to one of them is an `Exchange` until its ack, or until nobody waits any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count

from pexrtc_py.node.plan import CallMedia
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.models import SplashKey
from pexrtc_py.protocol.requests import NewCandidate

HELD = 64
"""Candidates that may wait for the other side; a client has a handful."""
UNANSWERED = 8
"""Offers told to one side whose acks are outstanding."""


@dataclass(frozen=True)
class Exchange:
    """An offer on its way: `ticket` names whoever waits for its answer."""

    ticket: str
    told: Event


@dataclass
class Leg:
    """One side of direct media."""

    call: str
    free: bool = False
    """Whether somebody's offer would be welcome: it offered and was told to wait."""
    partner: Leg | None = field(default=None, repr=False)
    said: str = ""
    """Its last description that was passed on."""
    asks: str | None = None
    """The ticket of its own offer that it waits for."""
    unanswered: deque[Exchange] = field(default_factory=lambda: deque(maxlen=UNANSWERED))
    """Offers told to it, oldest first."""
    held: deque[NewCandidate] = field(default_factory=lambda: deque(maxlen=HELD))
    splash: SplashKey | None = None
    """The screen it was told to show."""

    def usable(self, candidate: NewCandidate) -> bool:
        """Whether the other side knows the description this candidate belongs to (RFC 8838 4.3)."""
        if self.partner is None or not self.said:
            return False
        return candidate.ufrag is None or f"a=ice-ufrag:{candidate.ufrag}" in self.said.splitlines()

    def takes_back(self) -> list[NewCandidate]:
        """The held candidates that have become usable, in order."""
        ready = [one for one in self.held if self.usable(one)]
        self.held = deque((one for one in self.held if one not in ready), HELD)
        return ready


class Relay:
    """The legs of a conference, by call."""

    def __init__(self) -> None:
        self.legs: dict[str, Leg] = {}
        self.referrals: list[str] = []
        """One-time tokens out for the change to or from direct media."""
        self._tickets = count(1)

    def ticket(self, call: str) -> str:
        """A new name for whoever waits on behalf of a call."""
        return f"{call}/{next(self._tickets)}"

    def pair(self, one: Leg, other: Leg) -> None:
        """The two belong together from now on."""
        one.partner, other.partner = other, one
        one.free = other.free = False

    def part(self, leg: Leg) -> tuple[Leg | None, list[Exchange]]:
        """End a pair: the leg that is left, and the exchanges that nobody answers any more."""
        other, leg.partner = leg.partner, None
        open_ends = list(leg.unanswered)
        leg.unanswered.clear()
        leg.held.clear()
        leg.said = ""
        if other is not None:
            open_ends += other.unanswered
            other.unanswered.clear()
            other.held.clear()
            other.partner, other.said = None, ""
        return other, open_ends


def media_of(sdp: str) -> CallMedia:
    """Which media a description has, read as text: the node keeps out of it."""
    sections = [section for section in f"\n{sdp}".replace("\r\n", "\n").split("\nm=")[1:] if section.split(" ")[1:2] != ["0"]]
    video = [section for section in sections if section.startswith("video ")]
    slides = [section for section in video if "\na=content:slides" in section]
    return CallMedia(
        audio=any(section.startswith("audio ") for section in sections),
        video=any(section not in slides and _sends(section) for section in video),
        presentation=bool(slides),
    )


def _sends(section: str) -> bool:
    return not any(f"\na={direction}" in section for direction in ("inactive", "recvonly"))
