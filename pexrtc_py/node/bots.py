"""Scripted participants, as data: who comes, what it shows and says, and what it asks for when; pure, `now` is given.

A bot is a participant like any other: it has a line in the roster, a place in layouts and mixes, and its requests pass the same rules. It
has no token that could run out, and stays until it leaves, somebody disconnects it, or the conference ends.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pexrtc_py.errors import UsageError
from pexrtc_py.node.admission import INVALID_ROLE, Refused
from pexrtc_py.node.asked import RULES, Asked, may
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.plan import CallEndpoint, CallMedia
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, Scope
from pexrtc_py.protocol.models import Role

if TYPE_CHECKING:
    from pexrtc_py.node.house import House
    from pexrtc_py.node.room import Room

VENDOR = "pexrtc scripted participant"
STREAMS = 16
"""So many streams stamps can tell apart."""


@dataclass(frozen=True)
class Step:
    """`Step(2.0, TakeFloor())`: a request of a bot about itself or its conference, so many seconds after it came in."""

    at: float
    request: Request[Any]

    def __post_init__(self) -> None:
        if not 0 <= self.at < inf:
            raise UsageError(f"A step of a script must be at so many seconds from 0 on, not {self.at}.")


@dataclass(frozen=True)
class Bot:
    """A scripted participant: `Bot("Ada", sound=440, script=(Step(2, Buzz()),))`. Raises `UsageError` for what cannot be one."""

    name: str
    _: KW_ONLY
    role: Role = Role.GUEST
    picture: Literal["person", "pattern"] | None = "person"
    """A drawn person who moves, colour bars, or no video at all."""
    stamp: int | None = None
    """The stream number (0 to 15) of a frame stamp in its picture, and in its slides."""
    sound: Literal["voice"] | float | None = "voice"
    """Syllables of no language, a tone of so many hertz, or silence."""
    slides: bool = False
    """Whether it has slides to show while it holds the floor."""
    script: tuple[Step, ...] = ()
    leaves_after: float | None = None
    """Seconds after which it leaves; None: it stays."""

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > 250:
            raise UsageError(f"A bot cannot be called {self.name!r}: a name is printable text of at most 250 characters.")
        if self.picture not in ("person", "pattern", None):
            raise UsageError(f"{self.name}: picture must be 'person', 'pattern' or None, not {self.picture!r}.")
        if self.stamp is not None and not 0 <= self.stamp < STREAMS:
            raise UsageError(f"{self.name}: stamp must be from 0 to {STREAMS - 1}, not {self.stamp}.")
        if isinstance(self.sound, str) and self.sound != "voice":
            raise UsageError(f"{self.name}: sound must be 'voice', hertz or None, not {self.sound!r}.")
        if isinstance(self.sound, int | float) and not 20 <= self.sound < 20_000:
            raise UsageError(f"{self.name}: a tone must be from 20 to 20000 Hz, not {self.sound}.")
        if self.leaves_after is not None and not 0 <= self.leaves_after < inf:
            raise UsageError(f"{self.name}: leaves_after must be seconds from 0 on, not {self.leaves_after}.")


class Performer:
    """A bot that takes part: its name in the roster, and what it can be told to do by hand."""

    def __init__(self, bot: Bot, room: Room, house: House, now: float) -> None:
        self.bot, self._room, self._house = bot, room, house
        self.failed: list[tuple[Step, Exception]] = []
        """Steps that were refused, and why."""
        self._begun = now
        self._steps = sorted(bot.script, key=lambda step: step.at)
        self._member = Member(str(uuid4()), bot.name, role=bot.role, alias=room.vmr.alias, joined=now, vendor=VENDOR, played=True)

    @property
    def uuid(self) -> str:
        """Its name in the roster."""
        return self._member.uuid

    @property
    def present(self) -> bool:
        """Whether it is still there."""
        return self._room.members.get(self.uuid) is self._member

    @property
    def due(self) -> float:
        """When `advance` has something to do next, in Unix seconds."""
        if not self.present:
            return inf
        leaves = self.bot.leaves_after if self.bot.leaves_after is not None else inf
        return self._begun + min(leaves, *(step.at for step in self._steps[:1]), inf)

    def send(self, request: Request[Any]) -> Any:
        """Have it ask for something, about itself or its conference, as `conference.send` does; what it is answered, as a value.

        Raises `Refused` when it may not. Requests that need a media server's answer, such as calls, are not for bots.
        """
        answer = self._ask(request, self._house.clock())
        self._house.wake()
        return answer

    def leave(self) -> None:
        """It goes; a second time does nothing."""
        if self.present:
            self._room.leave(self._member, self._house.clock())
            self._house.wake()

    def advance(self, now: float) -> None:
        """Do what the script says until now; what is refused is kept in `failed`."""
        while self.present and self._steps and self._begun + self._steps[0].at <= now:
            step = self._steps.pop(0)
            try:
                self._ask(step.request, now)
            except Exception as refused:
                self.failed.append((step, refused))
        if self.present and self.bot.leaves_after is not None and now >= self._begun + self.bot.leaves_after:
            self._room.leave(self._member, now)

    def enter(self) -> None:
        """Come in, to the waiting room where others have to wait too, with its media."""
        bot, member = self.bot, self._member
        call = NodeCall(str(uuid4()), acked=True, media=CallMedia(bot.sound is not None, bot.picture is not None, bot.slides))
        if bot.sound is not None or bot.picture is not None:
            member.calls[call.uuid] = call
            order = CallEndpoint(self._room.uuid, member.uuid, call.uuid, Endpoint("bot"), bot.picture is not None, bot=bot)
            self._room.order(order)
        self._room.enter(member)
        if not member.waiting:
            self._room.stage_changed()
            if member.is_host:
                self._room.start()

    def _ask(self, request: Request[Any], now: float) -> Any:
        about = self._member if type(request).scope in (Scope.PARTICIPANT, Scope.CALL) else None
        address = Address(self._room.vmr.alias, participant=about.uuid if about else None)
        asked = Asked(house=self._house, now=now, address=address, within=self._room, by=self._member, about=about)
        kind = type(request)
        if not may(kind.by, self._member, about):
            raise Refused(403, INVALID_ROLE)
        if kind not in RULES:
            raise Refused(501, f"This node does not do {kind.name}")
        answer = RULES[kind](asked, request)
        if isinstance(answer, Generator):
            answer.close()
            raise UsageError(f"{self.bot.name} cannot ask for {type(request).name}: that takes an answer of the media.")
        return answer
