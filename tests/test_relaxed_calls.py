"""Calls that are only recorded are read at a tick; as soon as somebody looks, or something is sent, at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
import pytest

from pexrtc_media import Pattern, Tone, stamp
from pexrtc_py.conference import Conference
from pexrtc_py.engine.ticker import PROMPT, TICKS
from tests.conftest import Join
from tests.media_checks import Eye, call_of, until

pytestmark = pytest.mark.live
ANN = 3
SIZE = (320, 180)


def interval(conference: Conference) -> float:
    return call_of(conference).video.stats().inbound.read_interval


async def test_a_recorder_is_read_at_a_tick_and_its_file_is_whole(join: Join, tmp_path: Path) -> None:
    await join("Ann", video=Pattern(SIZE, 15, stamp=ANN), audio=Tone(500))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "a.mkv")
    began = interval(bot)
    await until(lambda: interval(bot) > 0, 10)
    relaxed, start = interval(bot), recording.duration
    await until(lambda: recording.duration > start + 3, 20)
    result = await recording.stop()

    assert began == 0
    assert relaxed in {*TICKS, PROMPT}  # the node is in this process too, and in a hurry
    numbers = []
    with av.open(str(result.path)) as container:
        for frame in container.decode(video=0):
            if (mark := stamp.read_at(frame)) is not None and mark.stream == ANN:
                numbers.append(mark.frame)
    assert len(numbers) > 30
    assert numbers == sorted(set(numbers))
    received = call_of(bot).video.received
    assert (received.packets_lost, received.frames_dropped, received.packets_discarded) == (0, 0, 0)


async def test_somebody_who_looks_gets_pictures_at_once(join: Join, tmp_path: Path) -> None:
    await join("Ann", video=Pattern(SIZE, 15, stamp=ANN))
    bot = await join("Bot")
    await bot.record(tmp_path / "a.mkv")
    await until(lambda: interval(bot) > 0, 10)

    eye = Eye(call_of(bot).video)
    at_once = interval(bot)
    await eye.sees(ANN)

    assert at_once == 0


async def test_who_sends_is_never_read_at_a_tick(join: Join) -> None:
    ann = await join("Ann", audio=Tone(500))
    bot = await join("Bot")

    await until(lambda: interval(bot) > 0, 10)
    await asyncio.sleep(0)

    assert interval(ann) == 0
