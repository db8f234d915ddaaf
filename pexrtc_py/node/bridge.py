"""The media of the node: peers, mixers and forwarders that obey a plan per room.

A shell: who is heard and seen is decided by the plan and by `routing`, `clocks` and `mixing`; here it meets sockets, codecs and the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Direction, PeerState, Slot
from pexrtc_py.errors import NegotiationFailed
from pexrtc_py.node.bridge_call import SLOTS, BridgedCall
from pexrtc_py.node.bridge_room import PATIENCE, BridgedRoom, RoomStats
from pexrtc_py.node.plan import CallMedia, MediaPlan, OnLost, OnVoice, Still


class Bridge:
    """Carries the calls of all rooms; the `Media` of a node.

    `on_voice` and `on_lost` are called on the event loop. `title` names a room (by its uuid) on its splash picture;
    `loopback` offers 127.0.0.1 instead of the machine's addresses.
    """

    def __init__(
        self, *, on_voice: OnVoice, on_lost: OnLost, title: Callable[[str], str] = lambda room: "Welcome", loopback: bool = False
    ) -> None:
        self._on_voice, self._on_lost, self._title, self._loopback = on_voice, on_lost, title, loopback
        self._rooms: dict[str, BridgedRoom] = {}
        self._calls: dict[str, BridgedCall] = {}
        self._plans: dict[str, MediaPlan] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sound = ThreadPoolExecutor(2, thread_name_prefix="mixer")
        self._pictures = ThreadPoolExecutor(2, thread_name_prefix="transcoder")

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        """Answer the first offer of a call; `bandwidth` in kbps. Raises `NegotiationFailed`."""
        await self.close(call)
        peer = Peer(slots=SLOTS, loopback=self._loopback, bandwidth=bandwidth, audio_patience=PATIENCE, name=f"call {call}")
        try:
            answer = await peer.create_answer(sdp)
        except BaseException:
            await peer.close()
            raise
        self._calls[call] = opened = BridgedCall(participant, call, peer, self._received)
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
        """What the last answer of the call carries; all False for an unknown call.

        Slides count with their section, for it may be inactive until somebody presents.
        """
        known = self._calls.get(call)
        agreed = {slot: known.peer.transceivers[slot].negotiated if known else None for slot in SLOTS}
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

    def _room(self, name: str) -> BridgedRoom:
        if name not in self._rooms:
            room = BridgedRoom(name, self._title(name), sound=self._sound, pictures=self._pictures, on_voice=self._on_voice)
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

    def _received(self, call: BridgedCall, slot: Slot, unit: AccessUnit, captured: float) -> None:
        if not call.started or call.room is None:
            return
        if slot is Slot.AUDIO:
            call.put(unit, captured)
        else:
            call.room.video[slot].feed(call.call, unit, captured, unit.arrival)

    def _state_changed(self, call: BridgedCall, state: PeerState) -> None:
        if state is PeerState.CONNECTED and call.room is not None:
            call.room.show()
        elif state is PeerState.FAILED and self._calls.get(call.call) is call:
            self._on_lost(call.call, str(call.peer.failure or "The media connection was lost."))
