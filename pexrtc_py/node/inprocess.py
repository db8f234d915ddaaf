"""The node without sockets, media and clock: requests are values, time is set by hand, events are read from a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator
from typing import Any

from pexrtc_py.errors import UsageError, refusal
from pexrtc_py.node import views
from pexrtc_py.node.asked import Answered, AskPeer, Need, OpenStream, TakeStill
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Desk, Incoming, Reply
from pexrtc_py.node.outbox import Order, Passed, Tell
from pexrtc_py.node.plan import NO_MEDIA, CallMedia, Still
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event, Request, Scope, name_of
from pexrtc_py.protocol.forms import encode_form
from pexrtc_py.protocol.requests import Events, RequestToken
from pexrtc_py.protocol.wire import encode, files_of, headers_of

EVERYTHING = CallMedia(audio=True, video=True, presentation=True)


def answer_everything(need: Need) -> Answered | Still | Exception | None:
    """A media part that accepts each offer, with all media, and sees no presentation."""
    if isinstance(need, TakeStill | AskPeer):
        return None
    if isinstance(need, OpenStream):
        return Answered(f"rtmp://node.invalid/pexip/{need.call}", EVERYTHING)
    return Answered(f"answer to {need.sdp}", EVERYTHING)


class InProcess:
    """Rooms and rules alone. `now` is Unix seconds and moves only by hand; `media` answers offers, or returns the failure."""

    def __init__(self, *vmrs: Vmr, config: NodeConfig | None = None, now: float = 1000.0) -> None:
        self.desk = Desk(config or NodeConfig(conferences=vmrs))
        self.now = now
        self.media: Callable[[Need], Answered | Still | Exception | None] = answer_everything
        self.orders: list[Order] = []
        """What the media part was ordered to do, oldest first."""
        self._held: dict[str, Held] = {}
        self._told: defaultdict[str, list[Event]] = defaultdict(list)

    def ask(self, request: Request[Any], address: Address, *, token: str = "") -> Reply:
        """Send a request as it would travel, and do what follows from it. Raises `UsageError` where its answer is another's to give."""
        return self.begin(request, address, token=token).now

    def begin(self, request: Request[Any], address: Address, *, token: str = "") -> Held:
        """The same for a request that another participant answers: its reply comes with what others send, or with time."""
        headers = headers_of(request) | {"user-agent": "in process"}
        path = address.path(name_of(request))
        body: object = encode(request)
        if files := files_of(request):
            headers["content-type"], body = encode_form(files)
        return self.take(Incoming(method=request.method, path=path, body=body, token=token, headers=headers))

    def carry(self, incoming: Incoming) -> Reply:
        """Answer a request as it arrived, and do what follows from it."""
        return self.take(incoming).now

    def take(self, incoming: Incoming) -> Held:
        """The same, where another participant may have to answer."""
        held = Held(incoming.path, self.desk.answer(incoming, self.now))
        self._go_on(held, None)
        return held

    def wait(self, seconds: float) -> None:
        """Let time pass: who waited for another participant for too long is answered."""
        self.now += seconds
        for held in [held for held in self._held.values() if held.until <= self.now]:
            self._go_on(held, Answered("", NO_MEDIA))
        self.settle()

    def join(
        self, name: str, alias: str = "meet", *, pin: str | None = None, token: str | None = None, direct_media: bool = False
    ) -> Attendee:
        """A participant with a token, its event stream open and its first events read. Raises `RequestRefused`."""
        request = RequestToken(display_name=name, pin=pin, token=token, direct_media=direct_media)
        result = _result(request, self.ask(request, Address(alias)))
        attendee = Attendee(self, alias, result["participant_uuid"], result["token"])
        attendee.told()
        return attendee

    def room(self, alias: str = "meet") -> Room:
        """The room of an alias."""
        room = self.desk.room(alias)
        if room is None:
            raise UsageError(f"There is no conference {alias!r}.")
        return room

    def settle(self) -> None:
        """Hand out what the rooms and the registrar have to tell and to order."""
        self.desk.house.settle(self.now)
        passed: list[Passed] = []
        orders: list[Order] = [order for room in self.desk.rooms for order in room.drain()]
        for order in [*orders, *self.desk.house.registrar.drain()]:
            if isinstance(order, Tell):
                self._told[order.who].append(order.event)
            elif isinstance(order, Passed):
                passed.append(order)
            else:
                self.orders.append(order)
        for one in passed:
            if (held := self._held.get(one.ticket)) is not None:
                self._go_on(held, Answered(one.sdp, NO_MEDIA))

    def told(self, participant: str) -> list[Event]:
        """Take what a participant was told since the last time."""
        return self._told.pop(participant, [])

    def _go_on(self, held: Held, outcome: Answered | Still | Exception | None) -> None:
        self._held.pop(held.ticket, None)
        held.ticket = ""
        try:
            need = held.next(outcome)
            while not isinstance(need, AskPeer):
                need = held.next(self.media(need))
            held.ticket, held.until = need.ticket, self.now + need.seconds
            self._held[need.ticket] = held
        except StopIteration as done:
            held.reply = done.value
        finally:
            self.settle()


class Held:
    """A request under way; `reply` is None while its answer is another participant's to give."""

    def __init__(self, path: str, flow: Generator[Need, Any, Reply]) -> None:
        self.reply: Reply | None = None
        self.ticket, self.until = "", 0.0
        self._path, self._flow = path, flow

    @property
    def now(self) -> Reply:
        """The reply. Raises `UsageError` while there is none."""
        if self.reply is None:
            raise UsageError(f"{self._path} waits for another participant; send it with begin().")
        return self.reply

    def next(self, outcome: Answered | Still | Exception | None) -> Need:
        """Let the rule go on to what it needs next; StopIteration carries the reply."""
        return self._flow.throw(outcome) if isinstance(outcome, Exception) else self._flow.send(outcome)

    def give_up(self) -> None:
        """The connection of whoever asked is gone."""
        self._flow.close()


class Asking:
    """A request of an attendee that another one may have to answer."""

    def __init__(self, request: Request[Any], held: Held) -> None:
        self._request, self._held = request, held

    @property
    def done(self) -> bool:
        """Whether it is answered."""
        return self._held.reply is not None

    @property
    def result(self) -> Any:
        """The JSON result. Raises `RequestRefused`, and `UsageError` while there is none."""
        return _result(self._request, self._held.now)

    def give_up(self) -> None:
        """The connection of whoever asked is gone."""
        self._held.give_up()


class Attendee:
    """One participant of an `InProcess` node."""

    def __init__(self, node: InProcess, alias: str, uuid: str, token: str, breakout: str | None = None) -> None:
        self.node, self.alias, self.uuid, self.token, self.breakout = node, alias, uuid, token, breakout

    def inside(self, breakout: str, control: str) -> Attendee:
        """A Host as its control participant in a breakout room."""
        return Attendee(self.node, self.alias, control, self.token, breakout)

    def send(self, request: Request[Any], *, to: Attendee | None = None, call: str | None = None) -> Any:
        """The JSON result of a request, about oneself unless `to` says otherwise. Raises `RequestRefused`."""
        return _result(request, self.node.ask(request, self._address(request, to, call), token=self.token))

    def begin(self, request: Request[Any], *, call: str | None = None) -> Asking:
        """A request that another participant may have to answer."""
        return Asking(request, self.node.begin(request, self._address(request, None, call), token=self.token))

    def _address(self, request: Request[Any], to: Attendee | None, call: str | None) -> Address:
        about = (to or self).uuid if request.scope in (Scope.PARTICIPANT, Scope.CALL) else None
        return Address(self.alias, self.breakout, about, call)

    def listen(self) -> list[Event]:
        """What a new event stream begins with."""
        path = Address(self.alias).path(Events.name)
        listened = self.node.desk.listen(Incoming(method="GET", path=path, token=self.token), self.node.now)
        if isinstance(listened, Reply):
            raise refusal(Events(), listened.status, str(listened.json["result"]))
        return views.made(listened[1])

    def told(self) -> list[Event]:
        """Take what it was told since the last time."""
        return self.node.told(self.uuid)


def _result(request: Request[Any], reply: Reply) -> Any:
    if reply.status >= 400:
        raise refusal(request, reply.status, reply.text if reply.text is not None else str(reply.json["result"]))
    if reply.picture is not None:
        return reply.picture
    return reply.json["result"] if reply.json is not None else None
