"""The rooms of a conference as one participant knows them: the main room, for Hosts the breakout rooms, and where its own media is."""

from __future__ import annotations

from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import BreakoutBegin, BreakoutEnd, InBreakout
from pexrtc_py.signaling.floor import Floor
from pexrtc_py.signaling.roster import Roster

MAIN = "main"
"""How the main room is named where breakout rooms are named by their uuid."""


class Room(Roster):
    """The picture of one room, and who presents there."""

    def __init__(self, my_uuid: str) -> None:
        super().__init__()
        self.my_uuid = my_uuid
        """Our own participant in it; in a breakout room that is our control participant, until our media joins it."""
        self.floor = Floor(my_uuid)


class Rooms:
    """All rooms, each told of its own events. `here` is the uuid of the breakout room that our media is in, None in the main room."""

    def __init__(self, my_uuid: str) -> None:
        self.main = Room(my_uuid)
        self.breakouts: dict[str, Room] = {}
        self.here: str | None = None

    @property
    def mine(self) -> Room:
        """The room that our media is in."""
        return self.main if self.here is None else self.breakouts.get(self.here, self.main)

    def see(self, event: Event) -> tuple[object, ...]:
        """Take an event in, and say what is to be published: the event itself, what follows from it, or nothing."""
        match event:
            case BreakoutBegin(participant_uuid=str(control)):
                self.breakouts[event.breakout_uuid] = Room(control)
                return (event,)
            case BreakoutEnd():
                self.breakouts.pop(event.breakout_uuid, None)
                return (event,)
            case InBreakout():
                room = self.breakouts.setdefault(event.breakout_uuid, Room(""))
                lost = room.floor.see(event.event)
                heard: tuple[object, ...] = (event,) if room.see(event.event) else ()
            case _:
                heard, lost = self.main.see(event), self.main.floor.see(event)
        return (*heard, lost) if lost else heard

    def floor_at(self, address: Address) -> Floor | None:
        """The floor that a request of ours to this address is about: that of the room where the participant in it is our own."""
        room = self.main if address.breakout is None else self.breakouts.get(address.breakout)
        return room.floor if room is not None and address.participant == room.my_uuid else None

    def become(self, my_uuid: str) -> None:
        """We are another participant of the conference from now on; the main room will be listed again."""
        self.main.my_uuid, self.main.floor = my_uuid, Floor(my_uuid)
        self.breakouts.clear()
        self.here = None

    def forget_breakouts(self) -> None:
        """After a gap in the stream: the rooms that are still open are told of again. Where our media is, we are until told otherwise."""
        self.breakouts = {uuid: room for uuid, room in self.breakouts.items() if uuid == self.here}
