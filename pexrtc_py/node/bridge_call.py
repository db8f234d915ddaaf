"""One call in the bridge: its leg, its clock, and the audio that waits for the mixer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.types import Direction, Slot, SlotOptions
from pexrtc_py.node.clocks import ClockMap, StreamClock
from pexrtc_py.node.legs import Leg
from pexrtc_py.node.sound import RATE

if TYPE_CHECKING:
    from pexrtc_py.node.bridge_room import BridgedRoom

INBOX = 50
"""Audio packets of one call that may wait for a tick."""
SLOTS = {
    Slot.AUDIO: SlotOptions(direction=Direction.SENDRECV, codecs=("opus",)),
    Slot.VIDEO: SlotOptions(direction=Direction.SENDRECV, codecs=("vp8", "h264")),
    Slot.PRESENTATION: SlotOptions(direction=Direction.SENDRECV, codecs=("vp8", "h264")),
}


class BridgedCall:
    """One leg with its clock and what of it waits for the mixer."""

    def __init__(self, participant: str, call: str, leg: Leg, feed: Callable[[BridgedCall, Slot, AccessUnit, float], None]) -> None:
        self.participant, self.call, self.leg = participant, call, leg
        self.room: BridgedRoom | None = None
        self.started = False
        self.bandwidth: int | None = None
        """The most that may be sent to it, in bits/s; None for anything."""
        self.dropped = 0
        self._held = False
        self._broken: set[Slot] = set()
        """The sections in which pictures were lost on purpose, since which there was no keyframe."""
        self.inbox: deque[tuple[AccessUnit, float]] = deque(maxlen=INBOX)
        self._feed = feed
        self._clock = ClockMap()
        self._streams = {slot: StreamClock(RATE if slot is Slot.AUDIO else 90_000) for slot in SLOTS}
        self._unsubscribe = [self._listen(slot) for slot in SLOTS]

    def _listen(self, slot: Slot) -> Callable[[], None]:
        return self.leg.transceivers[slot].receiver.subscribe(lambda unit: self._receive(slot, unit))

    def _receive(self, slot: Slot, unit: AccessUnit) -> None:
        mapped = self._clock.capture(unit.ntp, unit.arrival)
        captured = self._streams[slot].capture(unit.timestamp, epoch=unit.epoch, mapped=mapped, synced=unit.ntp is not None)
        self._feed(self, slot, unit, captured)

    def take(self) -> tuple[tuple[AccessUnit, float], ...]:
        """The audio packets that arrived since the last time, with their capture times."""
        taken = tuple(self.inbox)
        self.inbox.clear()
        return taken

    def whole(self, slot: Slot, unit: AccessUnit, *, lost: bool) -> bool:
        """Whether a unit is of use: it is not lost on purpose, and nothing that it builds on was."""
        if lost and slot is not Slot.AUDIO:
            self._broken.add(slot)
        elif slot in self._broken and not unit.keyframe:
            self.leg.transceivers[slot].receiver.request_keyframe(unit.arrival)
        else:
            self._broken.discard(slot)
        return not lost and slot not in self._broken

    @property
    def held(self) -> bool:
        """Whether nothing is sent to it, although it is connected."""
        return self._held

    @held.setter
    def held(self, held: bool) -> None:
        self._held = held
        for port in self.leg.transceivers.values():
            if isinstance(port.sender, RtpSender):
                port.sender.held = held

    @property
    def limit(self) -> int | None:
        """The most that is worth sending as main video: what it may get, and what it can take, in bits/s."""
        return min((rate for rate in (self.bandwidth, self.leg.transceivers[Slot.VIDEO].sender.limit) if rate), default=None)

    def put(self, unit: AccessUnit, captured: float) -> None:
        """Keep an audio packet for the next tick."""
        self.dropped += len(self.inbox) == INBOX
        self.inbox.append((unit, captured))

    async def aclose(self) -> None:
        """Close the connection."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        await self.leg.close()
