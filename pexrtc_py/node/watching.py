"""Silent video: whose picture is looked at, and what follows when it has rested for long enough to leave an Adaptive Composition; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pexrtc_py.node import picture
from pexrtc_py.node.stillness import Stillness
from pexrtc_py.protocol.layouts import Layout

if TYPE_CHECKING:
    from pexrtc_py.node.member import Member
    from pexrtc_py.node.room import Room


def watched(room: Room) -> bool:
    """Whether anybody's picture matters: it does in Adaptive Composition, unless a Host turned that off."""
    return room.settings.silent_video.enable and Layout.ADAPTIVE in {picture.asked_for(room, host=host) for host in (True, False)}


def due(room: Room, now: float) -> list[Member]:
    """Whose picture is to be looked at now."""
    if not watched(room):
        return []
    every = min(5.0, max(1.0, room.settings.silent_video.silent_after / 4))
    members = [member for member in room.stage if not member.video_muted and not member.on_hold and _sends(member)]
    return [member for member in members if now - member.stillness.looked >= (1.0 if member.stillness.silent else every)]


def see(room: Room, member: Member, points: bytes | None, now: float) -> None:
    """A look at a participant's picture, and what follows."""
    if room.members.get(member.uuid) is member and watched(room) and member.stillness.see(points, now, room.settings.silent_video):
        room.updated(member)
        room.layout_changed()


def forget(room: Room) -> None:
    """Nobody is silent any more where nobody is watched."""
    if watched(room):
        return
    silent = [member for member in room.members.values() if member.stillness.silent]
    for member in room.members.values():
        member.stillness = Stillness()
    room.updated(*silent)


def _sends(member: Member) -> bool:
    # What the node plays begins anew with each key frame, and would seem to rest.
    if member.played or member.far_end is not None:
        return False
    return any(call.media.video for call in member.live_calls)
