"""Calling somebody: the far end is in the roster at once, and then answers, rejects, rings in vain or hangs up; pure, `now` is given."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING
from uuid import uuid4

from pexrtc_py.node.admission import must_wait
from pexrtc_py.node.farend import RINGING_SECONDS, FarEnd
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.plan import CallMedia
from pexrtc_py.protocol.models import KeepAlive

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

REJECTED = "Call rejected"
DIAL_OUT_FAILED = "Gateway dial out failed"
HUNG_UP = "Call disconnected"
NOBODY_KEEPS_ALIVE = "No participants can keep conference alive"


def call(room: Room, member: Member, now: float) -> None:
    """Begin to call: the member is in the roster from now on, and is connecting."""
    far_end = _far_end(member)
    leg = NodeCall(str(uuid4()))
    member.calls[leg.uuid] = leg
    far_end.due = now + RINGING_SECONDS
    if far_end.streams:
        room.call_endpoint(member, leg)  # whether it answers will be seen
    elif far_end.endpoint.outcome != "rings":
        far_end.due = min(far_end.due, now + far_end.endpoint.answers_after)
    room.enter(member)


def advance(room: Room, now: float) -> None:
    """Do what is due of all calls."""
    for member in list(room.called.values()):
        far_end = member.far_end
        if far_end is None or far_end.due > now:
            continue
        if not far_end.connecting:
            gone(room, member, now, HUNG_UP)
        elif far_end.streams or now >= member.joined + RINGING_SECONDS:
            gone(room, member, now, DIAL_OUT_FAILED)
        elif far_end.endpoint.outcome == "answers":
            room.call_endpoint(member, next(iter(member.calls.values())))
            answered(room, member, now)
        else:
            gone(room, member, now, REJECTED)


def due(room: Room) -> float:
    """When `advance` has something to do next, in Unix seconds."""
    return min((_far_end(member).due for member in room.called.values()), default=inf)


def answered(room: Room, member: Member, now: float) -> None:
    """The far end has answered: it is in the room, or waits for a Host like others. A Host that was called starts the conference."""
    far_end = _far_end(member)
    far_end.connecting = False
    far_end.due = now + far_end.endpoint.hangs_up_after if far_end.endpoint.hangs_up_after is not None else inf
    for leg in member.calls.values():
        leg.acked, leg.media = True, CallMedia(audio=True, video=far_end.video, presentation=far_end.video)
        leg.fecc_supported = far_end.endpoint.fecc and far_end.video and not far_end.listens_only
    if must_wait(room.vmr, member.role, locked=False, started=room.started):
        member.waiting_since = now
    member.log.dial(far_end.dtmf_sequence)
    room.updated(member)
    if not member.waiting:
        room.stage_changed()
        if member.is_host:
            room.start()


def gone(room: Room, member: Member, now: float, reason: str) -> None:
    """The far end is not there, or no more; a gateway call is over with it."""
    if room.vmr.service_type == "gateway":
        room.end(reason)
    else:
        room.leave(member, now)


def kept_alive(room: Room) -> bool:
    """Whether a conference goes on: somebody in it came by itself, or was called to keep it going."""
    if len(room.called) < len(room.members):
        return True
    wishes = [_far_end(member).keeps_alive for member in room.called.values()]
    return KeepAlive.ALWAYS in wishes or wishes.count(KeepAlive.IF_MULTIPLE) > 1


def _far_end(member: Member) -> FarEnd:
    assert member.far_end is not None, f"{member.uuid} was not called"
    return member.far_end
