"""Codecs meet: forwarded as they are where they fit, transcoded by the node only where they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pexrtc_media import FlashBeep, Pattern, Tone
from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.encoders import VideoEncoder
from pexrtc_py.engine.types import Slot
from pexrtc_py.node import Node, Vmr
from pexrtc_py.recording import recordable
from tests.media_checks import call_of, disturbed, lip_sync, pictures, sound, streams, until
from tests.phenomena.nodes import Media

if TYPE_CHECKING:
    from tests.conftest import Join
    from tests.phenomena.machine import Machine

H264 = {Slot.VIDEO: ("h264",), Slot.PRESENTATION: ("h264",)}
VP8 = {Slot.VIDEO: ("vp8",), Slot.PRESENTATION: ("vp8",)}


@pytest.fixture
def media() -> Media:
    return Media()


@pytest.fixture
async def node(media: Media) -> AsyncIterator[Node]:
    """The node of `join`, whose bridge can be looked at."""
    async with Node(Vmr("meet.alice"), media=media) as node:
        yield node


async def test_an_mp4_of_a_vp8_sender_is_transcoded_by_the_node(join: Join, media: Media, machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    sender = await join("Sender", codecs=VP8, video=Pattern((640, 360), 30, stamp=1), audio=Tone(440))
    bot = await join("Bot", codecs=recordable(path))
    recording = await bot.record(path)

    await until(lambda: recording.result.tracks["video"].units >= 60, 20)
    transcoders = media.stats().transcoders
    result = await recording.stop()

    assert (call_of(sender).video.sent.units > 0, result.tracks["video"].codec) == (True, "h264")
    assert [codec for _, codec in transcoders] == ["h264"]
    assert disturbed(path) == ""
    seen = pictures(path)
    assert streams(seen) == [1]
    numbers = [picture.mark.frame for picture in seen if picture.mark]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > (1 - machine.patience(0.2)) * (numbers[-1] - numbers[0] + 1)


@pytest.mark.parametrize(("ending", "sends", "holds"), [(".mp4", VP8, "h264"), (".webm", H264, "vp8"), (".mkv", H264, "h264")])
async def test_a_recording_asks_for_what_its_file_can_hold(
    join: Join, tmp_path: Path, ending: str, sends: dict[Slot, tuple[str, ...]], holds: str
) -> None:
    """Whoever joined without saying that it will record offers again; two recordings one after the other are no trouble."""
    await join("Sender", codecs=sends, video=Pattern((320, 180), 15, stamp=1), audio=Tone(440))
    bot = await join("Bot")
    other = await bot.record(tmp_path / "other.mkv")
    await until(lambda: other.result.tracks["video"].units >= 10)
    await other.stop()

    recording = await bot.record(tmp_path / f"call{ending}")
    await until(lambda: recording.result.tracks["video"].units >= 20, 20)
    result = await recording.stop()

    assert result.tracks["video"].codec == holds
    assert (disturbed(result.path), disturbed(other.path)) == ("", "")
    assert (streams(pictures(result.path)), streams(pictures(other.path))) == ([1], [1])


async def test_h264_is_forwarded_to_the_byte(join: Join, media: Media) -> None:
    encoder, pattern = VideoEncoder("h264", bitrate=300_000), Pattern((320, 180), 30, stamp=1)
    units = [unit for index in range(60) for unit in encoder.encode(pattern.picture(index), keyframe=index % 10 == 0)]

    async def film() -> AsyncIterator[AccessUnit]:
        for unit in units:
            yield unit

    viewer = await join("Viewer", codecs=H264)
    received: list[AccessUnit] = []
    call_of(viewer).video.subscribe(received.append)
    sender = await join("Sender", codecs=H264)

    await call_of(sender).video.send(film())
    await call_of(sender).video.outbound.ended.wait()
    await until(lambda: any(nals(unit) == nals(units[-1]) for unit in received), what="the last picture does not arrive")

    sent = [nals(unit) for unit in units]
    arrived = [nals(unit) for unit in received if nals(unit) in sent]
    assert arrived == sent[-len(arrived) :]
    assert len(arrived) >= 50
    assert media.stats().transcoders == {}


def nals(unit: AccessUnit) -> list[bytes]:
    """What is between the start codes, which may be three or four bytes long."""
    return [part.rstrip(b"\0") for part in unit.data.split(b"\0\0\1") if part.rstrip(b"\0")]


async def test_who_speaks_the_codec_of_the_sender_is_not_transcoded_for(join: Join, media: Media) -> None:
    sender = await join("Sender", codecs=VP8, video=Pattern((320, 180), 15, stamp=1))
    modern, old = await join("Modern"), await join("Old", codecs=H264)
    received: dict[str, list[str]] = {"Modern": [], "Old": []}
    call_of(modern).video.subscribe(lambda unit: received["Modern"].append(unit.codec))
    call_of(old).video.subscribe(lambda unit: received["Old"].append(unit.codec))

    await until(lambda: min(map(len, received.values())) > 20)

    assert {name: set(codecs) for name, codecs in received.items()} == {"Modern": {"vp8"}, "Old": {"h264"}}
    assert len(media.stats().transcoders) == 1
    assert call_of(sender).video.sent.units > 10
    await old.leave()
    await until(lambda: not media.stats().transcoders)


async def test_h264_slides_go_to_a_file_beside_on_the_same_clock(join: Join, tmp_path: Path) -> None:
    """The flashes of the film and of the slides are those of one beep."""
    film, path = FlashBeep((320, 180)), tmp_path / "call.mp4"
    slides = FlashBeep((640, 360))
    slides.video.timeline = film.timeline
    presenter = await join("Presenter", codecs=H264, video=film.video, audio=film.audio)
    bot = await join("Bot", codecs=recordable(path))
    recording = await bot.record(path)

    async with presenter.present(slides.video):
        await until(lambda: recording.result.tracks["presentation"].units >= 130, 30)
    result = await recording.stop()

    beside = tmp_path / "call.presentation.mp4"
    assert result.others == (beside,)
    assert (disturbed(path), disturbed(beside)) == ("", "")
    heard = sound(path)
    for file in (path, beside):
        offsets = lip_sync(pictures(file), heard)
        print(file.name, [round(offset * 1000, 1) for offset in offsets])
        assert len(offsets) >= 2
        assert abs(sorted(offsets)[len(offsets) // 2]) < 0.040
