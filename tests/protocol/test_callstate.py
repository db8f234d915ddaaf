from __future__ import annotations

import itertools

import pytest

from pexrtc_py.errors import InvalidTransition
from pexrtc_py.protocol import CallAnswer, OfferRefused, UpdateAnswer, call_machine, events, requests
from pexrtc_py.protocol.callstate import ANSWERED, DOWN, NEW, OFFERED, TRANSITIONS, UP, UPDATING, CallState
from pexrtc_py.protocol.machine import Machine

CALLS, ACK, UPDATE, CANDIDATE, HANG_UP = requests.Calls, requests.Ack, requests.Update, requests.NewCandidate, requests.CallDisconnect
PEER = (events.NewOffer, events.UpdateSdp, events.NewCandidate, events.PeerDisconnect)
INPUTS = (CALLS, ACK, UPDATE, CANDIDATE, HANG_UP, CallAnswer, UpdateAnswer, OfferRefused, events.CallDisconnected, *PEER)

REFUSED: dict[CallState, set[type]] = {
    NEW: {*INPUTS} - {CALLS},
    OFFERED: {*INPUTS} - {CallAnswer, OfferRefused, events.CallDisconnected},
    ANSWERED: {CALLS, CallAnswer, UpdateAnswer, OfferRefused},
    UP: {CALLS, CallAnswer, UpdateAnswer, OfferRefused},
    UPDATING: {CALLS, UPDATE, CallAnswer},
    DOWN: {*INPUTS} - {HANG_UP, events.CallDisconnected},
}


@pytest.mark.parametrize(
    ("state", "seen"), list(itertools.product(CallState, INPUTS)), ids=lambda x: getattr(x, "__name__", None) or x.name
)
def test_exactly_the_refused_pairs_are_refused(state: CallState, seen: type) -> None:
    call = Machine("call", TRANSITIONS, state)

    if seen in REFUSED[state]:
        with pytest.raises(InvalidTransition):
            call.see(seen)
        assert call.state is state
    else:
        assert call.see(seen) is TRANSITIONS[state, seen]


def test_every_row_of_the_table_was_walked() -> None:
    assert {seen for _, seen in TRANSITIONS} == {*INPUTS}


def test_a_call_goes_up_is_updated_and_ends() -> None:
    call = call_machine()

    states = [call.see(seen) for seen in (CALLS, CallAnswer, CANDIDATE, ACK, UPDATE, CANDIDATE, UpdateAnswer, ACK, HANG_UP)]

    assert states == [OFFERED, ANSWERED, ANSWERED, UP, UPDATING, UPDATING, ANSWERED, UP, DOWN]


def test_an_ack_before_the_offer_is_wrong() -> None:
    with pytest.raises(InvalidTransition, match="Ack makes no sense for the call while it is NEW"):
        call_machine().see(requests.Ack())


def test_a_refused_update_leaves_the_call_up() -> None:
    call = Machine("call", TRANSITIONS, UP)

    assert [call.see(UPDATE), call.see(OfferRefused())] == [UPDATING, UP]


def test_a_peer_that_arrives_later_offers_and_is_acked() -> None:
    call = call_machine()

    states = [call.see(seen) for seen in (CALLS, CallAnswer, events.NewOffer, ACK, events.PeerDisconnect, events.NewOffer, ACK)]

    assert states == [OFFERED, ANSWERED, ANSWERED, UP, ANSWERED, ANSWERED, UP]


def test_a_glare_is_settled_by_an_ack_and_the_pending_answer() -> None:
    call = Machine("call", TRANSITIONS, UP)

    states = [call.see(seen) for seen in (UPDATE, events.UpdateSdp, ACK, OfferRefused)]

    assert states == [UPDATING, UPDATING, UPDATING, UP]
