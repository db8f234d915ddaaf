"""The right to present: taken from whoever holds it, released by the holder."""

from __future__ import annotations

from pexrtc_py.node import views
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.member import Member
from pexrtc_py.node.plan import Carries
from pexrtc_py.node.room import Room
from pexrtc_py.node.stills import Stills
from pexrtc_py.protocol.events import CallDisconnected, PresentationStart
from pexrtc_py.protocol.requests import ReleaseFloor, TakeFloor

GUESTS_CANNOT_PRESENT = "Guests cannot present in this conference"
HELD_CANNOT_PRESENT = "Presenting is not possible on hold"
STOLEN = "Somebody else presents"
WAITING_CANNOT_PRESENT = "Presenting is not possible in the waiting room"


@answers(TakeFloor)
def take_floor(asked: Asked, request: TakeFloor) -> None:
    """The sender presents; whoever did is told by the presentation_start of the new one, the new one is told nothing."""
    may_present(asked)
    take(asked.room, asked.sender, stills=bool(request.jpegs))


def may_present(asked: Asked) -> None:
    """Raises `Refused` when the sender may not."""
    room, member = asked.room, asked.sender
    if member.waiting:
        raise Refused(403, WAITING_CANNOT_PRESENT)
    if member.on_hold:
        raise Refused(403, HELD_CANNOT_PRESENT)
    if not member.is_host and not room.vmr.guests_can_present:
        raise Refused(403, GUESTS_CANNOT_PRESENT)


def take(room: Room, member: Member, *, stills: bool = False) -> None:
    """The member presents. A call for slides alone, by which somebody else did, is over."""
    if room.floor == member.uuid:
        return
    room.stills = Stills(posted=stills)
    before, room.floor = room.members.get(room.floor or ""), member.uuid
    for viewer in room.admitted:
        if viewer is not member and viewer.receives_presentation:
            room.tell(viewer, views.presentation(room, viewer))
        elif viewer is before:
            room.tell(viewer, PresentationStart())  # it may not see who presents now, but must stop
    room.updated(*filter(None, (before, member)))
    if before is not None:
        for call in [call for call in before.calls.values() if call.carries is Carries.SLIDES_OUT]:
            room.tell(before, CallDisconnected(call_uuid=call.uuid, reason=STOLEN))
            room.close_call(before, call)


@answers(ReleaseFloor)
def release_floor(asked: Asked, _: ReleaseFloor) -> None:
    """The sender presents no more; no effect, and no error, when it does not hold the floor."""
    asked.room.release_floor(asked.sender)
