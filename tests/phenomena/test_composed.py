"""A recording with one composed picture: slides large with main video beside, sound and picture together, one size throughout."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

import pexrtc_py
from pexrtc_media import AccessUnit, Composed, FlashBeep, Limits, Pattern, Tone, VideoEncoding
from pexrtc_media.arrays import rows
from pexrtc_media.composing import Composer
from pexrtc_media.transform import blank
from pexrtc_py.engine.types import Slot
from pexrtc_py.transcoding import MOST_WAITING, Transcoder
from tests.media_checks import call_of, complaints, lip_sync, pictures, sound, stream_in, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pexrtc_py.conference import Conference
    from tests.conftest import Join

LIMIT = 0.020
SOURCE = (640, 360)
SIZE = (1280, 720)
MAIN, SLIDES = 3, 5


def streams_in(picture: av.VideoFrame, composer: Composer) -> tuple[int | None, int | None, int | None]:
    """Whose stamps are in the whole picture, in the place of slides, and beside them."""

    boxes = ((0, 0, *composer.size), composer.slides_box, composer.beside_box)
    whole, large, beside = (stream_in(picture, box, SOURCE) for box in boxes)
    return whole, large, beside


def seen_in(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
async def test_slides_are_large_while_they_are_shown(join: Join, tmp_path: Path, ending: str) -> None:
    ann = await join("Ann", video=Pattern(SOURCE, 15, stamp=MAIN), audio=Tone(500))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / f"a.{ending}", composed=Composed(size=SIZE))
    await until(lambda: recording.duration > 2, 30)
    async with ann.present(Pattern(SOURCE, 5, stamp=SLIDES)):
        shown = recording.duration
        await until(lambda: recording.duration > shown + 4, 30)
    await until(lambda: recording.duration > shown + 7, 30)

    result = await recording.stop()
    found = [streams_in(picture, Composer(SIZE)) for picture in seen_in(result.path)]

    counts = Counter(found)
    assert [kind for kind, _ in itertools.groupby(one for one in found if counts[one] > 5)] == [
        (MAIN, None, None),
        (None, SLIDES, MAIN),
        (MAIN, None, None),
    ]
    assert result.tracks["video"].drops == {}
    assert complaints(result.path) == ""


async def test_flash_and_beep_are_together_in_a_composed_picture(join: Join, tmp_path: Path) -> None:
    film = FlashBeep(SOURCE)
    await join("Sender", video=film.video, audio=film.audio)
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "a.mkv", composed=Composed(size=SIZE))
    await until(lambda: recording.duration > 8, 40)

    result = await recording.stop()
    found = lip_sync(pictures(result.path), sound(result.path))

    assert len(found) >= 5
    assert abs(float(np.median(found))) < LIMIT
    assert max(map(abs, found)) < 2 * LIMIT


async def test_another_size_in_mid_call_is_scaled(join: Join, tmp_path: Path) -> None:
    sender = await join("Sender", video=Pattern((320, 180), 15, stamp=MAIN), audio=Tone(500))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "a.webm", composed=Composed(size=(640, 360)), limits=Limits(on_change="scale"))
    await until(lambda: recording.duration > 2, 30)
    await call_of(sender).video.send(Pattern((640, 480), 15, stamp=7))
    await until(lambda: recording.duration > 5, 30)

    result = await recording.stop()
    seen = pictures(result.path)

    assert {picture.size for picture in seen} == {(640, 360)}
    assert MAIN in {picture.stream for picture in seen}
    # Pictures of 4:3 stand in the middle.
    last = list(seen_in(result.path))[-1]
    assert int(rows(last)[:, :70].max()) < 40
    assert int(rows(last)[:, 90:550].max()) > 100


async def test_segments_of_a_composed_picture_begin_with_key_frames(join: Join, tmp_path: Path) -> None:
    await join("Sender", video=Pattern((320, 180), 15, stamp=MAIN), audio=Tone(500))
    bot = await join("Bot")
    recording = await bot.record(tmp_path / "a.mkv", composed=Composed(size=(320, 180)), limits=Limits(seconds=1.5))
    await until(lambda: recording.duration > 5, 30)

    result = await recording.stop()

    assert len(result.segments) >= 3
    for segment in result.segments:
        assert complaints(segment.path) == ""
        assert {picture.stream for picture in pictures(segment.path)} == {MAIN}


async def test_scaling_needs_decoding(join: Join, tmp_path: Path) -> None:
    bot: Conference = await join("Bot")

    with pytest.raises(pexrtc_py.RecordingError, match="decoded"):
        await bot.record(tmp_path / "a.mkv", limits=Limits(on_change="scale"))


async def test_what_is_too_much_is_left_out_and_counted() -> None:
    units, wanted = list[AccessUnit](), list[Slot]()
    transcoder = Transcoder(Composed(size=(64, 64)), "vp8", units.append, wanted.append)
    encoding = VideoEncoding("vp8")
    sent = [unit for index in range(450) for unit in encoding.encode(blank(64, 64), index / 30)]

    for unit in sent:
        transcoder.take(Slot.VIDEO, unit)
    dropped = transcoder.drops["too busy"]
    await transcoder.aclose()

    assert len(sent) == 450
    assert dropped > 0
    assert Slot.VIDEO in wanted
    assert len(units) + dropped == 450
    assert len(units) <= MOST_WAITING + 60
    assert [unit.timestamp for unit in units] == sorted(unit.timestamp for unit in units)


async def test_pictures_that_cannot_be_decoded_ask_for_a_key_frame() -> None:
    units, wanted = list[AccessUnit](), list[Slot]()
    transcoder = Transcoder(Composed(size=(64, 64)), "h264", units.append, wanted.append)
    (good,) = VideoEncoding("vp8").encode(blank(64, 64), 0.0)
    broken = type(good)(b"\x00" * 40, "vp8", 3000, 90000, keyframe=True)

    transcoder.take(Slot.VIDEO, good)
    transcoder.take(Slot.VIDEO, broken)
    await transcoder.aclose()

    assert [unit.codec for unit in units] == ["h264"]
    assert units[0].keyframe
    assert wanted == [Slot.VIDEO]
