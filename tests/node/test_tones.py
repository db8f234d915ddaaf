from __future__ import annotations

import numpy as np
import pytest

from pexrtc_py.node.mixing import TONES, Mixer
from pexrtc_py.node.sound import BLOCK
from pexrtc_py.node.tones import KEYS, OFF, ON, PAUSED, played
from tests.media_checks import keys_in


@pytest.mark.parametrize("keys", [KEYS, "0", "110", "*5#"])
def test_keys_are_found_in_their_tones(keys: str) -> None:
    samples = np.concatenate(list(played(keys)))[:, 0] / 32768

    assert keys_in(samples) == keys


def test_a_pause_is_two_seconds_of_silence() -> None:
    blocks = list(played("1,2"))

    assert len(blocks) == 2 * (ON + OFF) + PAUSED
    assert not any(block.any() for block in blocks[ON : ON + OFF + PAUSED])
    assert all(block.shape == (BLOCK, 2) for block in blocks)


def test_only_the_one_who_is_dialled_hears_it_and_with_the_others() -> None:
    mixer = Mixer(0)
    mixer.keep(["ann"], unprocessed=["ann"])
    ring = mixer.ring("ann")
    assert ring is not None
    time = np.arange(30 * BLOCK) / 48_000
    ring.write(0, np.repeat(np.asarray(3000 * np.sin(2 * np.pi * 300 * time), np.int16)[:, None], 2, axis=1))
    mixer.dial("bob", "7")

    heard: dict[str, list[np.ndarray]] = {"bob": [], "cid": []}
    for _ in range(ON + OFF + 2):
        for mix in mixer.tick(["bob", "cid"]).mixes:
            for listener in mix.listeners:
                heard[listener].append(mix.block[:, 0] / 32768)

    bob, cid = (np.concatenate(blocks) for blocks in heard.values())
    assert len(bob) == len(cid) == (ON + OFF + 2) * BLOCK
    assert keys_in(bob - cid) == "7"
    assert keys_in(cid) == ""
    assert np.abs(cid).max() > 0.05


def test_tones_beyond_a_minute_are_left_out_and_counted() -> None:
    mixer = Mixer(0)
    for _ in range(5):
        mixer.dial("bob", "1" * 100)

    assert mixer.tones_dropped == 5 * 100 * (ON + OFF) - TONES
    first = mixer.tick(["bob"]).mixes[0].block
    assert np.array_equal(first, next(played("1")))


def test_no_keys_are_no_tones() -> None:
    mixer = Mixer(0)
    mixer.dial("bob", "")

    assert mixer.tick(["bob"]).silent == ("bob",)


def test_tones_of_who_left_are_forgotten() -> None:
    mixer = Mixer(0)
    mixer.dial("bob", "123")

    mixer.tick(["cid"])

    assert mixer.tick(["bob"]).silent == ("bob",)
