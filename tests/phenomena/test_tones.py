"""Tones of telephone keys arrive in the sound of whom they are for, and of nobody else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from pexrtc_media import Tone
from pexrtc_py.protocol.requests import Dtmf
from tests.media_checks import Ear, call_of, keys_in, strength, until

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from tests.conftest import Join

KEYS = "147*0#D"
TRIES = 3
"""A busy machine leaves out some of the sound, and then a press is lost, or heard as two; none of these is meant twice."""


async def heard(ann: Conference, bob: Conference, ear: Ear) -> str:
    """The keys that Bob hears when Ann presses some for him."""
    begun = len(ear.units)
    await ann.participant(bob.me.uuid).send(Dtmf(digits=KEYS))
    await until(lambda: len(ear.units) >= begun + 120, 15)  # seven keys take 70, and a mix is behind by some
    return "".join(key for key, _ in itertools.groupby(keys_in(ear.sound(len(ear.units) - begun).samples)))


async def test_tones_are_heard_by_their_target_alone(join: Join) -> None:
    ann, bob, cid = await join("Ann", audio=Tone(300)), await join("Bob"), await join("Cid")
    of_bob, of_cid = Ear(call_of(bob).audio), Ear(call_of(cid).audio)
    await of_bob.hears(300)
    await of_cid.hears(300)

    tries = [await heard(ann, bob, of_bob)]
    while tries[-1] != KEYS and len(tries) < TRIES:
        tries.append(await heard(ann, bob, of_bob))

    assert tries[-1] == KEYS, tries
    assert keys_in(of_cid.sound().samples) == ""
    assert strength(of_bob.sound(30).samples, 300) > 0.05
    assert np.abs(of_cid.sound().samples).max() > 0.05
