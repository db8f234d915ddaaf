"""Whether the media of a conference go through the node or directly between two participants; what each is shown of that; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pexrtc_py.protocol import history
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import SplashScreen
from pexrtc_py.protocol.models import SplashKey

if TYPE_CHECKING:
    from pexrtc_py.node.member import Member
    from pexrtc_py.node.room import Room

CHANNEL = 3
"""The number of the data channel; also the mid of its section after the three of media, by which one client finds it."""


def allowed(room: Room) -> bool:
    """Whether the conference is to have direct media, and its node is new enough for that."""
    return room.vmr.direct_media and room.config.version_number >= history.DIRECT_MEDIA


def may_be_direct(room: Room, *, capable: bool) -> bool:
    """Whether a newcomer gets direct media."""
    return capable and is_direct(room) and len(direct_members(room)) < 2


def is_direct(room: Room) -> bool:
    """Whether media go directly now, or would."""
    return allowed(room) and room.breakout is None and not needs_node(room)


def needs_node(room: Room) -> bool:
    """Whether somebody's media go through the node, and so all must."""
    return any(not member.direct and member.calls and not member.waiting for member in _staying(room))


def direct_members(room: Room) -> list[Member]:
    """Who has direct media, and was not sent elsewhere."""
    return [member for member in _staying(room) if member.direct]


def _staying(room: Room) -> list[Member]:
    return [member for member in room.members.values() if not member.transferring]


def splash(screen: SplashKey, seconds: float | None = None) -> SplashScreen:
    """The event that shows a screen, for as long as told."""
    return SplashScreen(screen_key=screen) if seconds is None else SplashScreen(screen_key=screen, display_duration=seconds)


def welcome(room: Room, member: Member) -> list[Event]:
    """What a new event stream is told of direct media: the screen, and offers that were not answered."""
    legs = [leg for leg in room.relay.legs.values() if leg.call in member.calls]
    screens: list[Event] = [splash(leg.splash) for leg in legs if leg.splash is not None]
    return screens + [exchange.told for leg in legs for exchange in leg.unanswered]
