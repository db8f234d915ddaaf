"""Mixing: everybody hears everybody but itself, at the right time, without clicks."""

from __future__ import annotations

import numpy as np
import pytest

from pexrtc_py.node.mixing import Mixed, Mixer
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


def speak(mixer: Mixer, callers: dict[str, float], listeners: list[str], blocks: int) -> list[Mixed]:
    ticks = []
    for _ in range(blocks):
        for name, frequency in callers.items():
            write(mixer, name, mixer.position, tone(frequency, mixer.position))
        ticks.append(mixer.tick(listeners))
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
