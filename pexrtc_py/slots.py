"""One slot of a call as its user holds it: send a source, iterate frames or packets, connect a sink."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.pump import MAX_UNITS, Pump, UnitStream
from pexrtc_py.engine.sending import Outbound
from pexrtc_py.engine.stats import Meter

if TYPE_CHECKING:
    from pexrtc_media.base import AccessUnit, Sink, Source
    from pexrtc_py.engine.peer import Transceiver
    from pexrtc_py.engine.playout import FrameStream
    from pexrtc_py.engine.reception import ReceiverStats
    from pexrtc_py.engine.sender import SenderStats
    from pexrtc_py.engine.stats import SlotStats
    from pexrtc_py.engine.types import Slot


class CallSlot:
    """`conference.call.audio`, `.video` or `.presentation`; `bandwidth` is the most it sends, in kbps."""

    def __init__(
        self, transceiver: Transceiver, changed: Callable[[Slot, Source[Any] | None], Awaitable[None]], *, bandwidth: int | None = None
    ) -> None:
        self._transceiver = transceiver
        self._changed = changed
        self._meter = Meter(transceiver)
        self._measuring = asyncio.create_task(self._meter.run())
        self._pump: Pump[Any] | None = None
        self.outbound = Outbound(transceiver.sender, max_bitrate=bandwidth and bandwidth * 1000)

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

    def stats(self) -> SlotStats:
        """How it fares in both directions: counters, rates of the last seconds, losses, codec and picture size."""
        return self._meter.read(unix_time())

    async def send(self, source: Source[Any] | None) -> None:
        """Send this source from now on, None for nothing; renegotiates when the direction changes. Raises CallError or NodeError."""
        if source is None:
            await self.outbound.send(None)
            await self._changed(self._transceiver.slot, None)
        else:
            await self._changed(self._transceiver.slot, source)
            await self.outbound.send(source)

    def frames(self, *, maxsize: int | None = None) -> FrameStream:
        """Iterate decoded frames from now on; at most `maxsize` (4 pictures, 50 of audio) wait, what is missed counts in `dropped`.

        Pictures are `yuv420p`, audio is `s16` stereo of 48 kHz; `pts` counts in the sender's RTP clock. Decoding costs
        only while somebody iterates.
        """
        from pexrtc_py.engine.playout import frames

        return frames(self._transceiver.receiver, maxsize=maxsize)

    def packets(self, *, maxsize: int = MAX_UNITS) -> UnitStream:
        """Iterate access units as they arrived, undecoded, beginning with a keyframe; what is missed counts in `dropped`."""
        return UnitStream(self._transceiver.receiver, maxsize=maxsize)

    async def to(self, sink: Sink[Any] | None) -> None:
        """Write what arrives into this sink from now on, encoded if its `encoded` is true; None ends it. The sink is closed at its end."""
        if self._pump is not None:
            await self._pump.aclose()
            self._pump = None
        if sink is not None:
            arriving = self.packets() if getattr(sink, "encoded", False) else self.frames()
            self._pump = Pump(arriving, sink, name=f"the sink for {self._transceiver.slot}")

    def subscribe(self, callback: Callable[[AccessUnit], None], *, relaxed: bool = False) -> Callable[[], None]:
        """Call back with each access unit as it is complete, on the event loop; returns what ends it. The callback must not wait.

        `relaxed` tells that a tenth of a second later will do, which costs much less as long as nobody else in the call is in a hurry.
        """
        return self._transceiver.receiver.subscribe(callback, relaxed=relaxed)

    def request_keyframe(self) -> None:
        """Ask the other side for a keyframe; nothing for audio."""
        self._transceiver.receiver.request_keyframe(unix_time())

    async def aclose(self) -> None:
        """Stop sending and end the sink."""
        self._measuring.cancel()
        await self.to(None)
        await self.outbound.aclose()
