"""A conference with people in it, and what happens to its breakout rooms, in process."""

from __future__ import annotations

from typing import Any, TypeVar

from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.room import Room
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import BreakoutBegin, InBreakout, Refer

E = TypeVar("E")


class Meeting:
    """A node with a Host and two Guests, who have heard everything so far."""

    def __init__(self, **vmr: Any) -> None:
        self.node = InProcess(Vmr("meet", **({"host_pin": "1"} | vmr)))
        self.host = self.node.join("Host", pin="1")
        self.host.send(requests.StartConference())
        self.ann, self.bob = self.node.join("Ann", pin="none"), self.node.join("Bob", pin="none")
        self.hush()

    @property
    def main(self) -> Room:
        return self.node.room()

    def hush(self) -> None:
        for who in (self.host, self.ann, self.bob):
            who.told()

    def open(self, name: str = "Red", *people: Attendee, **how: Any) -> str:
        """A new room with people of the main room in it; its uuid."""
        moved = {"main": tuple(one.uuid for one in people)} if people else None
        uuid: str = self.host.send(requests.CreateBreakout(breakout_name=name, participants=moved, **how))["breakout_uuid"]
        return uuid

    def room(self, uuid: str) -> Room:
        return self.main.breakouts.rooms[uuid]

    def control(self, uuid: str, host: Attendee | None = None) -> Attendee:
        """A Host as it is in a room."""
        host = host or self.host
        control = self.room(uuid).control_of(self.main.members[host.uuid])
        assert control is not None
        return host.inside(uuid, control.uuid)

    def follow(self, who: Attendee) -> Attendee:
        """Where somebody was sent, it goes: it joins there, and leaves here."""
        told = the(Refer, who.told())
        there = self.node.join("Follower", told.alias, token=told.token)
        who.send(requests.ReleaseToken(reason="Transfer"))
        return there

    def inside(self, uuid: str, who: Attendee) -> Attendee:
        """Move somebody from the main room into a room."""
        self.host.send(requests.MoveParticipants(breakout_uuid=uuid, participants=(who.uuid,)))
        return self.follow(who)

    def sweep(self, seconds: float) -> None:
        self.node.now += seconds
        self.main.sweep(self.node.now)
        self.node.settle()


def the(kind: type[E], events: list[Event]) -> E:
    """The only event of a kind."""
    (event,) = [event for event in events if isinstance(event, kind)]
    return event


def wrapped(events: list[Event], uuid: str) -> list[Event]:
    """What happened in a room, as a Host was told."""
    return [event.event for event in events if isinstance(event, InBreakout) and event.breakout_uuid == uuid]


def began(events: list[Event]) -> list[str]:
    return [event.breakout_uuid for event in events if isinstance(event, BreakoutBegin)]
