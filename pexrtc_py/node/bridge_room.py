"""One room in the bridge: a mixer and two forwarders, driven by one 20 ms tick."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.types import Slot
from pexrtc_py.node.audio_mixes import blends
from pexrtc_py.node.bridge_call import BridgedCall
from pexrtc_py.node.composer import Composer, ViewStats
from pexrtc_py.node.forwarding import Forwarder, TranscoderStats, View
from pexrtc_py.node.hold_music import music
from pexrtc_py.node.mixing import Job, MixingDesk, Played
from pexrtc_py.node.plan import Carries, MediaPlan, OnVoice, Still
from pexrtc_py.node.routing import board, main_sources, other_section, presented, seat_of, slides_sources
from pexrtc_py.node.signs import Signs
from pexrtc_py.node.sizes import Size
from pexrtc_py.node.snapshots import glance, snapshot
from pexrtc_py.node.sound import BLOCK, RATE
from pexrtc_py.node.viewing import MAIN, SECOND, Compose, Receiver, SourceName, Views

logger = logging.getLogger(__name__)

PATIENCE = 0.05
"""How long a missing packet of sound is waited for, in seconds; the good ones behind it wait too."""
DELAY = 0.150
"""How far the mix is behind capture, in seconds: what comes later than this is not heard.

With less than `PATIENCE` and the unevenness of a busy machine together, each loss would cost the packets after it as well.
"""
CATCH_UP = 10
"""Blocks that are made up for after a stall; more are left out."""
SECTIONS = {Slot.VIDEO: MAIN, Slot.PRESENTATION: SECOND}
OTHER = {Slot.VIDEO: Slot.PRESENTATION, Slot.PRESENTATION: Slot.VIDEO}
DIALS = 100
"""Orders of tones that may wait for a tick."""
SHOW_EVERY = 5
"""Blocks between two looks at who sends video."""


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
    views: Mapping[str, ViewStats]
    """Composed pictures by the name of the view."""
    undecoded: int
    """Video units that wait to be decoded for them."""


class BridgedRoom:
    """The mixer and the two forwarders of one room, driven by one 20 ms tick."""

    def __init__(
        self,
        name: str,
        signs: Signs,
        *,
        sound: ThreadPoolExecutor,
        pictures: ThreadPoolExecutor,
        on_voice: OnVoice,
        compose: Compose = Compose.AUTO,
        max_size: Size = (1280, 720),
        hold_music: bool = True,
    ) -> None:
        self.name, self.signs = name, signs
        self.plan = MediaPlan()
        self.calls: dict[str, BridgedCall] = {}
        self.video = {slot: Forwarder(executor=pictures, signs=signs) for slot in (Slot.VIDEO, Slot.PRESENTATION)}
        self._sound, self._pictures, self._on_voice = sound, pictures, on_voice
        self._hold_music = hold_music
        self._views = Views(mode=compose, largest=max_size)
        self.composer = Composer(executor=pictures, deliver=self._composed, ask=self._ask)
        self._desk = MixingDesk(round((unix_time() - DELAY) * RATE) // BLOCK * BLOCK)
        self._blends = blends(())
        self._dialled: deque[tuple[str, str]] = deque()
        self.dials_dropped = 0
        """Keys that were pressed faster than the mixer could take them."""
        self._composing_music: Future[object] | None = None
        self._crossing = False
        """Whether somebody's slides and main video may share a section."""
        self._speaking: set[str] = set()
        self._ticks = self._skipped = 0
        self._lateness = self._work = 0.0
        self._played: Played | None = None
        self._task = asyncio.create_task(self._run())

    def enter(self, call: BridgedCall) -> None:
        """The call's media belongs to this room from now on."""
        if call.room is self:
            return
        if call.room is not None:
            call.room.leave(call)
        call.room = self
        self.calls[call.call] = call
        for slot, forwarder in self.video.items():
            forwarder.add(call.call, call.leg.transceivers[slot])
            forwarder.add_source(other_section(call.call), call.leg.transceivers[OTHER[slot]])
        self.show()

    def leave(self, call: BridgedCall) -> None:
        """The call has gone."""
        self._tell_voice(call, False)
        call.room = None
        self.calls.pop(call.call, None)
        for forwarder in self.video.values():
            forwarder.remove(call.call)
            forwarder.remove(other_section(call.call))

    def feed(self, call: BridgedCall, slot: Slot, unit: AccessUnit, captured: float) -> None:
        """A picture of a call has arrived."""
        self.video[slot].feed(call.call, unit, captured, unit.arrival)
        self.composer.feed((SECTIONS[slot], call.call), unit, captured)
        if self._crossing:
            self.video[OTHER[slot]].feed(other_section(call.call), unit, captured, unit.arrival)

    def dial(self, call: str, keys: str) -> None:
        """Have a call hear the tones of telephone keys."""
        if len(self._dialled) < DIALS:
            self._dialled.append((call, keys))
        else:
            self.dials_dropped += 1

    def apply(self, plan: MediaPlan) -> None:
        """Make the media as planned."""
        if plan != self.plan:
            self.plan, self._blends = plan, blends(plan.seats)
            self._crossing = any(seat.carries is not Carries.MAIN for seat in plan.seats)
            self.show()

    def show(self) -> None:
        """Look anew who sees whom."""
        now, started = unix_time(), [call.call for call in self.calls.values() if call.started]
        self._compose()
        composed = self._views.seen
        main = {
            name: View((composed[name],) if name in composed else main_sources(self.plan, name), board(self.plan, name)) for name in started
        }
        slides = {name: View(slides_sources(self.plan, name)) for name in started}
        self.video[Slot.VIDEO].show(main, now)
        self.video[Slot.PRESENTATION].show(slides, now)

    def _compose(self) -> None:
        """Have those views composed that somebody is to see."""
        started = [(call, call.leg.transceivers[Slot.VIDEO].sender) for call in self.calls.values() if call.started]
        receivers = {call.call: Receiver(port.codec.name, call.limit) for call, port in started if port.ready and port.codec is not None}
        orders, before = self._views.orders(self.plan, receivers), self.composer.stats.keys()
        self.composer.want(orders)
        for name in before - orders.keys():
            self.video[Slot.VIDEO].remove(name)
        for name in orders.keys() - before:
            self.video[Slot.VIDEO].add_view(name, partial(self.composer.refresh, name))

    def _composed(self, view: str, unit: AccessUnit, captured: float) -> None:
        self.video[Slot.VIDEO].feed(view, unit, captured, unit.arrival)

    def _ask(self, source: SourceName) -> None:
        section, call = source
        self.video[Slot.VIDEO if section == MAIN else Slot.PRESENTATION].ask(call, unix_time())

    async def look(self, participant: str) -> bytes | None:
        """The brightness of `LOOK` points of a participant's main video, row by row; None when no picture arrives within some seconds."""
        sending = {call.call for call in self.calls.values() if call.participant == participant}
        keyframe = await self.video[Slot.VIDEO].keyframe(sending)
        if keyframe is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._pictures, glance, keyframe)

    async def still(self) -> Still | None:
        """A picture of what is presented now; None when there is no video of it within some seconds."""
        keyframe = await self.video[Slot.PRESENTATION].keyframe(presented(self.plan))
        if keyframe is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._pictures, snapshot, keyframe)

    def stats(self) -> RoomStats:
        """A snapshot."""
        depths, late = (self._played.depths, self._played.late) if self._played else ({}, {})
        calls = {
            name: CallStats(len(call.inbox), call.dropped, depths.get(name, 0), late.get(name, 0)) for name, call in self.calls.items()
        }
        transcoders = {key: stats for forwarder in self.video.values() for key, stats in forwarder.transcoders.items()}
        return RoomStats(
            self._ticks, self._skipped, self._lateness, self._work, calls, transcoders, self.composer.stats, self.composer.waiting
        )

    async def aclose(self) -> None:
        """Stop the tick and everything that computes."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self.composer.aclose()
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
        late = unix_time() - due
        # Even a late tick gives way first: after a stall the packets of that time still wait in the sockets.
        await asyncio.sleep(max(-late, 0.0 if late < 2 * BLOCK / RATE else 0.002))
        self._lateness = max(self._lateness, unix_time() - due)
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
        ready = [call for call in self.calls.values() if call.started and call.leg.transceivers[Slot.AUDIO].sender.ready]
        outside = {call.call for call in ready if not self._admitted(call)}
        held = {call.call for call in ready if (seat := seat_of(self.plan, call.call)) is not None and seat.held}
        hearing = tuple(outside | held) if self._hold_music and (outside | held) and self._has_music() else ()
        listeners = tuple(call.call for call in ready if call.call not in outside and call.call not in hearing)
        waiting = tuple(outside - set(hearing))
        unprocessed = frozenset(seat.call for seat in self.plan.seats if seat.unprocessed)
        dialled = tuple(self._dialled)
        self._dialled.clear()
        return Job(callers, listeners, waiting, arrived, skip, unprocessed, self._blends, hearing, dialled)

    def _has_music(self) -> bool:
        """Whether the music is made; it is from the first time that somebody waits, and not by the mixer, who has no time for it."""
        if self._composing_music is None:
            self._composing_music = self._pictures.submit(music)
        return self._composing_music.done()

    def _play(self, played: Played) -> None:
        for unit, listeners in played.packets:
            captured = unit.timestamp / RATE
            for name in listeners:
                if (call := self.calls.get(name)) is not None:
                    call.leg.transceivers[Slot.AUDIO].sender.send(unit, captured=captured)
        for name, speaking in played.voices:
            if (call := self.calls.get(name)) is not None:
                self._tell_voice(call, speaking)

    def _tell_voice(self, call: BridgedCall, speaking: bool) -> None:
        if speaking != (call.call in self._speaking):
            (self._speaking.add if speaking else self._speaking.discard)(call.call)
            self._on_voice(self.name, call.participant, speaking)

    def _audible(self, call: BridgedCall) -> bool:
        seat = seat_of(self.plan, call.call)
        return seat is not None and seat.admitted and seat.audible

    def _admitted(self, call: BridgedCall) -> bool:
        seat = seat_of(self.plan, call.call)
        return seat is not None and seat.admitted
