"""Frames for whoever reads them: what was sent is seen and heard, and what nobody reads is not decoded."""

from __future__ import annotations

import asyncio
import gc
from fractions import Fraction
from functools import cache
from typing import cast

import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine import playout
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.engine.encoders import OpusEncoder, VideoEncoder
from pexrtc_py.engine.payloads import packetize
from pexrtc_py.engine.playout import Decoded, FrameStream, frames
from pexrtc_py.engine.receiver import EncodedReceiver, FeedbackRequest, Pli
from pexrtc_py.engine.rtp import RtpPacket
from pexrtc_py.engine.types import Codec, Slot

T0 = 1_700_000_000.0
CODECS = [Codec("opus", 111, 48_000, 2), Codec("vp8", 96, 90_000), Codec("h264", 98, 90_000)]
LEVELS = [40, 80, 120, 160, 200]


@cache
def grey_steps(codec: str) -> list[AccessUnit]:
    """Five pictures, each a little brighter, 100 ms apart; the first is a keyframe."""
    encoder = VideoEncoder(codec, bitrate=1_000_000, max_size=None)
    units = []
    for index, level in enumerate(LEVELS):
        frame = VideoFrame.from_ndarray(np.full((96, 64), level, np.uint8), format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = index * 9000, Fraction(1, 90_000)
        units += encoder.encode(frame)
    return units


@cache
def beep(packets: int = 25) -> list[AccessUnit]:
    """Half a second of 440 Hz."""
    samples = (np.sin(np.arange(960 * packets) * 2 * np.pi * 440 / 48_000) * 16_000).astype(np.int16)
    encoder = OpusEncoder()
    units = []
    for index in range(packets):
        part = samples[960 * index : 960 * (index + 1)]
        frame = AudioFrame.from_ndarray(np.repeat(part, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * index, Fraction(1, 48_000)
        units += encoder.encode(frame)
    return units


class Line:
    """Sends access units to a receiver as RTP."""

    def __init__(self, slot: Slot) -> None:
        self.requests: list[FeedbackRequest] = []
        self.asked = asyncio.Event()
        self.receiver = EncodedReceiver(slot=slot, request=self._ask)
        self.receiver.configure(CODECS)
        self._number = 0

    def _ask(self, requests: list[FeedbackRequest]) -> None:
        self.requests += requests
        self.asked.set()

    def send(self, *units: AccessUnit, ssrc: int = 1, base: int = 1_000_000) -> None:
        for unit in units:
            payload_type = next(codec.payload_type for codec in CODECS if codec.name == unit.codec)
            payloads = packetize(unit.codec, unit.data)
            for payload in payloads:
                packet = RtpPacket(payload_type, payload is payloads[-1], self._number, base + unit.timestamp, ssrc, payload)
                self.receiver.receive(packet, T0)
                self._number = (self._number + 1) & 0xFFFF


def brightness(frame: VideoFrame | AudioFrame) -> float:
    return float(cast(VideoFrame, frame).to_ndarray(format="gray").mean())


async def read(stream: FrameStream, count: int) -> list[VideoFrame | AudioFrame]:
    return [await anext(stream) for _ in range(count)]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_pictures_are_seen_as_they_were_sent(codec: str) -> None:
    line = Line(Slot.VIDEO)
    async with frames(line.receiver, maxsize=10) as stream:
        line.send(*grey_steps(codec))

        seen = await read(stream, 5)

    assert [brightness(frame) for frame in seen] == pytest.approx(LEVELS, abs=6)
    assert [frame.pts for frame in seen] == [1_000_000 + 9000 * index for index in range(5)]
    assert {frame.time_base for frame in seen} == {Fraction(1, 90_000)}
    assert stream.dropped == stream.damaged == 0


async def test_a_tone_is_heard_as_it_was_sent() -> None:
    line = Line(Slot.AUDIO)
    async with frames(line.receiver) as stream:
        line.send(*beep())

        heard = [cast(AudioFrame, frame) for frame in await read(stream, len(beep()))]

    assert {(frame.format.name, frame.layout.name, frame.sample_rate, frame.samples) for frame in heard} == {("s16", "stereo", 48_000, 960)}
    samples = np.concatenate([frame.to_ndarray()[0, ::2] for frame in heard[5:]]).astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * 48_000 / len(samples) == pytest.approx(440, abs=5)
    pts = [cast(int, frame.pts) for frame in heard]
    assert set(np.diff(pts)) == {960}


async def test_frames_come_with_the_units_they_were_made_of() -> None:
    line = Line(Slot.VIDEO)
    line.receiver.sender_report(1, 5000.0, 1_000_000)
    stream = frames(line.receiver, maxsize=10)
    line.send(*grey_steps("vp8"))
    line.receiver.close()

    pairs: list[Decoded] = [pair async for pair in stream.with_units()]

    assert [pair.unit.ntp for pair in pairs] == [pytest.approx(5000 + index / 10) for index in range(5)]
    assert all(pair.frame.pts == pair.unit.timestamp for pair in pairs)


async def test_what_nobody_reads_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[AccessUnit] = []

    class Counting(VideoDecoder):
        def decode(self, unit: AccessUnit) -> list[VideoFrame]:
            decoded.append(unit)
            return super().decode(unit)

    monkeypatch.setattr(playout, "VideoDecoder", Counting)
    line = Line(Slot.VIDEO)
    unread, read_later = frames(line.receiver), frames(line.receiver)
    line.send(*grey_steps("vp8"))
    await asyncio.sleep(0)
    assert decoded == []

    await anext(read_later)

    assert len(decoded) == 5
    await unread.aclose()
    await read_later.aclose()


async def test_a_slow_viewer_sees_the_newest_pictures() -> None:
    line = Line(Slot.VIDEO)
    async with frames(line.receiver, maxsize=2) as stream:
        line.send(*grey_steps("vp8"))

        seen = await read(stream, 2)

    assert [brightness(frame) for frame in seen] == pytest.approx(LEVELS[3:], abs=6)
    assert stream.dropped == 3


async def test_a_slow_viewer_catches_up_between_two_pictures() -> None:
    line = Line(Slot.VIDEO)
    async with frames(line.receiver, maxsize=2) as stream:
        units = grey_steps("vp8")
        line.send(units[0])
        await anext(stream)
        line.send(units[1], units[2])
        await anext(stream)
        line.send(units[3], units[4])

        seen = await read(stream, 2)

    assert [brightness(frame) for frame in seen] == pytest.approx(LEVELS[3:], abs=6)
    assert stream.dropped == 1


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_damaged_unit_asks_for_a_keyframe_and_raises_nothing(codec: str) -> None:
    line = Line(Slot.VIDEO)
    units = grey_steps(codec)
    junk = {"vp8": b"\x10\x00", "h264": b"\x00\x00\x00\x01\x67\xff\xff\xff\x00\x00\x00\x01\x65\xff\xff"}[codec]
    async with frames(line.receiver, maxsize=10) as stream:
        line.send(AccessUnit(junk, codec, 0, 90_000), *units[1:3])
        reading = asyncio.ensure_future(anext(stream))
        await line.asked.wait()

        line.send(*units)

        assert brightness(await reading) == pytest.approx(LEVELS[0], abs=6)
        assert stream.damaged == 1
        assert line.requests == [Pli(1)]


async def test_a_new_source_in_another_codec_is_decoded_too() -> None:
    line = Line(Slot.VIDEO)
    async with frames(line.receiver, maxsize=10) as stream:
        line.send(*grey_steps("vp8"))
        line.send(*grey_steps("h264"), ssrc=2, base=0)

        seen = await read(stream, 10)

    assert [brightness(frame) for frame in seen] == pytest.approx(LEVELS * 2, abs=6)
    assert [frame.pts for frame in seen[5:]] == [9000 * index for index in range(5)]


async def test_a_reader_that_gives_up_waiting_loses_nothing() -> None:
    line = Line(Slot.VIDEO)
    async with frames(line.receiver, maxsize=10) as stream:
        line.send(*grey_steps("vp8"))
        impatient = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])

        seen = await read(stream, 5)

    assert [brightness(frame) for frame in seen] == pytest.approx(LEVELS, abs=6)


async def test_the_iteration_ends_with_the_receiver() -> None:
    line = Line(Slot.VIDEO)
    stream = frames(line.receiver, maxsize=10)
    line.send(*grey_steps("vp8"))
    line.receiver.close()

    seen = [frame async for frame in stream]

    assert len(seen) == 5


async def test_closing_the_stream_ends_the_iteration() -> None:
    line = Line(Slot.VIDEO)
    stream = frames(line.receiver)

    await stream.aclose()
    await stream.aclose()
    line.send(*grey_steps("vp8"))

    assert [frame async for frame in stream] == []


async def test_a_forgotten_stream_listens_no_more() -> None:
    line = Line(Slot.VIDEO)
    stream = frames(line.receiver)
    assert len(line.receiver._subscribers) == 1

    del stream
    gc.collect()

    assert len(line.receiver._subscribers) == 0
