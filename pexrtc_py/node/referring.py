"""Sending a participant elsewhere: it is told where, and given a one-time token for there; pure, `now` is given."""

from __future__ import annotations

from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.events import Refer


def refer(room: Room, member: Member, into: Room, invitation: Invitation, now: float, *, breakout_name: str | None = None) -> None:
    """Have a member of `room` join the conference `into` as invited; it is on its way until it leaves, or the token has expired."""
    token = into.invitations.mint(invitation, now)
    member.transferring = now + into.invitations.seconds
    room.tell(member, Refer(alias=invitation.alias, token=token, target=invitation.target, breakout_name=breakout_name))
    room.updated(member)
