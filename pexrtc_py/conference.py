"""A conference as its user holds it: state first, then callbacks; leaving the block always leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast, overload

from pexrtc_py import stills
from pexrtc_py.calling import CallOptions, changed
from pexrtc_py.errors import (
    CallError,
    Disconnected,
    FloorRefused,
    LobbyTimeout,
    NodeError,
    PexRTCError,
    ReferWithdrawn,
    RequestRefused,
    UsageError,
)
from pexrtc_py.hub import LIMIT, Events, Hub
from pexrtc_py.placing import Placing
from pexrtc_py.protocol import events as told
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import CallRequest, ConferenceRequest, Event, ParticipantRequest, Request
from pexrtc_py.protocol.models import ConferenceStatus, Participant, ReferTarget, Role, ServiceType, StageEntry, Token
from pexrtc_py.protocol.requests import Events as OpenEvents
from pexrtc_py.protocol.requests import ReleaseFloor, TakeFloor
from pexrtc_py.signaling.asking import outgoing
from pexrtc_py.signaling.ending import Ended, EndReason, ended_by_node
from pexrtc_py.signaling.floor import Floor, FloorDenied, FloorGranted
from pexrtc_py.signaling.granting import granted
from pexrtc_py.signaling.joining import Introduction
from pexrtc_py.signaling.rooms import MAIN, Room, Rooms
from pexrtc_py.signaling.scopes import ConferenceScope, ParticipantScope
from pexrtc_py.signaling.session import Session
from pexrtc_py.signaling.stream import IDLE, EventStream, Reconnected, StreamLost
from pexrtc_py.signaling.transport import Frame, Transport

if TYPE_CHECKING:
    from pexrtc_media.base import Source
    from pexrtc_media.composed import Composed
    from pexrtc_media.fileset import Limits
    from pexrtc_py.call import Call
    from pexrtc_py.direct import DirectOptions
    from pexrtc_py.following import Follow, Joining
    from pexrtc_py.protocol.events import Refer
    from pexrtc_py.recording import Recording
    from pexrtc_py.stills import Picture

T = TypeVar("T")
E = TypeVar("E")
_logger = logging.getLogger(__name__)

LISTING_SECONDS = 3.0
"""How long a new event stream may be without a further participant while the roster is to be listed; after that it is asked for."""
ROOM_SECONDS = 5.0
"""How long the node may take to tell of a breakout room after it was opened."""
CALLBACK_SECONDS = 2.0


class Conference(ConferenceScope):
    """One participation in a conference; made by `join`.

    Its methods are the requests of the API (`lock()`, `mute_guests()`, `participant(uuid).mute()`...); `send` takes any request.
    """

    def __init__(
        self,
        transport: Transport,
        address: Address,
        token: Token,
        *,
        idle: float = IDLE,
        loopback: bool = False,
        transport_closes: Callable[[], Coroutine[Any, Any, None]] | None = None,
        follow: Follow | None = None,
    ) -> None:
        self.session = Session(transport, address, token)
        super().__init__(self, address)
        self.rooms = Rooms(token.participant_uuid)
        """The main room and, for hosts, the open breakout rooms; and which of them our media is in."""
        self.hub = Hub(self.roster.snapshot)
        self._placing = Placing(self, loopback=loopback, lost=self._media_lost)
        self._transport, self._idle, self._follows = transport, idle, follow
        self._transport_closes = transport_closes or _nothing
        self._referred: told.Refer | None = None
        self._withdrawn: told.Refer | None = None
        self._listed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._attending: list[asyncio.Task[None]] = []
        self._closing: asyncio.Task[None] | None = None

    # What is known

    @property
    def call(self) -> Call | None:
        """The media call; None for control only."""
        return self._placing.call

    @property
    def my_uuid(self) -> str:
        """Our own participant in the main room."""
        return self.rooms.main.my_uuid

    @property
    def roster(self) -> Room:
        """The main room's picture."""
        return self.rooms.main

    @property
    def breakouts(self) -> Mapping[str, Room]:
        """The pictures of the open breakout rooms, by uuid; hosts are told of them."""
        return self.rooms.breakouts

    @property
    def floor(self) -> Floor:
        """Who presents in the room that our media is in."""
        return self.rooms.mine.floor

    @property
    def referred(self) -> told.Refer | None:
        """Where we were last sent, while we may still follow."""
        return self._referred

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Everybody in the main room, by uuid; a view that follows."""
        return self.roster.participants

    @property
    def me(self) -> Participant:
        """Our own line of the roster."""
        token = self.session.token
        return self.participants.get(self.my_uuid) or Participant(uuid=self.my_uuid, display_name=token.display_name, role=token.role)

    @property
    def role(self) -> Role | str:
        """What our token allows; the node may change it."""
        return self.session.token.role

    @property
    def status(self) -> ConferenceStatus:
        """Locked, started, who may present..."""
        return self.roster.status

    @property
    def stage(self) -> tuple[StageEntry, ...]:
        """Who spoke last, in order."""
        return self.roster.stage

    @property
    def ended(self) -> Ended | None:
        """How it ended, once it has."""
        return self.hub.ended

    @property
    def in_lobby(self) -> bool:
        """Whether we wait for a host to let us in."""
        return self.me.service_type is ServiceType.WAITING_ROOM

    async def admitted(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # part of the public shape, like wait_for's
        """Wait until we are let in; raises `LobbyTimeout` after `timeout` seconds, `Disconnected` when the conference ends before."""
        if self.in_lobby:
            try:
                await self.hub.wait_for(object, where=lambda _: not self.in_lobby, timeout=timeout)
            except TimeoutError:
                raise LobbyTimeout(timeout or 0) from None

    # What happens

    def on(self, kind: type[E]) -> Callable[[Callable[[E], object]], Callable[[E], object]]:
        """Call the decorated function, which may be asynchronous, with each event of this class; see `Hub.on`."""
        return self.hub.on(kind)

    @overload
    def events(self, *, limit: int = LIMIT) -> Events[object]: ...

    @overload
    def events(self, kind: type[E], /, *more: type[E], limit: int = LIMIT) -> Events[E]: ...

    def events(self, *kinds: type[Any], limit: int = LIMIT) -> Events[Any]:
        """Iterate: a `RosterSnapshot`, then every event, at last `Ended`; with classes, only events of these."""
        return self.hub.events(*kinds, limit=limit)

    def wait_for(self, kind: type[E], *, where: Callable[[E], bool] | None = None, timeout: float | None = None) -> Coroutine[Any, Any, E]:
        """Wait for the first such event; raises TimeoutError, or `Disconnected` when the conference ends before."""
        return self.hub.wait_for(kind, where=where, timeout=timeout)

    # What can be asked or done

    def breakout(self, uuid: str) -> ConferenceScope:
        """A breakout room: every request for a conference or participant works inside."""
        return ConferenceScope(self, Address(self.address.conference, breakout=uuid))

    async def carry(self, address: Address, request: Request[T]) -> T:
        """Send any request to any address; all requests go through here, so that the floor knows of its own."""
        if self.call is not None and address.breakout is None and self.call.say(request, self.me.display_name):
            return cast("T", True)
        kind: type[object] = type(request)
        floor = self.rooms.floor_at(address) if kind in {TakeFloor, ReleaseFloor} else None
        if floor is None:
            return await self.session.send(address, request)
        floor.see(request)
        try:
            answer = await self.session.send(address, request)
        except BaseException as error:
            if kind is TakeFloor:
                self._floor_denied(floor, address, error)
            raise
        if kind is TakeFloor:
            floor.see(FloorGranted())
        return answer

    async def ask_as_me(self, request: ParticipantRequest[T]) -> T:
        """Send a request about our own participant, in the room that our media is in."""
        return await self._myself().send(request)

    async def ask_in_my_room(self, request: ConferenceRequest[T]) -> T:
        """Send a request for the room that our media is in."""
        return await self._my_room().send(request)

    async def ask_of_call(self, call: str, request: CallRequest[T]) -> T:
        """Send a request about one of our calls."""
        return await self._myself().call(call).send(request)

    def present(self, source: Source[Any]) -> AbstractAsyncContextManager[None]:
        """Hold the floor and show slides inside the block; raises `FloorRefused` on entering."""
        return self._call().present(source)

    async def present_stills(self, pictures: Iterable[Picture] | AsyncIterable[Picture], *, seconds_each: float = 5.0) -> None:
        """Hold the floor and show pictures one after another, without video and without a call; returns after the last.

        A picture is the path or the bytes of a file, or decoded by Pillow or PyAV. An asynchronous iterable is shown as it comes, without
        `seconds_each`. Ends when somebody else takes the floor. Raises `FloorRefused`, and `UsageError` for what is no picture.
        """
        await stills.present_stills(self, pictures, seconds_each=seconds_each)

    async def record(
        self, path: str | Path, *, limits: Limits | None = None, captions: bool = False, composed: Composed | None = None
    ) -> Recording:
        """Record what arrives into a file, undecoded, or into several by `limits`; leaving the conference finishes it.

        With `captions`, live captions are asked for, and stand in a track of their own in .mkv. With `composed`, main video and slides are
        decoded, and one picture of both is encoded. Raises `RecordingError`.
        """
        recording = await self._call().record(path, limits=limits, captions=captions, composed=composed)
        if captions:
            with contextlib.suppress(NodeError):  # the node has none
                await self.participant(self.my_uuid).show_live_captions()
        return recording

    async def leave(self, reason: str = "User initiated disconnect") -> None:
        """End the call, give the token back, tell everybody who listens; also after the conference ended, and a second time."""
        self._end(Ended(reason=EndReason.LEFT, detail=reason))
        if self._closing is not None and self._closing is not asyncio.current_task():
            await _settled(self._closing)
            await self.hub.drain(CALLBACK_SECONDS)

    async def start(self, options: CallOptions | None = None) -> None:
        """Open the event stream, wait for the roster, place a call with these options. `join` does this."""
        self._attend()
        await self._listing()
        if options is not None and self.ended is None:
            await self.add_call(**options)
        if self.ended is not None:
            raise self._why(self.ended)

    async def add_call(self, **options: Unpack[CallOptions]) -> Call:
        """Bring media into a conference that one is in without; the keywords are those of `CallOptions`.

        Raises `UsageError` when there is a call already, a kind of CallError or NodeError when it cannot be placed.
        """
        try:
            return await self._placing.add(self.session.token, options, direct=self._direct_options())
        except PexRTCError as error:
            if self.ended is not None:  # which is why, then
                raise self._why(self.ended) from error
            raise

    async def drop_call(self) -> None:
        """End the media call, its recordings included, and stay for control only; nothing happens without a call."""
        await self._placing.drop()

    async def enter_breakout(self, uuid: str, **changes: Unpack[CallOptions]) -> Call:
        """Move our media, as a host, into a breakout room, or with "main" back; raises `UsageError` when there is no such room.

        The call ends, and its recordings are complete; another one is placed there. It is like the one before except for `changes`,
        and goes on with the same sources (give another generator, it may have ended).
        """
        if uuid != MAIN:
            await self._opened(uuid)
        options = changed(await self._placing.hand_over(), changes)
        self.rooms.here = None if uuid == MAIN else uuid
        return await self.add_call(**options)

    def follow(self, refer: Refer, **changes: Unpack[CallOptions]) -> Joining:
        """Leave, and join where a `Refer` event sends us, on the same node and under the same name; use what is returned as that of `join`.

        There our call is like the one here, as in `enter_breakout`; without a call here it is control only. Following also works after
        leaving. Raises what `join` raises; by then we have left here. Raises `ReferWithdrawn`, and we stay, when it was taken back.
        """
        if refer == self._withdrawn:
            raise ReferWithdrawn(refer.alias, self.address.conference)
        if self._follows is None:
            raise UsageError("Only what join() or follow() made can follow elsewhere.")
        return self._follows(self, refer, changes)

    async def go(self, to: str) -> CallOptions | None:
        """Leave, since we go on elsewhere (`to` says where); returns what a call there needs to be like ours, None for control only."""
        options = await self._placing.hand_over()
        self._end(Ended(reason=EndReason.TRANSFERRED, detail=to))
        await self.leave()
        return options

    async def _opened(self, uuid: str) -> None:
        """A room is told of after the answer to who opened it."""
        if uuid not in self.breakouts:
            try:
                await self.hub.wait_for(told.BreakoutBegin, where=lambda event: event.breakout_uuid == uuid, timeout=ROOM_SECONDS)
            except TimeoutError:
                known = ", ".join(self.breakouts) or "none"
                raise UsageError(f"There is no open breakout room {uuid!r} that we know of; known: {known}.") from None

    def _why(self, ended: Ended) -> PexRTCError:
        return ended.error if isinstance(ended.error, PexRTCError) else Disconnected(str(ended))

    def _my_room(self) -> ConferenceScope:
        return self if self.rooms.here is None else self.breakout(self.rooms.here)

    def _myself(self) -> ParticipantScope:
        return self._my_room().participant(self.rooms.mine.my_uuid)

    def _call(self) -> Call:
        if self.call is None:
            raise UsageError("There is no call to present or record (media=False, or drop_call()); add_call() makes one.")
        return self.call

    def _media_lost(self, error: Exception) -> None:
        self._end(Ended(reason=EndReason.MEDIA_LOST, detail=str(error), error=error))

    def _floor_denied(self, floor: Floor, address: Address, error: BaseException) -> None:
        floor.see(FloorDenied())
        if isinstance(error, RequestRefused):
            raise FloorRefused(error.reason) from error
        self._spawn(self._give_floor_back(address))  # the node may have granted it without our hearing of it

    async def _give_floor_back(self, address: Address) -> None:
        with contextlib.suppress(NodeError):
            await self.session.send(address, ReleaseFloor())

    # How it runs

    def _attend(self) -> None:
        """Live by the present session: keep its token, and listen to its events; those of the session before end."""
        for task in self._attending:
            task.cancel()
        self._attending = [self._spawn(self._stay()), self._spawn(self._listen())]

    async def _stay(self) -> None:
        ended = await self.session.run()
        self._end(ended)

    async def _listen(self) -> None:
        stream = EventStream(self._connect, refused=self.session.renew)
        try:
            async with contextlib.aclosing(stream.frames()) as frames:
                async for frame in frames:
                    self._take(frame)
        except StreamLost as error:
            self._end(Ended(reason=EndReason.NODE_LOST, detail=str(error), error=error))

    def _connect(self, last_id: str) -> AsyncGenerator[Frame, None]:
        opening = outgoing(self.address, OpenEvents(), token=self.session.token.token)
        headers = {**opening.headers, **({"Last-Event-ID": last_id} if last_id else {})}
        return self._transport.events(replace(opening, headers=headers), idle=self._idle)

    def _take(self, frame: object) -> None:
        """State first, then callbacks: whoever hears of an event finds the conference changed by it."""
        if not isinstance(frame, Frame):
            self.hub.publish(frame)
            if isinstance(frame, Reconnected):
                self._listed.clear()
                self.rooms.forget_breakouts()
                self._spawn(self._relisting())
                if (here := self.rooms.here) is not None:
                    self._spawn(self._still_in(here))
            return
        event = told.decode(frame.name, frame.data, id=frame.id or None)
        for item in self.rooms.see(event):
            self.hub.publish(item)
        self._obey(event)

    def _obey(self, event: Event) -> None:
        match event:
            case told.ParticipantSyncEnd():
                self._listed.set()
            case told.RefreshToken():
                self.session.hurry()
            case told.Disconnect():
                self._end(ended_by_node(event.reason))
            case told.CallDisconnected() if self.call is not None and event.call_uuid == self.call.uuid:
                if self.rooms.here is None:
                    self._end(Ended(reason=EndReason.MEDIA_LOST, detail=event.reason))
                else:
                    self._put_out()
            case told.BreakoutEnd() if event.breakout_uuid == self.rooms.here:
                self._put_out()
            case told.Refer(target=ReferTarget.DIRECT | ReferTarget.TRANSCODED):
                self._spawn(self._change_media(event))
            case told.Refer():
                self._referred = event
            case told.CancelRefer():
                self._withdrawn, self._referred = self._referred, None
            case _:
                pass

    async def _change_media(self, refer: told.Refer) -> None:
        """Media shall go another way, directly or through the node: join again, and go on with the same call, slots and callbacks."""
        before, address = self.session, Address(refer.alias)
        again = Introduction(display_name=self.me.display_name, token=refer.token, call_tag=before.token.call_tag, direct_media=True)
        try:
            token = await granted(self._transport, address, again)
        except PexRTCError as error:
            _logger.warning("media stay as they are, for the node would not let us in again: %s", error)
            return
        after = Session(self._transport, address, token)
        try:
            await self._go_on_as(after, address)
        except (CallError, NodeError) as error:
            self._end(Ended(reason=EndReason.MEDIA_LOST, detail=f"media could not be moved {refer.target}: {error}", error=error))
        finally:  # the other is given back at the end
            await (before if self.session is after else after).release("DirectMediaTransfer")

    async def _go_on_as(self, session: Session, address: Address) -> None:
        """The same conference, call and slots with another session."""
        if self.call is not None:
            await self.call.hang_up()
        self.session, self.address = session, address
        self.rooms.become(session.token.participant_uuid)
        self._listed.clear()
        self._attend()
        await self._listing()
        if (call := self.call) is not None:
            try:
                token = session.token
                servers, relay_only = self._placing.servers(token), token.use_relay_candidates_only
                await call.change(self._direct_options(), ice_servers=servers, relay_only=relay_only)
            except (CallError, NodeError):
                if self.call is call:
                    raise
            if self.call is call and call.presenting:
                await self._take_floor_again(call)

    async def _take_floor_again(self, call: Call) -> None:
        try:
            await self.ask_as_me(TakeFloor())
        except FloorRefused as error:
            _logger.warning("the slides end with the change of media: %s", error)
            await call.stop_presenting()

    def _direct_options(self) -> DirectOptions | None:
        token = self.session.token
        if not token.direct_media:
            return None
        from pexrtc_py.direct import DirectOptions

        return DirectOptions(channel=token.pex_datachannel_id, interval=self._statistics_interval)

    def _statistics_interval(self) -> float | None:
        milliseconds = self.session.token.client_stats_update_interval
        return milliseconds / 1000 if milliseconds else None

    async def _listing(self) -> None:
        """A node lists the roster at the start of a stream; one that does not, or stops in the middle, is asked."""
        before, now = -1, self.roster.arriving
        while now != before:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTING_SECONDS):
                    await self._listed.wait()
                    return
            before, now = now, self.roster.arriving
        status, people = await self.get_conference_status(), await self.get_participants()
        for item in (*self.roster.see(told.ConferenceUpdate(status=status)), *self.roster.replace(people)):
            self.hub.publish(item)

    async def _relisting(self) -> None:
        try:
            await self._listing()
        except NodeError as error:
            _logger.warning("the roster may be out of date: %s", error)

    async def _still_in(self, here: str) -> None:
        """After a gap in the stream: a room that is not told of again has ended meanwhile."""
        try:
            await self.hub.wait_for(told.BreakoutBegin, where=lambda event: event.breakout_uuid == here, timeout=ROOM_SECONDS)
        except TimeoutError:
            if self.rooms.here == here:
                self.rooms.breakouts.pop(here, None)
                self._put_out()
        except Disconnected:
            pass

    def _put_out(self) -> None:
        """The breakout room that our media was in is over; the conference is not."""
        self.rooms.here = None
        self._spawn(self._placing.drop())

    # How it ends

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            _logger.error("the conference ends, for something went wrong in it", exc_info=error)
            self._end(Ended(reason=EndReason.NODE_LOST, detail=str(error), error=error))

    def _end(self, ended: Ended) -> None:
        if self._closing is not None:
            return
        _logger.info("conference %s: %s", self.address.conference, ended)
        self._closing = asyncio.create_task(self._close(ended))
        self._listed.set()
        if ended.reason is not EndReason.LEFT:
            self.hub.publish(ended)

    async def _close(self, ended: Ended) -> None:
        try:
            await self._placing.drop()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.session.release(ended.detail or ended.reason)
            await self._transport_closes()
        finally:
            self.hub.publish(ended)


async def _settled(task: asyncio.Task[None]) -> None:
    """Wait for a task that must come to its end; a cancellation meanwhile is passed on afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _nothing() -> None: ...
