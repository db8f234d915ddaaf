"""Mixing: everybody hears everybody but itself, at the right time, without clicks."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest
from av import AudioFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import AudioDecoder
from pexrtc_py.engine.encoders import SILENT_OPUS, OpusEncoder
from pexrtc_py.node.audio_mixes import Blend
from pexrtc_py.node.mixing import EVERYBODY, LOOKAHEAD, Job, Mixed, Mixer, MixingDesk, Played
from pexrtc_py.node.sound import BLOCK, CEILING, FADE, RATE, Block

START = 1_700_000_000 * RATE
TONES = {"ann": 400.0, "bob": 650.0, "cid": 1100.0, "dot": 1750.0, "eve": 2600.0}


def tone(frequency: float, start: int, count: int = BLOCK, *, amplitude: float = 0.1) -> Block:
    phase = 2 * np.pi * frequency * (np.arange(start, start + count) % RATE) / RATE
    wave = np.round(amplitude * CEILING * np.sin(phase)).astype(np.int16)
    return np.stack([wave, wave], axis=1)


def strength(samples: Block, frequency: float) -> float:
    """Amplitude of a frequency in the left channel, 1 for full scale."""
    wave = samples[:, 0].astype(np.float64) * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(wave)) / (len(samples) / 4) / CEILING
    return float(spectrum[round(frequency * len(samples) / RATE)])


def write(mixer: Mixer, caller: str, start: int, samples: Block) -> None:
    ring = mixer.ring(caller)
    assert ring is not None
    ring.write(start, samples)


def heard(ticks: list[Mixed], listener: str) -> Block:
    return np.concatenate([_block_of(tick, listener) for tick in ticks])


def _block_of(tick: Mixed, listener: str) -> Block:
    for mix in tick.mixes:
        if listener in mix.listeners:
            return mix.block
    assert listener in tick.silent
    return np.zeros((BLOCK, 2), np.int16)


def speak(
    mixer: Mixer, callers: dict[str, float], listeners: list[str], blocks: int, blends: Mapping[str, Blend] = EVERYBODY
) -> list[Mixed]:
    ticks = []
    for _ in range(blocks):
        for name, frequency in callers.items():
            write(mixer, name, mixer.position, tone(frequency, mixer.position))
        ticks.append(mixer.tick(listeners, blends))
    return ticks


def test_each_of_five_hears_the_four_others_and_not_itself() -> None:
    mixer = Mixer(START)
    mixer.keep(TONES)

    ticks = speak(mixer, TONES, list(TONES), 60)

    for listener in TONES:
        sound = heard(ticks[10:], listener)
        for caller, frequency in TONES.items():
            expected = 0.0 if caller == listener else 0.1
            assert strength(sound, frequency) == pytest.approx(expected, abs=0.002), (listener, caller)


def test_all_who_do_not_speak_share_one_mix() -> None:
    mixer = Mixer(START)
    mixer.keep(TONES)

    ticks = speak(mixer, {"ann": 400.0, "bob": 650.0}, list(TONES), 10)

    assert {mix.callers: set(mix.listeners) for mix in ticks[-1].mixes} == {
        frozenset({"bob"}): {"ann"},
        frozenset({"ann"}): {"bob"},
        frozenset({"ann", "bob"}): {"cid", "dot", "eve"},
    }


def test_nobody_speaking_is_silence_and_costs_no_mix() -> None:
    mixer = Mixer(START)
    mixer.keep(TONES)

    tick = mixer.tick(list(TONES))

    assert tick.mixes == ()
    assert set(tick.silent) == set(TONES)


def test_a_muted_caller_is_not_heard_and_its_voice_ends() -> None:
    mixer = Mixer(START)
    mixer.keep({"ann", "bob"})
    speak(mixer, {"ann": 400.0}, ["ann", "bob"], 20)

    ended = mixer.keep({"bob"})

    assert ended == ("ann",)
    assert mixer.ring("ann") is None
    assert set(mixer.tick(["ann", "bob"]).silent) == {"ann", "bob"}


def test_a_new_mix_comes_with_the_block_before_it() -> None:
    mixer = Mixer(START)
    mixer.keep(TONES)
    speak(mixer, {"ann": 400.0}, ["eve"], 10)

    first = speak(mixer, {"ann": 400.0, "bob": 650.0}, ["eve"], 1)[0].mixes[0]
    second = speak(mixer, {"ann": 400.0, "bob": 650.0}, ["eve"], 1)[0].mixes[0]

    assert first.lead is not None
    assert np.array_equal(first.lead, tone(400.0, START + 9 * BLOCK))
    assert second.lead is None


def test_samples_are_mixed_at_their_capture_time() -> None:
    mixer = Mixer(START)
    mixer.keep({"ann"})
    click = np.full((BLOCK, 2), 8000, np.int16)

    write(mixer, "ann", START + 1500, click)
    sound = heard([mixer.tick(["bob"]) for _ in range(4)], "bob")

    first = int(np.flatnonzero(np.abs(sound[:, 0]) >= 8000)[0])
    assert first == pytest.approx(1500 + FADE, abs=2)


def test_a_missing_packet_is_silence_between_fades() -> None:
    mixer = Mixer(START)
    mixer.keep({"ann"})
    flat = np.full((BLOCK, 2), 8000, np.int16)
    for number in (0, 1, 3, 4):
        write(mixer, "ann", START + number * BLOCK, flat)

    sound = heard([mixer.tick(["bob"]) for _ in range(5)], "bob")[:, 0].astype(int)

    assert not sound[2 * BLOCK + FADE : 3 * BLOCK].any()
    assert (sound[4 * BLOCK :] == 8000).all()
    assert np.abs(np.diff(sound[BLOCK:])).max() < 100


def test_skipped_blocks_are_not_played_later() -> None:
    mixer = Mixer(START)
    mixer.keep({"ann"})
    write(mixer, "ann", START, np.full((BLOCK, 2), 8000, np.int16))

    mixer.skip(3)

    assert mixer.position == START + 3 * BLOCK
    assert mixer.tick(["bob"]).silent == ("bob",)


class Caller:
    """Encodes a tone, hears what it is sent."""

    def __init__(self, frequency: float) -> None:
        self.frequency = frequency
        self.encoder, self.decoder = OpusEncoder(), AudioDecoder()
        self.packets: list[AccessUnit] = []

    def says(self, position: int) -> tuple[tuple[AccessUnit, float], ...]:
        frame = AudioFrame.from_ndarray(tone(self.frequency, position).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, position, Fraction(1, RATE)
        return tuple((unit, unit.timestamp / RATE) for unit in self.encoder.encode(frame))

    def heard(self) -> Block:
        frames = [frame for unit in self.packets for frame in self.decoder.decode(unit)]
        return np.concatenate([np.asarray(frame.to_ndarray(), np.int16).reshape(-1, 2) for frame in frames])


def run(desk: MixingDesk, callers: dict[str, Caller], listeners: tuple[str, ...], ticks: int, *, waiting: tuple[str, ...] = ()) -> Played:
    for _ in range(ticks):
        arrived = tuple((name, caller.says(desk.mixer.position + 3 * BLOCK)) for name, caller in callers.items())
        played = desk.work(Job(frozenset(callers), listeners, waiting, arrived))
        for unit, names in played.packets:
            for name in names:
                if name in callers:
                    callers[name].packets.append(unit)
    return played


def test_through_the_codecs_each_hears_the_four_others_and_not_itself() -> None:
    desk, callers = MixingDesk(START), {name: Caller(frequency) for name, frequency in TONES.items()}

    run(desk, callers, tuple(TONES), 60)

    for listener, caller in callers.items():
        sound = caller.heard()[10 * BLOCK :]
        for name, frequency in TONES.items():
            expected = 0.0 if name == listener else 0.1
            assert strength(sound, frequency) == pytest.approx(expected, abs=0.01), (listener, name)


def test_packets_carry_the_capture_time_of_what_they_play() -> None:
    desk = MixingDesk(START)
    click = np.zeros((BLOCK, 2), np.int16)
    click[400:500] = 12000
    ann = Caller(0)
    units = []
    for number, block in enumerate([click * 0, click, click * 0, click * 0]):
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, START + number * BLOCK, Fraction(1, RATE)
        units += ann.encoder.encode(frame)

    played = [desk.work(Job(frozenset({"ann"}), ("bob",), (), (("ann", ((unit, unit.timestamp / RATE),)),))) for unit in units]

    packets = [packet for tick in played for packet, _ in tick.packets]
    ann.packets = packets
    heard = packets[0].timestamp - LOOKAHEAD + float(np.argmax(np.abs(ann.heard()[:, 0]) > 4000))
    assert [packet.timestamp for packet in packets] == [START + number * BLOCK for number in range(4)]
    assert heard == pytest.approx(START + BLOCK + 400, abs=48)


def test_silence_and_the_waiting_room_get_the_constant_packet() -> None:
    desk = MixingDesk(START)

    played = run(desk, {"ann": Caller(400.0)}, ("ann",), 5, waiting=("lea",))

    assert [(unit.data, names) for unit, names in played.packets] == [(SILENT_OPUS, ("ann", "lea"))]


def test_listeners_who_hear_the_same_get_the_same_packet() -> None:
    desk = MixingDesk(START)

    played = run(desk, {"ann": Caller(400.0)}, ("ann", "bob", "cid", "dot"), 5)

    assert [names for _, names in played.packets] == [("bob", "cid", "dot"), ("ann",)]


def test_a_second_speaker_does_not_disturb_the_first() -> None:
    desk, ann, eve = MixingDesk(START), Caller(400.0), Caller(0.0)
    run(desk, {"ann": ann, "eve": eve}, ("eve",), 30)

    run(desk, {"ann": ann, "eve": eve, "bob": Caller(1100.0)}, ("eve",), 30)

    sound = eve.heard()[:, 0].astype(float)
    envelope = np.abs(sound[10 * BLOCK : 32 * BLOCK]).reshape(-1, 240).max(axis=1)
    assert envelope.min() > 0.07 * CEILING
    assert strength(eve.heard()[-20 * BLOCK :], 400.0) == pytest.approx(0.1, abs=0.01)
    assert strength(eve.heard()[-20 * BLOCK :], 1100.0) == pytest.approx(0.1, abs=0.01)


def test_a_damaged_packet_is_silence() -> None:
    desk = MixingDesk(START)
    broken = AccessUnit(b"\xff\xff\xff", "opus", START, RATE)

    played = desk.work(Job(frozenset({"ann"}), ("bob",), (), (("ann", ((broken, START / RATE),)),)))

    assert played.packets[0][0].data == SILENT_OPUS
