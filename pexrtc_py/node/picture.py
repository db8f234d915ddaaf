"""Which layout each participant's picture has, and who is in it in which order; pure.

No document says what comes first where several wishes meet. Here: whom a Host placed by hand, then the spotlight, then, while a pinning
configuration holds, the members of layout groups by the groups' names (there is no theme to order them), then who spoke.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pexrtc_py.node.member import Member
from pexrtc_py.node.seating import capacity

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

DEFAULT = "1:0"
"""The layout before anybody asked for another: what this node shows, the active speaker."""


def asked_for(room: Room, *, host: bool) -> str:
    """The layout that holds for Hosts, or for Guests, who have one of their own in lectures."""
    transforms, by_hand = room.settings.transforms, room.settings.by_hand
    if by_hand is not None and by_hand.layout is not None:
        return by_hand.layout
    if not host and room.vmr.service_type == "lecture":
        return transforms.guest_layout or DEFAULT
    return transforms.host_layout or DEFAULT


def layout_of(room: Room, viewer: Member) -> str:
    """The layout of the viewer's picture, its personal one if it has that."""
    personal = viewer.personal_mix and viewer.personal_mix.mix_config
    return (personal.transform_layout.layout if personal else None) or asked_for(room, host=viewer.is_host)


def order(room: Room) -> list[Member]:
    """Everybody with media in the order of places."""
    placed = room.settings.by_hand.participants if room.settings.by_hand else ()
    by_hand = {uuid: place for place, uuid in enumerate(placed)}
    pinning = bool(room.settings.pinning_config)

    def rank(member: Member) -> tuple[int, int, str]:
        pinned = pinning and member.layout_group is not None and not member.spotlit
        kind = 0 if member.spotlit else 1 if pinned else 2
        return by_hand.get(member.uuid, len(by_hand)), kind, (member.layout_group or "") if pinned else ""

    return sorted(room.stage, key=rank)


def shown(room: Room, viewer: Member, ordered: list[Member] | None = None) -> list[Member]:
    """Who is in the viewer's picture, by place: never itself, and nobody when it has no media. `ordered` is `order(room)`, if known."""
    if not viewer.has_media or viewer.on_hold:
        return []
    extended = bool(room.settings.transforms.enable_extended_ac)
    people = order(room) if ordered is None else ordered
    others = (member for member in people if member is not viewer and _is_seen(member))
    return list(islice(others, capacity(layout_of(room, viewer), extended=extended)))


def _is_seen(member: Member) -> bool:
    return not (member.video_muted or member.on_hold or member.stillness.silent)
