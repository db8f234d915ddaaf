"""The demo's pictures carry readable stamps with their media time, and differ from each other."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import numpy as np

from pexrtc_media import stamp
from pexrtc_media.arrays import rows
from pexrtc_media.base import Timeline
from pexrtc_py.demo.evidence import thumbnail
from pexrtc_py.demo.judging import what_is_shown
from pexrtc_py.demo.pictures import FILM, PORTRAIT, PORTRAIT_FPS, Assets, Film, Portrait
from pexrtc_py.demo.verdict import small


async def test_each_picture_of_the_film_is_stamped_with_its_media_time() -> None:
    with Assets() as assets:
        film = Film(assets.path("film.mp4"), Timeline())
        async with contextlib.aclosing(aiter(film)) as pictures:  # type: ignore[type-var]
            frames = [await anext(pictures) for _ in range(140)]
        await film.aclose()

    marks = [stamp.read_at(frame) for frame in frames]

    assert marks == [stamp.Mark(FILM, index, round((frame.time or 0) * 1000)) for index, frame in enumerate(frames)]
    assert np.diff([mark.ms for mark in marks if mark]).max() <= 100, "the film goes on at its end without a pause"


def test_the_portrait_moves_gently_and_is_stamped() -> None:
    with Assets() as assets:
        portrait = Portrait(assets.path("portrait.png"), Timeline())
    frames = [portrait.picture(index) for index in range(PORTRAIT_FPS * 3)]

    marks = [stamp.read_at(frame) for frame in frames]

    assert marks == [stamp.Mark(PORTRAIT, index, round(index * 1000 / PORTRAIT_FPS)) for index in range(len(frames))]
    bottom = [rows(frame)[200:].astype(np.int16) for frame in frames]
    assert not np.array_equal(bottom[0], bottom[-1])
    assert max(float(np.abs(after - before).mean()) for before, after in pairwise(bottom)) < 20


def test_the_slides_are_told_from_each_other_and_from_black() -> None:
    with Assets() as assets:
        slides = [small(path) for path in assets.slides()]

    assert len(slides) == 3
    assert [what_is_shown(slide, slides) for slide in slides] == ["1", "2", "3"]


def test_the_film_and_the_portrait_are_no_slides() -> None:
    with Assets() as assets:
        slides = [small(path) for path in assets.slides()]
        portrait = Portrait(assets.path("portrait.png"), Timeline())

    assert what_is_shown(thumbnail(portrait.picture(0)), slides) == "something else"
