"""The calls of direct media: each side's offers and answers are the other's, and the node waits for them."""

from __future__ import annotations

from collections.abc import Generator
from uuid import uuid4

from pexrtc_py.node import direct
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Answered, Asked, AskPeer, Need, answers
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.outbox import Passed
from pexrtc_py.node.relay import Exchange, Leg, media_of
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.callstate import CallState, OfferRefused
from pexrtc_py.protocol.events import NewOffer, UpdateSdp
from pexrtc_py.protocol.models import CallAnswer, SplashKey, UpdateAnswer
from pexrtc_py.protocol.requests import Ack, Calls, CallStatistics, NewCandidate, Statistics, Update

PATIENCE = 4.0
"""Seconds a first offer waits for the other side's answer: a client in use gives its request up after five, and then begins anew."""
FURTHER_PATIENCE = 20.0
"""The same for further offers: a client in use never makes another one when one of its own was not answered."""
IGNORED = "offer_ignored"
GONE = "Call disconnected"
Flow = Generator[Need, Answered, str]


def place(asked: Asked, request: Calls, sdp: str) -> Generator[Need, Answered, CallAnswer]:
    """The first offer of a call: to whoever waits for one, else it is ignored and its sender waits."""
    room, member = asked.room, asked.sender
    for before in list(member.calls.values()):  # who calls again has begun anew
        room.close_call(member, before)
    direct.settle(room, asked.now)
    call = NodeCall(str(uuid4()), direct=True, media=media_of(sdp), fecc_supported=request.fecc_supported)
    call.state.see(request)
    member.calls[call.uuid] = call
    leg = room.relay.legs[call.uuid] = Leg(call.uuid)
    try:
        answer = yield from _first(asked, call, leg, sdp)
    except BaseException:
        room.close_call(member, call)
        raise
    answered = CallAnswer(call_uuid=call.uuid, sdp=answer) if answer else CallAnswer(call_uuid=call.uuid, offer_ignored=True)
    call.state.see(answered)
    room.updated(member)
    return answered


def update(asked: Asked, request: Update) -> Generator[Need, Answered, UpdateAnswer]:
    """A further offer: to the partner; without one it counts as a first offer."""
    room, call = asked.room, asked.call
    leg = room.relay.legs[call.uuid]
    if call.state.state is CallState.UPDATING:  # given up by its sender, who has another now
        _give_up(room, leg)
        call.state.see(OfferRefused())
    call.state.see(request)
    call.media = media_of(request.sdp)
    if request.fecc_supported is not None:
        call.fecc_supported = request.fecc_supported
    try:
        if leg.partner is None:
            answer = yield from _first(asked, call, leg, request.sdp)
        else:
            answer = yield from _further(asked, leg, leg.partner, request.sdp)
    except BaseException:
        if call.state.state is CallState.UPDATING and leg.asks is None:
            call.state.see(OfferRefused())
        raise
    answered = UpdateAnswer(call_uuid=call.uuid, sdp=answer) if answer else UpdateAnswer(call_uuid=call.uuid, offer_ignored=True)
    if call.state.state is CallState.UPDATING and leg.asks is None:
        call.state.see(answered if answer else OfferRefused())
    room.updated(asked.sender)
    return answered


def ack(asked: Asked, request: Ack) -> bool:
    """An answer for the other side, a refusal of its offer, or word that the own answer is in force."""
    room, call = asked.room, asked.call
    leg = room.relay.legs[call.uuid]
    call.state.see(request)
    if request.sdp is None and not request.offer_ignored:
        _connected(room, asked.sender, call, leg)
    elif leg.unanswered:
        refused = request.offer_ignored or request.sdp in (None, "", IGNORED)
        _answer(room, leg, leg.unanswered.popleft(), "" if refused or request.sdp is None else request.sdp)
        if not refused:
            call.media = media_of(request.sdp or "")
            _connected(room, asked.sender, call, leg)
    return True


def candidate(asked: Asked, request: NewCandidate) -> None:
    """Passed on as it came, as soon as the other side can use it."""
    leg = asked.room.relay.legs[asked.call.uuid]
    if request.candidate or leg.partner is not None:
        leg.held.append(request)
        direct.pass_candidates(asked.room, leg)


@answers(CallStatistics)
def call_statistics(asked: Asked, request: CallStatistics) -> None:
    """How the media of a direct call fares, to be looked at."""
    asked.call.statistics = request


@answers(Statistics)
def statistics(asked: Asked, request: Statistics) -> None:
    """The same, for the latest call of the participant."""
    for call in list(asked.sender.calls.values())[-1:]:
        call.statistics = CallStatistics.model_validate(request.model_dump(exclude_unset=True))


def _first(asked: Asked, call: NodeCall, leg: Leg, sdp: str) -> Flow:
    """The answer of somebody who waits for an offer; empty when nobody does, or does not answer: then its sender waits."""
    room, member = asked.room, asked.sender
    if member.is_host and not member.waiting:
        room.start()
    other = _free(room, member)
    answer = ""
    if other is not None:
        room.relay.pair(leg, other)
        answer = yield from _ask(asked, leg, other, NewOffer(sdp=sdp), PATIENCE)
        _still_there(asked, call)
    if not answer:
        silent = direct.part(room, leg)
        leg.free = True
        direct.show(room, leg, direct.waiting_screen(member))
        if silent is not None and (deaf := direct.owner(room, silent.call)) is not None:
            direct.tell_alone(room, deaf, deaf.calls[silent.call])
    return answer


def _further(asked: Asked, leg: Leg, other: Leg, sdp: str) -> Flow:
    partner = direct.owner(asked.room, other.call)
    if partner is None or partner.calls[other.call].state.state is CallState.OFFERED:
        return ""
    answer = yield from _ask(asked, leg, other, UpdateSdp(sdp=sdp), FURTHER_PATIENCE)
    _still_there(asked, asked.call)
    return answer


def _free(room: Room, member: Member) -> Leg | None:
    if member.waiting:
        return None
    legs = (leg for other in room.admitted if other is not member for leg in room.relay.legs.values() if leg.call in other.calls)
    return next((leg for leg in legs if leg.free), None)


def _ask(asked: Asked, leg: Leg, other: Leg, told: NewOffer | UpdateSdp, seconds: float) -> Flow:
    """Tell the other side an offer and wait for its answer; empty when it ignores it, is gone, or takes too long."""
    room = asked.room
    partner = direct.owner(room, other.call)
    if partner is None:
        return ""
    exchange = Exchange(room.relay.ticket(leg.call), told)
    partner.calls[other.call].state.see(told)
    leg.said, leg.asks = told.sdp, exchange.ticket
    other.unanswered.append(exchange)
    room.tell(partner, told)
    direct.pass_candidates(room, leg)
    try:
        answer = (yield AskPeer(exchange.ticket, seconds)).sdp
    finally:
        if leg.asks == exchange.ticket:  # else a later offer took its place
            leg.asks = None
            if exchange in other.unanswered:
                other.unanswered.remove(exchange)
    return answer


def _answer(room: Room, leg: Leg, exchange: Exchange, sdp: str) -> None:
    room.order(Passed(exchange.ticket, sdp))
    if sdp:
        leg.said = sdp
        direct.pass_candidates(room, leg)


def _give_up(room: Room, leg: Leg) -> None:
    """Nobody waits for the answer to its last offer any more; the ack of it will come all the same, and is told by its place."""
    if leg.asks is not None:
        room.order(Passed(leg.asks, ""))
        leg.asks = None


def _connected(room: Room, member: Member, call: NodeCall, leg: Leg) -> None:
    """One side has what it needs; with both, the screens go."""
    if leg.partner is None:
        return
    if not call.acked:
        call.acked = True
        room.updated(member)
        if not member.waiting:
            room.stage_changed()
    if (other := direct.owner(room, leg.partner.call)) is not None:
        theirs = other.calls[leg.partner.call]
        if theirs.acked:
            direct.show(room, leg, None if theirs.media.video else SplashKey.AUDIO_ONLY)
            direct.show(room, leg.partner, None if call.media.video else SplashKey.AUDIO_ONLY)


def _still_there(asked: Asked, call: NodeCall) -> None:
    """While the other side was waited for, the participant may have left or called again."""
    if call.uuid not in asked.sender.calls or asked.sender.uuid not in asked.room.members:
        raise Refused(503, GONE, plain=True)
