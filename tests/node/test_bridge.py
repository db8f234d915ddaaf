"""The bridge with real peers on loopback: what is heard and seen, judged by its content."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from pexrtc_media import stamp
from pexrtc_media.base import AccessUnit
from pexrtc_media.synthetic import Pattern
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.engine.encoders import OpusEncoder, VideoEncoder
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Candidate, Direction, Slot, SlotOptions
from pexrtc_py.errors import NegotiationFailed
from pexrtc_py.node.backlog import BACKLOG
from pexrtc_py.node.bridge import Bridge
from pexrtc_py.node.bridge_call import INBOX
from pexrtc_py.node.bridge_room import BridgedRoom
from pexrtc_py.node.mixing import LOOKAHEAD
from pexrtc_py.node.plan import MediaPlan, Seat
from pexrtc_py.node.signs import Signs
from pexrtc_py.node.sound import BLOCK, RATE
from pexrtc_py.node.splash import PICTURES
from tests.phenomena.machine import Machine

pytestmark = pytest.mark.live

SIZE = (320, 180)
FPS = 15


@dataclass(frozen=True)
class Picture:
    """A frame as a client received it."""

    captured: float
    luma: NDArray[np.uint8]

    @property
    def mark(self) -> stamp.Mark | None:
        return stamp.read_at(self.luma)


class Client:
    """A caller with a real peer: speaks a tone, shows a stamped picture, keeps what it gets."""

    def __init__(self, name: str, *, codecs: tuple[str, ...] = ("vp8", "h264"), skew: float = 0.0) -> None:
        self.name, self.call = name, f"call-{name}"
        slots = {Slot.AUDIO: SlotOptions(codecs=("opus",)), Slot.VIDEO: SlotOptions(codecs=codecs)}
        self.peer = Peer(slots={**slots, Slot.PRESENTATION: SlotOptions(codecs=codecs)}, loopback=True, name=name)
        self.units: dict[Slot, list[AccessUnit]] = {slot: [] for slot in Slot}
        self.news = asyncio.Event()
        self.skew = skew
        self._tasks: list[asyncio.Task[None]] = []
        for slot, transceiver in self.peer.transceivers.items():
            transceiver.receiver.subscribe(partial(self._take, slot))

    def _take(self, slot: Slot, unit: AccessUnit) -> None:
        self.units[slot].append(unit)
        self.news.set()

    async def join(self, bridge: Bridge, room: str = "room", *, bandwidth: int | None = None) -> None:
        answer = await bridge.open(room, self.name, self.call, await self.peer.create_offer(), bandwidth=bandwidth)
        self.peer.on_candidate = lambda found: self._tell(bridge, found)
        await self.peer.set_answer(answer)
        await self.peer.gather()
        bridge.start(self.call)
        await self.peer.wait_connected(10)

    def _tell(self, bridge: Bridge, found: Candidate | None) -> None:
        if found is not None:
            bridge.candidate(self.call, found.candidate, found.mid, found.ufrag)

    def speak(self, hz: float, *, level: float = 0.1) -> None:
        self._tasks.append(asyncio.create_task(self._speak(hz, level)))

    async def _speak(self, hz: float, level: float) -> None:
        encoder, position = OpusEncoder(), round(time.time() * 50) * BLOCK
        while True:
            await asyncio.sleep(position / RATE - time.time())
            phase = 2 * np.pi * hz * (np.arange(position, position + BLOCK) % RATE) / RATE
            wave = np.round(level * 32767 * np.sin(phase)).astype(np.int16)
            frame = AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, position, Fraction(1, RATE)
            for unit in encoder.encode(frame):
                self.peer.transceivers[Slot.AUDIO].sender.send(unit, captured=unit.timestamp / RATE + self.skew)
            position += BLOCK

    def show(self, stream: int, *, slot: Slot = Slot.VIDEO, fps: int = FPS) -> asyncio.Task[None]:
        self._tasks.append(asyncio.create_task(self._show(stream, slot, fps)))
        return self._tasks[-1]

    async def _show(self, stream: int, slot: Slot, fps: int) -> None:
        sender, pattern, wanted = self.peer.transceivers[slot].sender, Pattern(SIZE, fps, stamp=stream), asyncio.Event()
        codec = sender.codec
        assert codec is not None
        encoder, number = VideoEncoder(codec.name, bitrate=300_000), 0
        sender.on_keyframe_request = wanted.set
        while True:
            captured = time.time()
            frame = pattern.picture(number)
            keyframe, number = wanted.is_set(), number + 1
            wanted.clear()
            for unit in encoder.encode(frame, keyframe=keyframe):
                sender.send(unit, captured=captured + self.skew)
            await asyncio.sleep(1 / fps)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def forget(self) -> None:
        for units in self.units.values():
            units.clear()

    async def refresh(self) -> None:
        """Forget what came, and go on from a new key frame."""
        self.forget()
        self.peer.transceivers[Slot.VIDEO].receiver.request_keyframe(time.time())
        await self.until(lambda: any(unit.keyframe for unit in self.units[Slot.VIDEO]))

    def sound(self) -> NDArray[np.float64]:
        """The left channel of what was received since `forget`, full scale 1, without the first 100 ms."""
        decoder = AudioDecoder()
        frames = [frame for unit in self.units[Slot.AUDIO] for frame in decoder.decode(unit)]
        samples = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in frames])
        return samples[5 * BLOCK :].astype(np.float64) / 32767

    def pictures(self, slot: Slot = Slot.VIDEO) -> list[Picture]:
        """What was received since the first key frame that is kept."""
        decoders: dict[str, VideoDecoder] = {}
        found = []
        for unit in self.units[slot]:
            if unit.keyframe or unit.codec in decoders:
                decoder = decoders.setdefault(unit.codec, VideoDecoder(unit.codec))
                found += [Picture(unit.ntp or 0.0, luma(frame)) for frame in decoder.decode(unit)]
        return found

    def streams(self, slot: Slot = Slot.VIDEO) -> list[int | None]:
        """Whose pictures were received, in order, each once; None for a picture without stamp."""
        seen: list[int | None] = []
        for picture in self.pictures(slot):
            stream = picture.mark.stream if picture.mark else None
            if not seen or seen[-1] != stream:
                seen.append(stream)
        return seen

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.peer.close()


def luma(frame: VideoFrame) -> NDArray[np.uint8]:
    return np.array(stamp.luma_of(frame))


def strength(sound: NDArray[np.float64], hz: float) -> float:
    """Amplitude of a frequency."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) / (len(sound) / 4)
    near = round(hz * len(sound) / RATE)
    return float(spectrum[max(0, near - 2) : near + 3].max())


def seat(client: Client) -> Seat:
    return Seat(client.name, client.call, audible=True, visible=True, admitted=True, sees_presentation=True)


def plan(*clients: Client, presenter: str | None = None) -> MediaPlan:
    return MediaPlan(tuple(map(seat, clients)), presenter, tuple(client.name for client in clients))


class Stage:
    """A bridge with what it reported, and the clients to be closed with it."""

    def __init__(self) -> None:
        self.voices: list[tuple[str, str, bool]] = []
        self.lost: list[tuple[str, str]] = []
        self.clients: list[Client] = []
        self.bridge = Bridge(
            on_voice=lambda *voice: self.voices.append(voice),
            on_lost=lambda *lost: self.lost.append(lost),
            loopback=True,
            hold_music=False,
        )

    async def join(self, *names: str, codecs: tuple[str, ...] = ("vp8", "h264"), skew: float = 0.0) -> list[Client]:
        joined = [Client(name, codecs=codecs, skew=skew) for name in names]
        self.clients += joined
        await asyncio.gather(*(client.join(self.bridge) for client in joined))
        return joined


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await asyncio.gather(*(client.aclose() for client in stage.clients))
    await stage.bridge.aclose()


def enough_sound(client: Client, seconds: float = 1.5) -> Callable[[], bool]:
    return lambda: len(client.units[Slot.AUDIO]) >= seconds * 50


def enough_pictures(client: Client, count: int, slot: Slot = Slot.VIDEO) -> Callable[[], bool]:
    return lambda: len(client.units[slot]) > count


async def listen(*clients: Client, seconds: float = 1.5) -> None:
    """Let everybody receive sound anew for so long."""
    for client in clients:
        client.forget()
    await asyncio.gather(*(client.until(enough_sound(client, seconds)) for client in clients))


async def test_each_hears_the_others_and_not_itself(stage: Stage) -> None:
    tones = {"ann": 400.0, "bob": 650.0, "cid": 1100.0, "dot": 1750.0, "eve": 2600.0}
    clients = await stage.join(*tones)
    stage.bridge.apply("room", plan(*clients))
    for client in clients:
        client.speak(tones[client.name])
    await listen(*clients, seconds=0.5)

    await listen(*clients)

    for client in clients:
        for name, hz in tones.items():
            expected = 0.0 if name == client.name else 0.1
            assert strength(client.sound(), hz) == pytest.approx(expected, abs=0.02), (client.name, name)
    assert {(room, speaking) for room, _, speaking in stage.voices} == {("room", True)}
    assert {name for _, name, _ in stage.voices} == set(tones)


async def test_a_muted_caller_and_one_who_waits_are_not_heard(stage: Stage) -> None:
    ann, bob, cid = await stage.join("ann", "bob", "cid")
    stage.bridge.apply("room", plan(ann, bob, cid))
    ann.speak(400.0)
    bob.speak(1100.0)
    await listen(cid, seconds=0.5)

    stage.bridge.apply("room", MediaPlan((replace(seat(ann), audible=False), seat(bob), replace(seat(cid), admitted=False))))
    await listen(ann, bob, cid, seconds=0.3)
    await listen(ann, bob, cid, seconds=1.0)

    assert strength(ann.sound(), 1100.0) == pytest.approx(0.1, abs=0.02)
    assert np.abs(bob.sound()).max() == 0
    assert np.abs(cid.sound()).max() == 0
    assert ("room", "ann", False) in stage.voices


async def test_a_lost_packet_costs_its_own_20_ms_and_no_more(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))
    lost = lose_every(20, ann)
    ann.speak(400.0)
    await listen(bob, seconds=0.5)

    before, machine = len(lost), Machine()
    await listen(bob, seconds=3.0)
    slack = machine.patience(1)

    blocks = np.sqrt((bob.sound()[: 140 * BLOCK].reshape(-1, 240) ** 2).mean(axis=1))
    missing = int((blocks < 0.03).sum()) * 240 / BLOCK
    assert len(lost) - before >= 6
    assert missing <= slack * (len(lost) - before + 1)
    assert stage.bridge.stats()["room"].calls[ann.call].late < slack * BLOCK


def lose_every(count: int, client: Client) -> list[int]:
    """Drop each n-th audio packet that the client sends; what was dropped so far."""
    sender, sent, lost = client.peer.transceivers[Slot.AUDIO].sender, [0], list[int]()
    send = sender.send

    def lossy(unit: AccessUnit, *, captured: float) -> bool:
        sent[0] += 1
        if sent[0] % count == 0:
            lost.append(sent[0])
            sender._sequence_number += 1
            return True
        return send(unit, captured=captured)

    sender.send = lossy  # type: ignore[method-assign]
    return lost


async def test_a_plan_that_comes_before_the_call_is_kept(stage: Stage) -> None:
    bob = Client("bob")
    (ann,) = await stage.join("ann")
    stage.bridge.apply("room", plan(ann, bob))
    stage.clients.append(bob)

    await bob.join(stage.bridge)
    ann.show(9)
    await bob.until(enough_pictures(bob, 5))

    assert bob.streams()[-1] == 9


async def test_who_leaves_while_speaking_is_reported_silent(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))
    ann.speak(400.0)
    await bob.until(lambda: ("room", "ann", True) in stage.voices)

    await stage.bridge.close(ann.call)

    assert stage.voices[-1] == ("room", "ann", False)


async def test_sound_never_stops_while_nobody_speaks(stage: Stage) -> None:
    (ann,) = await stage.join("ann")
    stage.bridge.apply("room", plan(ann))

    await listen(ann, seconds=1.0)

    times = [unit.timestamp for unit in ann.units[Slot.AUDIO]]
    assert set(np.diff(times)) == {BLOCK}
    assert np.abs(ann.sound()).max() == 0


async def test_the_stamped_picture_of_the_speaker_is_seen(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))
    ann.show(3)

    await bob.until(lambda: len(bob.units[Slot.VIDEO]) > 20)
    await ann.until(lambda: len(ann.units[Slot.VIDEO]) > 2)

    marks = [picture.mark for picture in bob.pictures() if picture.mark]
    assert {mark.stream for mark in marks} == {3}
    numbers = [mark.frame for mark in marks]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert bob.units[Slot.VIDEO][-1].codec == "vp8"
    assert ann.streams() == [None]


async def test_the_splash_is_sent_again_and_again(stage: Stage) -> None:
    (ann,) = await stage.join("ann")
    stage.bridge.apply("room", plan(ann))

    await ann.until(lambda: len(ann.units[Slot.VIDEO]) > PICTURES)

    arrivals = [unit.arrival for unit in ann.units[Slot.VIDEO]]
    assert np.diff(arrivals).max() < 1.2
    assert ann.units[Slot.VIDEO][0].keyframe
    assert not all(unit.keyframe for unit in ann.units[Slot.VIDEO])
    assert ann.pictures()[-1].luma.shape == (360, 640)


async def test_a_switch_of_the_speaker_keeps_the_picture_whole(stage: Stage) -> None:
    ann, bob, cid = await stage.join("ann", "bob", "cid")
    both = plan(ann, bob, cid)
    stage.bridge.apply("room", both)
    ann.show(1)
    bob.show(2)
    await cid.until(lambda: len(cid.units[Slot.VIDEO]) > 10)
    await cid.refresh()

    stage.bridge.apply("room", replace(both, stage=("bob", "ann", "cid")))
    await cid.until(lambda: cid.streams()[-1] == 2)

    assert cid.streams() == [1, 2]
    switched = [picture.captured for picture in cid.pictures()]
    assert np.diff(switched).max() < 0.5


async def test_a_source_that_stalls_makes_room_for_the_next(stage: Stage) -> None:
    ann, bob, cid = await stage.join("ann", "bob", "cid")
    stage.bridge.apply("room", plan(ann, bob, cid))
    shown = ann.show(1)
    bob.show(2)
    await cid.until(lambda: len(cid.units[Slot.VIDEO]) > 10)

    shown.cancel()
    await cid.until(lambda: cid.streams()[-1] == 2)

    assert cid.streams() == [1, 2]


async def test_who_is_video_muted_vanishes(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))
    ann.show(1)
    await bob.until(lambda: 1 in bob.streams())

    stage.bridge.apply("room", MediaPlan((replace(seat(ann), visible=False), seat(bob)), stage=("ann", "bob")))
    bob.forget()
    await bob.until(lambda: len(bob.units[Slot.VIDEO]) > 1)

    assert bob.streams() == [None]


async def test_slides_go_to_the_others_while_the_floor_is_held(stage: Stage) -> None:
    ann, bob, cid = await stage.join("ann", "bob", "cid")
    stage.bridge.apply("room", replace(plan(ann, bob, cid), presenter="ann"))
    ann.show(5, slot=Slot.PRESENTATION, fps=5)
    await bob.until(lambda: len(bob.units[Slot.PRESENTATION]) > 3)
    await cid.until(lambda: len(cid.units[Slot.PRESENTATION]) > 3)

    (dot,) = await stage.join("dot")
    stage.bridge.apply("room", replace(plan(ann, bob, cid, dot), presenter="ann"))
    await dot.until(lambda: len(dot.units[Slot.PRESENTATION]) > 3)
    stage.bridge.apply("room", plan(ann, bob, cid, dot))
    for client in (bob, cid, dot):
        assert client.streams(Slot.PRESENTATION) == [5]
        client.forget()
    await listen(bob, cid, dot, seconds=0.6)

    assert ann.units[Slot.PRESENTATION] == []
    assert len(bob.units[Slot.PRESENTATION]) <= 1


async def test_another_codec_is_transcoded_once_for_all_who_need_it(stage: Stage) -> None:
    (ann,) = await stage.join("ann", codecs=("vp8",))
    bob, cid = await stage.join("bob", "cid", codecs=("h264",))
    stage.bridge.apply("room", plan(ann, bob, cid))
    ann.show(7)

    for client in (bob, cid):
        await client.until(enough_pictures(client, 20))

    for client in (bob, cid):
        assert client.units[Slot.VIDEO][-1].codec == "h264"
        assert client.streams()[-1] == 7
    room = stage.bridge.stats()["room"]
    assert set(room.transcoders) == {("call-ann", "h264")}
    assert all(stats.waiting < BACKLOG for stats in room.transcoders.values())


@pytest.mark.parametrize("skew", [0.0, 41.5, -7200.0])
async def test_sound_and_picture_of_a_skewed_sender_arrive_on_the_nodes_clock(stage: Stage, skew: float) -> None:
    (ann,) = await stage.join("ann", skew=skew)
    (bob,) = await stage.join("bob")
    stage.bridge.apply("room", plan(ann, bob))
    ann.show(3)
    ann.speak(50.0, level=0.3)
    await listen(bob, seconds=2.0)

    await bob.refresh()
    await bob.until(enough_sound(bob, 1.0))

    shown = [picture for picture in bob.pictures() if picture.mark]
    video = [(picture.captured * 1000 - picture.mark.ms + 500) % 65536 - 500 for picture in shown if picture.mark]
    assert np.median(video) == pytest.approx(0, abs=20)
    assert tone_delay(bob, 50.0) * 1000 - np.median(video) == pytest.approx(0, abs=20)


def tone_delay(client: Client, hz: float) -> float:
    """By how much what the client hears is later than its capture time says, in seconds; less than half a period of the tone."""
    decoder, phases = AudioDecoder(), []
    for number, unit in enumerate(client.units[Slot.AUDIO]):
        (frame,) = decoder.decode(unit)
        assert unit.ntp is not None
        wave = frame.to_ndarray().reshape(-1, 2)[:, 0]
        times = unit.ntp + (np.arange(BLOCK) - LOOKAHEAD) / RATE
        if number > 5:
            phases.append(np.sum(wave * np.exp(-2j * np.pi * hz * (times % 1.0))))
    # sin(wt) correlates to the angle -90 degrees; a delay turns it further by -w * delay.
    turned = np.angle(np.sum(phases) * np.exp(0.5j * np.pi))
    return float(-turned / (2 * np.pi * hz))


async def test_no_queue_grows(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))
    ann.speak(400.0)
    bob.speak(650.0)
    machine = Machine()
    await listen(ann, bob, seconds=2.0)

    room, slack = stage.bridge.stats()["room"], machine.patience(1)

    assert room.ticks > 80
    for stats in room.calls.values():
        assert stats.waiting < INBOX / 5
        assert stats.dropped == 0
        assert stats.ahead < slack * RATE / 5


async def test_an_offer_that_is_none_is_refused(stage: Stage) -> None:
    with pytest.raises(NegotiationFailed):
        await stage.bridge.open("room", "ann", "call-ann", "v=0\r\n", bandwidth=None)

    assert stage.bridge.stats() == {}
    assert not stage.bridge.capabilities("call-ann").audio


async def test_an_unknown_call_is_no_error_but_cannot_be_updated(stage: Stage) -> None:
    stage.bridge.candidate("who", "candidate:junk", None, None)
    stage.bridge.start("who")
    await stage.bridge.close("who")

    with pytest.raises(NegotiationFailed):
        await stage.bridge.update("who", "v=0\r\n")


async def test_capabilities_follow_the_last_answer(stage: Stage) -> None:
    (ann,) = await stage.join("ann")
    assert stage.bridge.capabilities(ann.call).presentation

    ann.peer.set_direction(Slot.VIDEO, Direction.INACTIVE)
    await ann.peer.set_answer(await stage.bridge.update(ann.call, await ann.peer.create_offer()))

    media = stage.bridge.capabilities(ann.call)
    assert (media.audio, media.video, media.presentation) == (True, False, True)


async def test_slides_that_are_inactive_until_somebody_presents_count(stage: Stage) -> None:
    """As clients in use offer them."""
    (ann,) = await stage.join("ann")

    ann.peer.set_direction(Slot.PRESENTATION, Direction.INACTIVE)
    await ann.peer.set_answer(await stage.bridge.update(ann.call, await ann.peer.create_offer()))

    assert stage.bridge.capabilities(ann.call).presentation


async def test_a_call_whose_peer_goes_away_is_reported_lost(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))

    await ann.peer.close()
    await bob.until(lambda: bool(stage.lost))

    assert [call for call, _ in stage.lost] == ["call-ann"]
    assert stage.lost[0][1].endswith(".")


async def test_a_room_ends_with_its_last_call(stage: Stage) -> None:
    ann, bob = await stage.join("ann", "bob")
    stage.bridge.apply("room", plan(ann, bob))

    await stage.bridge.close(ann.call)
    remaining = set(stage.bridge.stats()["room"].calls)
    await stage.bridge.close(bob.call)

    assert remaining == {bob.call}
    assert stage.bridge.stats() == {}
    assert stage.lost == []


async def test_a_call_may_move_to_another_room(stage: Stage) -> None:
    ann, bob, cid = await stage.join("ann", "bob", "cid")
    stage.bridge.apply("room", plan(ann, bob, cid))
    ann.speak(400.0)
    bob.speak(1100.0)

    stage.bridge.apply("breakout", plan(bob, cid))
    stage.bridge.apply("room", plan(ann))
    await listen(cid, seconds=0.5)
    await listen(cid, seconds=1.0)

    assert strength(cid.sound(), 1100.0) == pytest.approx(0.1, abs=0.02)
    assert strength(cid.sound(), 400.0) < 0.01


async def test_closing_twice_is_fine(stage: Stage) -> None:
    await stage.join("ann")

    closing: Awaitable[None] = stage.bridge.aclose()
    await closing
    await stage.bridge.aclose()

    assert stage.bridge.stats() == {}


async def test_a_room_goes_on_mixing_when_the_machines_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    with ThreadPoolExecutor(1) as executor:
        room = BridgedRoom("room", Signs("Room"), sound=executor, pictures=executor, on_voice=lambda *_: None)
        await _ticked(room, 2)

        monkeypatch.setattr(time, "time", lambda: right() - 3600)

        await _ticked(room, 10)
        assert room.stats().skipped == 0
        await room.aclose()


async def _ticked(room: BridgedRoom, count: int) -> None:
    async with asyncio.timeout(5):
        while room.stats().ticks < count:  # noqa: ASYNC110  # a snapshot tells nobody of the next
            await asyncio.sleep(0.01)
