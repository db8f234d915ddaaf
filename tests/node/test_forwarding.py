"""Forwarding: units of the right source reach each receiver's sender, whole pictures only, transcoded where they must be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from av import VideoFrame

from pexrtc_media import stamp
from pexrtc_media.base import AccessUnit
from pexrtc_media.synthetic import Pattern
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.engine.encoders import VideoEncoder
from pexrtc_py.engine.peer import Transceiver
from pexrtc_py.engine.receiver import EncodedReceiver, FeedbackRequest, Pli
from pexrtc_py.engine.rtp import parse
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.types import Codec, Slot, SlotOptions
from pexrtc_py.node.backlog import BACKLOG
from pexrtc_py.node.forwarding import Forwarder, View
from pexrtc_py.node.routing import Board
from pexrtc_py.node.signs import Signs

NOW = 1_700_000_000.0
PAYLOAD_TYPES = {"vp8": 96, "h264": 102}


class Camera:
    """Stamped pictures, encoded; each with its time."""

    def __init__(self, stream: int, codec: str = "vp8") -> None:
        self.pattern, self.encoder, self.number = Pattern((320, 180), 30, stamp=stream), VideoEncoder(codec, bitrate=300_000), 0

    def unit(self, *, keyframe: bool = False) -> AccessUnit:
        (unit,) = self.encoder.encode(self.pattern.picture(self.number), keyframe=keyframe)
        self.number += 1
        return unit


class Snow:
    """A picture that takes as many bits as it may have."""

    def __init__(self) -> None:
        self._encoder, self._random = VideoEncoder("vp8", bitrate=2_000_000), np.random.default_rng(1)

    def unit(self, *, keyframe: bool = False) -> AccessUnit:
        points = self._random.integers(16, 235, (270, 320), np.uint8)
        (unit,) = self._encoder.encode(VideoFrame.from_ndarray(points, format="yuv420p"), keyframe=keyframe)
        return unit


class Call:
    """A transceiver whose packets end in a receiver of their own, and whose requests are kept."""

    def __init__(self, name: str, *codecs: str) -> None:
        self.name = name
        self.requests: list[FeedbackRequest] = []
        self.got: list[AccessUnit] = []
        self.arrived = asyncio.Event()
        agreed = [Codec(codec, PAYLOAD_TYPES[codec], 90000) for codec in codecs]
        self.sender = RtpSender(slot=Slot.VIDEO, transmit=self._carry, now=lambda: NOW)
        self.sender.configure(agreed, mid="1", mid_extension_id=None, abs_send_time_id=None)
        self.sender.ready = True
        self._far = EncodedReceiver(slot=Slot.VIDEO, request=lambda requests: None)
        self._far.configure(agreed)
        self._far.subscribe(self._take)
        near = EncodedReceiver(slot=Slot.VIDEO, request=self.requests.extend)
        near.configure(agreed)
        near.ssrc = 1
        self.transceiver = Transceiver(Slot.VIDEO, SlotOptions(), self.sender, near)

    def _carry(self, data: bytes) -> None:
        self._far.receive(parse(data), NOW)

    def _take(self, unit: AccessUnit) -> None:
        self.got.append(unit)
        self.arrived.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()

    def streams(self) -> list[int | None]:
        decoder = VideoDecoder(self.got[0].codec)
        marks = [stamp.read_at(frame) for unit in self.got for frame in decoder.decode(unit)]
        assert len(marks) == len(self.got)
        assert decoder.damaged == 0
        return [mark.stream if mark else None for mark in marks]


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    executor = ThreadPoolExecutor(1)
    forwarder = Forwarder(executor=executor, signs=Signs("Meet Alice"))
    yield forwarder
    await forwarder.aclose()
    executor.shutdown()


def enter(forwarder: Forwarder, *calls: Call) -> None:
    for call in calls:
        forwarder.add(call.name, call.transceiver)


async def test_a_switch_forwards_whole_pictures_only(forwarder: Forwarder) -> None:
    ann, bob, cid = Call("ann", "vp8"), Call("bob", "vp8"), Call("cid", "vp8")
    enter(forwarder, ann, bob, cid)
    first, second = Camera(1), Camera(2)
    second.unit()
    forwarder.feed("ann", first.unit(), NOW, NOW)
    forwarder.feed("bob", second.unit(), NOW, NOW)
    for step in range(30):
        now = NOW + step / 30
        forwarder.show({"cid": View(("ann", "bob") if step < 10 else ("bob", "ann"), Board.NO_VIDEO)}, now)
        forwarder.feed("ann", first.unit(keyframe=step == 2), now, now)
        forwarder.feed("bob", second.unit(keyframe=step == 20), now, now)

    streams = cid.streams()

    assert streams == [1] * 19 + [2] * 10
    assert forwarder.shown("cid") == "bob"
    assert Pli(1) in ann.requests
    assert Pli(1) in bob.requests
    assert ann.got == bob.got == []


async def test_requests_of_many_receivers_become_one(forwarder: Forwarder) -> None:
    calls = [Call(name, "vp8") for name in ("ann", "bob", "cid", "dot")]
    enter(forwarder, *calls)
    camera = Camera(1)
    forwarder.feed("ann", camera.unit(), NOW, NOW)

    for step in range(4):
        forwarder.show({call.name: View(("ann",)) for call in calls[1:]}, NOW + step / 10)

    assert calls[0].requests == [Pli(1)]


async def test_the_splash_appears_without_a_source_and_goes_with_its_keyframe(forwarder: Forwarder) -> None:
    ann, bob = Call("ann", "vp8"), Call("bob", "vp8")
    enter(forwarder, ann, bob)
    alone = {"bob": View((), Board.ALONE)}
    forwarder.show(alone, NOW)
    async with asyncio.timeout(5):
        while not bob.got:
            forwarder.show(alone, NOW + 0.1)
            await asyncio.sleep(0)
    forwarder.show(alone, NOW + 0.2)
    assert len(bob.got) == 1
    forwarder.show(alone, NOW + 0.31)
    assert [unit.keyframe for unit in bob.got] == [True, False]

    camera = Camera(4)
    forwarder.feed("ann", camera.unit(), NOW + 1.1, NOW + 1.1)
    forwarder.show({"bob": View(("ann",), Board.NO_VIDEO)}, NOW + 1.1)
    forwarder.feed("ann", camera.unit(), NOW + 1.2, NOW + 1.2)
    forwarder.feed("ann", camera.unit(keyframe=True), NOW + 1.3, NOW + 1.3)

    assert len(bob.got) == 3
    assert bob.got[2].keyframe


async def test_a_receiver_that_asks_sees_the_splash_again_at_once(forwarder: Forwarder) -> None:
    bob = Call("bob", "h264")
    enter(forwarder, bob)
    async with asyncio.timeout(5):
        while not bob.got:
            forwarder.show({"bob": View((), Board.ALONE)}, NOW)
            await asyncio.sleep(0)

    forwarder.show({"bob": View((), Board.ALONE)}, NOW + 0.21)
    bob.sender.keyframe_requested()
    bob.sender.keyframe_requested()

    assert [unit.keyframe for unit in bob.got] == [True, False, True]


async def test_another_splash_begins_with_a_keyframe(forwarder: Forwarder) -> None:
    bob = Call("bob", "vp8")
    enter(forwarder, bob)
    for board, count in ((Board.WAITING, 1), (Board.ALONE, 2)):
        async with asyncio.timeout(5):
            while len(bob.got) < count:
                forwarder.show({"bob": View((), board)}, NOW)
                await asyncio.sleep(0)
    forwarder.show({"bob": View((), Board.ALONE)}, NOW + 0.21)

    assert [unit.keyframe for unit in bob.got] == [True, True, False]


async def test_what_a_receiver_cannot_decode_is_transcoded_for_it(forwarder: Forwarder) -> None:
    ann, bob, cid = Call("ann", "vp8"), Call("bob", "h264"), Call("cid", "vp8", "h264")
    enter(forwarder, ann, bob, cid)
    camera = Camera(6)
    forwarder.feed("ann", camera.unit(), NOW, NOW)
    views = {"bob": View(("ann",), Board.NO_VIDEO), "cid": View(("ann",), Board.NO_VIDEO)}
    forwarder.show(views, NOW)

    for step in range(1, 6):
        forwarder.feed("ann", camera.unit(keyframe=step == 1), NOW + step / 30, NOW + step / 30)
        await bob.until(step)

    assert bob.streams() == [6] * 5
    assert bob.got[0].codec == "h264"
    assert [unit.timestamp - bob.got[0].timestamp for unit in bob.got] == [0, 3000, 6000, 9000, 12000]
    assert cid.streams() == [6] * 5
    assert cid.got[0].codec == "vp8"
    assert forwarder.transcoders["ann", "h264"].sent == 5


async def test_what_is_transcoded_takes_no_more_than_the_weakest_receiver_can(forwarder: Forwarder) -> None:
    ann, bob, cid = Call("ann", "vp8"), Call("bob", "h264"), Call("cid", "h264")
    enter(forwarder, ann, bob, cid)
    camera, views = Snow(), {"bob": View(("ann",), Board.NO_VIDEO), "cid": View(("ann",), Board.NO_VIDEO)}
    forwarder.feed("ann", camera.unit(), NOW, NOW)

    async def octets(first: int, pictures: int) -> int:
        before = bob.sender.stats.octets
        for step in range(first, first + pictures):
            forwarder.show(views, NOW + step / 30)
            forwarder.feed("ann", camera.unit(keyframe=step == 1), NOW + step / 30, NOW + step / 30)
            await bob.until(step)
        return bob.sender.stats.octets - before

    await octets(1, 2)
    free = await octets(3, 30)
    for _ in range(2):  # one that stays the same is a wish
        cid.sender.remb(60_000)
    await octets(33, 2)
    limited = await octets(35, 30)

    assert limited < 0.6 * free


async def test_a_transcoder_that_cannot_keep_up_starts_over_at_a_keyframe(forwarder: Forwarder) -> None:
    ann, bob = Call("ann", "vp8"), Call("bob", "h264")
    enter(forwarder, ann, bob)
    camera = Camera(6)
    units = [camera.unit(keyframe=number == 0) for number in range(3 * BACKLOG)]
    forwarder.feed("ann", units[0], NOW, NOW)
    forwarder.show({"bob": View(("ann",), Board.NO_VIDEO)}, NOW)

    for unit in units:
        forwarder.feed("ann", unit, NOW + 1, NOW + 1)

    stats = forwarder.transcoders["ann", "h264"]
    assert stats.waiting == 0
    assert stats.dropped == 3 * BACKLOG
    assert Pli(1) in ann.requests


async def test_a_call_that_left_is_neither_seen_nor_asked(forwarder: Forwarder) -> None:
    ann, bob = Call("ann", "vp8"), Call("bob", "vp8")
    enter(forwarder, ann, bob)
    camera = Camera(1)
    forwarder.feed("ann", camera.unit(), NOW, NOW)

    forwarder.remove("ann")
    forwarder.feed("ann", camera.unit(keyframe=True), NOW, NOW)
    forwarder.show({"bob": View(("ann",))}, NOW)

    assert bob.got == []
    assert ann.requests == []
    assert forwarder.shown("bob") is None


async def test_a_receiver_that_missed_the_keyframe_waits_for_another(forwarder: Forwarder) -> None:
    ann, bob = Call("ann", "vp8"), Call("bob", "vp8")
    enter(forwarder, ann, bob)
    camera = Camera(3)
    forwarder.feed("ann", camera.unit(), NOW, NOW)
    forwarder.show({"bob": View(("ann",))}, NOW)
    bob.sender.ready = False
    forwarder.feed("ann", camera.unit(keyframe=True), NOW, NOW)
    bob.sender.ready = True

    for number in range(6):
        forwarder.feed("ann", camera.unit(keyframe=number == 3), NOW, NOW)
    forwarder.show({"bob": View(("ann",))}, NOW + 1)

    assert bob.sender.stats.units == 3
    assert bob.streams() == [3] * 3


async def test_calls_that_left_are_forgotten(forwarder: Forwarder) -> None:
    for number in range(5):
        bob = Call(f"bob {number}", "vp8")
        enter(forwarder, bob)
        async with asyncio.timeout(5):
            while not bob.got:
                forwarder.show({bob.name: View((), Board.ALONE)}, NOW)
                await asyncio.sleep(0)
        bob.sender.keyframe_requested()
        forwarder.remove(bob.name)

    assert not forwarder._asker._asked


async def test_a_transcoder_outlives_a_unit_that_breaks_its_work(forwarder: Forwarder, caplog: pytest.LogCaptureFixture) -> None:
    ann, bob = Call("ann", "vp8"), Call("bob", "h264")
    enter(forwarder, ann, bob)
    camera = Camera(6)
    forwarder.feed("ann", camera.unit(), NOW, NOW)
    forwarder.show({"bob": View(("ann",))}, NOW)

    forwarder.feed("ann", replace(camera.unit(keyframe=True), clock_rate=0), NOW, NOW)
    async with asyncio.timeout(5):
        while not caplog.records:  # noqa: ASYNC110  # a log wakes nobody
            await asyncio.sleep(0)
    forwarder.feed("ann", camera.unit(keyframe=True), NOW, NOW)
    await bob.until(1)

    assert "cannot be transcoded" in caplog.text
