"""What was asked of a node and what it told, as lines for whoever looks on; tokens, PINs and media are not in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel

from pexrtc_py.node.heard import Heard
from pexrtc_py.node.house import House
from pexrtc_py.protocol.declare import Event

KEPT = 500
LONGEST = 200
"""Characters of the details of a line."""


@dataclass(frozen=True)
class Line:
    """A request, or an event to one participant or several."""

    number: int
    time: float
    """Unix seconds."""
    kind: str
    """`request` or `event`."""
    room: str
    who: str
    name: str
    text: str


class Journal:
    """The latest lines; older ones go."""

    def __init__(self, house: House, *, clock: Callable[[], float]) -> None:
        self._house, self._clock = house, clock
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._number = 0

    def since(self, number: int) -> list[dict[str, Any]]:
        """The lines after the one of this number, as JSON."""
        return [asdict(line) for line in self._lines if line.number > number]

    def heard(self, heard: Heard) -> None:
        """A request passed the checks."""
        who = self._found([heard.participant])[1] if heard.participant else ""
        self._add("request", heard.address.conference or "", who, type(heard.request).name, heard.request)

    def told(self, participants: Sequence[str], event: Event) -> None:
        """An event goes to these participants."""
        self._add("event", *self._found(participants), type(event).name, event)

    def _found(self, participants: Sequence[str | None]) -> tuple[str, str]:
        """The alias of the room they are in, and the name of one, or how many they are."""
        rooms = (inner for room in self._house.rooms for inner in room.breakouts.everywhere)
        first = participants[0] or ""
        alias, name = next(((room.vmr.alias, room.members[first].display_name) for room in rooms if first in room.members), ("", ""))
        return alias, name if len(participants) == 1 else f"{len(participants)} participants"

    def _add(self, kind: str, room: str, who: str, name: str, what: BaseModel) -> None:
        text = ", ".join(f"{field}={value!r}" for field, value in what.__repr_args__() if value is not None)
        self._number += 1
        self._lines.append(Line(self._number, self._clock(), kind, room, who, name, text if len(text) <= LONGEST else f"{text[:LONGEST]}…"))
