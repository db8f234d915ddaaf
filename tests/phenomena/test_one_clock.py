"""What one receiver gets is on one clock, however the senders' clocks are set: mix and forwarded video alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pexrtc_media import Silence
from tests.media_checks import Ear, Eye, call_of, lip_sync, pictures, sound, until
from tests.phenomena.commands import python
from tests.phenomena.machine import Machine

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node
    from tests.conftest import Join

HOUR = 3600.0


@pytest.mark.parametrize("off", [3 * HOUR, -5 * HOUR])
async def test_a_sender_whose_clock_is_hours_off_keeps_its_lips_in_step(node: Node, join: Join, tmp_path: Path, off: float) -> None:
    bot = await join("Bot")
    seen, heard = Eye(call_of(bot).video), Ear(call_of(bot).audio)
    await join("Other", audio=Silence())
    async with python("-m", "tests.phenomena.skewed_sender", node.url, str(off)) as sender:
        assert await sender.line() == "sending"
        recording = await bot.record(tmp_path / "skewed.mkv")
        pictures_before, sounds_before = len(seen.arrivals), len(heard.units)
        await until(lambda: len(seen.arrivals) > pictures_before + 175 and len(heard.units) > sounds_before + 290, 40)
        result = await recording.stop()

    in_file = lip_sync(pictures(result.path), sound(result.path))
    received = lip_sync(seen.pictures(), heard.sound())
    print(f"in the file {in_ms(in_file)}, received {in_ms(received)}")
    assert len(in_file) >= 4
    assert abs(float(np.median(in_file))) < 0.020
    assert abs(float(np.median(received))) < 0.020


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_a_call_survives_that_the_senders_clock_is_set(node: Node, join: Join, step: float) -> None:
    bot = await join("Bot")
    seen, heard = Eye(call_of(bot).video), Ear(call_of(bot).audio)
    async with python("-m", "tests.phenomena.skewed_sender", node.url, "0") as sender:
        assert await sender.line() == "sending"
        machine = Machine(sender.process.pid)
        await until(lambda: len(seen.arrivals) > 30, 20)
        sender.say(str(step))
        pictures_before, sounds_before = len(seen.arrivals), len(heard.units)
        await until(lambda: len(seen.arrivals) > pictures_before + 125 and len(heard.units) > sounds_before + 205, 30)
        patience = machine.patience(1.0)

    end = heard.sound().end
    offsets = lip_sync([picture for picture in seen.pictures() if picture.time > end - 3], heard.sound())
    print(in_ms(offsets))
    assert len(offsets) >= 2
    assert abs(float(np.median(offsets))) < 0.040 * patience
    assert seen.gap() < 1.5 * patience


async def test_capture_times_are_the_nodes_whatever_the_sender_says(node: Node, join: Join) -> None:
    viewer = await join("Viewer")
    seen, heard = Eye(call_of(viewer).video), Ear(call_of(viewer).audio)
    async with python("-m", "tests.phenomena.skewed_sender", node.url, str(4 * HOUR)) as sender:
        assert await sender.line() == "sending"
        await until(lambda: len(seen.arrivals) > 45 and len(heard.units) > 100, 20)

    ages = [unit.arrival - unit.ntp for unit in heard.units[50:] if unit.ntp is not None]
    assert len(ages) > 20
    assert 0 < float(np.median(ages)) < 1.0
    late = [arrival - picture.time for arrival, picture in zip(seen.arrivals[-20:], seen.pictures()[-20:], strict=True)]
    assert -0.01 < float(np.median(late)) < 1.0


def in_ms(offsets: list[float]) -> list[float]:
    return [round(float(offset) * 1000, 1) for offset in offsets]
