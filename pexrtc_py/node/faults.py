"""What goes wrong on a node on purpose, each as a `with` block, so that clients can be watched while it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pexrtc_py.errors import UsageError
from pexrtc_py.node.admission import INVALID_TOKEN
from pexrtc_py.node.desk import Reply
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.requests import RequestToken
from pexrtc_py.protocol.wire import failed

Kind = type[Request[Any]]
UNAVAILABLE = "Service unavailable"


@dataclass(frozen=True)
class Answer:
    """A refusal in place of the answer, with headers."""

    reply: Reply
    headers: dict[str, str]


@dataclass(frozen=True, eq=False)
class _Late:
    seconds: float
    to: Kind | None


@dataclass(frozen=True, eq=False)
class _Refused:
    answer: Answer
    to: Kind | None
    with_token: bool = False


@dataclass(frozen=True, eq=False)
class _Dead:
    participant: str | None
    sends: bool
    receives: bool


class Faults:
    """The faults of one node: `with node.faults.unavailable(): ...`. They add up, and each ends with its block."""

    def __init__(self) -> None:
        self._late: list[_Late] = []
        self._refused: list[_Refused] = []
        self._dead: list[_Dead] = []
        self._held: list[asyncio.Event] = []
        self._cut: list[object] = []
        self._halved: list[float] = []
        self.on_media: Callable[[], None] = lambda: None
        """Called when it changed whose media are dead."""

    # --- for users -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def answers_late(self, seconds: float, *, to: Kind | None = None) -> Iterator[None]:
        """Requests, or those of one kind, are carried out and answered so many seconds late; event streams open late."""
        if not seconds >= 0:
            raise UsageError(f"Answers can be late by seconds from 0 on, not {seconds}.")
        with _kept(self._late, _Late(seconds, to)):
            yield

    @contextlib.contextmanager
    def unavailable(self, *, to: Kind | None = None, retry_after: int | None = None) -> Iterator[None]:
        """Requests, or those of one kind, are refused with 503, and not carried out; `retry_after` seconds stand in a header."""
        headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        with _kept(self._refused, _Refused(Answer(Reply(503, failed(UNAVAILABLE)), headers), to)):
            yield

    @contextlib.contextmanager
    def tokens_expired(self) -> Iterator[None]:
        """Whatever comes with a token is refused with 403, as if that had run out."""
        with _kept(self._refused, _Refused(Answer(Reply(403, failed(INVALID_TOKEN)), {}), None, with_token=True)):
            yield

    @contextlib.contextmanager
    def events_held(self) -> Iterator[None]:
        """Events wait until the end of the block, and come then, in order; keepalives too."""
        over = asyncio.Event()
        with contextlib.ExitStack() as ending:
            ending.callback(over.set)  # last
            ending.enter_context(_kept(self._held, over))
            yield

    @contextlib.contextmanager
    def events_cut(self) -> Iterator[None]:
        """Each event stream breaks in the middle of the next event, again and again until the end of the block."""
        with _kept(self._cut, object()):
            yield

    @contextlib.contextmanager
    def half_events(self, pause: float = 0.2) -> Iterator[None]:
        """Each event arrives in two parts, so many seconds apart."""
        if not pause >= 0:
            raise UsageError(f"The halves of events can be apart by seconds from 0 on, not {pause}.")
        with _kept(self._halved, pause):
            yield

    @contextlib.contextmanager
    def dead_media(self, participant: str | None = None, *, sends: bool = True, receives: bool = True) -> Iterator[None]:
        """Sound and pictures stop, of one participant (by its uuid) or all: what they send, what they receive; calls stay connected."""
        with contextlib.ExitStack() as ending:
            ending.callback(self.on_media)  # last
            ending.enter_context(_kept(self._dead, _Dead(participant, sends, receives)))
            self.on_media()
            yield

    # --- for the node ----------------------------------------------------------------------------------------------

    async def before(self, kind: Kind | None, *, token: bool) -> Answer | None:
        """Wait as long as the answer is late; the refusal, if there is to be one."""
        seconds = sum(late.seconds for late in self._late if late.to in {None, kind})
        if seconds:
            await asyncio.sleep(seconds)
        for refused in self._refused:
            if refused.to in {None, kind} and (not refused.with_token or (token and kind is not RequestToken)):
                return refused.answer
        return None

    async def write(self, data: bytes, write: Callable[[bytes], Awaitable[None]]) -> bool:
        """Write an event; False when its stream is to be broken now."""
        while self._held:
            await self._held[-1].wait()
        middle = len(data) // 2
        if self._cut:
            await write(data[:middle])
            return False
        if self._halved:
            await write(data[:middle])
            await asyncio.sleep(sum(self._halved))
            data = data[middle:]
        await write(data)
        return True

    def stop_sending(self, participant: str) -> bool:
        """Whether what this participant sends is lost."""
        return any(dead.sends and dead.participant in {None, participant} for dead in self._dead)

    def stop_receiving(self, participant: str) -> bool:
        """Whether nothing is sent to this participant."""
        return any(dead.receives and dead.participant in {None, participant} for dead in self._dead)


@contextlib.contextmanager
def _kept(faults: list[Any], fault: Any) -> Iterator[None]:
    faults.append(fault)
    try:
        yield
    finally:
        faults.remove(fault)
