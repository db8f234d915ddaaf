"""The front desk: a request comes in as method, path, body and headers, is checked, answered by its rule, and leaves as status and JSON.

Pure: `now` is given, consequences lie in the rooms' outboxes. Where a rule needs an answer of the media part, `Desk.answer` yields the
need and is sent `Answered` (or has the failure thrown in); everything else goes straight through.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pexrtc_py.errors import InvalidTransition, ProtocolError
from pexrtc_py.node import rules, views
from pexrtc_py.node.admission import INVALID_ROLE, INVALID_TOKEN, MAINTENANCE, Refused
from pexrtc_py.node.asked import RULES, Asked, Need, Rule, may
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.node.heard import Heard, HeardList
from pexrtc_py.node.house import House
from pexrtc_py.node.lines import KINDS, LACKS
from pexrtc_py.node.member import Member, NodeCall
from pexrtc_py.node.room import Room
from pexrtc_py.protocol import history
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import REQUESTS, Event, Permission, Request, fields_in, find
from pexrtc_py.protocol.forms import decode_form
from pexrtc_py.protocol.requests import (
    CallDisconnect,
    Events,
    GetTheme,
    NewCandidate,
    RefreshToken,
    RegistrationAvatar,
    RegistrationEvents,
    Registrations,
    ReleaseToken,
    RequestToken,
)
from pexrtc_py.protocol.wire import FORM, decode_request, encode_answer, failed, from_text, marked, success

Q = TypeVar("Q", bound=Request[Any])
FOR_ENDED_CALLS = {CallDisconnect, NewCandidate}
"""What still comes of a call whose connection the client has closed, and is no mistake."""
ABOUT_SESSIONS = {Events, RefreshToken, ReleaseToken}
"""In whatever room they are asked, they are about the session whose token comes with them."""
FOR_ANYBODY_KNOWN = {Registrations, RegistrationAvatar}
"""What is asked of the directory, with any token this node has given."""
assert rules  # importing it is what fills RULES


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A request as it arrived; `path` is still escaped, `body` JSON as bytes or parsed, header names in lower case."""

    method: str
    path: str
    body: object = None
    token: str = field(default="", repr=False)
    base: str = "http://node.invalid"
    """Where the client reaches the node."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Reply:
    """What goes back: JSON, `text` where the API wants plain text, or a `picture`; none of them for 204."""

    status: int
    json: Any = None
    text: str | None = None
    picture: bytes | None = field(default=None, repr=False)


class Desk:
    """The way requests take to the rooms of a node."""

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.house = House(config)
        self.heard = HeardList()
        self.rules: dict[type[Request[Any]], Rule] = dict(RULES)
        """May be changed to answer a request otherwise."""

    @property
    def rooms(self) -> list[Room]:
        """Every room once."""
        return self.house.rooms

    def room(self, alias: str) -> Room | None:
        """The room of an alias, to look at, also that of a call for one caller alone; without conferences any alias opens one."""
        return self.house.room(alias) or self.house.lines.busy(alias)

    def answer(self, incoming: Incoming, now: float) -> Generator[Need, Any, Reply]:
        """Check and carry out a request; never raises for what a client sent."""
        try:
            kind, asked = self._checked(incoming, now)
            request = self._decoded(kind, incoming)
            self.heard.append(
                Heard(asked.by.uuid if asked.by else None, asked.address, request),
                len(incoming.body) if isinstance(incoming.body, bytes) else 0,
            )
            rule = self.rules.get(kind)
            if rule is None:
                raise Refused(501, f"This node does not do {kind.name}")
            answer = rule(asked, request)
            if isinstance(answer, Generator):
                answer = yield from answer
            if answer is None and kind is GetTheme:
                return Reply(204)
            if kind.answer is bytes:
                return Reply(200, picture=answer)
            return self._answered(kind, encode_answer(kind.answer, answer))
        except InvalidTransition as error:
            return _reply(Refused(400, str(error)))
        except Refused as refused:
            return _reply(refused)

    def listen(self, incoming: Incoming, now: float) -> tuple[str, list[Event | views.Later]] | Reply:
        """Who opens an event stream, and what it begins with; or the refusal."""
        try:
            kind, asked = self._checked(incoming, now)
        except Refused as refused:
            return _reply(refused)
        if kind is RegistrationEvents:
            self.heard.append(Heard(asked.device.uuid, asked.address, RegistrationEvents()), 0)
            return asked.device.uuid, [*self.house.registrar.welcome(asked.device)]
        assert kind is Events
        self.heard.append(Heard(asked.sender.uuid, asked.address, Events()), 0)
        return asked.sender.uuid, [*views.opening(asked.room, asked.sender), *asked.room.breakouts.welcome(asked.sender)]

    def override(self, kind: type[Request[Any]]) -> Callable[[Rule], Rule]:
        """Decorator: answer requests of this kind otherwise on this node."""

        def declare(rule: Rule) -> Rule:
            self.rules[kind] = rule
            return rule

        return declare

    # --- checks, in this order: path, conference, token, what the path names, role -----------------------------------

    def _checked(self, incoming: Incoming, now: float) -> tuple[type[Request[Any]], Asked]:
        kind, address = _route(incoming)
        if not history.knows(kind, self.config.version_number):
            raise Refused(404, f"There is no request {kind.name!r} here")
        agent, origin = (incoming.headers.get(name, "") for name in ("user-agent", "origin"))
        asked = Asked(house=self.house, now=now, address=address, agent=agent, base=incoming.base, origin=origin)
        if not address.conference:
            return kind, self._outside(kind, asked, incoming.token)
        if kind is RequestToken and self.house.maintenance:
            raise Refused(503, MAINTENANCE)
        room = self.house.lines.room(address.conference, incoming.token, now) or asked.conference(address.conference)
        if kind.by is Permission.OPEN:
            if address.breakout is not None:
                raise Refused(404, "A breakout room is joined through its conference")
            return kind, replace(asked, within=room)
        if room.vmr.service_type not in KINDS:
            room = self.house.entered(address.conference, incoming.token, now) or room
        if kind is ReleaseToken and room.invitations.shown(incoming.token, now):
            return kind, replace(asked, within=room, invited=incoming.token)
        rooms = room.breakouts
        room, sender = rooms.session(incoming.token, now)
        if address.breakout is not None and kind not in ABOUT_SESSIONS:
            room, sender = rooms.inside(address.breakout, room, sender)
        target, call = _named(kind, room, sender, address)
        if not may(kind.by, sender, target):
            raise Refused(403, INVALID_ROLE)
        if room.vmr.service_type in KINDS and kind in LACKS:
            raise Refused(403, f"{KINDS[room.vmr.service_type]} has no {kind.name}")
        return kind, replace(asked, within=room, by=sender, about=target, on=call)

    def _answered(self, kind: type[Request[Any]], result: Any) -> Reply:
        """The reply as a node of the emulated version gives it."""
        version = self.config.version_number
        return Reply(200, text="") if history.answers_nothing(kind, version) else Reply(200, success(history.answer(kind, result, version)))

    def _outside(self, kind: type[Request[Any]], asked: Asked, token: str) -> Asked:
        """The circumstances of what is asked of the node itself, or by a device."""
        if kind.by is Permission.OPEN:
            return asked
        if kind in FOR_ANYBODY_KNOWN and self.house.knows(token, asked.now):
            return asked
        device = self.house.registrar.holder(token, asked.now)
        if device is None or device not in self.house.registrar.of(asked.address.registration or ""):
            raise Refused(403, INVALID_TOKEN)
        return replace(asked, registered=device)

    def _decoded(self, kind: type[Q], incoming: Incoming) -> Q:
        try:
            besides: dict[str, object] = {**fields_in(kind, Address.parse(incoming.path)[1])}
            body = incoming.body
            if isinstance(body, bytes) and (files := marked(kind, FORM)):
                form = decode_form(incoming.headers.get("content-type", ""), body)
                body, besides = None, besides | {name: form[name] for name in files if name in form}
            elif isinstance(body, bytes):
                body = from_text(body)
            if kind is RequestToken and incoming.token:  # some clients put a one-time token into the header
                body = {"token": incoming.token, **(body if isinstance(body, Mapping) else {})}
            return decode_request(kind, body, headers=incoming.headers, besides=besides)
        except ProtocolError as error:
            raise Refused(415 if kind is RequestToken else 400, str(error)) from None


def _route(incoming: Incoming) -> tuple[type[Request[Any]], Address]:
    try:
        address, name = Address.parse(incoming.path)
    except ProtocolError as error:
        raise Refused(404, str(error)) from None
    kind = find(address.scope, incoming.method, name)
    if kind is None:
        if any((scope, wire_name) == (address.scope, name) for scope, _, wire_name in REQUESTS):
            raise Refused(405, f"{name} cannot be asked for with {incoming.method}")
        raise Refused(404, f"There is no request {name!r} here")
    return kind, address


def _named(kind: type[Request[Any]], room: Room, sender: Member, address: Address) -> tuple[Member | None, NodeCall | None]:
    if address.participant is None:
        return None, None
    target = room.members.get(address.participant)
    if target is None or not room.sees(sender, target):
        raise Refused(404, "There is no such participant")
    if address.call is None or (kind in FOR_ENDED_CALLS and address.call in target.ended_calls):
        return target, None
    if address.call not in target.calls:
        raise Refused(404, "There is no such call")
    return target, target.calls[address.call]


def _reply(refused: Refused) -> Reply:
    if refused.plain:
        return Reply(refused.status, text=str(refused.result))
    if refused.processed:
        return Reply(refused.status, success(refused.result))
    return Reply(refused.status, failed(str(refused.result)))
