"""Still pictures of the presentation, for participants without a slides section: which there are, and when to make one; pure."""

from __future__ import annotations

import base64
from collections import OrderedDict
from typing import TYPE_CHECKING
from uuid import uuid4

from pexrtc_py.node.plan import Still
from pexrtc_py.protocol.events import PresentationFrame

if TYPE_CHECKING:
    from pexrtc_py.node.member import Member
    from pexrtc_py.node.room import Room

KEPT = 4
"""Pictures that can still be fetched by their ids when there are newer ones."""
EVERY = 5.0
"""Seconds between two pictures of a video."""
INTEREST = 30.0
"""Seconds for which pictures go on being made after somebody fetched one."""


class Stills:
    """The latest pictures of one presentation."""

    def __init__(self, *, posted: bool = False) -> None:
        self.posted = posted
        """Whether the presenter posts its pictures, instead of sending video."""
        self.tried = self.asked = float("-inf")
        """Unix seconds when a picture was last to be made, and last fetched."""
        self._prefix = uuid4().hex[:8]
        self._pictures: OrderedDict[str, Still] = OrderedDict()

    @property
    def latest(self) -> str | None:
        """The id of the latest picture."""
        return next(reversed(self._pictures), None)

    def get(self, id: str | None) -> Still | None:
        """The picture of this id, the latest without one."""
        return self._pictures.get(id or self.latest or "")

    def add(self, still: Still) -> str:
        """Keep a picture; its id."""
        number = int(base64.b64decode(self.latest).rpartition(b"_")[2]) + 1 if self.latest else 1
        id = base64.b64encode(f"{self._prefix}_{number}".encode()).decode()
        self._pictures[id] = still
        while len(self._pictures) > KEPT:
            self._pictures.popitem(last=False)
        return id


def may_see(room: Room, member: Member) -> bool:
    """Whether the presentation may be shown to the member as pictures; the presenter may look at its own."""
    return not member.waiting and not member.on_hold and (member.receives_presentation or room.floor == member.uuid)


def add(room: Room, still: Still) -> str:
    """There is a new picture: tell all who may fetch it but the presenter. Its id."""
    id = room.stills.add(still)
    event = PresentationFrame(id=id)
    for member in room.admitted:
        if may_see(room, member) and member.uuid != room.floor:
            room.tell(member, event)
    return id


def due(room: Room, now: float) -> bool:
    """Whether a picture of the video is to be made: for who fetched one lately, and a first one for who cannot see slides otherwise."""
    stills = room.stills
    if room.floor is None or stills.posted or now - stills.tried < EVERY:
        return False
    return now - stills.asked < INTEREST or (stills.latest is None and any(_needs(room, member) for member in room.admitted))


def _needs(room: Room, member: Member) -> bool:
    slides = any(call.media.presentation for call in member.live_calls)
    return not slides and member.uuid != room.floor and may_see(room, member)
