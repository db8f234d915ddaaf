"""The legal life of a media call, the same table for client and node: `calls` → answer → `ack` → up; `update` → answer → `ack` → up.

The client shows it what it is about to send and what came back; the node what arrived and what it answers.
"""

from __future__ import annotations

from enum import Enum

from pexrtc_py.protocol.events import CallDisconnected, NewOffer, PeerDisconnect, UpdateSdp
from pexrtc_py.protocol.events import NewCandidate as PeerCandidate
from pexrtc_py.protocol.machine import Machine, Table
from pexrtc_py.protocol.models import CallAnswer, UpdateAnswer
from pexrtc_py.protocol.requests import Ack, CallDisconnect, Calls, NewCandidate, Update


class CallState(Enum):
    """Where a call is in its life."""

    NEW = "new"
    OFFERED = "offered"  # `calls` is sent, no answer yet
    ANSWERED = "answered"  # an answer or a peer's offer awaits its ack
    UP = "up"
    UPDATING = "updating"  # `update` is sent, no answer yet
    DOWN = "down"


class OfferRefused:
    """The node refused `calls` or `update`, or the request for it was given up."""


NEW, OFFERED, ANSWERED, UP, UPDATING, DOWN = CallState

TRANSITIONS: Table[CallState] = {
    (NEW, Calls): OFFERED,
    (OFFERED, CallAnswer): ANSWERED,
    (OFFERED, OfferRefused): DOWN,
    (OFFERED, CallDisconnected): DOWN,
    (ANSWERED, Ack): UP,
    (ANSWERED, NewCandidate): ANSWERED,
    (ANSWERED, Update): UPDATING,  # an ICE restart need not wait for the ack
    (UP, Update): UPDATING,
    (UP, NewCandidate): UP,
    (UP, Ack): UP,  # one client repeats a request whose answer got lost
    (UPDATING, UpdateAnswer): ANSWERED,
    (UPDATING, OfferRefused): UP,  # media goes on as it was
    (UPDATING, NewCandidate): UPDATING,
    # direct media: the peer offers, too, and may do so while an own offer is on its way
    (ANSWERED, NewOffer): ANSWERED,
    (ANSWERED, UpdateSdp): ANSWERED,
    (ANSWERED, PeerCandidate): ANSWERED,
    (ANSWERED, PeerDisconnect): ANSWERED,
    (UP, NewOffer): ANSWERED,
    (UP, UpdateSdp): ANSWERED,
    (UP, PeerCandidate): UP,
    (UP, PeerDisconnect): ANSWERED,
    (UPDATING, NewOffer): UPDATING,
    (UPDATING, UpdateSdp): UPDATING,
    (UPDATING, Ack): UPDATING,
    (UPDATING, PeerCandidate): UPDATING,
    (UPDATING, PeerDisconnect): UPDATING,
    # the end, which both sides may announce
    (ANSWERED, CallDisconnect): DOWN,
    (ANSWERED, CallDisconnected): DOWN,
    (UP, CallDisconnect): DOWN,
    (UP, CallDisconnected): DOWN,
    (UPDATING, CallDisconnect): DOWN,
    (UPDATING, CallDisconnected): DOWN,
    (DOWN, CallDisconnect): DOWN,
    (DOWN, CallDisconnected): DOWN,
}


def call_machine() -> Machine[CallState]:
    """A call that has not begun."""
    return Machine("call", TRANSITIONS, NEW)
