"""One clock for all calls of an event loop: it reads their sockets together, and lets each do what time calls for.

Waking up costs more than what is done then: a few hundred microseconds for an idle process, a few for one more packet. So
calls whose media nobody needs at once (they are recorded, or forwarded to a recorder) are not read packet by packet but
together, on a shared tick. The kernel stamps each datagram, so reports and jitter are those of the arrival all the same.
The tick is as long as the sockets' buffers allow with a wide margin.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol
from weakref import WeakKeyDictionary

from pexrtc_py.engine.clock import unix_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pexrtc_py.engine.sockets import DatagramSocket

logger = logging.getLogger(__name__)

PROMPT = 0.04
"""Seconds between two ticks while a call is read packet by packet; what time alone calls for may wait so long."""
TICKS = (0.02, 0.05, 0.1)
"""The lengths to choose from while all calls are relaxed."""
SLICE = 0.003
"""Seconds of work before other work of the event loop gets its turn."""
_BEGIN = 1
_FULL = 0.5
"""Of a socket's room, what may wait in it at a tick."""
_TRIAL = 5.0
"""Seconds that are looked at before the tick is made longer."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a call's sockets are read."""

    interval: float = 0.0
    """Seconds between two looks; 0: as soon as something comes."""
    overflowed: int = 0
    """Datagrams that found no room in the kernel."""


class Ticking(Protocol):
    """A call as its clock sees it."""

    @property
    def relaxed(self) -> bool:
        """Whether nobody needs its media at once."""
        ...

    @property
    def sockets(self) -> Iterable[DatagramSocket]:
        """What is to be read at each tick while it is."""
        ...

    def tick(self, now: float) -> None:
        """Do what time calls for; `now` is in Unix seconds."""
        ...


class Ticker:
    """The clock of one event loop; `Ticker.of_loop()` is that of the running one."""

    _all: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker]] = WeakKeyDictionary()

    def __init__(self) -> None:
        # The loop itself is not kept: it could never be collected, nor could this.
        self._calls: dict[Ticking, None] = {}
        self._turn: deque[Ticking] = deque()
        self._handle: asyncio.Handle | None = None
        self._relaxed = _BEGIN
        self._fullest = 0.0
        self._trial = _Trial()

    @classmethod
    def of_loop(cls) -> Ticker:
        """That of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in cls._all:
            cls._all[loop] = cls()
        return cls._all[loop]

    @property
    def seconds(self) -> float:
        """From one tick to the next."""
        return TICKS[self._relaxed] if all(call.relaxed for call in self._calls) else PROMPT

    def add(self, call: Ticking) -> None:
        """Let a call have its ticks from now on."""
        self._calls[call] = None
        if self._handle is None:
            self._plan()

    def remove(self, call: Ticking) -> None:
        """No more ticks; unknown calls are ignored."""
        self._calls.pop(call, None)

    def _plan(self) -> None:
        """The next tick: at a multiple of its length, so that timers elsewhere that do likewise share the wake-up."""
        if not self._calls:
            self._handle = None
            return
        loop, seconds = asyncio.get_running_loop(), self.seconds
        self._handle = loop.call_at((loop.time() // seconds + 1) * seconds, self._begin)

    def _begin(self) -> None:
        self._turn = deque(self._calls)
        self._go_on()

    def _go_on(self) -> None:
        begun = time.perf_counter()
        while self._turn:
            call = self._turn[0]
            try:
                if self._read(call):
                    self._turn.popleft()
                    if call in self._calls:
                        call.tick(unix_time())
            except Exception:
                logger.exception("A call could not do what was due; it goes on with the next tick")
                if self._turn and self._turn[0] is call:
                    self._turn.popleft()
            if time.perf_counter() - begun > SLICE:
                self._handle = asyncio.get_running_loop().call_soon(self._go_on)
                return
        self._adapt()
        self._plan()

    def _read(self, call: Ticking) -> bool:
        """Read what waits, up to a batch of each socket; whether that was all."""
        done = True
        for socket in call.sockets if call.relaxed else ():
            done = socket.drain() and done
            self._fullest = max(self._fullest, socket.waited / socket.room)
        return done

    def _adapt(self) -> None:
        """Choose the tick by how full the fullest socket was, and by how full it would have been at the next longer one."""
        now, fullest = time.monotonic(), self._fullest
        self._fullest = 0.0
        if fullest > _FULL:
            self._relaxed, self._trial = max(self._relaxed - 1, 0), _Trial(now)
            return
        self._trial.see(fullest)
        if self._relaxed + 1 < len(TICKS) and now - self._trial.since > _TRIAL:
            if self._trial.at(TICKS[self._relaxed + 1] / TICKS[self._relaxed]) < _FULL:
                self._relaxed += 1
            self._trial = _Trial(now)


@dataclass(slots=True)
class _Trial:
    """How full the fullest socket was for some seconds. A key frame comes in one burst, however long the tick: the rest is what grows."""

    since: float = 0.0
    peak: float = 0.0
    total: float = 0.0
    ticks: int = 0

    def see(self, full: float) -> None:
        """One tick."""
        self.peak, self.total, self.ticks = max(self.peak, full), self.total + full, self.ticks + 1

    def at(self, times: float) -> float:
        """How full it would have been with ticks so many times as long."""
        return self.peak + self.total / max(self.ticks, 1) * (times - 1)
