"""One slot of a call as its user holds it: send a source, iterate frames or packets, connect a sink."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pexrtc_py.engine.sending import Outbound

if TYPE_CHECKING:
    from pexrtc_media.base import AccessUnit, Sink, Source

    from pexrtc_py.engine.peer import Transceiver
    from pexrtc_py.engine.reception import ReceiverStats
    from pexrtc_py.engine.sender import SenderStats
    from pexrtc_py.engine.types import Slot

QUEUE = 8
"""Frames or packets that may wait for a slow reader; more are dropped and counted."""


class CallSlot:
    """`conference.call.audio`, `.video` or `.presentation`."""

    def __init__(self, transceiver: Transceiver, changed: Callable[[Slot, Source[Any] | None], Awaitable[None]]) -> None:
        self._transceiver = transceiver
        self._changed = changed
        self.outbound = Outbound(transceiver.sender)

    @property
    def muted(self) -> bool:
        """Whether black or silence is sent instead of the source."""
        return self.outbound.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self.outbound.muted = muted

    @property
    def received(self) -> ReceiverStats:
        """Counters of what arrives, in W3C names."""
        return self._transceiver.receiver.stats

    @property
    def sent(self) -> SenderStats:
        """Counters of what is sent."""
        return self._transceiver.sender.stats

    async def send(self, source: Source[Any] | None) -> None:
        """Send this source from now on, None for nothing; renegotiates when the direction changes. Raises CallError or NodeError."""
        if source is None:
            await self.outbound.send(None)
            await self._changed(self._transceiver.slot, None)
        else:
            await self._changed(self._transceiver.slot, source)
            await self.outbound.send(source)

    def subscribe(self, callback: Callable[[AccessUnit], None]) -> Callable[[], None]:
        """Call back with each access unit as it is complete, on the event loop; returns what ends it. The callback must not wait."""
        return self._transceiver.receiver.subscribe(callback)

    def request_keyframe(self) -> None:
        """Ask the other side for a keyframe; nothing for audio."""
        self._transceiver.receiver.request_keyframe(time.time())

    async def aclose(self) -> None:
        """Stop sending."""
        await self.outbound.aclose()
