"""What runs a node's decisions: requests go through the desk, what follows goes to event streams and to the media part."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from itertools import groupby
from math import inf
from typing import Any, TypeVar

from pexrtc_py.errors import CallError
from pexrtc_py.node import stills, watching
from pexrtc_py.node.asked import Answered, AskPeer, Need, OpenCall, OpenStream, TakeStill
from pexrtc_py.node.captioning import Captioning
from pexrtc_py.node.desk import Desk, Incoming, Reply
from pexrtc_py.node.member import Member
from pexrtc_py.node.outbox import CloseCall, CloseRoom, Passed, PlayTones, StartCall, TakeCandidate, Tell
from pexrtc_py.node.plan import NO_MEDIA, CallEndpoint, Media, MediaFactory, MediaPlan, Still
from pexrtc_py.node.room import Room
from pexrtc_py.node.streams import Stream, Streams
from pexrtc_py.protocol.wire import failed

T = TypeVar("T")
_logger = logging.getLogger(__name__)
MEDIA_SECONDS = 10.0
"""The media part answers an offer within this; clients give up earlier, some after 5 s."""
STOPPED = "Signaling node disconnected"


class Shell:
    """Desk, event streams and media of one node, on one event loop. `clock` gives Unix seconds."""

    def __init__(self, desk: Desk, media: MediaFactory, *, clock: Callable[[], float]) -> None:
        self.desk, self.clock = desk, clock
        self.streams = Streams(limit=desk.config.stream_limit, version=desk.config.version_number)
        desk.house.attend(self.streams.listening)
        desk.house.clock, desk.house.wake = clock, self._soon
        self.media: Media = media(on_voice=self._on_voice, on_lost=self._on_lost)
        self._captioning = Captioning(clock=clock, settle=self.settle)
        self._plans: dict[str, MediaPlan] = {}
        self._waiting: dict[str, asyncio.Future[str]] = {}
        """Answers of the other side in direct media, by ticket."""
        self._closing: set[asyncio.Task[None]] = set()
        self._calling: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._due = inf
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the node has come to its end."""
        return self._stopped

    async def ask(self, incoming: Incoming) -> Reply:
        """Answer one request, and see to what follows from it."""
        if self._stopped:
            return Reply(503, failed(STOPPED))
        flow = self.desk.answer(incoming, self.clock())
        try:
            return await self._through(flow)
        finally:
            flow.close()
            self.settle()

    def listen(self, incoming: Incoming, abort: Callable[[], None]) -> tuple[str, Stream] | Reply:
        """Open an event stream; `abort` breaks its connection. The caller closes it with `streams.close`."""
        if self._stopped:
            return Reply(503, failed(STOPPED))
        listened = self.desk.listen(incoming, self.clock())
        if isinstance(listened, Reply):
            return listened
        who, welcome = listened
        return who, self.streams.open(who, welcome, abort)

    def sweep(self) -> None:
        """Do what is due in the rooms, and remove participants whose token or patience ran out."""
        for room in self.desk.rooms:
            room.sweep(self.clock())
        for room in self._rooms():
            if stills.due(room, self.clock()):
                room.stills.tried = self.clock()
                self._spawn(self._take_still(room))
            for member in watching.due(room, self.clock()):
                member.stillness.looked = inf
                self._spawn(self._look(room, member))
        self.desk.house.registrar.sweep(self.clock())
        self.settle()

    def settle(self) -> None:
        """Do what the rooms and the registrar have in their outboxes, and bring the media up to the rooms' plans."""
        self.desk.house.settle(self.clock())
        self._tell(self.desk.house.registrar.drain())
        for room in self.desk.rooms:
            if room.outbox.changed:
                orders = room.drain()
                self._tell([order for order in orders if isinstance(order, Tell)])
                for inner in room.breakouts.everywhere:
                    self._plan(inner.uuid, inner.plan())
                    self._captioning.tend(inner)
                for order in orders:
                    self._order(order)
        self._set_alarm(min((room.due for room in self.desk.rooms), default=inf))

    async def aclose(self) -> None:
        """Disconnect everybody, end the streams, close the media; again does nothing."""
        if self._stopped:
            return
        self._stopped = True
        for task in self._calling:
            task.cancel()
        for room in self.desk.rooms:
            room.end(STOPPED)
        self.settle()
        await self._captioning.aclose()
        self._set_alarm(inf)
        self.streams.end_all()
        if self._closing:
            await asyncio.wait(self._closing, timeout=MEDIA_SECONDS)
        await self.media.aclose()

    def _soon(self) -> None:
        """Settle once whatever goes on now is done."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._due, self._alarm = -inf, asyncio.get_running_loop().call_later(0, self._wake)

    def _set_alarm(self, due: float) -> None:
        """Wake when the next thing is due, so that calls are answered in time and nobody polls."""
        if due == self._due:
            return
        self._due = due
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if due < inf:
            self._alarm = asyncio.get_running_loop().call_later(max(0.0, due - self.clock()), self._wake)

    def _wake(self) -> None:
        self._due, self._alarm = inf, None
        self.sweep()

    # --- media -----------------------------------------------------------------------------------------------------

    async def _through(self, flow: Generator[Need, Any, Reply]) -> Reply:
        try:
            need = next(flow)
            while True:
                outcome = await self._fulfil(need)
                need = flow.throw(outcome) if isinstance(outcome, Exception) else flow.send(outcome)
        except StopIteration as done:
            reply: Reply = done.value
            return reply

    async def _fulfil(self, need: Need) -> Answered | Still | Exception | None:
        if isinstance(need, AskPeer):
            return await self._asked_peer(need)
        if isinstance(need, TakeStill):
            return await self._seen(self.media.still(need.room))
        try:
            async with asyncio.timeout(MEDIA_SECONDS):
                if isinstance(need, OpenCall):
                    sdp = await self.media.open(need.room, need.participant, need.call, need.sdp, bandwidth=need.bandwidth)
                elif isinstance(need, OpenStream):
                    sdp = await self.media.open_stream(need.room, need.participant, need.call, bandwidth=need.bandwidth)
                else:
                    sdp = await self.media.update(need.call, need.sdp)
            return Answered(sdp, self.media.capabilities(need.call))
        except CallError as error:
            return error
        except TimeoutError:
            return CallError(f"The media part gave no answer within {MEDIA_SECONDS:g} s")
        except Exception:
            _logger.exception("the media part failed on an offer")
            return CallError("Media process disconnected")

    async def _asked_peer(self, need: AskPeer) -> Answered:
        answer = self._waiting[need.ticket] = asyncio.get_running_loop().create_future()
        try:
            self.settle()  # whoever is asked must hear of it
            async with asyncio.timeout(need.seconds):
                return Answered(await answer, NO_MEDIA)
        except TimeoutError:
            return Answered("", NO_MEDIA)
        finally:
            del self._waiting[need.ticket]

    def _tell(self, tells: list[Tell]) -> None:
        # Neighbours with the very same event go together: it is encoded once, and the order stays for each of them.
        for _, alike in groupby(tells, key=lambda tell: id(tell.event)):
            together = list(alike)
            self.streams.tell([tell.who for tell in together], together[0].event)

    def _plan(self, room: str, plan: MediaPlan) -> None:
        if plan != self._plans.get(room, MediaPlan()):
            self._safely(self.media.apply, room, plan)
        if plan == MediaPlan():
            self._plans.pop(room, None)
        else:
            self._plans[room] = plan

    def _order(self, order: object) -> None:
        match order:
            case Passed(ticket, sdp):
                if (waiting := self._waiting.get(ticket)) is not None and not waiting.done():
                    waiting.set_result(sdp)
            case StartCall(call):
                self._safely(self.media.start, call)
            case TakeCandidate(call, candidate, mid, ufrag):
                self._safely(self.media.candidate, call, candidate, mid, ufrag)
            case PlayTones(call, keys):
                self._safely(self.media.dial, call, keys)
            case CloseRoom(room):
                self._plan(room, MediaPlan())
                self._captioning.stop(room)
            case CallEndpoint():
                calling = asyncio.get_running_loop().create_task(self._call_endpoint(order))
                self._calling.add(calling)
                calling.add_done_callback(self._calling.discard)
            case CloseCall(call):
                self._spawn(self._close(call))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _look(self, room: Room, member: Member) -> None:
        points = await self._seen(self.media.look(room.uuid, member.uuid))
        if not self._stopped:
            watching.see(room, member, points, self.clock())
            self.settle()

    async def _seen(self, looking: Coroutine[Any, Any, T | None]) -> T | None:
        """What the media part sees; nothing when it fails."""
        try:
            async with asyncio.timeout(MEDIA_SECONDS):
                return await looking
        except Exception:
            _logger.exception("the media part failed to look at a picture")
            return None

    async def _take_still(self, room: Room) -> None:
        presentation, still = room.stills, await self._seen(self.media.still(room.uuid))
        if still is not None and room.stills is presentation and not self._stopped:
            stills.add(room, still)
            self.settle()

    async def _call_endpoint(self, order: CallEndpoint) -> None:
        try:
            await self.media.call_endpoint(order)
        except CallError as error:
            self._on_lost(order.call, str(error))
        except Exception:
            _logger.exception("the media part failed to call an endpoint")
            self._on_lost(order.call, "Media process disconnected")
        else:
            for room in self._rooms():
                room.connected(order.call, self.clock())
            self.settle()

    async def _close(self, call: str) -> None:
        try:
            await self.media.close(call)
        except Exception:
            _logger.exception("the media part failed to close a call")

    def _safely(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception:
            _logger.exception("the media part failed")

    def _on_voice(self, room: str, participant: str, speaking: bool) -> None:
        for one in self._rooms():
            if one.uuid == room:
                one.voice(participant, speaking, self.clock())
        self.settle()

    def _on_lost(self, call: str, reason: str) -> None:
        for room in self._rooms():
            room.lost(call, reason, self.clock())
        self.settle()

    def _rooms(self) -> list[Room]:
        return [inner for room in self.desk.rooms for inner in room.breakouts.everywhere]
