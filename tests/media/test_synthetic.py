from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import pytest
from PIL import Image

from pexrtc_media import FlashBeep, ImageSequence, MediaError, Pattern, Recorder, Resampler, Silence, Still, Tone, letterbox
from pexrtc_media.arrays import rows

T = TypeVar("T")


async def first(source: AsyncIterable[T], count: int) -> list[T]:
    items: list[T] = []
    async for item in source:
        items.append(item)
        if len(items) == count:
            break
    return items


async def test_the_pattern_moves_and_ends() -> None:
    frames = [frame async for frame in Pattern((320, 180), frames=3)]

    assert [frame.pts for frame in frames] == [0, 1, 2]
    assert all(not np.array_equal(rows(before), rows(after)) for before, after in itertools.pairwise(frames))
    assert len(np.unique(rows(frames[0])[170])) == 7


async def test_a_large_pattern_is_cheap() -> None:
    pattern = Pattern(stamp=1)
    pattern.picture(0)

    begin = time.process_time()
    for index in range(100):
        pattern.picture(index)

    assert (time.process_time() - begin) / 100 < 0.003


def test_an_impossible_pattern_is_refused() -> None:
    with pytest.raises(MediaError, match="15x15"):
        Pattern((15, 15))


@pytest.mark.parametrize("channels", [1, 2])
async def test_a_tone_has_its_pitch_and_level(channels: int) -> None:
    frames = [frame async for frame in Tone(600, level=0.5, channels=channels, seconds=1)]

    assert [frame.pts for frame in frames] == [960 * index for index in range(50)]
    samples = np.concatenate([frame.to_ndarray().reshape(-1, channels)[:, -1] for frame in frames]) / 32767
    assert np.abs(np.fft.rfft(samples)).argmax() == 600
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.001)


async def test_silence_is_silent() -> None:
    frames = await first(Silence(), 3)

    assert [(frame.pts, frame.sample_rate, frame.samples) for frame in frames] == [(0, 48000, 960), (960, 48000, 960), (1920, 48000, 960)]
    assert not any(frame.to_ndarray().any() for frame in frames)


async def test_a_still_stays(tmp_path: Path) -> None:
    Image.new("RGB", (101, 51), (255, 255, 255)).save(tmp_path / "white.png")

    frames = await first(Still(tmp_path / "white.png"), 2)

    assert [(frame.width, frame.height, frame.pts) for frame in frames] == [(100, 50, 0), (100, 50, 1)]
    assert rows(frames[1]).mean() == pytest.approx(235, abs=1)


def test_a_broken_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")

    with pytest.raises(MediaError, match="not a picture"):
        Still(tmp_path / "broken.png")


async def test_pictures_follow_each_other_in_one_size(tmp_path: Path) -> None:
    Image.new("RGB", (160, 90), (255, 255, 255)).save(tmp_path / "wide.png")
    Image.new("RGB", (90, 90), (0, 0, 0)).save(tmp_path / "square.png")

    frames = [frame async for frame in ImageSequence([tmp_path / "wide.png", tmp_path / "square.png"], 0.4)]

    assert [frame.pts for frame in frames] == [0, 1, 2, 3]
    assert {(frame.width, frame.height) for frame in frames} == {(160, 90)}
    assert [rows(frame).mean() > 200 for frame in frames] == [True, True, False, False]


async def test_flash_and_beep_are_together_in_a_recording(tmp_path: Path) -> None:
    source = FlashBeep((160, 90), seconds=3)
    recorder = Recorder(tmp_path / "lips.mkv", presentation=False)

    async for sound in source.audio:
        await recorder.audio.write(sound)
    async for picture in source.video:
        await recorder.video.write(picture)
    await recorder.aclose()

    assert source.audio.timeline is source.video.timeline
    with av.open(str(recorder.path)) as container:
        flashes = [frame.time or 0.0 for frame in container.decode(video=0) if frame.to_ndarray(format="gray").mean() > 150]
    with av.open(str(recorder.path)) as container:
        beeps = [frame.time or 0.0 for frame in container.decode(audio=0) if np.abs(frame.to_ndarray()).max() > 0.1]
    for seen in (flashes, beeps):
        assert [time for before, time in itertools.pairwise([-1.0, *seen]) if time - before > 0.5] == pytest.approx(
            [0.5, 1.5, 2.5], abs=0.02
        )


def test_a_letterbox_keeps_the_shape_and_the_time() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 255, np.uint8), format="rgb24")
    frame.pts = 7

    wide = letterbox(frame, 1280, 720)

    assert (wide.width, wide.height, wide.pts) == (1280, 720, 7)
    assert rows(wide)[:, :150].max() == 16
    assert rows(wide)[:, 170:1100].min() > 230
    assert rows(wide)[:, 1130:].max() == 16


def test_sound_of_changing_kind_becomes_even() -> None:
    resampler = Resampler(channels=2)
    frames: list[av.AudioFrame] = []
    for rate, pts in ((44100, 0), (8000, 8000)):
        frame = av.AudioFrame.from_ndarray(np.full((1, rate), 1000, np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, pts
        frames += resampler.convert(frame)
    frames += resampler.flush()

    assert {(frame.sample_rate, frame.layout.name, frame.format.name) for frame in frames} == {(48000, "stereo", "s16")}
    assert sum(frame.samples for frame in frames) == pytest.approx(96000, abs=100)
