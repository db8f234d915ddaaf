"""Direct media: who has it, and the changes to and from media that pass through the node; pure, `now` is given.

Two participants whose clients can, and nobody else with media, are connected to each other. When a third calls, both are referred back
into the same conference for media through the node, and when two are left, the other way.
"""

from __future__ import annotations

from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.modes import allowed, direct_members, needs_node, splash
from pexrtc_py.node.moves import alias_for, refer
from pexrtc_py.node.outbox import Passed
from pexrtc_py.node.relay import Leg
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.callstate import CallState
from pexrtc_py.protocol.events import NewCandidate, PeerDisconnect, SplashScreen
from pexrtc_py.protocol.models import ReferTarget, SplashKey

SPLASH_SECONDS = 5.0
"""How long the screen stays that tells of a change."""


def settle(room: Room, now: float) -> None:
    """Do what follows for direct media from whatever has happened in the room."""
    if not allowed(room):
        return
    for call in [call for call in room.relay.legs if owner(room, call) is None]:
        forget(room, call)
    _wake(room)
    if needs_node(room) and direct_members(room):
        _move(room, direct_members(room), ReferTarget.TRANSCODED, SplashKey.ESCALATE, now)
    elif _could_be_direct(room, now):
        _move(room, list(room.members.values()), ReferTarget.DIRECT, SplashKey.DEESCALATE, now)
    room.conference_updated()


def owner(room: Room, call: str) -> Member | None:
    """The member whose call it is."""
    return next((member for member in room.members.values() if call in member.calls), None)


def show(room: Room, leg: Leg, screen: SplashKey | None, *, seconds: float | None = None) -> None:
    """Have one side show a screen, or none."""
    member = owner(room, leg.call)
    if member is None or leg.splash == screen:
        return
    leg.splash = screen
    room.tell(member, SplashScreen() if screen is None else splash(screen, seconds))


def waiting_screen(member: Member) -> SplashKey:
    """What is shown to who waits for the other side."""
    return SplashKey.WAITING_FOR_HOST if member.waiting else SplashKey.WELCOME


def pass_candidates(room: Room, leg: Leg) -> None:
    """Tell the other side the candidates that it can use by now."""
    other = owner(room, leg.partner.call) if leg.partner is not None else None
    if other is None:
        return
    for one in leg.takes_back():
        room.tell(other, NewCandidate.model_validate(one.model_dump(exclude_unset=True)))


def forget(room: Room, call: str) -> None:
    """A call is over: whoever waits for it is told, and its partner is alone."""
    leg = room.relay.legs.pop(call)
    other = part(room, leg)
    member = owner(room, other.call) if other is not None else None
    if other is None or member is None or member.transferring:
        return
    if member.calls[other.call].state.state is not CallState.OFFERED:  # else its offer is answered, with nothing
        tell_alone(room, member, member.calls[other.call])


def part(room: Room, leg: Leg) -> Leg | None:
    """End a pair; the leg that is left."""
    other, open_ends = room.relay.part(leg)
    for exchange in open_ends:
        room.order(Passed(exchange.ticket, ""))
    return other


def tell_alone(room: Room, member: Member, call: NodeCall) -> None:
    """The other side is gone: the call is none any more until its client offers again."""
    leg = room.relay.legs[call.uuid]
    leg.free = False
    call.state.see(PeerDisconnect())
    room.tell(member, PeerDisconnect())
    show(room, leg, waiting_screen(member))
    if call.acked:
        call.acked = False
        room.updated(member)
        room.stage_changed()


def _wake(room: Room) -> None:
    """Two that were both told to wait have no offer between them: the later one is asked to begin anew."""
    free = [leg for leg in room.relay.legs.values() if leg.free]
    admitted = [leg for leg in free if (member := owner(room, leg.call)) is not None and not member.waiting]
    for leg in admitted:
        show(room, leg, SplashKey.WELCOME)
    if len(admitted) == 2 and (member := owner(room, admitted[1].call)) is not None:
        tell_alone(room, member, member.calls[admitted[1].call])


def _could_be_direct(room: Room, now: float) -> bool:
    """Two are left who could do without the node's media, and nobody is on the way."""
    room.relay.referrals = [token for token in room.relay.referrals if room.invitations.shown(token, now)]
    everybody = list(room.members.values())
    if len(everybody) != 2 or room.relay.referrals:
        return False
    return all(one.direct_capable and not one.direct and one.has_media and not one.waiting and not one.transferring for one in everybody)


def _move(room: Room, members: list[Member], target: ReferTarget, screen: SplashKey, now: float) -> None:
    for member in members:
        room.tell(member, splash(screen, SPLASH_SECONDS))
        previous = None if member.waiting else room.place  # changing media is no way in
        token = refer(room, member, room, Invitation(alias_for(member, room), role=member.role, target=target, previous=previous), now)
        room.relay.referrals.append(token)
