"""Breakout rooms: opening and closing them, who is in which, a word to all of them, calls for help."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from pexrtc_py.node import moves
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.breakout import Breakout
from pexrtc_py.node.breakouts import Breakouts
from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.events import MessageReceived
from pexrtc_py.protocol.models import BreakoutBuzz as Buzz
from pexrtc_py.protocol.models import BreakoutCreated, EndAction, ReferTarget, Role
from pexrtc_py.protocol.requests import (
    BreakoutBuzz,
    ClearBreakoutBuzz,
    CreateBreakout,
    DisconnectBreakouts,
    EmptyBreakouts,
    LeaveBreakout,
    MessageBreakouts,
    MoveParticipants,
    RequestGuestToken,
)

NAME_LENGTH = 250
TEXT_LENGTH = 1000
GUEST_TOKEN_SECONDS = 3600.0
"""A guest's token is handed on to a person, who takes a while."""
NO_PARTICIPANT = "There is no such participant"


@answers(CreateBreakout)
def create(asked: Asked, request: CreateBreakout) -> BreakoutCreated:
    """Open a room, and send participants there; nothing happens when one of those named is not where it is said to be."""
    rooms = _rooms(asked)
    if not isinstance(request.end_action, EndAction):
        raise Refused(400, f"Illegal value: an end action is transfer or disconnect, not {request.end_action!r}")
    duration = request.duration or 0
    if not (isfinite(duration) and duration >= 0):
        raise Refused(400, f"Illegal value: a breakout room cannot be open for {duration:g} seconds")
    coming = [(room, _named(room, people)) for place, people in (request.participants or {}).items() for room in [rooms.named(place)]]
    breakout = Breakout(
        rooms.main,
        request.breakout_name[:NAME_LENGTH],
        creator=asked.sender.uuid,
        description=(request.description or "")[:TEXT_LENGTH],
        end_action=request.end_action,
        end_time=asked.now + duration if duration else 0,
        guests_may_leave=bool(request.guests_allowed_to_leave),
    )
    opened = rooms.open(breakout)
    for room, members in coming:
        for member in members:
            moves.move(member, room, opened, asked.now, by=_asking(asked))
    return BreakoutCreated(breakout_uuid=opened.uuid)


@answers(MessageBreakouts)
def message(asked: Asked, request: MessageBreakouts) -> bool:
    """Everybody in every room receives it, from the Host's control participant there; False where chat is off."""
    rooms = _rooms(asked)
    if not rooms.main.vmr.chat:
        return False
    for room in rooms.rooms.values():
        if (control := room.control_of(asked.sender)) is not None:
            said = MessageReceived(origin=control.display_name, uuid=control.uuid, type=request.type, payload=request.payload)
            room.tell_room(said, but=control)
    return True


@answers(DisconnectBreakouts)
def close_all(asked: Asked, _: DisconnectBreakouts) -> None:
    """Every room is closed, each as it was said when it was opened."""
    rooms = _rooms(asked)
    for room in list(rooms.rooms.values()):
        rooms.close(room, asked.now, by=_asking(asked))


@answers(EmptyBreakouts)
def empty_all(asked: Asked, _: EmptyBreakouts) -> bool:
    """Everybody is sent to the main room; the rooms stay."""
    rooms = _rooms(asked)
    for room in rooms.rooms.values():
        _move(asked, room, room.occupants, rooms.main)
    return True


@answers(MoveParticipants)
def move(asked: Asked, request: MoveParticipants) -> bool:
    """Participants of this room are sent to another; those without a previous one stay, and False says that all of them do."""
    room, rooms = asked.room, asked.room.main.breakouts
    members = _named(room, request.participants) if request.participants else [one for one in room.occupants if not one.waiting]
    if request.breakout_uuid != "previous":
        _move(asked, room, members, rooms.named(request.breakout_uuid))
        return True
    back = [(member, place) for member in members if (place := moves.previous(member, room)) in rooms.open_places]
    for member, place in back:
        _move(asked, room, [member], rooms.named(place or ""))
    return bool(back) or not members


@answers(RequestGuestToken)
def guest_token(asked: Asked, _: RequestGuestToken) -> str:
    """A one-time token with which somebody joins this room as a Guest."""
    _breakout(asked)
    main, alias = asked.room.main, asked.address.conference
    invitation = Invitation(alias, role=Role.GUEST, target=ReferTarget.BREAKOUT, breakout=asked.room.uuid)
    return main.invitations.mint(invitation, asked.now, seconds=GUEST_TOKEN_SECONDS)


@answers(BreakoutBuzz)
def ask_for_help(asked: Asked, _: BreakoutBuzz) -> bool:
    """The room asks for help, until somebody says that it needs none."""
    return _set_buzz(asked, Buzz(value=True, time=asked.now))


@answers(ClearBreakoutBuzz)
def no_more_help(asked: Asked, _: ClearBreakoutBuzz) -> bool:
    """The room needs no help any more."""
    return _set_buzz(asked, Buzz())


@answers(LeaveBreakout)
def leave(asked: Asked, _: LeaveBreakout) -> bool:
    """The participant is sent to the main room, where the room's settings let Guests go."""
    if not (_breakout(asked).guests_may_leave or asked.sender.is_host):
        raise Refused(403, "Guests cannot leave this breakout room")
    _move(asked, asked.room, [asked.sender], asked.room.main)
    return True


def _set_buzz(asked: Asked, buzz: Buzz) -> bool:
    breakout = _breakout(asked)
    if breakout.buzz.value is not buzz.value:
        breakout.buzz = buzz
        asked.room.conference_updated()
    return True


def _move(asked: Asked, room: Room, members: Iterable[Member], into: Room) -> None:
    for member in members:
        if into is room:
            moves.call_back(room, member)
        else:
            moves.move(member, room, into, asked.now, by=_asking(asked))


def _asking(asked: Asked) -> str:
    return asked.sender.owner or asked.sender.uuid


def _named(room: Room, uuids: Iterable[str]) -> list[Member]:
    members = [room.members.get(uuid) for uuid in dict.fromkeys(uuids)]
    known = [member for member in members if member is not None]
    if len(known) < len(members):
        raise Refused(404, NO_PARTICIPANT)
    return known


def _rooms(asked: Asked) -> Breakouts:
    if asked.room.breakout is not None:
        raise Refused(400, "A breakout room has no breakout rooms")
    return asked.room.breakouts


def _breakout(asked: Asked) -> Breakout:
    if asked.room.breakout is None:
        raise Refused(400, "This is no breakout room")
    return asked.room.breakout
