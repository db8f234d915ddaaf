"""The main video never pauses: a splash for who is alone or waits, then whoever speaks, soon after a switch."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pexrtc_media import Pattern, Tone
from tests.media_checks import Ear, Eye, call_of, streams, strength, until

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from tests.conftest import Join
    from tests.phenomena.machine import Machine

PAUSE = 1.5
"""Seconds after which clients take the main video for lost."""


def film(stream: int) -> Pattern:
    return Pattern((320, 180), 30, stamp=stream)


async def test_a_guest_waits_with_a_splash_until_the_host_comes(join: Join, machine: Machine) -> None:
    guest = await join("Guest", alias="meet.lobby", pin="5678", video=film(2), audio=Tone(800))
    seen, heard = Eye(call_of(guest).video), Ear(call_of(guest).audio)
    assert guest.in_lobby
    waiting = await seen.sees(None)
    await heard.hears(None)
    assert np.abs(heard.sound().samples).max() == 0

    host = await join("Host", alias="meet.lobby", pin="1234", video=film(1), audio=Tone(440))
    seen_by_host, heard_by_host = Eye(call_of(host).video), Ear(call_of(host).audio)
    await guest.admitted(timeout=5)
    await seen.sees(1)
    await seen_by_host.sees(2)
    await heard.hears(440)
    await heard_by_host.hears(800)

    sound, sound_to_host = heard.sound(), heard_by_host.sound()
    assert waiting.light > 25  # dark, but not black
    assert strength(sound.samples, 800) < 0.01
    assert strength(sound_to_host.samples, 440) < 0.01
    assert streams(seen.pictures()) == [None, 1]
    assert seen.gap() < machine.patience(PAUSE)


async def test_who_is_alone_sees_a_splash_again_and_again(join: Join, machine: Machine) -> None:
    ann = await join("Ann", video=film(1))
    seen = Eye(call_of(ann).video)

    await until(lambda: len(seen.arrivals) >= 4)

    assert streams(seen.pictures()) == [None]
    assert {picture.size for picture in seen.pictures()} == {(640, 360)}
    assert seen.gap() < machine.patience(PAUSE)


async def test_the_picture_never_pauses_while_speakers_change_mute_and_leave(join: Join, machine: Machine) -> None:
    viewer = await join("Viewer")
    seen = Eye(call_of(viewer).video)
    await seen.sees(None)
    ann = await join("Ann", video=film(1), audio=Tone(440))
    await seen.sees(1)
    bob = await join("Bob", video=film(2))
    cid = await join("Cid", video=film(3))

    await speaks(bob, instead_of=ann)
    await seen.sees(2)
    await viewer.participant(bob.my_uuid).video_muted()
    await seen.sees(1)
    await viewer.participant(bob.my_uuid).video_unmuted()
    await seen.sees(2)
    await bob.leave()
    await seen.sees(1)
    await ann.leave()
    await seen.sees(3)
    await cid.leave()
    await seen.sees(None)
    await asyncio.wait_for(call_stays(seen), 10)

    assert streams(seen.pictures()) == [None, 1, 2, 1, 2, 1, 3, None]
    assert seen.gap() < machine.patience(PAUSE)


async def call_stays(seen: Eye) -> None:
    """Two more splashes come."""
    count = len(seen.arrivals)
    await until(lambda: len(seen.arrivals) >= count + 2)


async def speaks(speaker: Conference, *, instead_of: Conference) -> None:
    await call_of(instead_of).audio.send(None)
    await call_of(speaker).audio.send(Tone(600))


async def test_a_keyframe_comes_soon_after_the_speaker_changed(join: Join, machine: Machine) -> None:
    viewer = await join("Viewer")
    ann = await join("Ann", video=film(1), audio=Tone(440))
    bob = await join("Bob", video=film(2))
    seen = Eye(call_of(viewer).video)
    await seen.sees(1)
    delays = []

    for speaker, other, stream in ((bob, ann, 2), (ann, bob, 1), (bob, ann, 2)):
        await speaks(speaker, instead_of=other)
        await until(partial(leads, viewer, speaker))
        told = asyncio.get_running_loop().time()
        await seen.sees(stream)
        delays.append(asyncio.get_running_loop().time() - told)

    print(f"seen after {[round(delay, 3) for delay in delays]} s")
    bound = machine.patience(1.0)
    assert min(delays) < 0.7 * bound
    assert max(delays) < PAUSE * bound
    assert seen.gap() < PAUSE * bound


def leads(viewer: Conference, speaker: Conference) -> bool:
    """Whether the viewer was told that this one spoke last."""
    return viewer.stage[0].participant_uuid == speaker.my_uuid


async def test_who_speaks_is_told_first_on_stage(join: Join) -> None:
    viewer, ann, bob = await join("Viewer"), await join("Ann", audio=Tone(440)), await join("Bob")

    await until(partial(leads, viewer, ann))
    await speaks(bob, instead_of=ann)
    await until(partial(leads, viewer, bob))

    assert [entry.participant_uuid for entry in viewer.stage][:2] == [bob.my_uuid, ann.my_uuid]


async def test_who_is_muted_by_the_host_is_not_heard_until_unmuted(join: Join) -> None:
    host = await join("Host", alias="meet.lobby", pin="1234")
    guest = await join("Guest", alias="meet.lobby", pin="5678", audio=Tone(800))
    heard = Ear(call_of(host).audio)
    await heard.hears(800)

    await host.participant(guest.my_uuid).mute()
    await until(lambda: guest.me.is_muted is True)
    await heard.hears(None)
    await host.participant(guest.my_uuid).unmute()

    await heard.hears(800)
