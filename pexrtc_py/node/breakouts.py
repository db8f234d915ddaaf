"""The breakout rooms of a conference: opening, attending and closing them; pure, `now` is given.

A breakout room is a `Room` like any other. Guests in it have sessions of their own. Hosts act in it through a control participant, which
stands in for them in every open room: what it sees goes to the Host's stream as `breakout_event`, and the Host's media may join it there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from pexrtc_py.node import views
from pexrtc_py.node.admission import INVALID_ROLE, INVALID_TOKEN, Refused
from pexrtc_py.node.breakout import MAIN, Breakout
from pexrtc_py.node.member import Member
from pexrtc_py.node.moves import call_back, move
from pexrtc_py.node.outbox import CloseRoom
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import BreakoutBegin, BreakoutEnd, CallDisconnected
from pexrtc_py.protocol.models import EndAction

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

ROOMS = 100
"""So many breakout rooms of a conference may be open at once."""
CLOSING_SECONDS = 10.0
"""How long a room that is closed waits for its participants to follow where they were sent."""
NO_ROOM = "There is no such breakout room"
CLOSED = "API initiated conference termination"


class Breakouts:
    """The breakout rooms of the conference `main`, by uuid; a breakout room has none. `make` makes a room."""

    def __init__(self, main: Room, make: Callable[[Breakout], Room]) -> None:
        self.main, self._make = main, make
        self.rooms: dict[str, Room] = {}

    @property
    def everywhere(self) -> list[Room]:
        """The main room and its breakout rooms."""
        return [self.main, *self.rooms.values()]

    def named(self, place: str) -> Room:
        """A room that may be entered: the main room, or one that is open. Raises `Refused` (404)."""
        if place in (MAIN, ""):
            return self.main
        if place not in self.open_places:
            raise Refused(404, NO_ROOM)
        return self.rooms[place]

    @property
    def sessions(self) -> int:
        """How many participants there are; a Host's control participants are not counted."""
        return sum(member.owner is None for room in self.everywhere for member in room.members.values())

    @property
    def open_places(self) -> set[str]:
        """All rooms that may be entered, as they are named in requests."""
        return {MAIN} | {uuid for uuid, room in self.rooms.items() if room.breakout is not None and not room.breakout.closing}

    # --- who asks --------------------------------------------------------------------------------------------------

    def session(self, token: str, now: float) -> tuple[Room, Member]:
        """Whose token this is, and in which room. Raises `Refused` (403)."""
        for room in self.everywhere:
            if (member := room.members.get(room.passes.holder(token, now) or "")) is not None:
                return room, member
        raise Refused(403, INVALID_TOKEN)

    def inside(self, place: str, room: Room, sender: Member) -> tuple[Room, Member]:
        """As whom the `sender`, whose session is in `room`, acts in a place: as itself, or a Host as its control participant there.

        Raises `Refused`, to Guests always in the same words.
        """
        if place in (room.uuid, room.place):
            return room, sender
        if not (room is self.main and sender.commands):
            raise Refused(403, INVALID_ROLE)
        there = self.rooms.get(place)
        control = None if there is None else there.control_of(sender)
        if there is None or control is None:
            raise Refused(404, NO_ROOM)
        return there, control

    # --- Hosts -----------------------------------------------------------------------------------------------------

    def attend(self) -> None:
        """See to it that every Host of the main room who came by itself, and nobody else, has a control participant in each room."""
        if not self.rooms:
            return
        hosts = {member.uuid: member for member in self.main.members.values() if member.commands and member.far_end is None}
        for room in list(self.rooms.values()):
            controls = {member.owner: member for member in room.members.values() if member.owner is not None}
            for owner, control in controls.items():
                if owner not in hosts:
                    self._withdraw(room, control)
            for host in hosts.values():
                if host.uuid not in controls:
                    self._send_in(room, host)

    def welcome(self, host: Member) -> list[Event]:
        """What a Host's stream goes on with, after what it is told of the main room."""
        events: list[Event] = []
        for room in self.rooms.values():
            if (control := room.control_of(host)) is not None:
                events.append(BreakoutBegin(breakout_uuid=room.uuid, participant_uuid=control.uuid))
                events += [room.outbox.wrap(event, room.uuid) for event in views.inside(room, control)]
        return events

    def _send_in(self, room: Room, host: Member) -> None:
        control = Member(
            str(uuid4()),
            host.display_name,
            role=host.role,
            alias=host.alias,
            joined=host.joined,
            owner=host.uuid,
            call_tag=host.call_tag,
            vendor=host.vendor,
            supports_direct_chat=host.supports_direct_chat,
        )
        room.enter(control)
        self.main.tell(host, BreakoutBegin(breakout_uuid=room.uuid, participant_uuid=control.uuid))
        room.tell(control, *views.inside(room, control))

    def _withdraw(self, room: Room, control: Member) -> None:
        room.release_floor(control)  # first, for its Host is told of it too, and of nothing after the end
        self._part(room, control, CLOSED)
        room.remove(control)
        self.settle(room)

    def _part(self, room: Room, control: Member, reason: str) -> None:
        """Tell a Host, if it is still there, that it is in this room no more."""
        if (host := self.main.members.get(control.owner or "")) is not None:
            self.main.tell(host, *[CallDisconnected(call_uuid=call, reason=reason) for call in control.calls])
            self.main.tell(host, BreakoutEnd(breakout_uuid=room.uuid, participant_uuid=control.uuid))

    # --- opening and closing ---------------------------------------------------------------------------------------

    def open(self, breakout: Breakout) -> Room:
        """A new room; the Hosts are in it at once. Raises `Refused` when there are too many."""
        if len(self.rooms) >= ROOMS:
            raise Refused(503, "Out of resource")
        room = self._make(breakout)
        self.rooms[room.uuid] = room
        self.attend()
        return room

    def close(self, room: Room, now: float, *, by: str) -> None:
        """End a room as its end action says; who is sent to the main room has a few seconds to follow."""
        breakout = room.breakout
        if breakout is None or breakout.closing:
            return
        breakout.closing = now + CLOSING_SECONDS
        if breakout.end_action is EndAction.DISCONNECT:
            for member in room.members.values():
                self.main.invitations.withdraw(member.uuid)
            self._finish(room, CLOSED)
        else:
            for member in room.occupants:
                move(member, room, self.main, now, by=by)
            self.settle(room)

    def settle(self, room: Room) -> None:
        """A room that is closing is gone once nobody is in it."""
        if room.breakout is not None and room.breakout.closing and not room.occupants:
            self._finish(room, CLOSED)

    def end(self, reason: str) -> None:
        """All rooms are gone at once, and everybody in them is disconnected."""
        for room in list(self.rooms.values()):
            self._finish(room, reason)

    def sweep(self, now: float) -> None:
        """Close the rooms whose time is over, and remove who is overdue."""
        for room in list(self.rooms.values()):
            room.sweep(now)
            if (breakout := room.breakout) is None or room.uuid not in self.rooms:
                continue
            if 0 < breakout.end_time <= now:
                self.close(room, now, by=breakout.creator)
            if breakout.closing is not None and breakout.closing <= now:
                self._finish(room, CLOSED)

    def _finish(self, room: Room, reason: str) -> None:
        if self.rooms.pop(room.uuid, None) is None:
            return
        for member in room.members.values():
            if member.owner is not None:
                self._part(room, member, reason)
        for place in (self.main, *self.rooms.values()):
            for member in list(place.members.values()):
                if member.referral is not None and member.referral.breakout == room.uuid:
                    call_back(place, member)
        room.disperse(reason)
        room.order(CloseRoom(room.uuid))
