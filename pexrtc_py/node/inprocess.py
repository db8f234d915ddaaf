"""The node without sockets, media and clock: requests are values, time is set by hand, events are read from a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator
from typing import Any

from pexrtc_py.errors import UsageError, refusal
from pexrtc_py.node.asked import Answered, Need, TakeStill
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Desk, Incoming, Reply
from pexrtc_py.node.outbox import Order, Tell
from pexrtc_py.node.plan import CallMedia, Still
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event, Request, Scope, name_of
from pexrtc_py.protocol.forms import encode_form
from pexrtc_py.protocol.requests import Events, RequestToken
from pexrtc_py.protocol.wire import encode, files_of, headers_of

EVERYTHING = CallMedia(audio=True, video=True, presentation=True)


def answer_everything(need: Need) -> Answered | Still | Exception | None:
    """A media part that accepts each offer, with all media, and sees no presentation."""
    if isinstance(need, TakeStill):
        return None
    return Answered(f"answer to {need.sdp}", EVERYTHING)


class InProcess:
    """Rooms and rules alone. `now` is Unix seconds and moves only by hand; `media` answers offers, or returns the failure."""

    def __init__(self, *vmrs: Vmr, config: NodeConfig | None = None, now: float = 1000.0) -> None:
        self.desk = Desk(config or NodeConfig(conferences=vmrs))
        self.now = now
        self.media: Callable[[Need], Answered | Still | Exception | None] = answer_everything
        self.orders: list[Order] = []
        """What the media part was ordered to do, oldest first."""
        self._told: defaultdict[str, list[Event]] = defaultdict(list)

    def ask(self, request: Request[Any], address: Address, *, token: str = "") -> Reply:
        """Send a request as it would travel, and do what follows from it."""
        headers = headers_of(request) | {"user-agent": "in process"}
        path = address.path(name_of(request))
        body: object = encode(request)
        if files := files_of(request):
            headers["content-type"], body = encode_form(files)
        return self.carry(Incoming(method=request.method, path=path, body=body, token=token, headers=headers))

    def carry(self, incoming: Incoming) -> Reply:
        """Answer a request as it arrived, and do what follows from it."""
        flow = self.desk.answer(incoming, self.now)
        try:
            return self._through(flow)
        finally:
            self.settle()

    def join(self, name: str, alias: str = "meet", *, pin: str | None = None, token: str | None = None) -> Attendee:
        """A participant with a token, its event stream open and its first events read. Raises `RequestRefused`."""
        request = RequestToken(display_name=name, pin=pin, token=token)
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
        orders: list[Order] = [order for room in self.desk.rooms for order in room.drain()]
        for order in [*orders, *self.desk.house.registrar.drain()]:
            if isinstance(order, Tell):
                self._told[order.who].append(order.event)
            else:
                self.orders.append(order)

    def told(self, participant: str) -> list[Event]:
        """Take what a participant was told since the last time."""
        return self._told.pop(participant, [])

    def _through(self, flow: Generator[Need, Any, Reply]) -> Reply:
        try:
            need = next(flow)
            while True:
                outcome = self.media(need)
                need = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
        except StopIteration as done:
            reply: Reply = done.value
            return reply


class Attendee:
    """One participant of an `InProcess` node."""

    def __init__(self, node: InProcess, alias: str, uuid: str, token: str, breakout: str | None = None) -> None:
        self.node, self.alias, self.uuid, self.token, self.breakout = node, alias, uuid, token, breakout

    def inside(self, breakout: str, control: str) -> Attendee:
        """A Host as its control participant in a breakout room."""
        return Attendee(self.node, self.alias, control, self.token, breakout)

    def send(self, request: Request[Any], *, to: Attendee | None = None, call: str | None = None) -> Any:
        """The JSON result of a request, about oneself unless `to` says otherwise. Raises `RequestRefused`."""
        about = (to or self).uuid if request.scope in (Scope.PARTICIPANT, Scope.CALL) else None
        reply = self.node.ask(request, Address(self.alias, self.breakout, about, call), token=self.token)
        return _result(request, reply)

    def listen(self) -> list[Event]:
        """What a new event stream begins with."""
        path = Address(self.alias).path(Events.name)
        listened = self.node.desk.listen(Incoming(method="GET", path=path, token=self.token), self.node.now)
        if isinstance(listened, Reply):
            raise refusal(Events(), listened.status, str(listened.json["result"]))
        return listened[1]

    def told(self) -> list[Event]:
        """Take what it was told since the last time."""
        return self.node.told(self.uuid)


def _result(request: Request[Any], reply: Reply) -> Any:
    if reply.status >= 400:
        raise refusal(request, reply.status, reply.text if reply.text is not None else str(reply.json["result"]))
    if reply.picture is not None:
        return reply.picture
    return reply.json["result"] if reply.json is not None else None
