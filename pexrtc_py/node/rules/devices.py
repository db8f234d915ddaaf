"""What reaches the device of a participant beside its media: movements of its camera, and tones."""

from __future__ import annotations

import re
from math import inf

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.member import Member
from pexrtc_py.node.outbox import PlayTones
from pexrtc_py.node.room import Room
from pexrtc_py.protocol import events
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection
from pexrtc_py.protocol.requests import CallDtmf, CallFecc, Dtmf, Fecc

DIGITS = 100
MOVEMENTS = 3
NO_FAR_END = "There is nobody at the far end of this call; only calls through a gateway have a far end"
_DIGITS = re.compile(r"[0-9*#A-D]+")
_DIRECTIONS = {
    FeccAxis.PAN: (FeccDirection.LEFT, FeccDirection.RIGHT),
    FeccAxis.TILT: (FeccDirection.UP, FeccDirection.DOWN),
    FeccAxis.ZOOM: (FeccDirection.IN, FeccDirection.OUT),
}


@answers(Dtmf)
def dtmf(asked: Asked, request: Dtmf) -> bool:
    """The participant is sent tones, which it hears in its sound; False while it is still being called."""
    return _press(asked.room, asked.target, request.digits)


@answers(CallDtmf)
def call_dtmf(asked: Asked, request: CallDtmf) -> bool:
    """The far end of a gateway call is sent tones."""
    return _press(asked.room, _far_end(asked.room), request.digits)


@answers(Fecc)
def fecc(asked: Asked, request: Fecc) -> bool:
    """The participant's camera is moved; False where it has none that can be."""
    return _move(asked.room, asked.target, request)


@answers(CallFecc)
def call_fecc(asked: Asked, request: CallFecc) -> bool:
    """The camera at the far end of a gateway call is moved."""
    return _move(asked.room, _far_end(asked.room), request)


def _press(room: Room, target: Member, digits: str) -> bool:
    if len(digits) > DIGITS or not _DIGITS.fullmatch(digits):
        raise Refused(400, f"Illegal value: tones are up to {DIGITS} of 0 to 9, *, # and A to D, not {digits[:DIGITS]!r}")
    if not target.connecting:
        target.log.dial(digits)
        for call in target.live_calls:
            room.order(PlayTones(call.uuid, digits))
    return not target.connecting


def _move(room: Room, target: Member, request: Fecc | CallFecc) -> bool:
    _check(request)
    if not target.fecc_supported or target.connecting:
        return False
    event = events.Fecc(action=request.action, movement=request.movement, timeout=request.timeout)
    target.log.camera.append(event)
    room.tell(target, event)
    return True


def _check(request: Fecc | CallFecc) -> None:
    if request.action not in tuple(FeccAction):
        raise Refused(400, f"Illegal value: a camera can {', '.join(FeccAction)}, not {str(request.action)[:DIGITS]!r}")
    for move in request.movement[: MOVEMENTS + 1]:
        if move.direction not in _DIRECTIONS.get(move.axis, ()):  # type: ignore[call-overload]
            raise Refused(400, f"Illegal value: a camera does not {str(move.axis)[:DIGITS]!r} to {str(move.direction)[:DIGITS]!r}")
    if len(request.movement) > MOVEMENTS or (not request.movement and request.action != FeccAction.STOP):
        raise Refused(400, f"Illegal value: a camera moves on 1 to {MOVEMENTS} axes at once, not {len(request.movement)}")
    if request.timeout is not None and not 0 <= request.timeout < inf:
        raise Refused(400, f"Illegal value: {request.timeout} is no number of milliseconds")


def _far_end(room: Room) -> Member:
    found = next((member for member in room.members.values() if member.far_end is not None), None)
    if room.vmr.service_type != "gateway" or found is None:
        raise Refused(400, NO_FAR_END)
    return found
