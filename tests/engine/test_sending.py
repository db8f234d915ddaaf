"""Sources run into a real sender; the clock is the test's, the codecs are real, and what arrives is decoded."""

from __future__ import annotations

import asyncio
import heapq
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from typing import Any

import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from pexrtc_media.base import AccessUnit, MediaError, Timeline
from pexrtc_py.engine.encoders import SILENT_OPUS, AudioDecoder, OpusEncoder, VideoDecoder, VideoEncoder
from pexrtc_py.engine.outlets import Workshop
from pexrtc_py.engine.pacing import SystemClock
from pexrtc_py.engine.payloads import payload_format
from pexrtc_py.engine.rtp import RtpPacket, parse, timestamp_delta
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.sending import Outbound
from pexrtc_py.engine.types import Codec, Slot
from pexrtc_py.errors import UsageError

START = 1_790_000_000.0
OPUS = Codec("opus", 111, 48_000, 2)
VP8 = Codec("vp8", 96, 90_000, rtx_payload_type=97)
H264 = Codec("h264", 102, 90_000)


class TestClock:
    """Stands still until the test runs it; then every sleeper wakes at its own time."""

    __test__ = False

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    async def sleep_until(self, when: float) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (when, self._count, future))
        await future

    async def run(self, seconds: float) -> None:
        end = self._now + seconds
        await settle(600)
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._now = max(self._now, when)
                future.set_result(None)
                await settle()
        await settle(600)
        self._now = max(self._now, end)
        await settle()

    def jump(self, seconds: float) -> None:
        """Time passes while nobody gets to run, as on a machine that is stalled."""
        self._now += seconds


async def settle(rounds: int = 30) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


class Inline(Executor):
    """Works on the spot, so that no real time passes; `held` keeps jobs until `release`."""

    def __init__(self) -> None:
        self.held = False
        self._jobs: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)

        self._jobs.append(work)
        if not self.held:
            self.release()
        return future

    def release(self) -> None:
        self.held = False
        while self._jobs:
            self._jobs.pop(0)()


class Stage:
    """An outbound slot on a test clock, and the ear and eye at its other end."""

    def __init__(self, slot: Slot, *codecs: Codec, **options: Any) -> None:
        self.clock, self.executor = TestClock(), Inline()
        self.packets: list[tuple[float, RtpPacket]] = []
        self.sender = RtpSender(slot=slot, transmit=self._receive, now=self.clock.now)
        self.sender.configure(codecs, mid="0", mid_extension_id=None, abs_send_time_id=None)
        self.sender.ready = True
        self.errors: list[Exception] = []
        self.outbound = Outbound(self.sender, clock=self.clock, executor=self.executor, on_error=self.errors.append, **options)

    def _receive(self, data: bytes) -> None:
        self.packets.append((self.clock.now() - START, parse(data)))

    def units(self) -> Iterator[tuple[float, AccessUnit]]:
        """What arrived, and when."""
        for timestamp, group in groupby(self.packets, key=lambda entry: entry[1].timestamp):
            parts = list(group)
            codec = next(codec for codec in self.sender.codecs if codec.payload_type == parts[0][1].payload_type)
            wire = payload_format(codec.name)
            data = b"".join(wire.depayload(packet.payload) for _, packet in parts)
            yield parts[0][0], AccessUnit(data, codec.name, timestamp, codec.clock_rate, keyframe=wire.is_keyframe(data))

    @property
    def keyframes(self) -> list[float]:
        return [round(when, 3) for when, unit in self.units() if unit.keyframe]

    def seen(self) -> list[tuple[float, float]]:
        """When each picture came, and how bright it was (the mean of its luma)."""
        units = list(self.units())
        decoder = VideoDecoder(units[0][1].codec)
        return [(when, luma(frame)) for when, unit in units for frame in decoder.decode(unit)]

    def heard(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        decoder = AudioDecoder(channels=1)
        return np.concatenate([frame.to_ndarray()[0] for _, unit in self.units() for frame in decoder.decode(unit)]).astype(np.float64)

    def ticks(self) -> list[int]:
        """RTP time since the first packet."""
        first = self.packets[0][1].timestamp
        return [timestamp_delta(packet.timestamp, first) for _, packet in self.packets]


def luma(frame: VideoFrame) -> float:
    return float(frame.to_ndarray()[: frame.height].mean())


def gray(level: int, seconds: float, *, size: tuple[int, int] = (160, 90)) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8), format="rgb24")
    frame.pts, frame.time_base = round(seconds * 90_000), Fraction(1, 90_000)
    return frame


def tone(index: int, *, hertz: float = 440.0, samples: int = 960) -> AudioFrame:
    wave = np.sin(2 * np.pi * hertz * np.arange(index * samples, (index + 1) * samples) / 48_000)
    frame = AudioFrame.from_ndarray((8000 * wave).astype(np.int16)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, index * samples, Fraction(1, 48_000)
    return frame


class Script:
    """A source that gives its items and then ends, stands still or fails; remembers whether it was closed."""

    def __init__(self, items: Iterable[Any], *, end: str = "ends", timeline: Timeline | None = None) -> None:
        self.items, self.end = items, end
        self.given = self.keyframes_asked = 0
        self.finished = self.closed = False
        if timeline is not None:
            self.timeline = timeline

    def request_keyframe(self) -> None:
        self.keyframes_asked += 1

    async def aclose(self) -> None:
        self.closed = True

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            for item in self.items:
                self.given += 1
                yield item
            if self.end == "stands still":
                await asyncio.Event().wait()
            if self.end == "fails":
                raise OSError("the camera was unplugged")
        finally:
            self.finished = True


def grays(level: int, count: int, *, fps: int = 30, start: float = 0.0) -> Iterator[VideoFrame]:
    return (gray(level, start + index / fps) for index in range(count))


def film(count: int, *, every: int = 1000, codec: str = "vp8") -> list[AccessUnit]:
    """Encoded video of 30 pictures a second, a keyframe `every` so many."""
    encoder = VideoEncoder(codec)
    return [unit for index in range(count) for unit in encoder.encode(gray(40 + index, index / 30), keyframe=index % every == 0)]


# Sound


async def test_a_tone_is_heard_in_packets_of_20_ms_each_at_its_time() -> None:
    stage = Stage(Slot.AUDIO, OPUS)
    await stage.outbound.send(Script(tone(i) for i in range(60)))

    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    samples = stage.heard()[9600:]
    assert abs(np.argmax(np.abs(np.fft.rfft(samples))) * 48_000 / len(samples) - 440) < 3
    assert {b - a for a, b in pairwise(stage.ticks())} == {960}
    assert all(abs(when - 0.02 * index) < 0.001 for index, (when, _) in enumerate(stage.packets))


async def test_sound_does_not_wait_behind_pictures_that_are_being_encoded() -> None:
    """On a busy machine the executor is full of pictures; sound that queued there came too late for the mix."""
    stage = Stage(Slot.AUDIO, OPUS)
    stage.executor.held = True
    await stage.outbound.send(Script(tone(i) for i in range(60)))

    await stage.clock.run(0.5)

    assert all(abs(when - 0.02 * index) < 0.001 for index, (when, _) in enumerate(stage.packets))
    assert len(stage.packets) in {25, 26}
    await stage.outbound.aclose()


async def test_after_the_end_there_is_silence_in_the_same_rhythm() -> None:
    stage = Stage(Slot.AUDIO, OPUS)
    await stage.outbound.send(Script(tone(i) for i in range(10)))

    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    payloads = [unit.data for _, unit in stage.units()]
    assert SILENT_OPUS not in payloads[:10]
    assert set(payloads[10:]) == {SILENT_OPUS} and len(payloads) > 23
    assert {b - a for a, b in pairwise(stage.ticks())} == {960}
    assert stage.outbound.ended.is_set()


async def test_muted_sound_is_silence_while_the_source_goes_on() -> None:
    stage = Stage(Slot.AUDIO, OPUS)
    source = Script(tone(i) for i in range(100))
    await stage.outbound.send(source)

    await stage.clock.run(0.3)
    stage.outbound.muted = True
    await stage.clock.run(0.3)
    stage.outbound.muted = False
    await stage.clock.run(0.3)
    await stage.outbound.aclose()

    silent = [round(when, 2) for when, unit in stage.units() if unit.data == SILENT_OPUS]
    assert (min(silent), max(silent), len(silent)) == (0.32, 0.6, 15)
    assert source.given in {46, 47}
    assert {b - a for a, b in pairwise(stage.ticks())} == {960}


async def test_a_source_that_was_held_up_skips_what_is_late_and_catches_up() -> None:
    stage = Stage(Slot.AUDIO, OPUS)
    await stage.outbound.send(Script(tone(i) for i in range(200)))
    await stage.clock.run(0.2)
    before = len(stage.packets)

    stage.clock.jump(1.0)
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert 45 <= stage.outbound.stats.late <= 52
    assert len(stage.packets) - before <= 30
    assert all(b - a == 960 for a, b in pairwise(stage.ticks()[before + 2 :]))


async def test_a_small_delay_costs_nothing() -> None:
    stage = Stage(Slot.AUDIO, OPUS)
    await stage.outbound.send(Script(tone(i) for i in range(100)))
    await stage.clock.run(0.2)

    stage.clock.jump(0.2)
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert stage.outbound.stats.late == 0
    assert {b - a for a, b in pairwise(stage.ticks())} == {960}


async def test_sound_that_comes_encoded_passes_as_it_is() -> None:
    encoder = OpusEncoder()
    units = [unit for i in range(20) for unit in encoder.encode(tone(i))]
    stage = Stage(Slot.AUDIO, OPUS)
    await stage.outbound.send(Script(units))

    await stage.clock.run(0.39)
    await stage.outbound.aclose()

    assert [unit.data for _, unit in stage.units()] == [unit.data for unit in units]


# Pictures


@pytest.mark.parametrize("codec", [VP8, H264])
async def test_pictures_are_shown_at_their_times(codec: Codec) -> None:
    stage = Stage(Slot.VIDEO, codec)
    await stage.outbound.send(Script(gray(40 + i, i / 30) for i in range(31)))

    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    seen = stage.seen()[:30]
    assert all(abs(when - index / 30) < 0.002 for index, (when, _) in enumerate(seen))
    assert all(abs(level - (16 + (40 + index) * 219 / 255)) < 3 for index, (_, level) in enumerate(seen))
    assert [round(tick / 3000, 1) for tick in stage.ticks()[:30]] == list(range(30))


async def test_the_end_is_black_once_a_second_for_whoever_comes_late() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(grays(200, 30)))

    await stage.clock.run(4.0)
    await stage.outbound.aclose()

    assert all(level < 20 for when, level in stage.seen() if when > 1.0)
    assert len(stage.keyframes) == 5
    assert [round(b - a, 2) for a, b in pairwise(stage.keyframes[1:])] == [1.0, 1.0, 1.0]


async def test_a_keyframe_comes_with_the_next_picture_when_asked_for() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(grays(90, 60)))
    await stage.clock.run(1.01)

    stage.sender.keyframe_requested()
    stage.sender.keyframe_requested()
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert stage.keyframes == [0.0, 1.033]


async def test_a_picture_that_stands_still_is_shown_again_when_asked_for() -> None:
    stage = Stage(Slot.PRESENTATION, VP8)
    await stage.outbound.send(Script([gray(130, 0)], end="stands still"))
    await stage.clock.run(5.0)

    stage.sender.keyframe_requested()
    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    assert stage.keyframes == [0.0, 5.2]
    assert all(abs(level - (16 + 130 * 219 / 255)) < 3 for _, level in stage.seen())


async def test_a_picture_given_before_the_connection_is_shown_when_it_is_up() -> None:
    stage = Stage(Slot.PRESENTATION, VP8)
    stage.sender.ready = False
    await stage.outbound.send(Script([gray(130, 0)], end="stands still"))
    await stage.clock.run(3.0)
    before = len(stage.packets)

    stage.sender.ready = True
    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    assert before == 0
    assert stage.keyframes == [3.2]
    assert stage.outbound.stats.unready == 1


async def test_muted_video_is_black_at_once_and_opens_with_a_keyframe() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    source = Script(grays(200, 300))
    await stage.outbound.send(source)

    await stage.clock.run(0.51)
    stage.outbound.muted = True
    await stage.clock.run(2.5)
    stage.outbound.muted = False
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert all((level < 20) == (0.51 < when < 3.01) for when, level in stage.seen())
    assert [round(when, 2) for when in stage.keyframes] == [0.0, 0.53, 1.53, 2.53, 3.03]
    assert source.given > 100


async def test_a_picture_on_its_way_when_muted_is_not_shown() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(grays(200, 30)))
    await stage.clock.run(0.1)
    before = len(stage.packets)

    stage.executor.held = True
    await stage.clock.run(0.05)
    stage.outbound.muted = True
    stage.executor.release()
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert len(stage.packets) > before
    assert all(level < 20 for _, level in stage.seen()[before:])


async def test_late_pictures_are_dropped_and_time_stays_true() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(gray(40 + i, i / 30) for i in range(120)))
    await stage.clock.run(0.5)
    before = len(stage.packets)

    stage.clock.jump(0.5)
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert 8 <= stage.outbound.stats.late <= 12
    assert abs(stage.seen()[-1][0] - (stage.seen()[-1][1] - 16) * 255 / 219 / 30 + 40 / 30) < 0.1
    assert len(stage.packets) - before < 22


async def test_slides_may_be_ten_seconds_apart() -> None:
    stage = Stage(Slot.PRESENTATION, VP8)
    await stage.outbound.send(Script([gray(50, 0), gray(100, 10), gray(150, 20)], end="stands still"))

    await stage.clock.run(21)
    await stage.outbound.aclose()

    assert [round(when) for when, _ in stage.seen()] == [0, 10, 20]


async def test_large_pictures_are_made_smaller() -> None:
    stage = Stage(Slot.VIDEO, VP8, max_size=(320, 180))
    await stage.outbound.send(Script([gray(90, 0, size=(641, 481))], end="stands still"))

    await stage.clock.run(0.1)
    await stage.outbound.aclose()

    frame = VideoDecoder("vp8").decode(next(stage.units())[1])[0]
    assert (frame.width, frame.height) == (240, 180)


@pytest.mark.parametrize("estimate", [200_000, 0])
async def test_the_other_sides_estimate_limits_the_bitrate(estimate: int) -> None:
    def noise() -> Iterator[VideoFrame]:
        for index in range(180):
            tiles = np.random.default_rng(index).integers(0, 255, (12, 20, 3), np.uint8)
            frame = VideoFrame.from_ndarray(np.repeat(np.repeat(tiles, 16, axis=0), 16, axis=1), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            yield frame

    stage = Stage(Slot.VIDEO, VP8, bitrate=900_000)
    await stage.outbound.send(Script(noise()))
    await stage.clock.run(1)
    free = stage.sender.stats.octets

    stage.sender.remb(estimate)
    await stage.clock.run(1)
    settled = stage.sender.stats.octets
    await stage.clock.run(1)
    await stage.outbound.aclose()

    assert free * 8 > 600_000
    assert (stage.sender.stats.octets - settled) * 8 < 320_000


# Encoded pictures


async def test_encoded_video_starts_with_a_keyframe_and_asks_the_source_for_one() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    source = Script(film(40, every=20)[5:])
    await stage.outbound.send(source)

    await stage.clock.run(1.1)
    stage.sender.keyframe_requested()
    await stage.clock.run(0.01)
    await stage.outbound.aclose()

    assert stage.keyframes[0] == 0.5
    assert stage.outbound.stats.waiting_for_keyframe == 15
    assert source.keyframes_asked == 2
    assert len(stage.seen()) == len(list(stage.units()))


async def test_received_video_is_passed_on_at_once_and_never_waits() -> None:
    units = film(30)
    times = [index / 30 + (0.05 if index % 7 == 3 else 0.0) for index in range(30)]
    stage = Stage(Slot.VIDEO, VP8)

    async def receiving() -> AsyncIterator[AccessUnit]:
        for unit, when in zip(units, times, strict=True):
            await stage.clock.sleep_until(START + when)
            unit.arrival = stage.clock.now()
            yield unit

    await stage.outbound.send(receiving())
    await stage.clock.run(0.99)
    await stage.outbound.aclose()

    assert [when for when, _ in stage.units()][:30] == pytest.approx(list(accumulate(times, max)), abs=0.001)
    assert {round((b - a) / 3000, 2) for a, b in pairwise(stage.ticks()[:30])} == {1.0}


async def test_a_new_epoch_goes_on_from_now() -> None:
    first, second = film(10), film(10)
    for unit in second:
        unit.timestamp, unit.epoch = unit.timestamp + 7_000_000, 1
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(first + second))

    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    assert len(stage.seen()) >= 20
    assert stage.ticks()[19] < 90_000
    assert stage.outbound.stats.anchored == 2


async def test_video_in_a_codec_nobody_agreed_to_is_reported_and_black() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(film(10, codec="h264")))

    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert isinstance(stage.errors[0], MediaError)
    assert "h264" in str(stage.errors[0]) and "vp8" in str(stage.errors[0])
    assert [level < 20 for _, level in stage.seen()] == [True]


# Sources come and go


async def test_a_source_is_exchanged_without_a_break_in_time() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    first = Script(grays(60, 1000, start=500))
    await stage.outbound.send(first)
    await stage.clock.run(1.01)

    await stage.outbound.send(Script(grays(180, 1000)))
    await stage.clock.run(1.0)
    await stage.outbound.send(None)
    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    assert first.finished and not first.closed
    assert stage.keyframes == [0.0, 1.01]
    ticks = stage.ticks()
    assert all(b > a for a, b in pairwise(ticks))
    assert all(abs(tick / 90_000 - when) < 0.002 for tick, (when, _) in zip(ticks, stage.packets, strict=True))
    assert max(when for when, _ in stage.packets) < 2.02
    assert {round(level) // 30 for when, level in stage.seen() if when > 1.02} == {170 // 30}


async def test_rtp_time_and_sender_report_agree_on_when_a_picture_was_taken() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(grays(60, 100)))
    await stage.clock.run(1.0)
    await stage.outbound.send(Script(grays(60, 100)))
    await stage.clock.run(0.7)
    await stage.outbound.aclose()

    info = stage.sender.sender_info(stage.clock.now())
    assert info is not None
    for when, packet in stage.packets:
        captured = info[0] / (1 << 32) - 2_208_988_800 - timestamp_delta(info[1], packet.timestamp) / 90_000
        assert abs(captured - START - when) < 0.001


async def test_sound_and_pictures_of_one_file_start_together() -> None:
    timeline = Timeline()
    sound, sight = Stage(Slot.AUDIO, OPUS), Stage(Slot.VIDEO, VP8)
    sight.clock = sound.clock
    sight.outbound = Outbound(sight.sender, clock=sound.clock, executor=sight.executor)

    await sound.outbound.send(Script((tone(i) for i in range(500)), timeline=timeline))
    await sound.clock.run(2.0)
    await sight.outbound.send(Script((gray(40 + i, i / 30) for i in range(150)), timeline=timeline))
    await sound.clock.run(1.0)
    for outbound in (sound.outbound, sight.outbound):
        await outbound.aclose()

    shown = sight.seen()
    decoder_time = [((level - 16) * 255 / 219 - 40) / 30 for _, level in shown]
    assert 50 < sight.outbound.stats.late < 62
    assert all(1.8 < at < 3.2 for at in decoder_time)
    assert timeline.origin is None


async def test_a_file_that_was_played_can_be_played_again_from_its_start() -> None:
    stage, timeline = Stage(Slot.VIDEO, VP8), Timeline()
    await stage.outbound.send(Script(grays(90, 30), timeline=timeline))
    await stage.clock.run(60.0)

    await stage.outbound.send(Script(grays(180, 30), timeline=timeline))
    await stage.clock.run(0.99)
    await stage.outbound.aclose()

    assert stage.outbound.stats.late == 0
    assert len([level for when, level in stage.seen() if level > 160]) == 30


class Reel:
    """A source that is its own iterator, as a file's stream is."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items, self.closed = items, False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self.closed:
            raise StopAsyncIteration
        return next(self.items)

    async def aclose(self) -> None:
        self.closed = True


async def test_a_file_that_is_detached_goes_on_in_the_next_call_and_is_closed_with_it() -> None:
    first, second, reel = Stage(Slot.VIDEO, VP8), Stage(Slot.VIDEO, VP8), Reel(grays(180, 200))
    await first.outbound.send(reel)
    await first.clock.run(0.5)

    await first.outbound.detach()
    await first.outbound.aclose()
    kept = not reel.closed
    await second.outbound.send(reel)
    await second.clock.run(0.5)
    await second.outbound.aclose()

    assert kept and reel.closed
    assert len([level for _, level in second.seen() if level > 160]) > 10


async def test_a_file_that_is_sent_again_goes_on_and_one_that_is_replaced_is_closed() -> None:
    stage, reel = Stage(Slot.VIDEO, VP8), Reel(grays(180, 200))
    await stage.outbound.send(reel)
    await stage.clock.run(0.2)

    await stage.outbound.send(reel)
    kept = not reel.closed
    await stage.outbound.send(Script(grays(90, 30)))
    await stage.outbound.aclose()

    assert kept and reel.closed


async def test_a_file_that_loops_goes_on_and_stays_together() -> None:
    timeline = Timeline()
    sound, sight = Stage(Slot.AUDIO, OPUS), Stage(Slot.VIDEO, VP8)
    sight.outbound = Outbound(sight.sender, clock=sound.clock, executor=sight.executor)
    sight.clock = sound.clock

    await sound.outbound.send(Script((tone(i % 50) for i in range(150)), timeline=timeline))
    await sight.outbound.send(Script((gray(90, i % 29 / 29) for i in range(87)), timeline=timeline))
    await sound.clock.run(2.9)
    for outbound in (sound.outbound, sight.outbound):
        await outbound.aclose()

    assert (len(sound.packets), len(list(sight.units()))) == (146, 85)
    assert {b - a for a, b in pairwise(sound.ticks())} == {960}
    assert (sound.outbound.stats.late, sight.outbound.stats.late) == (0, 0)


async def test_a_source_that_never_catches_up_is_taken_as_it_comes() -> None:
    stage = Stage(Slot.VIDEO, VP8)

    async def slow() -> AsyncIterator[VideoFrame]:
        yield gray(90, 0)
        for index in range(1, 100):
            await stage.clock.sleep_until(START + 0.5 + index / 30)
            yield gray(90, index / 30)

    await stage.outbound.send(slow())
    await stage.clock.run(3.0)
    await stage.outbound.aclose()

    assert stage.outbound.stats.late < 35
    assert len(list(stage.units())) > 40


async def test_a_live_source_is_not_held_back_by_a_slow_first_picture() -> None:
    stage = Stage(Slot.VIDEO, VP8)

    class Camera:
        live = True

        async def __aiter__(self) -> AsyncIterator[VideoFrame]:
            for index in range(30):
                await stage.clock.sleep_until(START + index / 30 + (0.3 if index == 0 else 0.0))
                yield gray(90, index / 30)

    await stage.outbound.send(Camera())
    await stage.clock.run(0.95)
    await stage.outbound.aclose()

    assert all(round(when * 30, 1) == round(when * 30) for when, _ in stage.packets[12:28])


async def test_a_source_that_fails_is_reported_in_a_sentence_and_followed_by_black() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(grays(200, 10), end="fails"))

    await stage.clock.run(1.0)
    await stage.outbound.aclose()

    assert [str(error) for error in stage.errors] == ["the camera was unplugged"]
    assert stage.outbound.stats.errors == 1
    assert stage.seen()[-1][1] < 20


@pytest.mark.parametrize(
    ("slot", "codec", "item", "words"),
    [
        (Slot.AUDIO, OPUS, gray(1, 0), "video frames, but the slot is audio"),
        (Slot.VIDEO, VP8, tone(0), "audio frames, but the slot is video"),
        (Slot.VIDEO, VP8, VideoFrame(16, 16, "yuv420p"), "without pts"),
    ],
)
async def test_a_source_of_the_wrong_kind_is_named(slot: Slot, codec: Codec, item: object, words: str) -> None:
    stage = Stage(slot, codec)
    await stage.outbound.send(Script([item]))

    await stage.clock.run(0.1)
    await stage.outbound.aclose()

    assert words in str(stage.errors[0])


async def test_before_the_connection_items_are_dropped_at_their_pace() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    stage.sender.ready = False
    source = Script(gray(40 + i, i / 30) for i in range(200))
    await stage.outbound.send(source)
    await stage.clock.run(2.0)
    given, unready = source.given, stage.outbound.stats.unready

    stage.sender.ready = True
    await stage.clock.run(0.5)
    await stage.outbound.aclose()

    assert given in {61, 62} and unready in {60, 61}
    assert stage.seen()[0][0] == pytest.approx(2.0, abs=0.04)
    assert stage.seen()[0][1] == pytest.approx(16 + 100 * 219 / 255, abs=4)


async def test_closing_waits_for_the_encoder_closes_the_source_and_refuses_more() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    source = Script(grays(90, 30))
    stage.executor.held = True
    await stage.outbound.send(source)
    await stage.clock.run(0.1)

    closing = asyncio.create_task(stage.outbound.aclose())
    await settle()
    waiting = not closing.done()
    stage.executor.release()
    await closing
    await stage.outbound.aclose()

    assert waiting
    assert source.finished and source.closed
    assert stage.packets == []
    with pytest.raises(UsageError):
        await stage.outbound.send(None)


async def test_without_a_source_nothing_is_sent_whatever_is_asked() -> None:
    stage = Stage(Slot.VIDEO, VP8)
    await stage.outbound.send(Script(grays(90, 300)))
    await stage.clock.run(0.5)
    await stage.outbound.send(None)
    before = len(stage.packets)

    stage.sender.keyframe_requested()
    stage.outbound.muted = True
    await stage.clock.run(3.0)
    await stage.outbound.aclose()

    assert len(stage.packets) == before


async def test_it_also_runs_on_the_real_clock_and_threads() -> None:
    packets: list[RtpPacket] = []
    sender = RtpSender(slot=Slot.AUDIO, transmit=lambda data: packets.append(parse(data)))
    sender.configure([OPUS], mid="0", mid_extension_id=None, abs_send_time_id=None)
    sender.ready = True
    outbound = Outbound(sender, clock=SystemClock())

    await outbound.send(Script(tone(i) for i in range(10)))
    await asyncio.wait_for(outbound.ended.wait(), 10)
    await outbound.aclose()

    assert len(packets) >= 10
    assert {timestamp_delta(b.timestamp, a.timestamp) for a, b in pairwise(packets)} == {960}


async def test_a_codec_is_used_by_one_thread_however_often_its_user_is_cancelled() -> None:
    with ThreadPoolExecutor(2) as executor:
        workshop, running, go_on = Workshop(executor), asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            loop.call_soon_threadsafe(running.set)
            go_on.wait(5)

        first = asyncio.create_task(workshop.run(work))
        await running.wait()
        second = asyncio.create_task(workshop.run(go_on.is_set))
        for _ in range(3):
            first.cancel()
            await asyncio.sleep(0.01)
        assert not first.done()
        go_on.set()

        assert await second
        assert first.cancelled()
