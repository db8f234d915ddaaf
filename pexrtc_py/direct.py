"""Direct media: a call with the other participant, whose offers, answers and candidates the node passes on.

Whoever comes first waits, and is polite: when offers cross, its own gives way. When the other one leaves, the call begins anew and waits
for the next; slots, sources, sinks and recordings stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pexrtc_py.channel import Listener, spoken
from pexrtc_py.engine.descriptions import OffersCrossed
from pexrtc_py.engine.types import PeerState
from pexrtc_py.errors import CallError, MediaLost, NegotiationFailed, NodeError
from pexrtc_py.protocol.events import NewCandidate, NewOffer, PeerDisconnect, UpdateSdp
from pexrtc_py.protocol.requests.call import Ack, Update
from pexrtc_py.protocol.requests.participant import Calls
from pexrtc_py.reporting import report
from pexrtc_py.ways import CallControl, CandidateTeller, end_call

if TYPE_CHECKING:
    from pexrtc_py.engine.peer import Peer
    from pexrtc_py.engine.stats import SlotStats
    from pexrtc_py.engine.types import Slot
    from pexrtc_py.protocol.declare import Request

logger = logging.getLogger(__name__)

ATTEMPTS = 6
"""How often an offer is made that crosses others, and a connection that does not come about."""
PAUSE = 0.25
GRACE = 1.0
"""How long after the connection's end the node may take to say that the other one has left, in seconds."""
SHORTEST = 0.1
"""Seconds between two reports, however often a node asks for them."""
EVENTS = 1000
RELAYED = (NewOffer, UpdateSdp, NewCandidate, PeerDisconnect)


@dataclass(frozen=True)
class PeerConnected:
    """In direct media: the other participant is connected; both compare the `check_code` to know that nobody sits between them."""

    check_code: str


@dataclass(frozen=True, kw_only=True)
class DirectOptions:
    """What the token says of direct media: the data channel's number, and how often to report statistics (in seconds; None: never)."""

    channel: int | None
    interval: Callable[[], float | None]


class Direct:
    """Media go to the other participant; `on_lost` hears when that does not come about however often it is tried.

    `stats` is what is reported to the node.
    """

    def __init__(
        self, control: CallControl, peer: Peer, placing: Calls, options: DirectOptions, stats: Callable[[], Mapping[Slot, SlotStats]]
    ) -> None:
        self.uuid: str | None = None
        self.on_lost: Callable[[Exception], None] | None = None
        self._control, self._peer, self._placing, self._options, self._stats = control, peer, placing, options, stats
        self._turn = asyncio.Lock()
        """Held while descriptions change; not while the other side is waited for."""
        self._telling = CandidateTeller(control, peer, self._turn)
        self._hearing = Listener()
        self._paired = self._over = False
        self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._relayed = control.hub.events(*RELAYED, limit=EVENTS)

    async def connect(self, seconds: float) -> None:
        """Place the call; when somebody waits already, until media can flow."""
        self._spawn(self._listen())
        if await self._place():
            await self._peer.wait_connected(seconds)
        self._spawn(self._report())

    async def offer_again(self, *, restart: bool = False) -> None:
        """Offer what is wanted now, again while offers cross; without another side the next description says it."""
        for attempt in range(ATTEMPTS):
            if not self._paired or self._over or await self._offered(restart=restart):
                return
            await asyncio.sleep(PAUSE * (attempt + 1))
        raise CallError(f"The other participant took none of {ATTEMPTS} offers; the call goes on as it was.")

    async def hang_up(self) -> None:
        """Tell the node, and listen no more."""
        self._over = True
        self._relayed.close()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*self._tasks - {asyncio.current_task()}, return_exceptions=True)
        await self._telling.stop()
        if self.uuid is not None:
            await end_call(self._control, self.uuid)

    def say(self, request: Request[Any], origin: str) -> bool:
        """Say to the other participant what the request would tell the node; False when it is for the node. Raises CallError."""
        data = self._peer.data
        texts = spoken(request, origin=origin, uuid=self._control.my_uuid) if data is not None and data.is_open else None
        if data is None or texts is None:
            return False
        try:
            for text in texts:
                data.send(text)
        except (ConnectionError, ValueError) as error:
            raise CallError(f"The other participant was not told: {error}") from error
        return True

    # Placing

    async def _place(self) -> bool:
        """Offer for the first time; whether somebody answered."""
        async with self._turn:
            if self._over or self.uuid is not None:  # placed by whoever else saw that the other side is gone
                return self._paired
            self._peer.descriptions.polite = False
            self._listen_to_channel()
            offer = await self._peer.create_offer()
            try:
                answer = await self._control.ask_as_me(self._placing.model_copy(update={"sdp": offer}))
                self.uuid = answer.call_uuid
                if self._over:  # meanwhile, when there was no call yet that the node could have been told of
                    await end_call(self._control, answer.call_uuid)
                    raise CallError("The call was ended while it was being placed.")
                if answer.sdp and not answer.offer_ignored:
                    await self._peer.set_answer(answer.sdp)
                    await self._control.ask_of_call(answer.call_uuid, Ack())
                    self._begin_pair(answer.call_uuid)
                    return True
            finally:
                await self._peer.take_back_offer()  # unless it is agreed: an offer that stands keeps out all of the other side
            self._peer.descriptions.polite = True
            return False

    async def _begin_again(self) -> None:
        """The other side is gone: end the call, and place another."""
        before = self.uuid
        async with self._turn:
            if self._over or before not in {None, self.uuid}:  # somebody else saw it too, and begins or has begun anew
                return
            self._paired, self.uuid = False, None
            await self._telling.stop()
            await self._peer.renew(data_channel=self._options.channel)
            if before is not None:
                await end_call(self._control, before)
        await self._place()

    async def _begin_again_or_lose(self) -> None:
        """Begin anew, again and again while that fails; at last media are lost."""
        failure: Exception | None = None
        for attempt in range(ATTEMPTS):
            try:
                await self._begin_again()
            except (CallError, NodeError) as error:
                failure = error
                logger.warning("Direct media: the call could not be placed again: %s", error)
                await asyncio.sleep(PAUSE * (attempt + 1))
            else:
                return
        self._lose(f"The media connection was lost and could not be made again: {failure}")

    def _lose(self, why: str) -> None:
        if self.on_lost is not None and not self._over:
            self.on_lost(MediaLost(why))

    def _begin_pair(self, call: str) -> None:
        self._paired = True
        self._telling.start(call)

    # Further offers

    async def _offered(self, *, restart: bool) -> bool:
        """One further offer; whether it was taken."""
        async with self._turn:
            if not self._paired or self.uuid is None:
                return True
            call, offer = self.uuid, await self._peer.create_offer(restart=restart)
            ours = self._peer.descriptions.offered
        try:
            answer = await self._control.ask_of_call(call, Update(sdp=offer))
            async with self._turn:
                if self._peer.descriptions.offered is not ours or not answer.sdp or answer.offer_ignored:
                    return False  # it gave way to one of the other side, or was not taken
                await self._peer.set_answer(answer.sdp)
                await self._control.ask_of_call(call, Ack())
            return True
        finally:
            if self._peer.descriptions.offered is ours:  # not agreed, and it would keep out all offers of the other side
                self._peer.descriptions.take_back()

    async def _answer(self, offer: str, *, first: bool) -> None:
        async with self._turn:
            if self.uuid is None or self._over:
                return
            if first and self._peer.state is not PeerState.NEW:  # somebody else by now
                await self._telling.stop()
                await self._peer.renew(data_channel=self._options.channel)
                self._peer.descriptions.polite = True
            self._listen_to_channel()
            try:
                answer = await self._peer.create_answer(offer)
            except OffersCrossed:
                await self._control.ask_of_call(self.uuid, Ack(sdp="offer_ignored", offer_ignored=True))
            except NegotiationFailed as error:
                logger.warning("The other participant's offer cannot be used: %s", error)
                await self._control.ask_of_call(self.uuid, Ack(sdp="", offer_ignored=True))
            else:
                await self._control.ask_of_call(self.uuid, Ack(sdp=answer))
                if first:
                    self._begin_pair(self.uuid)

    # What happens

    async def _listen(self) -> None:
        async for event in self._relayed:
            try:
                await self._see(event)
            except (CallError, NodeError) as error:
                logger.warning("Direct media: %s was of no use: %s", type(event).__name__, error)

    async def _see(self, event: object) -> None:
        match event:
            case NewOffer():
                await self._answer(event.sdp, first=True)
            case UpdateSdp():
                await self._answer(event.sdp, first=not self._paired)
            case NewCandidate():
                self._peer.add_candidate(event.candidate, mid=event.mid, ufrag=event.ufrag)
            case PeerDisconnect():
                await self._begin_again_or_lose()
            case _:
                pass

    def see(self, state: PeerState) -> None:
        """The connection changed its state."""
        if self._over:
            return
        if state is PeerState.CONNECTED and self._peer.descriptions.check_code is not None:
            self._failures = 0
            self._control.hub.publish(PeerConnected(self._peer.descriptions.check_code))
        elif state is PeerState.FAILED:
            self._spawn(self._try_again())

    async def _try_again(self) -> None:
        """The connection is lost, or was none: begin anew, unless the node says in a moment that the other one has left."""
        failure = self._peer.failure
        await asyncio.sleep(GRACE)
        if self._peer.state is not PeerState.FAILED:
            return
        self._failures += 1
        if self._failures >= ATTEMPTS:
            self._lose(str(failure or "The media connection was lost."))
            return
        await self._begin_again_or_lose()

    def _listen_to_channel(self) -> None:
        if self._peer.data is not None:
            self._peer.data.on_message = self._hear

    def _hear(self, text: str) -> None:
        event = self._hearing.hear(text)
        if event is not None:
            self._control.hub.publish(event)

    async def _report(self) -> None:
        while (seconds := self._options.interval()) is not None:
            await asyncio.sleep(max(SHORTEST, seconds))
            if self.uuid is not None and self._paired:
                with contextlib.suppress(NodeError):  # the next will do
                    await self._control.ask_of_call(self.uuid, report(self._stats()))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
