"""What a sender sends is in the file: its frames in order, sound and picture together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pexrtc_media import FlashBeep, Pattern, Tone
from pexrtc_media.stamp import unwrap
from tests.media_checks import call_of, complaints, duration_in_head, lip_sync, pictures, sound, strength, until

if TYPE_CHECKING:
    from tests.conftest import Join


async def test_the_frames_of_a_720p30_sender_are_in_the_file_in_order(join: Join, tmp_path: Path) -> None:
    sender = await join("Sender", video=Pattern((1280, 720), 30, stamp=1), audio=Tone(440))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "call.mkv")
    late_before = call_of(sender).video.outbound.stats.late

    await until(lambda: recording.result.tracks["video"].units >= 150, 20)
    result = await recording.stop()
    late = call_of(sender).video.outbound.stats.late - late_before

    seen = pictures(result.path)
    numbers: list[int] = []
    for mark in (picture.mark for picture in seen if picture.mark):
        numbers.append(unwrap(mark.frame, numbers[-1] if numbers else mark.frame))
    sent = numbers[-1] - numbers[0] + 1
    print(f"{len(numbers)} of {sent} frames, {late} not sent since they were late")
    assert complaints(result.path) == ""
    assert {picture.stream for picture in seen} == {1}
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 0.98 * (sent - late)
    assert abs(float(np.median(np.diff([picture.time for picture in seen]))) - 1 / 30) < 0.002
    heard = sound(result.path)
    assert strength(heard.between(heard.start + 1, heard.start + 3), 440) > 0.1
    assert abs(duration_in_head(result.path) - result.duration) < 0.1


async def test_flash_and_beep_are_together_in_the_file(join: Join, tmp_path: Path) -> None:
    film = FlashBeep((640, 360))
    await join("Sender", video=film.video, audio=film.audio)
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "sync.mkv")

    await until(lambda: recording.duration > 7, 30)
    result = await recording.stop()

    offsets = lip_sync(pictures(result.path), sound(result.path))
    print(f"offsets in ms: {[round(offset * 1000, 1) for offset in offsets]}")
    assert len(offsets) >= 5
    assert abs(float(np.median(offsets))) < 0.020
