"""Recordings in several files that follow each other: nothing is lost between them, each begins with a picture."""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import replace
from pathlib import Path

import av
import pytest

from pexrtc_media import AccessUnit, MediaError, Recorder
from pexrtc_media.fileset import Limits
from pexrtc_media.recording import Note
from tests.media.test_recorder import audio, feed, pictures, received, sound, video
from tests.media_checks import complaints


def films(count: int, codec: str, sizes: tuple[tuple[int, int], ...] = ((320, 180),)) -> list[AccessUnit]:
    """Three seconds of film after each other, each beginning with a key frame, as they were received."""
    return [later(unit, index) for index in range(count) for unit in received(video(codec, size=sizes[index % len(sizes)]))]


def talk(count: int) -> list[AccessUnit]:
    return [later(unit, index) for index in range(count) for unit in received(audio())]


def later(unit: AccessUnit, times: int) -> AccessUnit:
    """The same, so many times three seconds later."""
    by = 3 * times
    return replace(unit, timestamp=unit.timestamp + by * unit.clock_rate, ntp=(unit.ntp or 0.0) + by, arrival=unit.arrival + by)


@pytest.mark.parametrize(("ending", "codec"), [(".mkv", "vp8"), (".webm", "vp8"), (".mp4", "h264")])
async def test_a_segment_begins_with_a_picture_and_nothing_is_lost(tmp_path: Path, ending: str, codec: str) -> None:
    recorder = Recorder(tmp_path / f"long{ending}", presentation=False, limits=Limits(seconds=2.5))

    feed(recorder, audio=talk(3), video=films(3, codec))
    await recorder.aclose()

    segments = recorder.result.segments
    assert [segment.path.name for segment in segments] == [f"long{ending}", f"long.0002{ending}", f"long.0003{ending}"]
    assert [segment.start for segment in segments] == pytest.approx([0.0, 3.0, 6.0], abs=0.05)
    assert [segment.end for segment in segments] == pytest.approx([3.0, 6.0, 9.0], abs=0.1)
    frames = samples = 0
    for segment in segments:
        assert complaints(segment.path) == ""
        seen, (times, _) = pictures(segment.path), sound(segment.path)
        assert seen.times[0] == pytest.approx(0.0, abs=0.02)
        assert times[0] == pytest.approx(0.0, abs=0.05)
        frames, samples = frames + len(seen.times), samples + len(times)
    assert frames == 3 * len(video(codec))
    assert samples / 48000 == pytest.approx(9.0, abs=0.1)


async def test_a_segment_has_a_size(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", presentation=False, limits=Limits(bytes=20_000))

    feed(recorder, audio=talk(3), video=films(3, "vp8"))
    await recorder.aclose()

    assert len(recorder.result.segments) > 1
    assert all(segment.path.stat().st_size >= 20_000 for segment in recorder.result.segments[:-1])
    assert recorder.result.bytes == sum(segment.path.stat().st_size for segment in recorder.result.segments)


async def test_while_no_key_frame_comes_one_is_asked_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", presentation=False, limits=Limits(seconds=1.0))
    asked: list[float] = []
    recorder.on_keyframe_wanted = lambda: asked.append(recorder.result.duration)

    feed(recorder, audio=talk(1), video=films(1, "vp8"))
    await recorder.aclose()

    assert asked == pytest.approx([1.0, 1.5], abs=0.1)
    assert [segment.start for segment in recorder.result.segments] == pytest.approx([0.0, 2.0], abs=0.05)


async def test_without_pictures_sound_begins_the_segment(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", presentation=False, video=False, limits=Limits(seconds=2.0))

    feed(recorder, audio=talk(3))
    await recorder.aclose()

    starts = [segment.start for segment in recorder.result.segments]
    assert all(after - before == pytest.approx(2.0, abs=0.05) for before, after in itertools.pairwise(starts[1:]))
    assert len(starts) >= 4


async def test_another_size_begins_a_segment_if_asked_for(tmp_path: Path) -> None:
    notes: list[Note] = []
    recorder = Recorder(tmp_path / "a.mkv", presentation=False, limits=Limits(on_change="segment"))
    recorder.on_note = notes.append

    feed(recorder, audio=talk(2), video=films(2, "vp8", sizes=((320, 180), (640, 360))))
    await recorder.aclose()

    first, second = (pictures(segment.path) for segment in recorder.result.segments)
    assert set(first.sizes) == {(320, 180)}
    assert set(second.sizes) == {(640, 360)}
    assert [(note.kind, round(note.seconds)) for note in notes if note.kind in {"segment", "size"}] == [
        ("segment", 0), ("size", 0), ("segment", 3), ("size", 3),
    ]  # fmt: skip


async def test_slides_go_on_in_the_next_segment_with_the_last_one_shown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", limits=Limits(seconds=2.5))
    slide = received(video("vp8"))[:1]

    feed(recorder, audio=talk(2), video=films(2, "vp8"), presentation=slide)
    await recorder.aclose()

    with av.open(str(recorder.result.segments[1].path)) as container:
        (frame, *_) = container.decode(video=1)
    assert float(frame.to_ndarray(format="gray").mean()) == pytest.approx(60, abs=5)


def test_a_segment_without_length_is_a_mistake() -> None:
    with pytest.raises(MediaError, match="above 0"):
        Limits(seconds=0)


async def test_the_offset_of_sound_and_picture_is_measured(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", presentation=False)

    feed(recorder, audio=talk(1), video=films(1, "vp8"))
    await recorder.aclose()

    assert recorder.result.av_offset == pytest.approx(0.0, abs=0.002)


async def test_segments_that_are_complete_are_let_go(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", limits=Limits(seconds=0.5))
    before = len(os.listdir("/proc/self/fd"))

    for index in range(6):
        feed(recorder, **{name: [later(unit, index) for unit in units] for name, units in one_film().items()})
        await asyncio.sleep(0.3)
    opened = len(os.listdir("/proc/self/fd")) - before
    await recorder.aclose()

    assert len(recorder.result.segments) > 6
    assert len(recorder.result.others) > 4
    assert opened <= 4  # the newest two, each with its slides beside it
    files = [segment.path for segment in recorder.result.segments] + list(recorder.result.others)
    assert recorder.result.bytes == sum(path.stat().st_size for path in files)


def one_film() -> dict[str, list[AccessUnit]]:
    return {"audio": received(audio()), "video": received(video("h264")), "presentation": received(video("h264"))}
