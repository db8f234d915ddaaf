"""What `--video`, `--audio` and `--present` name becomes sources that give frames."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from pexrtc_media.base import MediaError
from pexrtc_media.files import MediaFile
from pexrtc_py.cli.sources import Sources
from pexrtc_py.errors import DeviceError
from tests.cli.commands import ROOT

ASSETS = ROOT / "pexrtc_py" / "demo" / "assets"
FILM, PICTURE, VOICE = (ASSETS / name for name in ("film.mp4", "slide-1.png", "voice-film.flac"))


async def test_none_is_nothing() -> None:
    async with Sources("none", "None") as sources:
        assert (sources.audio, sources.video, sources.presentation) == (None, None, None)


async def test_pattern_and_tone_are_made() -> None:
    async with Sources("pattern", "tone") as sources:
        assert sources.video is not None
        assert sources.audio is not None

        picture, sound = await anext(aiter(sources.video)), await anext(aiter(sources.audio))

    assert isinstance(picture, av.VideoFrame)
    assert isinstance(sound, av.AudioFrame)


async def test_a_film_named_twice_has_one_time_line() -> None:
    async with Sources(str(FILM), str(ASSETS / ".." / "assets" / "film.mp4")) as sources:
        assert sources.video is not None
        assert sources.audio is not None

        picture, sound = await anext(aiter(sources.video)), await anext(aiter(sources.audio))

        assert getattr(sources.video, "timeline") is getattr(sources.audio, "timeline")  # noqa: B009
    assert (picture.width, picture.height) == (1280, 720)
    assert sound.sample_rate == 48000


async def test_a_film_that_is_presented_too_begins_for_itself() -> None:
    async with Sources(str(FILM), "none", FILM) as sources:
        assert sources.presentation is not None
        assert getattr(sources.video, "timeline") is not getattr(sources.presentation, "timeline")  # noqa: B009
        assert (await anext(aiter(sources.presentation))).pts == 0


async def test_a_film_starts_over_at_its_end() -> None:
    async with Sources(str(FILM), "none") as sources:
        assert sources.video is not None
        pictures = aiter(sources.video)

        times = [(await anext(pictures)).time for _ in range(140)]

    assert times == sorted(times)
    assert times[-1] > 5.3


@pytest.mark.parametrize("option", ["video", "present"])
async def test_a_picture_stands_still(option: str) -> None:
    async with Sources(*((str(PICTURE), "none") if option == "video" else ("none", "none", PICTURE))) as sources:
        source = sources.video if option == "video" else sources.presentation
        assert source is not None
        pictures = aiter(source)

        first, second = await anext(pictures), await anext(pictures)

    assert bytes(first.planes[0]) == bytes(second.planes[0])
    assert second.time > first.time


async def test_a_moving_gif_is_a_film(tmp_path: Path) -> None:
    from PIL import Image

    frames = [Image.new("L", (64, 64), light) for light in (0, 128, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)

    async with Sources(str(tmp_path / "a.gif"), "none") as sources:
        assert sources.video is not None
        pictures = aiter(sources.video)

        lights = [int((await anext(pictures)).to_ndarray(format="gray").mean()) for _ in range(3)]

    assert lights == pytest.approx([0, 128, 255], abs=3)


async def test_the_sound_of_a_voice_is_played() -> None:
    async with Sources("none", str(VOICE)) as sources:
        assert sources.audio is not None
        assert isinstance(await anext(aiter(sources.audio)), av.AudioFrame)


@pytest.mark.parametrize(("video", "audio"), [(VOICE, "none"), ("none", PICTURE)])
async def test_a_file_without_what_is_wanted_is_refused_before_anything_starts(video: object, audio: object) -> None:
    with pytest.raises(DeviceError, match="but no"):
        async with Sources(str(video), str(audio)):
            pass


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A film whose head is good and whose pictures and sound are all lost."""
    data = bytearray(FILM.read_bytes())
    body = data.find(b"mdat")
    data[body + 4 : body + 900_000] = bytes(900_000 - 4)
    (tmp_path / "a.mp4").write_bytes(data)
    return tmp_path / "a.mp4"


async def test_a_film_that_cannot_be_decoded_is_refused_before_anything_starts(damaged: Path) -> None:
    with pytest.raises(DeviceError, match="damaged"):
        async with Sources(str(damaged), "none"):
            pass


async def test_a_damaged_film_in_a_loop_ends_instead_of_running_in_circles(damaged: Path) -> None:
    film = MediaFile(damaged, loop=True)
    assert film.video is not None

    with pytest.raises(MediaError, match="damaged"):
        await anext(film.video)
