from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from pexrtc_media import FlashBeep, MediaError, MediaFile, Pattern, Recorder, Tone
from pexrtc_media.stamp import read_at


@pytest.fixture
async def clip(tmp_path: Path) -> Path:
    """A second of stamped pictures and a tone."""
    recorder = Recorder(tmp_path / "clip.webm", presentation=False)
    async for sound in Tone(500, seconds=1):
        await recorder.audio.write(sound)
    async for picture in Pattern((320, 180), stamp=2, frames=30):
        await recorder.video.write(picture)
    await recorder.aclose()
    return recorder.path


async def test_a_file_gives_its_pictures_and_its_sound(clip: Path) -> None:
    media = MediaFile(clip)
    assert media.audio is not None
    assert media.video is not None

    marks = [read_at(frame) async for frame in media.video]
    sound = np.concatenate([frame.to_ndarray()[0] async for frame in media.audio])
    await media.aclose()

    assert [mark.frame for mark in marks if mark] == list(range(30))
    assert media.audio.timeline is media.video.timeline
    assert np.fft.rfftfreq(24000, 1 / 48000)[np.abs(np.fft.rfft(sound[9600:33600])).argmax()] == pytest.approx(500, abs=3)


async def test_a_loop_goes_on_without_a_jump(clip: Path) -> None:
    media = MediaFile(clip, loop=True)
    assert media.audio is not None
    assert media.video is not None

    times = [frame.time or 0.0 for frame in [await anext(media.video) for _ in range(75)]]
    heard = [frame.time or 0.0 for frame in [await anext(media.audio) for _ in range(130)]]
    await media.aclose()
    await media.aclose()

    assert np.diff(times).min() > 0.02
    assert np.diff(times).max() < 0.06
    assert np.diff(heard).max() < 0.06
    assert times[30] == pytest.approx(heard[50], abs=0.06)
    with pytest.raises(StopAsyncIteration):
        await anext(media.video)


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
async def test_a_recording_can_be_sent_and_recorded_again_as_it_is(tmp_path: Path, ending: str) -> None:
    source = FlashBeep((160, 90), seconds=1)
    first = Recorder(tmp_path / f"first{ending}", presentation=False)
    async for picture in source.video:
        await first.video.write(picture)
    async for sound in source.audio:
        await first.audio.write(sound)
    await first.aclose()

    media = MediaFile(first.path)
    second = Recorder(tmp_path / f"second{ending}", presentation=False)
    async for unit in media.encoded_video():
        second.video.put(unit)
    async for unit in media.encoded_audio():
        second.audio.put(unit)
    await second.aclose()

    assert second.result.tracks["video"].units == 30
    assert second.result.tracks["audio"].units == 50
    with av.open(str(second.path)) as container:
        light = [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    assert [index for index, value in enumerate(light) if value > 150] == [15, 16, 17]


async def test_encoded_units_of_a_loop_go_on(clip: Path) -> None:
    units = MediaFile(clip, loop=True).encoded_video()

    taken = [await anext(units) for _ in range(61)]
    await units.aclose()

    assert [unit.keyframe for unit in taken].count(True) >= 3
    assert all(2000 < after.timestamp - before.timestamp < 5000 for before, after in itertools.pairwise(taken))


async def test_only_what_webrtc_knows_can_be_sent_as_it_is(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "tone.flac"), "w") as container:
        stream = container.add_stream("flac", rate=48000)
        async for sound in Tone(seconds=0.2):
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))

    media = MediaFile(tmp_path / "tone.flac")

    assert media.video is None
    with pytest.raises(MediaError, match="flac; only opus"):
        media.encoded_audio()
    with pytest.raises(MediaError, match="missing"):
        media.encoded_video()


@pytest.mark.parametrize("content", [b"", b"no media at all"])
def test_a_file_without_media_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.mp4").write_bytes(content)

    with pytest.raises(MediaError, match=r"file\.mp4"):
        MediaFile(tmp_path / "file.mp4")
    with pytest.raises(MediaError, match="No such file"):
        MediaFile(tmp_path / "missing.mp4")


async def test_a_cancelled_reader_does_not_hinder_closing(clip: Path) -> None:
    media = MediaFile(clip)
    assert media.video is not None
    reading = asyncio.ensure_future(anext(media.video))
    await asyncio.sleep(0)

    reading.cancel()
    await media.aclose()

    assert reading.cancelled() or reading.done() or reading.cancelling()
