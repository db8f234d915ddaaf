"""Sending participants elsewhere: to another conference, or between a main room and its breakout rooms; pure, `now` is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pexrtc_py.node.admission import must_wait
from pexrtc_py.node.audio_mixes import Sound
from pexrtc_py.node.identity import SignedIn
from pexrtc_py.node.invitations import Invitation, Referral
from pexrtc_py.node.member import Member
from pexrtc_py.protocol.events import BreakoutRefer, CancelRefer, Refer
from pexrtc_py.protocol.models import ReferTarget

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room


def refer(room: Room, member: Member, into: Room, invitation: Invitation, now: float, *, breakout_name: str | None = None) -> str:
    """Have a member of `room` join the conference `into` as invited, signed in as it is; gives the one-time token.

    It is on its way until it leaves, or the token has expired. Where it was sent before, it cannot go any more.
    """
    if member.referral is not None:
        member.referral.withdraw()
    signed_in = SignedIn(member.idp, member.display_name) if member.idp else None
    of = member.uuid if into.main is room.main else None
    token = into.invitations.mint(replace(invitation, signed_in=signed_in, of=of), now)
    member.transferring, member.referral = now + into.invitations.seconds, Referral(token, into.invitations, invitation.breakout)
    room.tell(member, Refer(alias=invitation.alias, token=token, target=invitation.target, breakout_name=breakout_name))
    room.updated(member)
    return token


def call_back(room: Room, member: Member) -> None:
    """Where a member of `room` was sent, it shall not go, or cannot any more; nothing happens if it was sent nowhere."""
    if member.referral is None:
        return
    member.referral.withdraw()
    member.transferring, member.referral = 0, None
    room.tell(member, CancelRefer())
    room.updated(member)


def alias_for(member: Member, main: Room) -> str:
    """Under which alias a member is sent into its own conference: the one it dialled, unless that is of a virtual reception."""
    dialled = member.alias.casefold()
    return member.alias if dialled in (alias.casefold() for alias in main.vmr.all_aliases) else main.vmr.alias


def move(member: Member, room: Room, into: Room, now: float, *, by: str) -> None:
    """Have a member of `room` go to another room of the same conference; `by` is the Host that wants it.

    A Host keeps its session and moves its media; who has a session in the room only, joins the other one with a one-time token.
    Whom the node has called does nothing: it is moved with its calls.
    """
    main = room.main
    if member.far_end is not None:
        _move_calls(member, room, into, now)
        return
    if (host := host_of(member, room)) is not None:
        host.previous = room.place
        main.tell(host, BreakoutRefer(breakout_uuid=into.place, breakout_name=into.name, requester_uuid=by))
        return
    there = None if into is main else into.uuid
    target = ReferTarget.MAIN if into is main else ReferTarget.BREAKOUT
    invitation = Invitation(alias_for(member, main), role=member.role, target=target, breakout=there, previous=room.place)
    refer(room, member, main, invitation, now, breakout_name=None if into is main else into.name)


def send_over(member: Member, room: Room, into: Room, invitation: Invitation, now: float) -> None:
    """Put somebody whom the node has called into another conference, as invited, with its calls."""
    member.role, member.alias = invitation.role, invitation.alias
    _move_calls(member, room, into, now)


def _move_calls(member: Member, room: Room, into: Room, now: float) -> None:
    room.take_out(member)
    # It goes on as somebody new would begin, but what was muted stays muted.
    member.previous = room.place if into.main is room.main else None
    member.waiting_since, member.speaking = None, False
    member.spotlit = member.buzzed = 0
    member.layout_group, member.personal_mix, member.sound = None, None, Sound()
    into.enter(member)
    if member.waiting and not must_wait(into.vmr, member.role, locked=False, started=into.started):
        into.admit([member])  # the lock is for newcomers
    if member.has_media and not member.waiting:
        into.stage_changed()
        if member.is_host:
            into.start()
    room.after_leaving(now)


def host_of(member: Member, room: Room) -> Member | None:
    """The Host of the main room that a member of `room` is, or stands for; None for everybody else."""
    if room is room.main:
        return member if member.commands else None
    return room.main.members.get(member.owner or "")


def previous(member: Member, room: Room) -> str | None:
    """The place that a member of `room` was moved from last."""
    return (host_of(member, room) or member).previous
