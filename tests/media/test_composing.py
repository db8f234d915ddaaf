"""One picture of main video and slides: what is seen where."""

from __future__ import annotations

import av
import pytest

from pexrtc_media import Composed, MediaError, stamp
from pexrtc_media.arrays import rows
from pexrtc_media.composing import Composer
from pexrtc_media.transform import blank, place
from tests.media_checks import stream_in

MAIN, SLIDES = 3, 5
Frame = av.VideoFrame


def stamped(stream: int, width: int, height: int) -> Frame:
    frame = blank(width, height)
    rows(frame)[:] = 120
    stamp.draw(frame, stream=stream, frame=1, ms=1)
    return frame


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (360, 640)])
def test_main_video_alone_fills_the_picture(size: tuple[int, int]) -> None:
    composer = Composer((1280, 720))

    picture = composer.compose(stamped(MAIN, *size), None)

    assert (picture.width, picture.height) == (1280, 720)
    assert stream_in(picture, (0, 0, 1280, 720), size) == MAIN


def test_slides_are_large_and_main_video_is_beside_them() -> None:
    composer = Composer((1280, 720))

    picture = composer.compose(stamped(MAIN, 1280, 720), stamped(SLIDES, 1024, 768))

    assert stream_in(picture, composer.slides_box, (1024, 768)) == SLIDES
    assert stream_in(picture, composer.beside_box, (1280, 720)) == MAIN
    assert composer.slides_box[2] > 2 * composer.beside_box[2]
    outside = rows(picture)[composer.beside_box[1] + composer.beside_box[3] :, composer.beside_box[0] :]
    assert int(outside.max()) == 16


def test_what_follows_is_drawn_afresh() -> None:
    composer = Composer((640, 360))
    first, second = stamped(SLIDES, 640, 360), stamped(7, 640, 360)

    assert stream_in(composer.compose(stamped(MAIN, 640, 360), first), composer.slides_box, (640, 360)) == SLIDES
    assert stream_in(composer.compose(stamped(MAIN, 640, 360), second), composer.slides_box, (640, 360)) == 7
    assert stream_in(composer.compose(None, second), composer.beside_box, (640, 360)) is None
    assert stream_in(composer.compose(stamped(MAIN, 640, 360), None), (0, 0, 640, 360), (640, 360)) == MAIN


def test_nothing_is_black() -> None:
    picture = Composer((320, 180)).compose(None, None)

    assert int(rows(picture).max()) == 16


def test_a_picture_stays_in_its_box() -> None:
    onto = blank(320, 180)

    place(stamped(MAIN, 320, 180), onto, (160, 90, 160, 90))

    assert int(rows(onto)[:90].max()) == 16
    assert int(rows(onto)[:, :160].max()) == 16
    assert int(rows(onto)[100:, 200:].max()) > 100


@pytest.mark.parametrize("wrong", [{"size": (0, 10)}, {"size": (1281, 720)}, {"size": (8192, 720)}, {"frame_rate": 0.0}, {"bitrate": 1}])
def test_what_cannot_be_composed_is_told(wrong: dict[str, object]) -> None:
    with pytest.raises(MediaError):
        Composed(**wrong)  # type: ignore[arg-type]
