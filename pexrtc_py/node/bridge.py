"""The media of the node: peers, mixers and forwarders that obey a plan per room.

A shell: who is heard and seen is decided by the plan and by `routing`, `clocks` and `mixing`; here it meets sockets, codecs and the clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Direction, PeerState, Slot, SlotOptions
from pexrtc_py.errors import NegotiationFailed
from pexrtc_py.node.clocks import ClockMap, StreamClock
from pexrtc_py.node.forwarding import Forwarder, TranscoderStats, View
from pexrtc_py.node.mixing import Job, MixingDesk, Played
from pexrtc_py.node.plan import CallMedia, MediaPlan, OnLost, OnVoice
from pexrtc_py.node.routing import board, main_sources, seat_of, slides_sources
from pexrtc_py.node.sound import BLOCK, RATE

logger = logging.getLogger(__name__)

DELAY = 0.150
"""How far the mix is behind capture, in seconds: what comes later than this is not heard.

A receiver holds good packets back for up to `AUDIO_PATIENCE` (120 ms) behind a lost one; with less delay than that each loss
would cost the packets after it as well.
"""
INBOX = 50
"""Audio packets of one call that may wait for a tick."""
CATCH_UP = 10
"""Blocks that are made up for after a stall; more are left out."""
SHOW_EVERY = 5
"""Blocks between two looks at who sends video."""
_SLOTS = {
    Slot.AUDIO: SlotOptions(direction=Direction.SENDRECV, codecs=("opus",)),
    Slot.VIDEO: SlotOptions(direction=Direction.SENDRECV, codecs=("vp8", "h264")),
    Slot.PRESENTATION: SlotOptions(direction=Direction.SENDRECV, codecs=("vp8", "h264")),
}


@dataclass(frozen=True)
class CallStats:
    """The audio of one call on its way into the mix."""

    waiting: int
    """Packets not yet taken by a tick."""
    dropped: int
    """Packets for which the inbox was full."""
    ahead: int
    """Samples that wait for their time."""
    late: int
    """Samples that came after their time."""


@dataclass(frozen=True)
class RoomStats:
    """One room: the mixer's ticks, and what waits where."""

    ticks: int
    skipped: int
    lateness: float
    """How late the worst tick began, in seconds; after a stall it counts until it was made up for."""
    work: float
    """What the last tick took to compute, in seconds."""
    calls: Mapping[str, CallStats]
    transcoders: Mapping[tuple[str, str], TranscoderStats]
    """By source and codec, both slots."""


class _Call:
    """One peer with its clock and what of it waits for the mixer."""

    def __init__(self, participant: str, call: str, peer: Peer, feed: Callable[[_Call, Slot, AccessUnit, float], None]) -> None:
        self.participant, self.call, self.peer = participant, call, peer
        self.room: _Room | None = None
        self.started = False
        self.dropped = 0
        self.inbox: deque[tuple[AccessUnit, float]] = deque(maxlen=INBOX)
        self._feed = feed
        self._clock = ClockMap()
        self._streams = {slot: StreamClock(RATE if slot is Slot.AUDIO else 90_000) for slot in _SLOTS}
        self._unsubscribe = [self._listen(slot) for slot in _SLOTS]

    def _listen(self, slot: Slot) -> Callable[[], None]:
        return self.peer.transceivers[slot].receiver.subscribe(lambda unit: self._receive(slot, unit))

    def _receive(self, slot: Slot, unit: AccessUnit) -> None:
        mapped = self._clock.capture(unit.ntp, unit.arrival)
        captured = self._streams[slot].capture(unit.timestamp, epoch=unit.epoch, mapped=mapped, synced=unit.ntp is not None)
        self._feed(self, slot, unit, captured)

    def take(self) -> tuple[tuple[AccessUnit, float], ...]:
        """The audio packets that arrived since the last time, with their capture times."""
        taken = tuple(self.inbox)
        self.inbox.clear()
        return taken

    def put(self, unit: AccessUnit, captured: float) -> None:
        """Keep an audio packet for the next tick."""
        self.dropped += len(self.inbox) == INBOX
        self.inbox.append((unit, captured))

    async def aclose(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await self.peer.close()


class _Room:
    """The mixer and the two forwarders of one room, driven by one 20 ms tick."""

    def __init__(self, name: str, title: str, *, sound: ThreadPoolExecutor, pictures: ThreadPoolExecutor, on_voice: OnVoice) -> None:
        self.name = name
        self.plan = MediaPlan()
        self.calls: dict[str, _Call] = {}
        self.video = {slot: Forwarder(executor=pictures, title=title) for slot in (Slot.VIDEO, Slot.PRESENTATION)}
        self._sound, self._on_voice = sound, on_voice
        self._desk = MixingDesk(round((time.time() - DELAY) * RATE) // BLOCK * BLOCK)
        self._speaking: set[str] = set()
        self._ticks = self._skipped = 0
        self._lateness = self._work = 0.0
        self._played: Played | None = None
        self._task = asyncio.create_task(self._run())

    def enter(self, call: _Call) -> None:
        """The call's media belongs to this room from now on."""
        if call.room is self:
            return
        if call.room is not None:
            call.room.leave(call)
        call.room = self
        self.calls[call.call] = call
        for slot, forwarder in self.video.items():
            forwarder.add(call.call, call.peer.transceivers[slot])
        self.show()

    def leave(self, call: _Call) -> None:
        """The call has gone."""
        self._tell_voice(call, False)
        call.room = None
        self.calls.pop(call.call, None)
        for forwarder in self.video.values():
            forwarder.remove(call.call)

    def apply(self, plan: MediaPlan) -> None:
        """Make the media as planned."""
        if plan != self.plan:
            self.plan = plan
            self.show()

    def show(self) -> None:
        """Look anew who sees whom."""
        now, started = time.time(), [call.call for call in self.calls.values() if call.started]
        main = {name: View(main_sources(self.plan, name), board(self.plan, name)) for name in started}
        slides = {name: View(slides_sources(self.plan, name)) for name in started}
        self.video[Slot.VIDEO].show(main, now)
        self.video[Slot.PRESENTATION].show(slides, now)

    def stats(self) -> RoomStats:
        """A snapshot."""
        depths, late = (self._played.depths, self._played.late) if self._played else ({}, {})
        calls = {
            name: CallStats(len(call.inbox), call.dropped, depths.get(name, 0), late.get(name, 0)) for name, call in self.calls.items()
        }
        transcoders = {key: stats for forwarder in self.video.values() for key, stats in forwarder.transcoders.items()}
        return RoomStats(self._ticks, self._skipped, self._lateness, self._work, calls, transcoders)

    async def aclose(self) -> None:
        """Stop the tick and everything that computes."""
        self._task.cancel()
        await asyncio.wait([self._task])
        for forwarder in self.video.values():
            await forwarder.aclose()

    async def _run(self) -> None:
        while True:
            skip = await self._next_tick()
            try:
                await self._tick(skip)
            except Exception:
                logger.exception("Room %s: a tick failed", self.name)

    async def _next_tick(self) -> int:
        """Wait until the next block is due; how many are to be left out before it."""
        due = self._desk.mixer.position / RATE + DELAY
        late = time.time() - due
        # Even a late tick gives way first: after a stall the packets of that time still wait in the sockets.
        await asyncio.sleep(max(-late, 0.0 if late < 2 * BLOCK / RATE else 0.002))
        self._lateness = max(self._lateness, time.time() - due)
        skip = max(0, round(late * RATE) // BLOCK - CATCH_UP)
        self._skipped += skip
        return skip

    async def _tick(self, skip: int) -> None:
        begun = time.perf_counter()
        played = await asyncio.get_running_loop().run_in_executor(self._sound, self._desk.work, self._job(skip))
        self._work = time.perf_counter() - begun
        self._ticks += 1
        self._played = played
        self._play(played)
        if self._ticks % SHOW_EVERY == 0:
            self.show()

    def _job(self, skip: int) -> Job:
        callers = frozenset(call.call for call in self.calls.values() if call.started and self._audible(call))
        arrived = tuple((call.call, call.take()) for call in self.calls.values())
        ready = [call for call in self.calls.values() if call.started and call.peer.transceivers[Slot.AUDIO].sender.ready]
        listeners = tuple(call.call for call in ready if self._admitted(call))
        waiting = tuple(call.call for call in ready if not self._admitted(call))
        return Job(callers, listeners, waiting, arrived, skip)

    def _play(self, played: Played) -> None:
        for unit, listeners in played.packets:
            captured = unit.timestamp / RATE
            for name in listeners:
                if (call := self.calls.get(name)) is not None:
                    call.peer.transceivers[Slot.AUDIO].sender.send(unit, captured=captured)
        for name, speaking in played.voices:
            if (call := self.calls.get(name)) is not None:
                self._tell_voice(call, speaking)

    def _tell_voice(self, call: _Call, speaking: bool) -> None:
        if speaking != (call.call in self._speaking):
            (self._speaking.add if speaking else self._speaking.discard)(call.call)
            self._on_voice(self.name, call.participant, speaking)

    def _audible(self, call: _Call) -> bool:
        seat = seat_of(self.plan, call.call)
        return seat is not None and seat.admitted and seat.audible

    def _admitted(self, call: _Call) -> bool:
        seat = seat_of(self.plan, call.call)
        return seat is not None and seat.admitted


class Bridge:
    """Carries the calls of all rooms; the `Media` of a node.

    `on_voice` and `on_lost` are called on the event loop. `title` names a room (by its uuid) on its splash picture;
    `loopback` offers 127.0.0.1 instead of the machine's addresses.
    """

    def __init__(
        self, *, on_voice: OnVoice, on_lost: OnLost, title: Callable[[str], str] = lambda room: "Welcome", loopback: bool = False
    ) -> None:
        self._on_voice, self._on_lost, self._title, self._loopback = on_voice, on_lost, title, loopback
        self._rooms: dict[str, _Room] = {}
        self._calls: dict[str, _Call] = {}
        self._plans: dict[str, MediaPlan] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sound = ThreadPoolExecutor(2, thread_name_prefix="mixer")
        self._pictures = ThreadPoolExecutor(2, thread_name_prefix="transcoder")

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        """Answer the first offer of a call; `bandwidth` in kbps. Raises `NegotiationFailed`."""
        await self.close(call)
        peer = Peer(slots=_SLOTS, loopback=self._loopback, bandwidth=bandwidth, name=f"call {call}")
        try:
            answer = await peer.create_answer(sdp)
        except BaseException:
            await peer.close()
            raise
        self._calls[call] = opened = _Call(participant, call, peer, self._received)
        peer.on_state(lambda state: self._state_changed(opened, state))
        self._room(room).enter(opened)
        return answer

    async def update(self, call: str, sdp: str) -> str:
        """Answer a further offer of the call. Raises `NegotiationFailed`."""
        known = self._calls.get(call)
        if known is None:
            raise NegotiationFailed(f"There is no call {call} to update; it has ended. Place a new one.")
        answer = await known.peer.create_answer(sdp)
        if known.room is not None:
            known.room.show()
        return answer

    def candidate(self, call: str, candidate: str, mid: str | None, ufrag: str | None) -> None:
        """Take a trickled candidate (RFC 8838); `""` ends them. Junk and unknown calls are ignored."""
        if (known := self._calls.get(call)) is not None:
            known.peer.add_candidate(candidate, mid=mid, ufrag=ufrag)

    def start(self, call: str) -> None:
        """Let media flow: the caller acknowledged the answer. A second time it does nothing."""
        if (known := self._calls.get(call)) is not None and not known.started:
            known.started = True
            if known.room is not None:
                known.room.show()

    async def close(self, call: str) -> None:
        """End the call; an unknown one is no error."""
        known = self._calls.pop(call, None)
        if known is None:
            return
        if known.room is not None:
            known.room.leave(known)
        self._sweep()
        await known.aclose()

    def apply(self, room: str, plan: MediaPlan) -> None:
        """Make the room's media as planned; idempotent. A call that moves here from another room keeps its peer."""
        if plan.seats:
            self._plans[room] = plan
        else:
            self._plans.pop(room, None)
        for seat in plan.seats:
            if (known := self._calls.get(seat.call)) is not None:
                self._room(room).enter(known)
        if room in self._rooms:
            self._rooms[room].apply(plan)
        self._sweep()

    def capabilities(self, call: str) -> CallMedia:
        """What the last answer of the call carries; all False for an unknown call."""
        known = self._calls.get(call)
        flows = {slot: bool(known and known.peer.transceivers[slot].current is not Direction.INACTIVE) for slot in _SLOTS}
        return CallMedia(flows[Slot.AUDIO], flows[Slot.VIDEO], flows[Slot.PRESENTATION])

    def stats(self) -> dict[str, RoomStats]:
        """A snapshot of each room that has calls."""
        return {name: room.stats() for name, room in self._rooms.items()}

    async def aclose(self) -> None:
        """End every call and room; calling it again does nothing."""
        await asyncio.gather(*(self.close(call) for call in list(self._calls)))
        while self._closing:
            await asyncio.wait(self._closing)
        self._sound.shutdown(wait=False)
        self._pictures.shutdown(wait=False)

    def _room(self, name: str) -> _Room:
        if name not in self._rooms:
            room = _Room(name, self._title(name), sound=self._sound, pictures=self._pictures, on_voice=self._on_voice)
            room.apply(self._plans.get(name, MediaPlan()))
            self._rooms[name] = room
        return self._rooms[name]

    def _sweep(self) -> None:
        """Close the rooms that nobody is in."""
        empty = [name for name, room in self._rooms.items() if not room.calls]
        for room in [self._rooms.pop(name) for name in empty]:
            task = asyncio.create_task(room.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _received(self, call: _Call, slot: Slot, unit: AccessUnit, captured: float) -> None:
        if not call.started or call.room is None:
            return
        if slot is Slot.AUDIO:
            call.put(unit, captured)
        else:
            call.room.video[slot].feed(call.call, unit, captured, unit.arrival)

    def _state_changed(self, call: _Call, state: PeerState) -> None:
        if state is PeerState.CONNECTED and call.room is not None:
            call.room.show()
        elif state is PeerState.FAILED and self._calls.get(call.call) is call:
            self._on_lost(call.call, str(call.peer.failure or "The media connection was lost."))
