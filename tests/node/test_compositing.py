from __future__ import annotations

import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from pexrtc_media import stamp
from pexrtc_media.arrays import Plane, rows
from pexrtc_media.transform import blank, fit
from pexrtc_py.node.compositing import FRAME, GROUND, Painter, box_of, line_height, name_patch
from pexrtc_py.node.scenes import SLIDES, Person, Scene
from pexrtc_py.node.seating import capacity
from pexrtc_py.protocol.layouts import Layout

SIZE = (1280, 720)
GREY = 100
SEARCH = 10
WIDE, NARROW = (640, 360), (360, 640)


def camera(number: int, size: tuple[int, int] = WIDE) -> VideoFrame:
    """A grey picture with a stamp that says the number, as stream and as frame."""
    frame = blank(*size)
    rows(frame)[:] = GREY
    stamp.draw(frame, stream=number % 16, frame=number, ms=0)
    return frame


def people(count: int) -> tuple[Person, ...]:
    return tuple(Person(f"p{number}") for number in range(count))


def cameras(count: int, size: tuple[int, int] = WIDE) -> dict[str, VideoFrame]:
    return {f"p{number}": camera(number, size) for number in range(count)}


def bright(luma: Plane, around: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Where the white zone of a stamp is, looked for up to `SEARCH` pixels around: left, top, right and bottom."""
    left, top = max(0, round(around[0]) - SEARCH), max(0, round(around[1]) - SEARCH)
    lit = luma[top : round(around[3]) + SEARCH, left : round(around[2]) + SEARCH] > (GREY + stamp.WHITE) / 2
    down, across = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    return left + int(across[0]), top + int(down[0]), left + int(across[-1]) + 1, top + int(down[-1]) + 1


def expected(box: tuple[int, int, int, int], source: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where the stamp of a whole picture of this size is, fitted into a place."""
    left, top, width, _height = fit(source, box[2:])
    zone, scale = stamp.place_of(*source), width / source[0]
    x, y = box[0] + left + zone.left * scale, box[1] + top + zone.top * scale
    return x, y, x + zone.width * scale, y + zone.height * scale


def check_places(scene: Scene, size: tuple[int, int], pictures: dict[str, VideoFrame]) -> None:
    luma = rows(Painter().paint(scene, size, pictures))
    for number, (name, place) in enumerate(scene.places):
        box, picture = box_of(place, size), pictures[name]
        promised = expected(box, (picture.width, picture.height))
        assert bright(luma, promised) == pytest.approx(promised, abs=2), (scene.layout, number)
        mark = stamp.read_at(luma, box=stamp.Box(promised[0], promised[1], promised[2] - promised[0], promised[3] - promised[1]))
        assert mark is not None, (scene.layout, number)
        assert (mark.stream, mark.frame) == (number % 16, number)


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("extended", [False, True])
def test_everybody_is_in_the_place_that_the_layout_promises(layout: Layout, extended: bool) -> None:
    most = capacity(layout, extended=extended)
    for count in {1, 2, (most + 1) // 2, most}:
        seated = min(count, most)
        scene = Scene(layout, people(seated), extended=extended)
        assert len(scene.places) == seated
        check_places(scene, (1920, 1080), cameras(seated))


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_high_picture_has_everybody_at_full_shape(count: int) -> None:
    scene = Scene(Layout.SPEAKER_AND_7, people(count), is_upright=True)

    check_places(scene, (1080, 1920), cameras(count))
    boxes = [box_of(place, (1080, 1920)) for _, place in scene.places]
    assert all(width / height == pytest.approx(16 / 9, rel=0.02) for _, _, width, height in boxes)
    assert max(top + height for _, top, _, height in boxes) <= 1920


def test_a_high_camera_is_shown_whole_in_a_wide_place() -> None:
    check_places(Scene(Layout.EQUAL_4, people(4)), SIZE, cameras(4, NARROW))


def test_slides_have_the_first_place_and_people_the_others() -> None:
    scene = Scene(Layout.SPEAKER_AND_7, people(3), slides=True)
    pictures = {**cameras(3), SLIDES: camera(9)}

    luma = rows(Painter().paint(scene, SIZE, pictures))

    read = [stamp.read_at(luma, box=_zone(box_of(place, SIZE))) for _, place in scene.places]
    assert [mark.frame if mark else None for mark in read] == [9, 0, 1, 2]


def _zone(box: tuple[int, int, int, int]) -> stamp.Box:
    left, top, right, bottom = expected(box, WIDE)
    return stamp.Box(left, top, right - left, bottom - top)


def test_who_sends_nothing_leaves_an_empty_place() -> None:
    scene = Scene(Layout.EQUAL_4, people(2))

    luma = rows(Painter().paint(scene, SIZE, {"p0": camera(0)}))

    left, top, width, height = box_of(scene.places[1][1], SIZE)
    assert np.ptp(luma[top : top + height, left : left + width]) == 0
    assert luma[-10, -10] == GROUND[0]


@pytest.mark.parametrize("place", [0, 4])
def test_a_name_is_written_into_its_place_letter_for_letter(place: int) -> None:
    names = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger W. Dijkstra", "Barbara Liskov")
    scene = Scene(Layout.SPEAKER_AND_7, tuple(Person(f"p{number}", name) for number, name in enumerate(names)))
    painted = rows(Painter().paint(scene, SIZE, cameras(5)))
    box = box_of(scene.places[place][1], SIZE)

    scores = {name: likeness(painted, Person("", name), box) for name in names}

    assert max(scores, key=lambda name: scores[name]) == names[place]
    assert scores[names[place]] > 0.98
    assert all(score < 0.9 for name, score in scores.items() if name != names[place])


def likeness(luma: Plane, person: Person, box: tuple[int, int, int, int]) -> float:
    """How much what is in a place is like the rendered name: the correlation of the two, 1 for the same."""
    patch = name_patch(person, box)
    opacity = patch.alphas[0].astype(float) / 256
    reference = patch.planes[0] * opacity + GREY * (1 - opacity)
    height, width = reference.shape
    seen = luma[patch.top : patch.top + height, patch.left : patch.left + width]
    return float(np.corrcoef(reference.ravel(), seen.ravel())[0, 1])


def test_a_name_that_does_not_fit_is_shortened_and_stays_in_its_place() -> None:
    box = (100, 100, 160, 90)
    patch = name_patch(Person("p", "A name that nobody could ever read in such a small place"), box)

    height, width = patch.planes[0].shape
    assert patch.left >= 100
    assert patch.left + width <= 260
    assert patch.top + height <= 190


def test_who_speaks_has_a_frame_and_nobody_else() -> None:
    scene = Scene(Layout.EQUAL_4, (Person("p0"), Person("p1", speaking=True), Person("p2")))

    painted = Painter().paint(scene, SIZE, cameras(3))

    for place, framed in zip(scene.places, (False, True, False), strict=True):
        left, top, width, height = box_of(place[1], SIZE)
        for x, y in ((left + 1, top + height // 2), (left + width - 2, top + height // 2), (left + width // 2, top + height - 2)):
            assert (rows(painted)[y, x] == FRAME[0]) is np.bool_(framed)


def test_banners_and_badges_lie_over_the_picture_and_not_over_each_other() -> None:
    bare, line = Scene(Layout.SPEAKER, people(1)), line_height(SIZE)
    plain = rows(Painter().paint(bare, SIZE, cameras(1))).astype(int)

    def changed(scene: Scene) -> NDArray[np.bool_]:
        return np.asarray(np.abs(rows(Painter().paint(scene, SIZE, cameras(1))).astype(int) - plain) > 8)

    level = changed(Scene(Layout.SPEAKER, people(1), classification="Secret"))
    both = changed(Scene(Layout.SPEAKER, people(1), classification="Secret", message="Five minutes left"))
    badge = changed(Scene(Layout.SPEAKER, people(1), badges=("Recording",)))
    two = changed(Scene(Layout.SPEAKER, people(1), badges=("Recording", "Streaming")))

    assert level[:line].mean() > 0.9
    assert not level[line:].any()
    assert both[line : 2 * line].mean() > 0.9
    assert not both[2 * line :].any()
    assert not badge[:, : SIZE[0] // 2].any()
    assert badge.any()
    assert two.sum() > 1.8 * badge.sum()


def test_scaled_pictures_of_those_who_left_are_let_go() -> None:
    painter = Painter()
    painter.paint(Scene(Layout.SPEAKER_AND_7, people(3)), SIZE, cameras(3))
    before = painter.kept

    painter.keep({"p1"})

    assert (before, painter.kept) == (3, 1)


def test_pictures_of_one_source_are_not_mixed_up_when_newer_ones_come() -> None:
    painter, scene = Painter(), Scene(Layout.EQUAL_4, people(2))
    painter.paint(scene, SIZE, cameras(2))

    luma = rows(painter.paint(scene, SIZE, {"p0": camera(0), "p1": camera(7)}))

    read = [stamp.read_at(luma, box=_zone(box_of(place, SIZE))) for _, place in scene.places]
    assert [mark.frame if mark else None for mark in read] == [0, 7]
