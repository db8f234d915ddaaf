"""Streams of access units for readers that are fast, slow or gone, and the task that feeds a sink."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.payloads import packetize
from pexrtc_py.engine.pump import Pump, UnitStream
from pexrtc_py.engine.receiver import EncodedReceiver, FeedbackRequest
from pexrtc_py.engine.rtp import RtpPacket
from pexrtc_py.engine.types import Codec, Slot

T0 = 1_700_000_000.0


class Line:
    """A receiver and what is sent to it; each unit carries its number in its last byte."""

    def __init__(self, slot: Slot = Slot.VIDEO) -> None:
        self.requests: list[FeedbackRequest] = []
        self.receiver = EncodedReceiver(slot=slot, request=self.requests.extend)
        self.codec = Codec("opus", 111, 48_000) if slot is Slot.AUDIO else Codec("vp8", 96, 90_000)
        self.receiver.configure([self.codec])
        self.count = 0

    def send(self, count: int = 1, *, key: bool = False) -> None:
        for _ in range(count):
            data = bytes([0x10 if key else 0x11, self.count])
            payload = packetize(self.codec.name, data)[0]
            self.receiver.receive(RtpPacket(self.codec.payload_type, True, self.count, self.count * 3000, 1, payload), T0 + self.count)
            self.count += 1

    def subscribers(self) -> int:
        return len(self.receiver._subscribers)


def numbers(units: list[AccessUnit]) -> list[int]:
    return [unit.data[-1] for unit in units]


class Memory:
    """A sink that keeps what it gets and may fail or wait."""

    def __init__(self, *, fail_at: int | None = None, gate: asyncio.Event | None = None) -> None:
        self.items: list[int] = []
        self.closed = 0
        self.writing = asyncio.Event()
        self._fail_at, self._gate = fail_at, gate

    async def write(self, frame: int) -> None:
        self.writing.set()
        if self._gate is not None:
            await self._gate.wait()
        if frame == self._fail_at:
            raise OSError("the disk is full")
        self.items.append(frame)

    async def aclose(self) -> None:
        self.closed += 1


async def counting(count: int, closed: list[str] | None = None) -> AsyncIterator[int]:
    try:
        for index in range(count):
            yield index
    finally:
        if closed is not None:
            closed.append("source")


async def test_a_reader_gets_what_comes() -> None:
    line = Line()
    stream = UnitStream(line.receiver)
    line.send(key=True)
    line.send(2)

    units = [await anext(stream) for _ in range(3)]

    assert numbers(units) == [0, 1, 2]
    assert stream.dropped == 0
    await stream.aclose()


async def test_a_reader_waits_for_what_comes_later() -> None:
    line = Line(Slot.AUDIO)
    async with UnitStream(line.receiver) as stream:
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)

        line.send()

        assert numbers([await waiting]) == [0]


async def test_who_comes_late_begins_with_a_keyframe_and_asks_for_it() -> None:
    line = Line()
    line.send(key=True)
    stream = UnitStream(line.receiver, now=lambda: T0 + 10)

    asked = len(line.requests)
    line.send(3)
    line.send(key=True)
    line.send()

    assert asked == 1
    assert numbers(stream.take()) == [4, 5]
    await stream.aclose()


async def test_a_slow_listener_misses_the_oldest_words() -> None:
    line = Line(Slot.AUDIO)
    stream = UnitStream(line.receiver, maxsize=4)

    line.send(10)

    assert numbers(stream.take()) == [6, 7, 8, 9]
    assert stream.dropped == 6
    await stream.aclose()


async def test_a_slow_viewer_misses_whole_runs_up_to_a_keyframe() -> None:
    line = Line()
    stream = UnitStream(line.receiver, maxsize=5)

    line.send(key=True)
    line.send(2)
    line.send(key=True)
    line.send(2)

    assert numbers(stream.take()) == [3, 4, 5]
    assert stream.dropped == 3
    await stream.aclose()


async def test_a_viewer_so_slow_that_no_keyframe_is_left_waits_for_the_next() -> None:
    line = Line()
    stream = UnitStream(line.receiver, maxsize=3, now=lambda: T0 + 100)
    line.send(key=True)

    line.send(5)
    asked = len(line.requests)
    line.send(key=True)
    line.send()

    assert asked == 1
    assert numbers(stream.take()) == [6, 7]
    assert stream.dropped == 4
    await stream.aclose()


async def test_closing_the_receiver_ends_the_iteration_after_what_is_left() -> None:
    line = Line(Slot.AUDIO)
    stream = UnitStream(line.receiver)
    line.send(2)

    line.receiver.close()

    assert numbers([unit async for unit in stream]) == [0, 1]


async def test_closing_the_stream_ends_a_reader_that_waits() -> None:
    line = Line(Slot.AUDIO)
    stream = UnitStream(line.receiver)
    waiting = asyncio.create_task(stream.wait())
    await asyncio.sleep(0)

    await stream.aclose()
    await stream.aclose()

    assert await waiting is False
    assert line.subscribers() == 0
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_forgotten_stream_unsubscribes_itself() -> None:
    line = Line(Slot.AUDIO)
    line.send()

    async def one() -> None:
        async for _ in UnitStream(line.receiver):
            return

    reading = asyncio.create_task(one())
    await asyncio.sleep(0)
    assert line.subscribers() == 1
    line.send()
    await reading
    gc.collect()

    assert line.subscribers() == 0


async def test_a_pump_writes_everything_and_closes_both_ends() -> None:
    closed: list[str] = []
    sink = Memory()

    pump = Pump(counting(5, closed), sink)
    await pump.wait()

    assert sink.items == [0, 1, 2, 3, 4]
    assert (sink.closed, closed, pump.written, pump.error, pump.running) == (1, ["source"], 5, None, False)


async def test_stopping_a_pump_closes_its_sink() -> None:
    closed: list[str] = []
    sink = Memory(gate=asyncio.Event())
    pump = Pump(counting(5, closed), sink)
    await sink.writing.wait()

    await pump.aclose()
    await pump.aclose()

    assert (sink.items, sink.closed, closed) == ([], 1, ["source"])


async def test_a_pump_stopped_before_it_began_closes_its_sink_too() -> None:
    sink = Memory()

    await Pump(counting(5), sink).aclose()

    assert sink.closed == 1


async def test_a_full_disk_ends_the_pump_and_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    sink = Memory(fail_at=2)

    pump = Pump(counting(5), sink, name="recording")
    await pump.wait()

    assert sink.items == [0, 1]
    assert isinstance(pump.error, OSError)
    assert sink.closed == 1
    assert "recording stopped after 2 items: the disk is full" in caplog.text


async def test_units_are_pumped_until_the_receiver_is_closed() -> None:
    line = Line(Slot.AUDIO)
    seen: list[AccessUnit] = []

    class Keep:
        async def write(self, frame: AccessUnit) -> None:
            seen.append(frame)

        async def aclose(self) -> None:
            pass

    pump = Pump(UnitStream(line.receiver), Keep())
    line.send(3)
    line.receiver.close()
    await pump.wait()

    assert numbers(seen) == [0, 1, 2]
