"""A request on its way through the node: who asks what of whom, and the registry of rules that answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pexrtc_py.node.admission import NOT_FOUND, Refused
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.plan import CallMedia
from pexrtc_py.node.registrar import Registered
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Permission, Request

if TYPE_CHECKING:
    from pexrtc_py.node.house import House

T = TypeVar("T")


@dataclass(frozen=True)
class OpenCall:
    """A rule needs the answer to the first offer of a call."""

    room: str
    participant: str
    call: str
    sdp: str
    bandwidth: int | None


@dataclass(frozen=True)
class UpdateCall:
    """A rule needs the answer to a further offer of a call."""

    call: str
    sdp: str


@dataclass(frozen=True)
class TakeStill:
    """A rule needs a picture of what is presented in a room; it is sent a `Still`, or None."""

    room: str


@dataclass(frozen=True)
class AskPeer:
    """A rule needs the other side's answer in direct media; when none has come after `seconds`, that is an empty one."""

    ticket: str
    seconds: float


@dataclass(frozen=True)
class OpenStream:
    """A rule needs the URL of a call by RTMP, which is answered in place of an SDP."""

    room: str
    participant: str
    call: str
    bandwidth: int | None


Need = OpenCall | UpdateCall | OpenStream | TakeStill | AskPeer
"""What a rule has to wait for: it yields the need and is sent what came of it (`Answered` for calls), or has the failure thrown in."""


@dataclass(frozen=True)
class Answered:
    """The answer SDP, and which media the call carries by it."""

    sdp: str
    media: CallMedia


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The circumstances of a request, after the checks: everything named in the path exists."""

    house: House
    now: float
    """Unix seconds."""
    address: Address
    within: Room | None = None
    agent: str = ""
    """The User-Agent."""
    base: str = ""
    """Where the client reaches the node, such as `https://127.0.0.1:8443`."""
    origin: str = ""
    """The Origin of the web page that asks, if one does."""
    by: Member | None = None
    """Who asks; None only before there is a token."""
    about: Member | None = None
    on: NodeCall | None = None
    registered: Registered | None = None
    """The registration that asks."""
    invited: str = ""
    """A one-time token, where it is given back instead of used."""

    @property
    def config(self) -> NodeConfig:
        """What the node is configured with."""
        return self.house.config

    @property
    def room(self) -> Room:
        """The conference in the path."""
        return _there(self.within)

    @property
    def sender(self) -> Member:
        """Who asks."""
        return _there(self.by)

    @property
    def target(self) -> Member:
        """The participant in the path."""
        return _there(self.about)

    @property
    def device(self) -> Registered:
        """The registration that asks."""
        return _there(self.registered)

    @property
    def call(self) -> NodeCall:
        """The call in the path."""
        return _there(self.on)

    def conference(self, alias: str) -> Room:
        """Another conference of this node. Raises `Refused` (404) when it has none of that alias."""
        room = self.house.room(alias)
        if room is None:
            raise Refused(404, NOT_FOUND)
        return room


Rule = Callable[[Asked, Any], Any]
RULES: dict[type[Request[Any]], Rule] = {}
"""The rule of each request that this node answers."""


def may(by: Permission, sender: Member, target: Member | None) -> bool:
    """Whether somebody may ask for what only these may, of this participant if it is about one."""
    host = sender.is_host and not sender.waiting
    own = target is sender
    return {Permission.HOST: host, Permission.HOST_OR_SELF: host or own, Permission.SELF: own}.get(by, True)


def answers(kind: type[Request[T]]) -> Callable[[Callable[[Asked, Any], T | Generator[Need, Any, T]]], Rule]:
    """Declare the rule of a request: a function, or a generator where media must be waited for; its result is the answer."""

    def declare(rule: Callable[[Asked, Any], T | Generator[Need, Any, T]]) -> Rule:
        if kind in RULES:
            raise ValueError(f"{kind.__name__} has two rules: {RULES[kind]} and {rule}")
        RULES[kind] = rule
        return rule

    return declare


def _there(thing: T | None) -> T:
    if thing is None:
        raise Refused(404, "The path names no such thing")
    return thing
