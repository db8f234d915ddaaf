"""Scripted participants in real calls: what is seen, heard and presented of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from pexrtc_py.node import Bot, Node
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import PresentationStop
from tests.media_checks import Ear, Eye, call_of, until

if TYPE_CHECKING:
    from tests.conftest import Join


async def test_a_bot_is_seen_and_heard(join: Join, node: Node) -> None:
    ann = await join("Ann")
    seen, heard = Eye(call_of(ann).video), Ear(call_of(ann).audio)

    node.room("meet.alice").add(Bot("Ada", stamp=7, sound=440))

    picture = await seen.sees(7)
    await heard.hears(440)
    assert picture.size == (640, 360)


async def test_a_bot_presents_until_it_is_told_to_stop(join: Join, node: Node) -> None:
    ann = await join("Ann")
    seen = Eye(call_of(ann).presentation)
    bot = node.room("meet.alice").add(Bot("Ada", stamp=5, slides=True))

    bot.send(requests.TakeFloor())
    await seen.sees(5)
    stopped = asyncio.create_task(ann.wait_for(PresentationStop, timeout=5))
    await asyncio.sleep(0)
    bot.send(requests.ReleaseFloor())

    await stopped
    assert node.room("meet.alice").floor is None


async def test_a_bots_voice_brings_it_on_stage(join: Join, node: Node) -> None:
    ann = await join("Ann")
    heard = Ear(call_of(ann).audio)
    node.room("meet.alice").add(Bot("Silent", stamp=1, sound=None))
    speaker = node.room("meet.alice").add(Bot("Ada", stamp=2, sound="voice"))
    seen = Eye(call_of(ann).video)

    await until(lambda: node.room("meet.alice").stage[0].uuid == speaker.uuid)
    await seen.sees(2)
    samples = heard.sound().samples
    assert np.abs(samples).max() > 0.05


async def test_a_bot_that_leaves_is_seen_no_more(join: Join, node: Node) -> None:
    ann = await join("Ann")
    seen = Eye(call_of(ann).video)
    bot = node.room("meet.alice").add(Bot("Ada", stamp=3))
    await seen.sees(3)

    bot.leave()

    await seen.sees(None)
    assert [participant.display_name for participant in ann.participants.values()] == ["Ann"]
