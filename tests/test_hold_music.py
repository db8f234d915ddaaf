"""Music for those who wait, or are on hold, and for nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

import pexrtc_py
from pexrtc_media import Tone
from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.decoders import AudioDecoder
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.hold_music import BEAT, CHORDS, music
from pexrtc_py.protocol.requests import Hold
from tests.media_checks import RATE, Ear, call_of, strength, until

NOTES = sorted({note for chord in CHORDS for note in chord})


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(Vmr("lab", host_pin="1")) as running:
        yield running


def joining(node: Node, name: str, pin: str, hz: float) -> pexrtc_py.Joining:
    return pexrtc_py.join("lab", node=node.url, display_name=name, pin=pin, audio=Tone(hz))


async def hears_notes(ear: Ear) -> None:
    """Wait until a second and a half of what comes from now on holds two notes of the music at least."""
    begun = len(ear.units)

    def is_music() -> bool:
        if len(ear.units) < begun + 80:
            return False
        samples = ear.sound(80).samples[-3 * RATE // 2 :]
        return sum(strength(samples, note) > 0.005 for note in NOTES) >= 2

    await until(is_music, 15, what="two notes of the music")


async def test_there_is_music_until_the_host_comes_and_on_hold(node: Node) -> None:
    async with joining(node, "Guest", "none", 800) as guest:
        of_guest = Ear(call_of(guest).audio)
        await hears_notes(of_guest)
        async with joining(node, "Host", "1", 1500) as host:
            of_host = Ear(call_of(host).audio)
            await guest.admitted(timeout=5)
            await of_guest.hears(1500)
            await of_host.hears(800)
            in_conference = of_guest.sound().samples[-RATE // 4 :]

            await host.participant(guest.me.uuid).send(Hold())
            await hears_notes(of_guest)
            on_hold = of_guest.sound().samples[-RATE:]

    assert max(strength(in_conference, note) for note in NOTES) < 0.01
    assert strength(on_hold, 1500) < 0.005
    assert max(strength(of_host.sound().samples, note) for note in NOTES) < 0.01


def test_a_round_is_neither_loud_nor_silent_and_ends_where_it_begins() -> None:
    decoder, packets = AudioDecoder(channels=1), music()

    frames = [frame for data in (*packets, *packets[:50]) for frame in decoder.decode(AccessUnit(data, "opus", 0, RATE))]
    samples = np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(float) / 32768

    assert len(packets) == round(len(CHORDS) * 8 * BEAT / 0.02)
    assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.15
    assert np.abs(samples).max() < 0.7
    seam = len(packets) * 960
    steps = np.abs(np.diff(samples))
    assert steps[seam - 500 : seam + 1500].max() < 1.5 * steps[2000:seam].max()
