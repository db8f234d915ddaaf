"""The media call of a conference: the only place where signaling and engine meet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Candidate, Direction, IceServer, PeerState, Slot, SlotOptions
from pexrtc_py.errors import CallError, MediaLost, NodeError, UsageError
from pexrtc_py.protocol.models import MediaType
from pexrtc_py.protocol.requests.call import Ack, CallDisconnect, NewCandidate, Update
from pexrtc_py.protocol.requests.participant import Calls, ReleaseFloor, TakeFloor
from pexrtc_py.signaling.floor import PresentationLost
from pexrtc_py.slots import CallSlot

if TYPE_CHECKING:
    from pathlib import Path

    from pexrtc_media.base import Source
    from pexrtc_py.engine.stats import SlotStats
    from pexrtc_py.hub import Hub
    from pexrtc_py.protocol.declare import CallRequest, ParticipantRequest
    from pexrtc_py.protocol.models import OpenMediaType
    from pexrtc_py.recording import Recording

T = TypeVar("T")
logger = logging.getLogger(__name__)

CONNECT_SECONDS = 16.0
RESTART_SECONDS = 8.0
"""How long another way may take to carry media before the next one is looked for."""
MAX_CANDIDATES = 256
"""Local candidates waiting to be told; more are left out."""


class CallControl(Protocol):
    """What a call needs of its conference: to ask for itself, and to hear of presentations."""

    @property
    def my_uuid(self) -> str:
        """Our own participant."""
        ...

    @property
    def hub(self) -> Hub:
        """Where the conference publishes its events."""
        ...

    async def ask_as_me(self, request: ParticipantRequest[T]) -> T:
        """Send a request about our own participant."""
        ...

    async def ask_of_call(self, call: str, request: CallRequest[T]) -> T:
        """Send a request about one of our calls."""
        ...


class Call:
    """One WebRTC call with its three slots; `connect()` brings the media up, `close()` ends it.

    `sources` are what is sent from the start, `receive` which slots are received, `codecs` what may be received in
    a slot (all we speak by default), `bandwidth` and `bandwidth_out` the most we want to receive and send per video section in kbps.
    With `directions` the call has the sections named there, with fixed directions; otherwise all, as sources and `receive` need.
    `media_type`, `fecc_supported` and `present` are told to the node.
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
    ) -> None:
        self._control = control
        self._sources = dict(sources or {})
        self._receive = frozenset(receive)
        self._directions = None if directions is None else dict(directions)
        self._placing = Calls(media_type=media_type or MediaType.VIDEO, fecc_supported=fecc_supported, present=present)
        self._uuid: str | None = None
        self._updating = asyncio.Lock()
        self._moved = asyncio.Event()
        self._searching: asyncio.Task[None] | None = None
        self._candidates: asyncio.Queue[Candidate | None] = asyncio.Queue(MAX_CANDIDATES)
        self._tasks: list[asyncio.Task[None]] = []
        self._recordings: list[Recording] = []
        self._closed = False
        self.on_lost: Callable[[Exception], None] | None = None
        having = [slot for slot in Slot if directions is None or slot in directions]
        wanted = {slot: SlotOptions(direction=self._direction(slot), codecs=(codecs or {}).get(slot, ())) for slot in having}
        self.peer = Peer(slots=wanted, ice_servers=ice_servers, loopback=loopback, relay_only=relay_only, bandwidth=bandwidth, name="call")
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
        return self._uuid

    def _slot(self, slot: Slot) -> CallSlot:
        if slot not in self.slots:
            raise UsageError(f"This call was placed without a section for {slot}; it has {', '.join(self.slots)}.")
        return self.slots[slot]

    def _direction(self, slot: Slot) -> Direction:
        if self._directions is not None:
            return self._directions[slot]
        if slot is Slot.PRESENTATION:  # one way at a time: who presents does not receive slides
            return Direction.of(sends=slot in self._sources, receives=slot in self._receive and slot not in self._sources)
        return Direction.of(sends=slot in self._sources, receives=slot in self._receive)

    # Life

    async def connect(self, seconds: float = CONNECT_SECONDS) -> None:
        """Place the call and wait for the media to be connected; raises CallError or NodeError."""
        self.peer.on_candidate = self._take_candidate
        offer = await self.peer.create_offer()
        answer = await self._control.ask_as_me(self._placing.model_copy(update={"sdp": offer}))
        self._uuid = answer.call_uuid
        if self._closed:  # meanwhile, when there was no call yet that the node could have been told of
            await self._hang_up()
            raise CallError("The call was ended while it was being placed.")
        self._tasks = [asyncio.create_task(self.peer.gather()), asyncio.create_task(self._tell_candidates())]
        await self.peer.set_answer(answer.sdp or "")
        await self._control.ask_of_call(answer.call_uuid, Ack())
        await self.peer.wait_connected(seconds)
        self.peer.on_state(self._state_changed)
        for slot, source in self._sources.items():
            await self.slots[slot].outbound.send(source)

    def _take_candidate(self, candidate: Candidate | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._candidates.put_nowait(candidate)

    async def _tell_candidates(self) -> None:
        while self._uuid is not None:
            found = await self._candidates.get()
            told = NewCandidate(candidate="", mid="0") if found is None else _told(found)
            try:
                async with self._updating:  # the node knows whose they are once it has the offer they belong to
                    await self._control.ask_of_call(self._uuid, told)
            except NodeError as error:
                logger.warning("A local ICE candidate could not be told to the node: %s", error)

    def _state_changed(self, state: PeerState) -> None:
        if state is PeerState.FAILED and self.on_lost is not None and not self._closed:
            self.on_lost(MediaLost(str(self.peer.failure or "The media connection was lost.")))
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
            ending.push_async_callback(self._hang_up)
            for slot in self.slots.values():
                ending.push_async_callback(slot.aclose)
            for recording in self._recordings:
                ending.push_async_callback(recording.stop)

    async def _hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._uuid is not None:
            try:
                await self._control.ask_of_call(self._uuid, CallDisconnect())
            except NodeError as error:
                logger.info("The node was not told of the call's end: %s", error)

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
        if self._uuid is None or self._closed:
            return
        async with self._updating:
            offer = await self.peer.create_offer(restart=restart)
            answer = await self._control.ask_of_call(self._uuid, Update(sdp=offer))
            sdp = answer if isinstance(answer, str) else answer.sdp
            if not sdp:
                raise CallError("The node did not answer the new offer: it sent no session description.")
            await self.peer.set_answer(sdp)
            await self._control.ask_of_call(self._uuid, Ack())

    # Presenting

    @contextlib.asynccontextmanager
    async def present(self, source: Source[Any]) -> AsyncIterator[None]:
        """Hold the floor and send slides inside the block; raises FloorRefused.

        When somebody else takes the floor, sending stops and the block goes on; `PresentationLost` tells who.
        """
        if Slot.PRESENTATION in self._sources:
            raise UsageError("This call presents already; leave the first present() block before entering another.")
        await self._control.ask_as_me(TakeFloor())
        stolen: list[asyncio.Task[None]] = []

        def lost(event: PresentationLost) -> None:
            stolen.append(asyncio.create_task(self._stop_presenting()))

        self._control.hub.on(PresentationLost)(lost)
        try:
            await self.presentation.send(source)
            yield
        finally:
            self._control.hub.off(lost)
            await asyncio.gather(*stolen, return_exceptions=True)
            if not stolen:
                await self._stop_presenting()

    async def _stop_presenting(self) -> None:
        """Take the slides back: the floor first, so that nobody waits for a picture. The loser of the floor releases it too."""
        try:
            await self._control.ask_as_me(ReleaseFloor())
            await self.presentation.send(None)
        except (NodeError, CallError) as error:
            logger.warning("Stopping the presentation: %s", error)

    # Recording

    async def receive_only(self, slot: Slot, codec: str) -> None:
        """Offer again so that this slot arrives in one codec; the node converts what others send. Raises CallError or NodeError."""
        await self._set(slot, codecs=(codec,))

    async def record(self, path: str | Path) -> Recording:
        """Record what arrives into a file, undecoded; its ending (.mkv, .webm, .mp4) says what it can hold. Raises RecordingError."""
        from pexrtc_py.recording import Recording

        recording = Recording(path, self, self._control.hub)
        for slot, codecs in ((slot, recording.codecs[slot]) for slot in self.slots):
            agreed = [codec.name for codec in self.peer.transceivers[slot].codecs]
            if any(name not in codecs for name in agreed):
                await self._set(slot, codecs=tuple(codecs))
        recording.start()
        self._recordings.append(recording)
        return recording


def _told(found: Candidate) -> NewCandidate:
    return NewCandidate(candidate=found.candidate, mid=found.mid, ufrag=found.ufrag, pwd=found.pwd)
