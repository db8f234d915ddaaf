"""Reading many calls together: when a call is read at a tick, when at once, and how long the tick is."""

from __future__ import annotations

import asyncio
import gc
import socket as sockets
import weakref
from collections.abc import AsyncIterator

import pytest

from pexrtc_py.engine import ticker as module
from pexrtc_py.engine.receiver import EncodedReceiver
from pexrtc_py.engine.sockets import MAX_BATCH, DatagramSocket, IceSocket, open_socket
from pexrtc_py.engine.ticker import PROMPT, TICKS, Ticker
from pexrtc_py.engine.types import Slot


class Inbox(IceSocket):
    """What a socket received."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.news = asyncio.Event()

    def connection_made(self, transport: object) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        pass

    def received(self, data: bytes, address: tuple[str, int], now: float) -> None:
        self.got.append(data)
        self.news.set()


class Call:
    """A call with one socket."""

    def __init__(self, *, relaxed: bool) -> None:
        self.relaxed = relaxed
        self.inbox = Inbox()
        self.socket: DatagramSocket = open_socket("127.0.0.1", self.inbox)
        self.socket.relaxed = relaxed
        self.ticks: list[float] = []
        self.fails = False
        self._ticked = asyncio.Event()

    @property
    def sockets(self) -> list[DatagramSocket]:
        return [self.socket]

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self._ticked.set()
        if self.fails:
            raise RuntimeError("no")

    async def next_tick(self) -> None:
        self._ticked.clear()
        await asyncio.wait_for(self._ticked.wait(), 10)

    def send(self, count: int) -> None:
        with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as sender:
            for number in range(count):
                sender.sendto(b"\x80" + number.to_bytes(2, "big"), self.socket.get_extra_info("sockname"))


@pytest.fixture
async def calls() -> AsyncIterator[list[Call]]:
    made: list[Call] = []
    yield made
    for call in made:
        call.socket.close()


@pytest.fixture
async def ticker(calls: list[Call]) -> Ticker:
    return Ticker()


def added(ticker: Ticker, calls: list[Call], *, relaxed: bool) -> Call:
    call = Call(relaxed=relaxed)
    calls.append(call)
    ticker.add(call)
    return call


async def test_a_relaxed_call_is_read_at_the_tick_and_in_order(ticker: Ticker, calls: list[Call]) -> None:
    call = added(ticker, calls, relaxed=True)

    call.send(3)
    before = list(call.inbox.got)
    await call.next_tick()

    assert before == []
    assert call.inbox.got == [b"\x80\0\0", b"\x80\0\1", b"\x80\0\2"]
    assert ticker.seconds in TICKS


async def test_one_who_is_in_a_hurry_makes_all_ticks_short(ticker: Ticker, calls: list[Call]) -> None:
    added(ticker, calls, relaxed=True)
    added(ticker, calls, relaxed=False)

    assert ticker.seconds == PROMPT


async def test_more_than_a_batch_is_read_in_turns_before_the_call_ticks(ticker: Ticker, calls: list[Call]) -> None:
    call = added(ticker, calls, relaxed=True)
    other = added(ticker, calls, relaxed=True)

    call.send(2 * MAX_BATCH + 1)
    await asyncio.gather(call.next_tick(), other.next_tick())

    assert len(call.inbox.got) == 2 * MAX_BATCH + 1
    assert call.socket.waited == 2 * MAX_BATCH + 1


async def test_a_call_that_cannot_tick_does_not_keep_others_from_it(
    ticker: Ticker, calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    broken, fine = added(ticker, calls, relaxed=True), added(ticker, calls, relaxed=True)
    broken.fails = True

    await fine.next_tick()
    await fine.next_tick()

    assert "could not do what was due" in caplog.text
    assert len(broken.ticks) >= 1


async def test_who_was_removed_ticks_no_more(ticker: Ticker, calls: list[Call]) -> None:
    gone, there = added(ticker, calls, relaxed=True), added(ticker, calls, relaxed=True)

    ticker.remove(gone)
    await there.next_tick()
    await there.next_tick()

    assert gone.ticks == []


async def test_full_sockets_make_the_tick_shorter_and_quiet_makes_it_longer(
    ticker: Ticker, calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = added(ticker, calls, relaxed=True)
    before = ticker.seconds
    call.send(call.socket.room * 3 // 4)
    while not call.inbox.got:
        await call.next_tick()
    await asyncio.sleep(0)
    shorter = ticker.seconds
    monkeypatch.setattr(module, "_TRIAL", 0.05)
    while ticker.seconds == shorter:
        await call.next_tick()

    assert shorter < before
    assert ticker.seconds > shorter


async def test_key_frames_do_not_keep_the_tick_short(ticker: Ticker, calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRIAL", 0.3)
    call = added(ticker, calls, relaxed=True)
    for _ in range(20):
        call.send(call.socket.room // 4)
        await call.next_tick()
        await call.next_tick()
        await call.next_tick()

    assert ticker.seconds == max(TICKS)


async def test_steady_media_keeps_the_tick_as_short_as_the_socket_is_small(
    ticker: Ticker, calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRIAL", 0.3)
    call = added(ticker, calls, relaxed=True)
    for _ in range(30):
        call.send(call.socket.room * 2 // 5)
        await call.next_tick()

    assert ticker.seconds < max(TICKS)


async def test_what_came_while_the_socket_was_full_is_counted(calls: list[Call], ticker: Ticker) -> None:
    call = Call(relaxed=True)
    calls.append(call)

    call.send(4 * call.socket.room)
    while not call.socket.drain():
        pass
    call.send(1)
    call.socket.drain()

    assert call.socket.stats.overflowed > 0
    assert call.socket.stats.overflowed + len(call.inbox.got) == 4 * call.socket.room + 1


async def test_a_socket_that_is_in_a_hurry_again_reads_by_itself(calls: list[Call], ticker: Ticker) -> None:
    call = Call(relaxed=True)
    calls.append(call)
    call.send(1)
    call.socket.relaxed = False

    await asyncio.wait_for(call.inbox.news.wait(), 10)


def test_a_receiver_is_relaxed_while_all_who_read_it_are() -> None:
    receiver = EncodedReceiver(slot=Slot.VIDEO, request=lambda _: None)
    hurries: list[bool] = []
    receiver.on_urgent = lambda: hurries.append(receiver.relaxed)

    receiver.subscribe(lambda _: None, relaxed=True)
    calm = receiver.relaxed
    leave = receiver.subscribe(lambda _: None)
    urgent = receiver.relaxed
    leave()

    assert (calm, urgent, receiver.relaxed) == (True, False, True)
    assert hurries == [False]


def test_an_event_loop_that_is_over_is_let_go() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def call() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        one = Call(relaxed=True)
        Ticker.of_loop().add(one)
        await one.next_tick()
        Ticker.of_loop().remove(one)
        await asyncio.sleep(2 * max(TICKS))
        one.socket.close()

    asyncio.run(call())
    gc.collect()

    assert [loop() for loop in loops] == [None]
