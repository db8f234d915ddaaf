"""Media calls: offers answered by the media part, acks, candidates, the end of a call."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from uuid import uuid4

from pexrtc_py.errors import CallError, NegotiationFailed
from pexrtc_py.node import lines, views
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Answered, Asked, Need, OpenCall, UpdateCall, answers
from pexrtc_py.node.member import NodeCall
from pexrtc_py.node.outbox import CloseCall, StartCall, TakeCandidate
from pexrtc_py.node.plan import CallMedia, Carries
from pexrtc_py.node.rules import direct, floor
from pexrtc_py.node.rules.rtmp import open_stream
from pexrtc_py.protocol.callstate import CallState, OfferRefused
from pexrtc_py.protocol.models import CallAnswer, CallType, UpdateAnswer
from pexrtc_py.protocol.requests import Ack, CallDisconnect, Calls, NewCandidate, Update

CALLS_PER_PARTICIPANT = 4
ILLEGAL_VALUE = "Illegal value"
GONE = "Call disconnected"
SLIDES_ALONE = CallMedia(audio=False, video=False, presentation=True)


@answers(Calls)
def calls(asked: Asked, request: Calls) -> Generator[Need, Answered, CallAnswer]:
    """A WEBRTC offer is answered by the media part, RTMP with a URL; other kinds of call are refused with a sentence.

    A call with `present` "send" takes the floor, and gives it back at its end.
    """
    room, member, carries = asked.room, asked.sender, _carries(request)
    sdp = _offer(request) if request.call_type != CallType.RTMP else ""
    if member.direct and sdp and not carries.is_child:
        return (yield from direct.place(asked, request, sdp))
    if len(member.calls) >= CALLS_PER_PARTICIPANT:
        raise Refused(503, "Out of resource", plain=True)
    if request.call_type == CallType.RTMP:
        return (yield from open_stream(asked, request))
    if carries is Carries.SLIDES_OUT:
        floor.may_present(asked)
    call = NodeCall(str(uuid4()), fecc_supported=request.fecc_supported, carries=carries)
    call.state.see(request)
    member.calls[call.uuid] = call
    try:
        answer = yield OpenCall(room.uuid, member.uuid, call.uuid, sdp, _bandwidth(asked, request))
    except BaseException as error:
        member.calls.pop(call.uuid, None)
        room.order(CloseCall(call.uuid))
        raise _refusal(error) from None
    _still_there(asked, call)
    answered = CallAnswer(call_uuid=call.uuid, sdp=answer.sdp, turn=views.turn_servers(room.config, "call"))
    call.media = SLIDES_ALONE if carries.is_child else answer.media
    call.state.see(answered)
    if carries is Carries.SLIDES_OUT:
        floor.take(room, member)
    room.updated(member)
    if not carries.is_child:
        lines.placed(room, asked.now)
    return answered


@answers(Update)
def update(asked: Asked, request: Update) -> Generator[Need, Answered, UpdateAnswer]:
    """A further offer of the same call."""
    call, room = asked.call, asked.room
    if call.direct:
        return (yield from direct.update(asked, request))
    if call.state.state is CallState.UPDATING:
        raise Refused(503, "Another update of this call is being answered", plain=True)
    call.state.see(request)
    before = call.media
    try:
        answer = yield UpdateCall(call.uuid, request.sdp)
    except BaseException as error:
        if call.uuid in asked.sender.calls:
            call.state.see(OfferRefused)
        raise _refusal(error) from None
    _still_there(asked, call)
    answered = UpdateAnswer(sdp=answer.sdp)
    call.media = SLIDES_ALONE if call.carries.is_child else answer.media
    call.state.see(answered)
    if request.fecc_supported is not None:
        call.fecc_supported = request.fecc_supported
    if call.media != before or request.fecc_supported is not None:
        room.updated(asked.sender)
    return answered


@answers(Ack)
def ack(asked: Asked, request: Ack) -> bool:
    """The answer is applied: media starts. A Host's media starts the conference."""
    call, member, room = asked.call, asked.sender, asked.room
    if call.direct:
        return direct.ack(asked, request)
    call.state.see(request)
    room.order(StartCall(call.uuid))
    if call.acked:
        return True
    call.acked = True
    lines.up(room, asked.now)
    room.updated(member)
    if not member.waiting:
        room.stage_changed()
        if member.is_host:
            room.start()
    return True


@answers(NewCandidate)
def new_candidate(asked: Asked, request: NewCandidate) -> None:
    """A trickled candidate; what cannot be used is ignored by the media part, and what comes after the call has ended is late."""
    if asked.on is None:
        return
    asked.call.state.see(request)
    if asked.call.direct:
        direct.candidate(asked, request)
        return
    asked.room.order(TakeCandidate(asked.call.uuid, request.candidate, request.mid, request.ufrag))


@answers(CallDisconnect)
def disconnect(asked: Asked, _: CallDisconnect) -> None:
    """The call ends; the participant stays, without media. It may have ended already, with its connection."""
    if asked.on is not None:
        asked.room.close_call(asked.sender, asked.on)


def _carries(request: Calls) -> Carries:
    try:
        return Carries((request.present or "").lower())
    except ValueError:
        raise Refused(400, ILLEGAL_VALUE, plain=True) from None


def _offer(request: Calls) -> str:
    if request.call_type != CallType.WEBRTC:
        raise Refused(400, f"This node carries no {request.call_type} calls, only WEBRTC and RTMP", plain=True)
    if not request.sdp or not request.sdp.strip():
        raise Refused(400, ILLEGAL_VALUE, plain=True)
    return request.sdp


def _bandwidth(asked: Asked, request: Calls) -> int | None:
    limits = [limit for limit in (asked.room.vmr.bandwidth, request.bandwidth) if limit is not None and 1 <= limit < inf]
    return int(min(limits)) if limits else None


def _still_there(asked: Asked, call: NodeCall) -> None:
    """While the media part worked, the participant may have left or the call ended."""
    if call.uuid not in asked.sender.calls or asked.sender.uuid not in asked.room.members:
        asked.room.order(CloseCall(call.uuid))
        raise Refused(503, GONE, plain=True)


def _refusal(error: BaseException) -> BaseException:
    if isinstance(error, NegotiationFailed):
        return Refused(400, str(error), plain=True)
    return Refused(503, str(error), plain=True) if isinstance(error, CallError) else error
