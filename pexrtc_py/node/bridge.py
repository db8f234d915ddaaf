"""The media of the node: peers, mixers and forwarders that obey a plan per room.

A shell: who is heard and seen is decided by the plan and by `routing`, `clocks` and `mixing`; here it meets sockets, codecs and the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.network import PROFILES, Network
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Direction, PeerState, Slot
from pexrtc_py.errors import CallError, NegotiationFailed
from pexrtc_py.node import gallery
from pexrtc_py.node.bridge_call import SLOTS, BridgedCall
from pexrtc_py.node.bridge_room import PATIENCE, BridgedRoom, RoomStats
from pexrtc_py.node.faults import Faults
from pexrtc_py.node.legs import Echo, Leg
from pexrtc_py.node.plan import CallEndpoint, CallMedia, MediaPlan, OnLost, OnVoice, Perceived, Still, Watched
from pexrtc_py.node.routing import seat_of
from pexrtc_py.node.rtmp_calls import RtmpCalls
from pexrtc_py.node.signs import Signs
from pexrtc_py.node.simulated import SimulatedEndpoint
from pexrtc_py.node.sizes import Size
from pexrtc_py.node.streaming import StreamingService
from pexrtc_py.node.viewing import Compose

CLEAN = "clean"
"""The network that does nothing to media."""


class Bridge:
    """Carries the calls of all rooms; the `Media` of a node.

    `on_voice` and `on_lost` are called on the event loop. `signs` has what a room (by its uuid) says on its splash pictures;
    `loopback` offers 127.0.0.1 instead of the machine's addresses; `compose` says when pictures are composed, `max_size` how large;
    with `adjustable` the network of calls that go on can be changed.
    """

    def __init__(
        self,
        *,
        on_voice: OnVoice,
        on_lost: OnLost,
        signs: Callable[[str], Signs] = lambda room: Signs(),
        loopback: bool = False,
        rtmp: tuple[str, int] | None = None,
        impair: str | None = None,
        compose: Compose = Compose.AUTO,
        max_size: Size = (1280, 720),
        hold_music: bool = True,
        faults: Faults | None = None,
        adjustable: bool = False,
    ) -> None:
        self._impaired, self._number = impair or CLEAN, 0
        self._network = Network.parse(impair or CLEAN) if impair is not None or adjustable else None
        self._on_voice, self._on_lost, self._signs, self._loopback = on_voice, on_lost, signs, loopback
        self._compose, self._max_size, self._hold_music, self._faults = compose, max_size, hold_music, faults or Faults()
        self._faults.on_media = self._hold
        self._rooms: dict[str, BridgedRoom] = {}
        self._calls: dict[str, BridgedCall] = {}
        self._peers: dict[str, Peer] = {}
        """The connections of those calls that came over the network."""
        self._reaching: set[str] = set()
        """The calls to streaming services that have not answered yet."""
        self._plans: dict[str, MediaPlan] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sound = ThreadPoolExecutor(2, thread_name_prefix="mixer")
        self._pictures = ThreadPoolExecutor(2, thread_name_prefix="transcoder")
        self._rtmp = RtmpCalls(*rtmp, executor=self._pictures) if rtmp is not None else None

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        """Answer the first offer of a call; `bandwidth` in kbps. Raises `NegotiationFailed`."""
        await self.close(call)
        peer = Peer(
            slots=SLOTS,
            loopback=self._loopback,
            bandwidth=bandwidth,
            audio_patience=PATIENCE,
            network=self._next_network(),
            name=f"call {call}",
        )
        try:
            answer = await peer.create_answer(sdp)
        except BaseException:
            await peer.close()
            raise
        self._peers[call] = peer
        opened = self._enter(room, participant, call, peer)
        opened.bandwidth = bandwidth * 1000 if bandwidth is not None else None
        peer.on_state(lambda state: self._state_changed(opened, peer, state))
        return answer

    def _next_network(self) -> Network | None:
        """The network of the next call: like that of the others, but not losing the very same datagrams."""
        self._number += 1
        return None if self._network is None else replace(self._network, seed=self._network.seed + self._number)

    def networks(self) -> tuple[str, tuple[str, ...]]:
        """What the network does to media now, and what it can do, by name."""
        return self._impaired, tuple(dict.fromkeys((*PROFILES, self._impaired)))

    def impair(self, network: str) -> None:
        """Have the network do something else, to calls there are and to those that come. Raises `UsageError` for what there is not."""
        self._network, self._impaired = Network.parse(network), network
        for peer in self._peers.values():
            if peer.impairment is not None and (changed := self._next_network()) is not None:
                peer.impairment.change(changed)

    async def open_stream(self, room: str, participant: str, call: str, *, bandwidth: int | None) -> str:
        """The URL at which a client may publish and play this call by RTMP; `bandwidth` in kbps. Raises `CallError`."""
        if self._rtmp is None:
            raise CallError("This node has no address for RTMP.")
        leg, url = await self._rtmp.open(
            call, bitrate=bandwidth * 1000 if bandwidth is not None else None, lost=lambda reason: self._on_lost(call, reason)
        )
        self._enter(room, participant, call, leg).started = True
        return url

    async def call_endpoint(self, order: CallEndpoint) -> None:
        """Bring up the media of a simulated endpoint, or reach a streaming service. Raises `CallError` where there is none."""
        if order.streams_to is not None:
            service = StreamingService(executor=self._pictures, lost=lambda reason: self._on_lost(order.call, reason))
            await self._reach(order, service)
            return
        leg = SimulatedEndpoint(order.endpoint, video=order.video, bot=order.bot)
        self._enter(order.room, order.participant, order.call, leg).started = True
        await leg.start()

    async def update(self, call: str, sdp: str) -> str:
        """Answer a further offer of the call. Raises `NegotiationFailed`."""
        known, peer = self._calls.get(call), self._peers.get(call)
        if known is None or peer is None:
            raise NegotiationFailed(f"There is no call {call} to update; it has ended. Place a new one.")
        answer = await peer.create_answer(sdp)
        if known.room is not None:
            known.room.show()
        return answer

    def candidate(self, call: str, candidate: str, mid: str | None, ufrag: str | None) -> None:
        """Take a trickled candidate (RFC 8838); `""` ends them. Junk and unknown calls are ignored."""
        if (peer := self._peers.get(call)) is not None:
            peer.add_candidate(candidate, mid=mid, ufrag=ufrag)

    def start(self, call: str) -> None:
        """Let media flow: the caller acknowledged the answer. A second time it does nothing."""
        if (known := self._calls.get(call)) is not None and not known.started:
            known.started = True
            if known.room is not None:
                known.room.show()

    async def close(self, call: str) -> None:
        """End the call; an unknown one is no error."""
        known = self._calls.pop(call, None)
        self._peers.pop(call, None)
        self._reaching.discard(call)
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
            if seat.echoes and seat.call not in self._calls:
                self._enter(room, seat.participant, seat.call, Echo()).started = True
            if (known := self._calls.get(seat.call)) is not None:
                self._room(room).enter(known)
        if room in self._rooms:
            self._rooms[room].apply(plan)
            for call in self._rooms[room].calls.values():
                if isinstance(call.leg, Echo) and seat_of(plan, call.call) is None:
                    self._later(self.close(call.call))
        self._sweep()

    def capabilities(self, call: str) -> CallMedia:
        """What the last answer of the call carries; all False for an unknown call.

        Slides count with their section, for it may be inactive until somebody presents.
        """
        peer = self._peers.get(call)
        agreed = {slot: peer.transceivers[slot].negotiated if peer else None for slot in SLOTS}
        flows = {slot: section is not None and section.direction is not Direction.INACTIVE for slot, section in agreed.items()}
        return CallMedia(flows[Slot.AUDIO], flows[Slot.VIDEO], agreed[Slot.PRESENTATION] is not None)

    async def look(self, room: str, participant: str) -> bytes | None:
        """The brightness of `LOOK` points of a participant's main video, row by row; None when no picture arrives within some seconds."""
        known = self._rooms.get(room)
        return await known.look(participant) if known else None

    async def still(self, room: str) -> Still | None:
        """A picture of what is presented now; None when there is no video of it within some seconds."""
        known = self._rooms.get(room)
        return await known.still() if known else None

    def watched(self, room: str) -> tuple[Watched, ...]:
        """The pictures that participants of a room see now, each once."""
        known = self._rooms.get(room)
        return gallery.watched(known) if known else ()

    async def picture(self, room: str, view: str) -> bytes | None:
        """A JPEG of one of them by its id; None when there is none."""
        known = self._rooms.get(room)
        return await gallery.picture(known, view, self._pictures) if known else None

    def stats(self) -> dict[str, RoomStats]:
        """A snapshot of each room that has calls."""
        return {name: room.stats() for name, room in self._rooms.items()}

    async def aclose(self) -> None:
        """End every call and room; calling it again does nothing."""
        await asyncio.gather(*(self.close(call) for call in list(self._calls)))
        while self._closing:
            await asyncio.wait(self._closing)
        if self._rtmp is not None:
            await self._rtmp.aclose()
        self._sound.shutdown(wait=False)
        self._pictures.shutdown(wait=False)

    async def _reach(self, order: CallEndpoint, service: StreamingService) -> None:
        assert order.streams_to is not None
        self._reaching.add(order.call)
        try:
            await service.start(order.streams_to, order.slides_to)
            if order.call in self._reaching:
                self._enter(order.room, order.participant, order.call, service).started = True
            else:  # hung up meanwhile
                await service.close()
        finally:
            self._reaching.discard(order.call)

    def dial(self, call: str, keys: str) -> None:
        """Have whoever is on this call hear the tones of telephone keys; an unknown call is ignored."""
        if (known := self._calls.get(call)) is not None and known.room is not None:
            known.room.dial(call, keys)

    def perceived(self, call: str) -> Perceived | None:
        """What the simulated endpoint of this call hears and sees; None for other calls."""
        leg = self._calls[call].leg if call in self._calls else None
        return leg.perceived() if isinstance(leg, SimulatedEndpoint) else None

    def _hold(self) -> None:
        """Send nothing to those whose media are dead."""
        for call in self._calls.values():
            call.held = self._faults.stop_receiving(call.participant)

    def _enter(self, room: str, participant: str, call: str, leg: Leg) -> BridgedCall:
        self._calls[call] = entering = BridgedCall(participant, call, leg, self._received)
        entering.held = self._faults.stop_receiving(participant)
        self._room(room).enter(entering)
        return entering

    def _room(self, name: str) -> BridgedRoom:
        if name not in self._rooms:
            room = BridgedRoom(
                name,
                self._signs(name),
                sound=self._sound,
                pictures=self._pictures,
                on_voice=self._on_voice,
                compose=self._compose,
                max_size=self._max_size,
                hold_music=self._hold_music,
            )
            room.apply(self._plans.get(name, MediaPlan()))
            self._rooms[name] = room
        return self._rooms[name]

    def _sweep(self) -> None:
        """Close the rooms that nobody is in."""
        empty = [name for name, room in self._rooms.items() if not room.calls]
        for room in [self._rooms.pop(name) for name in empty]:
            self._later(room.aclose())

    def _later(self, closing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _received(self, call: BridgedCall, slot: Slot, unit: AccessUnit, captured: float) -> None:
        if not call.started or call.room is None or not call.whole(slot, unit, lost=self._faults.stop_sending(call.participant)):
            return
        if slot is Slot.AUDIO:
            call.put(unit, captured)
        else:
            call.room.feed(call, slot, unit, captured)

    def _state_changed(self, call: BridgedCall, peer: Peer, state: PeerState) -> None:
        if state is PeerState.CONNECTED and call.room is not None:
            call.room.show()
        elif state is PeerState.FAILED and self._calls.get(call.call) is call:
            self._on_lost(call.call, str(peer.failure or "The media connection was lost."))
