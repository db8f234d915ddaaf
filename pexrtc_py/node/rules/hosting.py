"""What Hosts grant single participants: their role, the spotlight, presentations; and a sign of life that changes nothing."""

from __future__ import annotations

from pexrtc_py.node import views
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.member import Member
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.requests import (
    AllowRxPresentation,
    ClearSpotlights,
    DenyRxPresentation,
    NotifyNotAfk,
    ParticipantRole,
    SpotlightOff,
    SpotlightOn,
)


@answers(ParticipantRole)
def role(asked: Asked, request: ParticipantRole) -> bool:
    """The participant becomes a Host or a Guest, and is told to refresh its token, which brings the role."""
    if not isinstance(request.role, Role):
        raise Refused(400, f"Illegal value: a role is chair or guest, not {request.role!r}")
    if asked.target.role is not request.role:
        asked.room.change_role(asked.target, request.role, asked.now)
    return True


@answers(SpotlightOn)
def spotlight_on(asked: Asked, _: SpotlightOn) -> bool:
    """The participant leads the stage, behind those in the spotlight already."""
    return _spotlight(asked, [] if asked.target.spotlit else [asked.target], asked.now)


@answers(SpotlightOff)
def spotlight_off(asked: Asked, _: SpotlightOff) -> bool:
    """The participant returns to its place by speaking."""
    return _spotlight(asked, [asked.target] if asked.target.spotlit else [], 0)


@answers(ClearSpotlights)
def clear_spotlights(asked: Asked, _: ClearSpotlights) -> bool:
    """Nobody is in the spotlight any more."""
    return _spotlight(asked, [member for member in asked.room.members.values() if member.spotlit], 0)


@answers(AllowRxPresentation)
def allow_presentation(asked: Asked, _: AllowRxPresentation) -> bool:
    """The participant is sent presentations, that of the moment too."""
    return _set_receives(asked, True)


@answers(DenyRxPresentation)
def deny_presentation(asked: Asked, _: DenyRxPresentation) -> bool:
    """The participant is sent no presentations; one that runs stops for it. It may still present itself."""
    return _set_receives(asked, False)


@answers(NotifyNotAfk)
def not_afk(asked: Asked, _: NotifyNotAfk) -> bool:
    """The participant is there; this node disconnects nobody for doing nothing."""
    return True


def _spotlight(asked: Asked, changed: list[Member], time: float) -> bool:
    for member in changed:
        member.spotlit = time
    asked.room.updated(*changed)
    if any(member in asked.room.stage for member in changed):
        asked.room.stage_changed()
    return True


def _set_receives(asked: Asked, receives: bool) -> bool:
    room, member = asked.room, asked.target
    if member.receives_presentation is receives:
        return True
    member.receives_presentation = receives
    room.updated(member)
    if room.floor not in (None, member.uuid) and not member.waiting:
        room.tell(member, views.presentation(room, member))
    return True
