"""What the demo plays is there, can be read, and is what it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pexrtc_media
import pexrtc_py.media
from pexrtc_media import MediaFile
from pexrtc_media.synthetic import load_image

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "pexrtc_py" / "demo" / "assets"


async def test_the_film_plays() -> None:
    film = MediaFile(ASSETS / "film.mp4")
    assert film.video is not None

    frame = await anext(film.video)
    await film.aclose()

    assert (frame.width, frame.height) == (1280, 720)


@pytest.mark.parametrize("name", ["voice-film.flac", "voice-portrait.flac"])
async def test_a_voice_speaks_for_ten_seconds(name: str) -> None:
    voice = MediaFile(ASSETS / name)
    assert voice.audio is not None

    samples = np.concatenate([frame.to_ndarray()[0] async for frame in voice.audio]).astype(np.float64) / 32768
    loud = np.sqrt((samples[: len(samples) // 480 * 480].reshape(-1, 480) ** 2).mean(axis=1)) > 0.003

    assert len(samples) > 10 * 48000
    assert loud.mean() > 0.6


def test_slides_differ() -> None:
    colours = {tuple(load_image(ASSETS / f"slide-{number}.png")[0, 0]) for number in (1, 2, 3)}

    assert len(colours) == 3
    assert load_image(ASSETS / "portrait.png").shape == (512, 512, 3)


def test_all_of_it_is_small_and_credited() -> None:
    files = [path for path in ASSETS.iterdir() if path.is_file()]

    assert sum(path.stat().st_size for path in files) < 8_000_000
    notice = (ROOT / "NOTICE").read_text()
    assert all(path.name in notice for path in files)


def test_each_public_name_is_there_in_both_packages() -> None:
    for name in pexrtc_media.__all__:
        assert getattr(pexrtc_py.media, name) is getattr(pexrtc_media, name)
    assert pexrtc_py.media.__all__ == pexrtc_media.__all__
    with pytest.raises(AttributeError):
        pexrtc_media.__getattr__("Nothing")
