"""What whoever runs a node sees of its rooms, and may do in them: everything a host may, without taking part; pure."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any
from uuid import uuid4

from pexrtc_py.errors import UsageError
from pexrtc_py.node import picture
from pexrtc_py.node.admission import NOT_FOUND, Refused
from pexrtc_py.node.asked import RULES, Asked
from pexrtc_py.node.bots import Bot, Performer
from pexrtc_py.node.house import House
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Permission, Scope, find
from pexrtc_py.protocol.layouts import named
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.requests import Buzz, ClearBuzz, Message, ReleaseFloor, TakeFloor
from pexrtc_py.protocol.wire import decode_request

PEOPLE = 200
"""Participants of a room that are listed; the rest is counted."""
NAME = "Operator"
BY_HOSTS = {Permission.HOST, Permission.HOST_OR_SELF}
ACTS = {"raise": Buzz, "lower": ClearBuzz, "present": TakeFloor, "stop": ReleaseFloor}
"""What a scripted participant can be told to do, besides `leave`."""


class Operator:
    """Sees and commands the rooms of a node from outside."""

    def __init__(self, house: House) -> None:
        self._house = house

    def rooms(self) -> list[dict[str, Any]]:
        """Every room as JSON, breakout rooms behind their main rooms."""
        return [_room(inner) for room in self._house.rooms for inner in room.breakouts.everywhere]

    def names(self) -> dict[str, str]:
        """Everybody's name by uuid."""
        rooms = (inner for room in self._house.rooms for inner in room.breakouts.everywhere)
        return {member.uuid: member.display_name for inner in rooms for member in inner.members.values()}

    def open(self, alias: str) -> None:
        """See to it that there is a conference of this alias. Raises `Refused` where the node has only those it is configured with."""
        if self._house.room(alias) is None:
            raise Refused(404, f"This node has no conference {alias!r}, only those that it is configured with")

    def ask(self, room: str, name: str, body: Mapping[str, object], participant: str | None = None) -> object:
        """Carry out a request of hosts by its name in the API, about a participant if one is given; its answer.

        Raises `Refused`, and `ProtocolError` for a body that does not fit.
        """
        within = self.room(room)
        about = within.members.get(participant) if participant is not None else None
        if participant is not None and about is None:
            raise Refused(404, "This participant has gone")
        kind = find(Scope.CONFERENCE if about is None else Scope.PARTICIPANT, "POST", name)
        if kind is None or kind not in RULES or not (kind.by in BY_HOSTS or kind is Message):
            raise Refused(404, f"There is no request {name!r} for an operator")
        request, now = decode_request(kind, body), self._house.clock()
        by = Member(str(uuid4()), NAME, role=Role.HOST, alias=within.vmr.alias, joined=now)
        address = Address(within.vmr.alias, participant=about.uuid if about else None)
        answer = RULES[kind](Asked(house=self._house, now=now, address=address, within=within, by=by, about=about), request)
        if isinstance(answer, Generator):
            answer.close()
            raise Refused(404, f"{name} takes media of one's own")
        self._house.wake()
        return answer

    def add(self, room: str, bot: Bot) -> Performer:
        """A scripted participant comes in."""
        return self._house.add(self.room(room), bot)

    def perform(self, bot: str, does: str) -> None:
        """Have a scripted participant do one of `ACTS`, or `leave`. Raises `Refused`, and `UsageError` for what it cannot do."""
        everywhere = (inner for room in self._house.rooms for inner in room.breakouts.everywhere)
        performer = next((one for inner in everywhere for one in inner.performers if one.uuid == bot and one.present), None)
        if performer is None:
            raise Refused(404, "This scripted participant has gone")
        if does == "leave":
            performer.leave()
        elif does in ACTS:
            performer.send(ACTS[does]())
        else:
            raise UsageError(f"A scripted participant can {', '.join(ACTS)} or leave, not {does!r}.")

    def room(self, uuid: str) -> Room:
        """The room of a uuid. Raises `Refused`."""
        everywhere = (inner for room in self._house.rooms for inner in room.breakouts.everywhere)
        found = next((inner for inner in everywhere if inner.uuid == uuid), None)
        if found is None:
            raise Refused(404, NOT_FOUND)
        return found


def _room(room: Room) -> dict[str, Any]:
    transforms, alias = room.settings.transforms, room.vmr.alias
    key = alias if room.breakout is None else f"{alias}/{room.name}"
    single = room.vmr.service_type in ("gateway", "test_call")
    return {
        "uuid": room.uuid,
        "key": f"{key} {room.uuid[:4]}" if single else key,
        "joins": alias if room.breakout is None and not single else None,
        "name": room.name,
        "started": room.started,
        "locked": room.locked,
        "guests_muted": room.guests_muted,
        "layout": str(named(picture.asked_for(room, host=True)) or ""),
        "names": bool(transforms.enable_overlay_text),
        "framed": bool(transforms.enable_active_speaker_indication),
        "presenter": room.floor,
        "count": len(room.members),
        "participants": [_person(room, member) for member, _ in zip(room.members.values(), range(PEOPLE), strict=False)],
    }


def _person(room: Room, member: Member) -> dict[str, Any]:
    media = {kind for call in member.live_calls for kind in ("audio", "video") if getattr(call.media, kind)}
    return {
        "uuid": member.uuid,
        "name": member.display_name,
        "role": "host" if member.is_host else "guest",
        "bot": any(one.uuid == member.uuid for one in room.performers),
        "waiting": member.waiting,
        "connecting": member.connecting,
        "media": sorted(media),
        "muted": member.muted,
        "client_muted": member.client_muted,
        "video_muted": member.video_muted,
        "speaking": member.speaking,
        "hand": member.buzzed > 0,
        "spotlight": member.spotlit > 0,
        "presenting": room.floor == member.uuid,
        "on_hold": member.on_hold,
    }
