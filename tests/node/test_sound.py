"""Sound: rings place samples by their time and never click, gates and voices tell speech from noise."""

from __future__ import annotations

import numpy as np
import pytest

from pexrtc_py.node.sound import BLOCK, CEILING, FADE, GATE_HOLD, RATE, Block, Gate, Ring, Voice, level, limit

START = 1_700_000_000 * RATE


def tone(frequency: float, start: int, count: int = BLOCK, *, amplitude: float = 0.1) -> Block:
    phase = 2 * np.pi * frequency * (np.arange(start, start + count) % RATE) / RATE
    wave = np.round(amplitude * CEILING * np.sin(phase)).astype(np.int16)
    return np.stack([wave, wave], axis=1)


def test_a_stream_that_ends_does_not_click() -> None:
    ring = Ring(START)
    ring.write(START, np.full((BLOCK, 2), 8000, np.int16))

    sound = np.concatenate([ring.read(START), ring.read(START + BLOCK), ring.read(START + 2 * BLOCK)])[:, 0].astype(int)

    assert np.abs(np.diff(sound[FADE:])).max() < 100
    assert not sound[BLOCK + FADE :].any()


def test_samples_after_their_time_are_dropped_and_counted() -> None:
    ring = Ring(START + BLOCK)

    ring.write(START, np.full((BLOCK, 2), 8000, np.int16))
    ring.write(START + BLOCK // 2, np.full((BLOCK, 2), 8000, np.int16))

    assert ring.late == BLOCK + BLOCK // 2
    assert ring.depth == BLOCK // 2


def test_samples_far_in_the_future_are_refused_and_counted() -> None:
    ring = Ring(START)

    ring.write(START + 2 * RATE, np.full((BLOCK, 2), 8000, np.int16))

    assert ring.refused == BLOCK
    assert not ring.read(START).any()


def test_a_ring_that_was_not_read_for_long_holds_nothing_old() -> None:
    ring = Ring(START)
    ring.write(START, np.full((BLOCK, 2), 8000, np.int16))

    later = ring.read(START + 10 * RATE)

    assert not later.any()
    assert not ring.read(START + 10 * RATE + BLOCK).any()


def test_overlapping_samples_blend() -> None:
    ring = Ring(START)
    ring.write(START, np.full((BLOCK, 2), 8000, np.int16))

    ring.write(START + BLOCK - 480, np.full((BLOCK, 2), 6000, np.int16))

    sound = np.concatenate([ring.read(START), ring.read(START + BLOCK)])[:, 0].astype(int)
    assert (sound[FADE : BLOCK - 480] == 8000).all()
    assert (sound[BLOCK - 480 + FADE : BLOCK + 480] == 6000).all()
    assert np.abs(np.diff(sound[FADE : BLOCK + 480])).max() < 50


def test_loud_sums_stay_in_range_and_quiet_ones_are_untouched() -> None:
    quiet = np.array([[100, -20000]], np.int32)
    loud = np.array([[5 * CEILING, -5 * CEILING], [30000, -30000]], np.int32)

    assert limit(quiet).tolist() == quiet.tolist()
    limited = limit(loud)
    assert limited[0].tolist() == [CEILING, -CEILING]
    assert 24000 < limited[1, 0] < 30000
    assert limited[1, 1] == -limited[1, 0]


def test_levels_are_decibels_below_full_scale() -> None:
    assert level(tone(1000.0, 0, amplitude=1.0)) == pytest.approx(-3.0, abs=0.1)
    assert level(tone(1000.0, 0, amplitude=0.01)) == pytest.approx(-43.0, abs=0.2)
    assert level(np.zeros((BLOCK, 2), np.int16)) == -120.0


def test_a_gate_stays_open_for_a_second_after_speech() -> None:
    gate = Gate()
    loud, hum = tone(1000.0, 0), tone(1000.0, 0, amplitude=0.0005)

    opened = [gate.through(loud, level(loud)) is not None]
    opened += [gate.through(hum, level(hum)) is not None for _ in range(GATE_HOLD + 2)]

    assert opened == [True] * (GATE_HOLD + 1) + [False] * 2


def test_a_voice_is_heard_with_hysteresis() -> None:
    voice = Voice()
    speech, pause = -20.0, -70.0

    changes = [voice.hear(speech) for _ in range(10)] + [voice.hear(pause) for _ in range(20)] + [voice.hear(speech) for _ in range(5)]

    assert changes.count(True) == 1
    assert voice.speaking
    assert sum(voice.hear(pause) for _ in range(100)) == 1
    assert not voice.speaking
