"""How a call's descriptions come to be agreed: with the node, which answers each offer itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Protocol, TypeVar

from pexrtc_py.engine.types import IceServer
from pexrtc_py.errors import CallError, NodeError
from pexrtc_py.protocol.requests.call import Ack, CallDisconnect, NewCandidate, Update
from pexrtc_py.protocol.requests.participant import Calls

if TYPE_CHECKING:
    from pexrtc_py.engine.peer import Peer
    from pexrtc_py.engine.types import Candidate
    from pexrtc_py.hub import Hub
    from pexrtc_py.protocol.declare import CallRequest, ParticipantRequest

T = TypeVar("T")
logger = logging.getLogger(__name__)

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


class Way(Protocol):
    """How a call is set up, changed and ended; `uuid` is the node's name for it, once placed."""

    uuid: str | None

    async def connect(self, seconds: float) -> None:
        """Place the call; media may flow, or will with the first who comes. Raises CallError or NodeError."""
        ...

    async def offer_again(self, *, restart: bool = False) -> None:
        """Offer what is wanted now, with `restart` over another network path. Raises CallError or NodeError."""
        ...

    async def hang_up(self) -> None:
        """Tell the node that the call is over."""
        ...


class CandidateTeller:
    """Tells the node our candidates as they are found, from `start` on; those found before wait.

    `offering` is held while an offer is on its way: the node knows whose candidates are once it has the offer they belong to.
    """

    def __init__(self, control: CallControl, peer: Peer, offering: asyncio.Lock) -> None:
        self._control, self._peer, self._offering = control, peer, offering
        self._found: asyncio.Queue[Candidate | None] = asyncio.Queue(MAX_CANDIDATES)
        self._tasks: list[asyncio.Task[None]] = []
        peer.on_candidate = self._take

    def start(self, call: str) -> None:
        """The node knows our description by now."""
        self._tasks = [asyncio.create_task(self._peer.gather()), asyncio.create_task(self._tell(call))]

    async def stop(self) -> None:
        """Tell no more, and forget those that wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        while not self._found.empty():
            self._found.get_nowait()

    def _take(self, candidate: Candidate | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._found.put_nowait(candidate)

    async def _tell(self, call: str) -> None:
        while True:
            found = await self._found.get()
            told = NewCandidate(candidate="", mid="0") if found is None else _told(found)
            try:
                async with self._offering:
                    await self._control.ask_of_call(call, told)
            except NodeError as error:
                logger.warning("A local ICE candidate could not be told to the node: %s", error)


class ThroughNode:
    """Media go to the node and come from it."""

    def __init__(self, control: CallControl, peer: Peer, placing: Calls) -> None:
        self.uuid: str | None = None
        self._control, self._peer, self._placing = control, peer, placing
        self._updating = asyncio.Lock()
        self._telling = CandidateTeller(control, peer, self._updating)
        self._over = False

    async def connect(self, seconds: float) -> None:
        """Place the call and wait until media can flow."""
        offer = await self._peer.create_offer()
        answer = await self._control.ask_as_me(self._placing.model_copy(update={"sdp": offer}))
        self.uuid = answer.call_uuid
        if self._over:  # meanwhile, when there was no call yet that the node could have been told of
            await self.hang_up()
            raise CallError("The call was ended while it was being placed.")
        if answer.turn:
            self._peer.use_servers([IceServer(urls=one.urls, username=one.username, credential=one.credential) for one in answer.turn])
        self._telling.start(answer.call_uuid)
        await self._peer.set_answer(answer.sdp or "")
        await self._control.ask_of_call(answer.call_uuid, Ack())
        await self._peer.wait_connected(seconds)

    async def offer_again(self, *, restart: bool = False) -> None:
        """Offer again, and apply the node's answer."""
        if self.uuid is None or self._over:
            return
        async with self._updating:
            offer = await self._peer.create_offer(restart=restart)
            answer = await self._control.ask_of_call(self.uuid, Update(sdp=offer))
            sdp = answer if isinstance(answer, str) else answer.sdp
            if not sdp:
                raise CallError("The node did not answer the new offer: it sent no session description.")
            await self._peer.set_answer(sdp)
            await self._control.ask_of_call(self.uuid, Ack())

    async def hang_up(self) -> None:
        """Tell the node."""
        self._over = True
        await self._telling.stop()
        if self.uuid is not None:
            await end_call(self._control, self.uuid)


async def end_call(control: CallControl, call: str) -> None:
    """Tell the node that a call is over; it may know already."""
    try:
        await control.ask_of_call(call, CallDisconnect())
    except NodeError as error:
        logger.info("The node was not told of the call's end: %s", error)


def _told(found: Candidate) -> NewCandidate:
    return NewCandidate(candidate=found.candidate, mid=found.mid, ufrag=found.ufrag, pwd=found.pwd)
