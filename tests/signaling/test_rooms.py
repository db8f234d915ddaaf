from __future__ import annotations

from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import (
    BreakoutBegin,
    BreakoutEnd,
    InBreakout,
    ParticipantCreate,
    ParticipantSyncBegin,
    ParticipantSyncEnd,
    PresentationStart,
)
from pexrtc_py.protocol.models import Participant
from pexrtc_py.protocol.requests import TakeFloor
from pexrtc_py.signaling.floor import FloorGranted, FloorState, PresentationLost
from pexrtc_py.signaling.rooms import Rooms

BOB = PresentationStart(presenter_name="Bob", presenter_uuid="bob")
BEGIN = BreakoutBegin(breakout_uuid="red", participant_uuid="me there")


def inside(event: Event) -> InBreakout:
    return InBreakout(breakout_uuid="red", event=event)


def test_a_room_has_a_roster_of_its_own_that_is_silent_while_it_is_listed() -> None:
    rooms = Rooms("me")
    ann = inside(ParticipantCreate(participant=Participant(uuid="ann")))

    heard = [rooms.see(event) for event in (BEGIN, inside(ParticipantSyncBegin()), ann, inside(ParticipantSyncEnd()))]

    assert heard == [(BEGIN,), (), (), (inside(ParticipantSyncEnd()),)]
    assert set(rooms.breakouts["red"].participants) == {"ann"}
    assert not rooms.main.participants


def test_a_room_that_ended_is_forgotten() -> None:
    rooms = Rooms("me")
    rooms.see(BEGIN)

    rooms.see(BreakoutEnd(breakout_uuid="red"))

    assert not rooms.breakouts
    assert rooms.mine is rooms.main


def test_the_floor_is_that_of_the_room_where_our_media_is() -> None:
    rooms = Rooms("me")
    rooms.see(BEGIN)
    rooms.see(inside(BOB))

    assert rooms.mine.floor.state is FloorState.FREE
    rooms.here = "red"
    assert (rooms.mine.floor.state, rooms.mine.floor.presenter) == (FloorState.TAKEN, BOB)


def test_a_presentation_in_a_room_is_lost_to_who_presents_there() -> None:
    rooms = Rooms("me")
    rooms.see(BEGIN)
    floor = rooms.breakouts["red"].floor
    floor.see(TakeFloor())
    floor.see(FloorGranted())

    assert rooms.see(BOB) == (BOB,)
    assert rooms.see(inside(BOB)) == (inside(BOB), PresentationLost(BOB))


def test_a_request_about_the_floor_is_about_that_of_its_room() -> None:
    rooms = Rooms("me")
    rooms.see(BEGIN)

    assert rooms.floor_at(Address("meet", participant="me")) is rooms.main.floor
    assert rooms.floor_at(Address("meet", breakout="red", participant="me there")) is rooms.breakouts["red"].floor
    assert rooms.floor_at(Address("meet", breakout="red", participant="me")) is None
    assert rooms.floor_at(Address("meet", breakout="blue", participant="me there")) is None
    assert rooms.floor_at(Address("meet", participant="bob")) is None
