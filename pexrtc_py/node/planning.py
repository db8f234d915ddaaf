"""What the media part must do for a room, as a function of the room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pexrtc_py.node import picture
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.plan import MediaPlan, Seat

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

ECHO = "echo"
"""Who sends back what is said and shown in a test call; it is in no roster."""


def plan(room: Room) -> MediaPlan:
    """The plan for all calls of the room whose media flows."""
    calls = [(member, call) for member in room.members.values() if member.calls for call in member.live_calls if not call.direct]
    ordered = picture.order(room)
    seats = [_seat(room, member, call, ordered) for member, call in calls]
    if room.vmr.service_type == "test_call":
        seats += [replace(seat, participant=ECHO, call=f"{ECHO} of {seat.call}", echoes=True, scene=None) for seat in seats]
    return MediaPlan(tuple(seats), room.floor, tuple(member.uuid for member in ordered))


def _seat(room: Room, member: Member, call: NodeCall, ordered: list[Member]) -> Seat:
    sound, present, child = member.sound, not member.waiting and not member.on_hold, call.carries.is_child
    return Seat(
        participant=member.uuid,
        call=call.uuid,
        audible=present and not member.muted and not child,
        visible=present and not member.video_muted and not member.stillness.silent and not child,
        admitted=not member.waiting,
        sees_presentation=present and member.receives_presentation and member.uuid != room.floor,
        held=member.on_hold,
        unprocessed=bool(sound.studio),
        speaks_in=frozenset(mix.mix_name for mix in sound.sends),
        prominent_in=frozenset(mix.mix_name for mix in sound.sends if mix.prominent),
        hears=None if sound.tx_muted or member.on_hold or child else sound.hears,
        carries=call.carries,
        scene=picture.scene(room, member, call.carries, ordered),
    )
