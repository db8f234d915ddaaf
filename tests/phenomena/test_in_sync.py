"""Sound and picture stay together in the file, whatever happens on the way: flash and beep are looked for in the recording."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pexrtc_media import FlashBeep
from pexrtc_py import Network
from pexrtc_py.engine.network import Path as Way
from tests.media_checks import call_of, complaints, lip_sync, pictures, sound, until

if TYPE_CHECKING:
    from pexrtc_media.recording import RecordingResult
    from tests.conftest import Join

LIMIT = 0.020
SIZE = (320, 180)


def offsets(result: RecordingResult) -> list[float]:
    """Seconds by which each flash follows its beep; told, since a figure says more than a pass."""
    found = lip_sync(pictures(result.path), sound(result.path))
    print(f"offsets in ms: {[round(offset * 1000, 1) for offset in found]}, by the sender's clock {result.av_offset}")
    return found


@pytest.mark.parametrize("late", [0.5, 1.5])
async def test_a_picture_that_begins_later_is_in_time(join: Join, tmp_path: Path, late: float) -> None:
    film = FlashBeep(SIZE)
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "a.mkv")
    sender = await join("Sender", audio=film.audio)
    begun = recording.duration
    await until(lambda: recording.duration > begun + late, 20)
    await call_of(sender).video.send(film.video)
    await until(lambda: recording.duration > begun + late + 7, 30)

    found = offsets(await recording.stop())

    assert len(found) >= 5
    assert abs(float(np.median(found))) < LIMIT


async def test_loss_and_jitter_do_not_part_them(join: Join, tmp_path: Path) -> None:
    film = FlashBeep(SIZE)
    await join("Sender", video=film.video, audio=film.audio)
    bot = await join("Bot", network=Network(receives=Way(loss=0.02, delay_ms=50, jitter_ms=20)))
    recording = await bot.record(tmp_path / "a.mkv")
    await until(lambda: recording.duration > 10, 40)

    result = await recording.stop()
    found = offsets(result)

    assert len(found) >= 7
    assert abs(float(np.median(found))) < LIMIT
    assert result.tracks["audio"].filled > 0
    assert complaints(result.path) == ""


async def test_a_blackout_of_five_seconds_leaves_them_together(join: Join, tmp_path: Path) -> None:
    film = FlashBeep(SIZE)
    await join("Sender", video=film.video, audio=film.audio)
    bot = await join("Bot", network=Network(receives=Way(blackouts=((5.0, 5.0),))))
    recording = await bot.record(tmp_path / "a.mkv")
    await until(lambda: recording.duration > 16, 60)

    result = await recording.stop()
    found = offsets(result)
    times, values = (heard := sound(result.path)).samples, heard.start

    assert len(found) >= 5
    assert max(map(abs, found)) < 2 * LIMIT
    assert abs(float(np.median(found))) < LIMIT
    (start, end), *_ = result.tracks["audio"].gaps
    assert end - start == pytest.approx(5.0, abs=0.6)
    assert result.tracks["audio"].filled > end - start - 0.3
    assert len(times) / 48000 == pytest.approx(result.tracks["audio"].last or 0.0, abs=0.3 + values)


async def test_another_size_in_mid_call_leaves_them_together(join: Join, tmp_path: Path) -> None:
    first, second = FlashBeep(SIZE), FlashBeep((640, 360))
    sender = await join("Sender", video=first.video, audio=first.audio)
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "a.mkv")
    await until(lambda: recording.duration > 5, 30)
    call = call_of(sender)
    await call.audio.send(second.audio)
    await call.video.send(second.video)
    await until(lambda: recording.duration > 11, 30)

    result = await recording.stop()
    seen = pictures(result.path)
    found = offsets(result)

    sizes = [size for size, _ in itertools.groupby(picture.size for picture in seen)]
    assert sizes[-2:] == [SIZE, (640, 360)]
    assert len(found) >= 5
    assert abs(float(np.median(found[:3]))) < LIMIT
    assert abs(float(np.median(found[-3:]))) < LIMIT
