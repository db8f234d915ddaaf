from __future__ import annotations

import pytest

from pexrtc_py.errors import InvalidTransition
from pexrtc_py.protocol.events import PresentationStart, PresentationStop
from pexrtc_py.protocol.requests import ReleaseFloor, TakeFloor
from pexrtc_py.signaling.floor import TRANSITIONS, Floor, FloorDenied, FloorGranted, FloorRevoked, FloorState, PresentationLost

BOB = PresentationStart(presenter_name="Bob", presenter_uuid="bob")
CAROL = PresentationStart(presenter_name="Carol", presenter_uuid="carol")
REVOKED = PresentationStart()
INPUTS = {TakeFloor, ReleaseFloor, FloorGranted, FloorDenied, FloorRevoked, PresentationStart, PresentationStop}
REFUSED = {
    FloorState.FREE: {FloorGranted, FloorDenied},
    FloorState.ASKING: {TakeFloor, ReleaseFloor},
    FloorState.HELD: {TakeFloor, FloorGranted, FloorDenied},
    FloorState.TAKEN: {FloorGranted, FloorDenied},
}


def _floor(*seen: object) -> Floor:
    floor = Floor("me")
    for each in seen:
        floor.see(each)
    return floor


def test_the_table_refuses_exactly_these() -> None:
    refused = {state: {kind for kind in INPUTS if (state, kind) not in TRANSITIONS} for state in FloorState}

    assert refused == REFUSED


def test_no_event_of_a_node_is_ever_refused() -> None:
    for state in FloorState:
        assert {(state, kind) for kind in (PresentationStart, PresentationStop, FloorRevoked)} <= TRANSITIONS.keys()


def test_a_granted_floor_is_held_until_released() -> None:
    floor = _floor(BOB, TakeFloor(), FloorGranted())
    assert (floor.state, floor.presenter) == (FloorState.HELD, None)

    floor.see(ReleaseFloor())

    assert floor.state is FloorState.FREE


def test_a_stolen_floor_is_lost_to_the_thief() -> None:
    floor = _floor(TakeFloor(), FloorGranted())

    assert floor.see(BOB) == PresentationLost(BOB)
    assert (floor.state, floor.presenter) == (FloorState.TAKEN, BOB)
    assert floor.see(ReleaseFloor()) is None  # what the loser posts changes nothing
    assert floor.state is FloorState.TAKEN


def test_a_revoked_floor_is_lost_to_nobody() -> None:
    floor = _floor(TakeFloor(), FloorGranted())

    assert floor.see(REVOKED) == PresentationLost(None)
    assert floor.state is FloorState.FREE


def test_a_refused_request_leaves_the_floor_with_its_holder() -> None:
    floor = _floor(BOB, TakeFloor(), CAROL, FloorDenied())

    assert (floor.state, floor.presenter) == (FloorState.TAKEN, CAROL)


def test_a_node_that_tells_us_of_ourselves_takes_nothing_away() -> None:
    floor = _floor(TakeFloor(), FloorGranted())

    assert floor.see(PresentationStart(presenter_name="Me", presenter_uuid="me")) is None
    assert floor.state is FloorState.HELD


def test_the_status_on_a_new_stream_does_not_end_our_own_presentation() -> None:
    floor = _floor(TakeFloor(), FloorGranted(), PresentationStop())

    assert floor.state is FloorState.HELD


def test_asking_twice_is_refused() -> None:
    with pytest.raises(InvalidTransition):
        _floor(TakeFloor(), TakeFloor())
