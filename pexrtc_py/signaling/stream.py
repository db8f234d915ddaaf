"""Keeps the event stream alive: a new connection each time, with a fresh token, until the node is given up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from pexrtc_py.errors import NodeUnreachable
from pexrtc_py.signaling.backoff import Backoff
from pexrtc_py.signaling.transport import Frame, StreamBroken, StreamRefused

_logger = logging.getLogger(__name__)

IDLE = 90.0
"""Seconds of silence, keep-alives included, after which a connection counts as dead; nodes send a comment every 15 to 20 s."""
PATIENCE = 120.0
"""Seconds without an event stream after which the node counts as lost."""


@dataclass(frozen=True, kw_only=True)
class Reconnecting:
    """The event stream is down; the next attempt comes in `pause` seconds."""

    attempt: int
    pause: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reconnected:
    """The event stream is back after `gap` seconds; a snapshot of the roster follows."""

    attempts: int
    gap: float


class StreamLost(Exception):
    """The event stream stayed away for longer than our patience; the message says why."""


class EventStream:
    """Supervises one event stream.

    `connect` opens one connection; it is given the id of the last event and takes the newest token each time.
    `refused` is the token layer, asked to refresh when the node refuses the token (401, 403).
    """

    def __init__(
        self,
        connect: Callable[[str], AsyncGenerator[Frame, None]],
        *,
        refused: Callable[[], Awaitable[None]],
        backoff: Backoff | None = None,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect, self._refused = connect, refused
        self._backoff = backoff or Backoff()
        self._patience, self._clock = patience, clock
        self._last_id = ""
        self._down_since: float | None = clock()
        self._ever_up = False
        self._reason = ""

    async def frames(self) -> AsyncGenerator[Frame | Reconnecting | Reconnected, None]:
        """The frames of all connections, with a note before and after each gap; raises `StreamLost` when it gives up."""
        while True:
            async with contextlib.aclosing(self._one_connection()) as connection:
                async for frame in connection:
                    if (note := self._came()) is not None:
                        yield note
                    yield frame
            pause = self._went()
            yield pause
            await asyncio.sleep(pause.pause)

    async def _one_connection(self) -> AsyncGenerator[Frame, None]:
        self._reason = "the node closed the event stream"
        try:
            async with contextlib.aclosing(self._connect(self._last_id)) as connection:
                async for frame in connection:
                    self._last_id = frame.id or self._last_id
                    yield frame
        except StreamRefused as error:
            self._reason = str(error)
            if error.status in {401, 403}:
                await self._refused()
        except (StreamBroken, NodeUnreachable) as error:
            self._reason = str(error)

    def _came(self) -> Reconnected | None:
        """A frame is here; what to say about it when there was a gap before."""
        if self._down_since is None:
            return None
        gap, attempts = self._clock() - self._down_since, self._backoff.attempts
        self._down_since = None
        self._backoff.reset()
        first, self._ever_up = not self._ever_up, True
        return None if first else Reconnected(attempts=attempts, gap=gap)

    def _went(self) -> Reconnecting:
        """A connection is over; how long to wait, unless the patience is at its end."""
        now = self._clock()
        if self._down_since is None:
            self._down_since = now
        if now - self._down_since > self._patience:
            raise StreamLost(f"there was no event stream for {now - self._down_since:.0f} s: {self._reason}")
        note = Reconnecting(pause=self._backoff.next(), attempt=self._backoff.attempts, reason=self._reason)
        _logger.info("%s; attempt %d in %.1f s", note.reason, note.attempt, note.pause)
        return note
