"""What a kill left is made whole: nothing but the incomplete end is lost, and index, length and chapters are there."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pexrtc_media import MediaError, Recorder
from pexrtc_media.container import Chapter
from pexrtc_media.mending import mend
from tests.media.test_recorder import audio, feed, pictures, received, video
from tests.media_checks import complaints

KINDS = [(".mkv", "vp8"), (".mkv", "h264"), (".webm", "vp8"), (".mp4", "h264")]


async def recorded(path: Path, codec: str) -> Path:
    recorder = Recorder(path, presentation=False)
    feed(recorder, audio=received(audio()), video=received(video(codec)))
    recorder.chapter(0.5, 1.5, "Ann presents")
    await recorder.aclose()
    return path


def chapters(path: Path) -> str:
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-show_chapters", "-of", "csv", str(path)], capture_output=True, text=True, check=True, timeout=30
    )
    return told.stdout


def captions(path: Path) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:s:0", "-f", "srt", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@pytest.mark.parametrize(("ending", "codec"), KINDS)
async def test_a_whole_file_stays_as_it_is(tmp_path: Path, ending: str, codec: str) -> None:
    path = await recorded(tmp_path / f"a{ending}", codec)
    before = path.read_bytes()

    assert not mend(path).changed
    assert path.read_bytes() == before


@pytest.mark.parametrize(("ending", "codec"), KINDS)
async def test_a_file_that_is_cut_anywhere_is_whole_again(tmp_path: Path, ending: str, codec: str) -> None:
    whole = await recorded(tmp_path / f"a{ending}", codec)
    length, frames = whole.stat().st_size, len(pictures(whole).times)
    cut = tmp_path / f"cut{ending}"
    draw = random.Random(7)
    for _ in range(8):
        shutil.copy(whole, cut)
        kept = draw.randrange(length // 3, length)
        with cut.open("r+b") as file:
            file.truncate(kept)

        mended = mend(cut, [Chapter(0.5, 1.5, "Ann presents")])

        assert complaints(cut) == ""
        assert len(pictures(cut).times) >= frames * kept / length - 25  # half a second, and what a cluster more holds
        assert not mend(cut).changed
        if ending != ".mp4":
            assert mended.indexed > 0 or mended.cut == 0 or kept > length - 500
            with av.open(str(cut)) as container:
                container.seek(int(0.2e6))
                assert next(container.decode(video=0)).time == pytest.approx(0.0, abs=0.05)


async def test_chapters_are_in_the_file_and_in_one_that_was_mended(tmp_path: Path) -> None:
    whole = await recorded(tmp_path / "a.mkv", "vp8")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])

    mend(cut, [Chapter(0.5, 1.5, "Ann presents")])

    assert "0.500000" in chapters(whole)
    assert "Ann presents" in chapters(whole)
    assert chapters(cut) == chapters(whole)


async def test_captions_stand_in_a_track_of_their_own(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mkv", presentation=False, captions=True)
    feed(recorder, audio=received(audio()), video=received(video("vp8")))
    recorder._files.caption("Good morning.", 1.0)
    await recorder.aclose()

    text = captions(recorder.path)

    assert "Good morning." in text
    assert "00:00:01,007 --> 00:00:02,507" in text  # the decoder's look-ahead moves all tracks


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_what_is_no_recording_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind" * 10)

    with pytest.raises(MediaError, match=name):
        mend(tmp_path / name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), ending=st.sampled_from([".mkv", ".mp4"]))
def test_any_bytes_are_mended_or_refused(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"junk{ending}"
    path.write_bytes(bytes.fromhex("1a45dfa380") + bytes.fromhex("18538067") + data if ending == ".mkv" else data)

    try:
        mend(path)
    except MediaError as error:
        assert path.name in str(error)
