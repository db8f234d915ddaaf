"""The media call of a conference: the only place where signaling and engine meet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pexrtc_py.direct import Direct, DirectOptions
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Direction, IceServer, PeerState, Slot, SlotOptions
from pexrtc_py.errors import CallError, MediaLost, NodeError, UsageError
from pexrtc_py.protocol.models import CallType, MediaType
from pexrtc_py.protocol.requests.participant import Calls, ReleaseFloor, TakeFloor
from pexrtc_py.signaling.floor import PresentationLost
from pexrtc_py.slots import CallSlot
from pexrtc_py.ways import CallControl, ThroughNode

if TYPE_CHECKING:
    from pathlib import Path

    from pexrtc_media.base import Source
    from pexrtc_media.composed import Composed
    from pexrtc_media.fileset import Limits
    from pexrtc_py.engine.network import Network
    from pexrtc_py.engine.stats import SlotStats
    from pexrtc_py.protocol.declare import Request
    from pexrtc_py.protocol.models import OpenMediaType
    from pexrtc_py.recording import Recording
    from pexrtc_py.rtmp import ByRtmp

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 16.0
RESTART_SECONDS = 8.0
"""How long another way may take to carry media before the next one is looked for."""


class Call:
    """One WebRTC call with its three slots; `connect()` brings the media up, `close()` ends it.

    `sources` are what is sent from the start, `receive` which slots are received, `codecs` what may be received in
    a slot (all we speak by default), `bandwidth` and `bandwidth_out` the most we want to receive and send per video section in kbps.
    With `directions` the call has the sections named there, with fixed directions; otherwise all, as sources and `receive` need.
    `media_type`, `fecc_supported`, `present` and `streaming` are told to the node. With `direct` the other side is the other participant,
    with the `call_type` RTMP media go by RTMP.
    """

    def __init__(
        self,
        control: CallControl,
        *,
        sources: Mapping[Slot, Source[Any]] | None = None,
        receive: Collection[Slot] = tuple(Slot),
        directions: Mapping[Slot, Direction] | None = None,
        codecs: Mapping[Slot, tuple[str, ...]] | None = None,
        ice_servers: Sequence[IceServer] = (),
        loopback: bool = False,
        relay_only: bool = False,
        bandwidth: int | None = None,
        bandwidth_out: int | None = None,
        media_type: OpenMediaType | None = None,
        fecc_supported: bool = False,
        present: str | None = None,
        direct: DirectOptions | None = None,
        call_type: CallType = CallType.WEBRTC,
        streaming: bool | None = None,
        network: Network | None = None,
    ) -> None:
        self._control = control
        self._sources = dict(sources or {})
        self._receive = frozenset(receive)
        self._directions = None if directions is None else dict(directions)
        self._placing = Calls(
            call_type=call_type,
            media_type=media_type or MediaType.VIDEO,
            fecc_supported=fecc_supported,
            present=present,
            streaming=streaming,
            bandwidth=bandwidth if call_type is CallType.RTMP else None,
        )
        self._moved = asyncio.Event()
        self._searching: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._recordings: list[Recording] = []
        self._begun = self._hung_up = self._closed = False
        self.on_lost: Callable[[Exception], None] | None = None
        having = [slot for slot in Slot if directions is None or slot in directions]
        wanted = {slot: SlotOptions(direction=self._direction(slot), codecs=(codecs or {}).get(slot, ())) for slot in having}
        self.peer = Peer(
            slots=wanted,
            ice_servers=ice_servers,
            loopback=loopback,
            relay_only=relay_only,
            bandwidth=bandwidth,
            data_channel=direct.channel if direct else None,
            network=network,
            name="call",
        )
        self.peer.on_state(self._state_changed)
        self._way = self._new_way(direct)
        self.slots = {slot: CallSlot(self.peer.transceivers[slot], self._sends, bandwidth=bandwidth_out) for slot in having}

    @property
    def audio(self) -> CallSlot:
        """What is heard and said."""
        return self._slot(Slot.AUDIO)

    @property
    def video(self) -> CallSlot:
        """The main video."""
        return self._slot(Slot.VIDEO)

    @property
    def presentation(self) -> CallSlot:
        """The slides."""
        return self._slot(Slot.PRESENTATION)

    def stats(self) -> dict[Slot, SlotStats]:
        """How each slot fares, in both directions."""
        return {slot: carried.stats() for slot, carried in self.slots.items()}

    @property
    def uuid(self) -> str | None:
        """The node's name for this call, once placed."""
        return self._way.uuid

    @property
    def direct(self) -> bool:
        """Whether media go to the other participant, not to the node."""
        return isinstance(self._way, Direct)

    @property
    def presenting(self) -> bool:
        """Whether slides are sent."""
        return Slot.PRESENTATION in self._sources

    @property
    def check_code(self) -> str | None:
        """In direct media: 64 hex digits that are the same on both sides, unless somebody sits between them; None while nobody is there."""
        return self.peer.descriptions.check_code if self.direct else None

    def _slot(self, slot: Slot) -> CallSlot:
        if slot not in self.slots:
            raise UsageError(f"This call was placed without a section for {slot}; it has {', '.join(self.slots)}.")
        return self.slots[slot]

    def _direction(self, slot: Slot, *, sends: bool | None = None) -> Direction:
        if self._directions is not None:
            return self._directions[slot]
        sends = slot in self._sources if sends is None else sends
        one_way = slot is Slot.PRESENTATION  # who presents does not receive slides
        return Direction.of(sends=sends, receives=slot in self._receive and not (one_way and sends))

    # Life

    def _new_way(self, direct: DirectOptions | None) -> ThroughNode | Direct | ByRtmp:
        if self._placing.call_type is CallType.RTMP:
            from pexrtc_py.rtmp import ByRtmp

            stream = ByRtmp(self._control, self.peer, self._placing)
            stream.on_lost = self._lost
            return stream
        if direct is None:
            return ThroughNode(self._control, self.peer, self._placing)
        way = Direct(self._control, self.peer, self._placing, direct, self.stats)
        way.on_lost = self._lost
        return way

    async def connect(self, seconds: float = CONNECT_SECONDS) -> None:
        """Place the call and wait until media can flow, in direct media only if somebody is there; raises CallError or NodeError."""
        await self._way.connect(seconds)
        await self._begin()

    async def change(
        self,
        direct: DirectOptions | None,
        *,
        ice_servers: Sequence[IceServer] = (),
        relay_only: bool = False,
        seconds: float = CONNECT_SECONDS,
    ) -> None:
        """Go on with another session of the conference: with the other participant, or through the node; slots and what they carry stay.

        The servers are those of that session. The call of the session before is ended with `hang_up`. Raises CallError or NodeError.
        """
        await self.peer.renew(data_channel=direct.channel if direct else None, ice_servers=ice_servers, relay_only=relay_only)
        if self._closed:
            raise CallError("The call was ended while its media were moved.")
        self._hung_up = False
        self._way = self._new_way(direct)
        await self.connect(seconds)

    async def _begin(self) -> None:
        """Send what is to be sent from the start, once there is somebody to send it to."""
        if self._begun or self.peer.state is not PeerState.CONNECTED:
            return
        self._begun = True
        for slot, source in list(self._sources.items()):
            outbound = self.slots[slot].outbound
            if outbound.source is not source:  # else somebody sent it meanwhile
                await outbound.send(source)

    def _lost(self, error: Exception) -> None:
        if self.on_lost is not None and not self._closed:
            self.on_lost(error)

    def _state_changed(self, state: PeerState) -> None:
        if self._hung_up:
            return
        if state is PeerState.FAILED and self._begun and not self.direct:
            self._lost(MediaLost(str(self.peer.failure or "The media connection was lost.")))
        if isinstance(self._way, Direct):
            self._way.see(state)
            if state is PeerState.CONNECTED and not self._begun:
                self._tasks.append(asyncio.create_task(self._begin()))
        self._moved.set()
        if state is PeerState.DISCONNECTED and not self._closed and (self._searching is None or self._searching.done()):
            self._searching = asyncio.create_task(self._search())
            self._tasks.append(self._searching)

    async def _search(self) -> None:
        """Look for another way to the node, again and again, until media arrives or the call is lost."""
        while self.peer.state is PeerState.DISCONNECTED:
            self._moved.clear()
            try:
                await self.renegotiate(restart=True)
            except (NodeError, CallError) as error:
                logger.warning("Looking for another way to the node: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESTART_SECONDS):
                    await self._moved.wait()

    async def close(self) -> None:
        """Stop recordings and sources, tell the node, close the connection; calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        async with contextlib.AsyncExitStack() as ending:  # from the last line up; each is done even if one before it fails
            ending.push_async_callback(self.peer.close)
            ending.push_async_callback(self.hang_up)
            for slot in self.slots.values():
                ending.push_async_callback(slot.aclose)
            for recording in self._recordings:
                ending.push_async_callback(recording.stop)

    async def detach(self) -> Mapping[Slot, Source[Any]]:
        """Send nothing any more, and give back what audio and video were; it stays open (a generator may have ended)."""
        for slot in self.slots.keys() & {Slot.AUDIO, Slot.VIDEO}:
            await self.slots[slot].outbound.detach()
        return {slot: source for slot, source in self._sources.items() if slot is not Slot.PRESENTATION}

    async def hang_up(self) -> None:
        """Tell the node that the call is over; the connection stands until it is closed or changed."""
        self._hung_up = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._way.hang_up()

    def say(self, request: Request[Any], origin: str) -> bool:
        """In direct media: say to the other participant what the request would tell the node; False when the node is to be asked."""
        return isinstance(self._way, Direct) and self._way.say(request, origin)

    # Renegotiation

    async def _sends(self, slot: Slot, source: Source[Any] | None) -> None:
        """What follows from a slot's new source: a further offer when the direction changes."""
        if source is None and slot is not Slot.PRESENTATION:
            self._sources.pop(slot, None)
            return
        if source is None:
            self._sources.pop(slot, None)
        else:
            self._sources[slot] = source
        await self._set(slot, direction=self._direction(slot))

    async def _set(self, slot: Slot, *, direction: Direction | None = None, codecs: tuple[str, ...] | None = None) -> None:
        transceiver = self.peer.transceivers[slot]
        if direction in {None, transceiver.direction} and codecs in {None, transceiver.wanted_codecs}:
            return
        before = transceiver.direction, transceiver.wanted_codecs
        self.peer.set_direction(slot, direction or before[0])
        self.peer.set_codecs(slot, before[1] if codecs is None else codecs)
        try:
            await self.renegotiate()
        except BaseException:
            # Not agreed, so not so: whoever tries again must be heard.
            transceiver.direction, transceiver.wanted_codecs = before
            raise

    async def set_directions(self, directions: Mapping[Slot, Direction]) -> None:
        """Fix the directions of these sections from now on, and offer again if that changes any. Raises CallError or NodeError."""
        known = {slot: self._direction(slot) for slot in self.slots}
        before, self._directions = self._directions, known | {slot: directions[slot] for slot in self.slots if slot in directions}
        if self._directions == known:
            return
        for slot, direction in self._directions.items():
            self.peer.set_direction(slot, direction)
        try:
            await self.renegotiate()
        except BaseException:
            self._directions = before
            for slot, direction in known.items():
                self.peer.set_direction(slot, direction)
            raise

    def set_bandwidth(self, bandwidth: int | None, *, out: int | None = None) -> None:
        """Receive, and send (`out`), at most so many kbps per video section; the other side is told of it with the next `renegotiate()`."""
        self.peer.bandwidth = bandwidth
        for slot in self.slots.values():
            slot.outbound.max_bitrate = out and out * 1000

    async def renegotiate(self, *, restart: bool = False) -> None:
        """Offer again with what is wanted now, with `restart` over another way if there is one; raises CallError or NodeError."""
        if not self._closed:
            await self._way.offer_again(restart=restart)

    # Presenting

    @contextlib.asynccontextmanager
    async def present(self, source: Source[Any]) -> AsyncIterator[None]:
        """Hold the floor and send slides inside the block; raises FloorRefused.

        When somebody else takes the floor, sending stops and the block goes on; `PresentationLost` tells who.
        """
        if self._placing.call_type is CallType.RTMP:
            raise UsageError("A call by RTMP cannot present slides; present_stills() shows pictures, and a WebRTC call presents.")
        if self.presenting:
            raise UsageError("This call presents already; leave the first present() block before entering another.")
        await self._take_floor()
        stolen: list[asyncio.Task[None]] = []

        def lost(event: PresentationLost) -> None:
            stolen.append(asyncio.create_task(self.stop_presenting()))

        self._control.hub.on(PresentationLost)(lost)
        try:
            await self.presentation.send(source)
            yield
        finally:
            self._control.hub.off(lost)
            await asyncio.gather(*stolen, return_exceptions=True)
            if not stolen:
                await self.stop_presenting()

    async def _take_floor(self) -> None:
        """Ask for the floor; in direct media once the section is agreed: who hears of a presentation may offer, and offers would meet."""
        direct = self.direct
        if direct:
            await self._set(Slot.PRESENTATION, direction=self._direction(Slot.PRESENTATION, sends=True))
        try:
            await self._control.ask_as_me(TakeFloor())
        except BaseException:
            if direct:
                await self._set(Slot.PRESENTATION, direction=self._direction(Slot.PRESENTATION))
            raise

    async def stop_presenting(self) -> None:
        """Take the slides back: the floor first, so that nobody waits for a picture, but in direct media last, so that no offers meet.

        The loser of the floor releases it too.
        """
        steps = [self._release_floor, self._send_no_slides]
        if self.direct:
            steps.reverse()
        try:
            try:
                await steps[0]()
            finally:
                await steps[1]()
        except (NodeError, CallError) as error:
            logger.warning("Stopping the presentation: %s", error)

    async def _release_floor(self) -> None:
        await self._control.ask_as_me(ReleaseFloor())

    async def _send_no_slides(self) -> None:
        if not self._closed:
            await self.presentation.send(None)

    # Recording

    async def receive_only(self, slot: Slot, codec: str) -> None:
        """Offer again so that this slot arrives in one codec; the node converts what others send. Raises CallError or NodeError."""
        await self._set(slot, codecs=(codec,))

    async def record(
        self, path: str | Path, *, limits: Limits | None = None, captions: bool = False, composed: Composed | None = None
    ) -> Recording:
        """Record what arrives into a file, undecoded; its ending (.mkv, .webm, .mp4) says what it can hold. Raises RecordingError.

        With `composed`, pictures are decoded, and one of main video and slides is encoded.
        """
        from pexrtc_py.recording import Recording

        recording = Recording(path, self, self._control.hub, limits, captions=captions, composed=composed)
        for slot, codecs in ((slot, recording.codecs[slot]) for slot in self.slots):
            agreed = [codec.name for codec in self.peer.transceivers[slot].codecs]
            if any(name not in codecs for name in agreed):
                await self._set(slot, codecs=tuple(codecs))
        recording.start()
        self._recordings.append(recording)
        return recording
