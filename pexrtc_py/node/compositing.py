"""Composes pictures: a scene, a size and the latest picture of everybody in it become one frame. Computes, so it belongs in an executor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from av import VideoFrame
from av.video.reformatter import VideoReformatter

from pexrtc_media.arrays import Plane, rows
from pexrtc_media.transform import fit
from pexrtc_py.node.lettering import ALARM, CALM, SHADE, Patch, bar, lay, patched, plate
from pexrtc_py.node.scenes import Person, Scene
from pexrtc_py.node.seating import Rect

Size = tuple[int, int]
Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels, all even."""

GROUND = (28, 132, 124)
"""What is seen where nobody is: luma and chroma (BT.601, limited range)."""
EMPTY = (44, 132, 124)
"""A place whose participant sends no picture."""
FRAME = (150, 168, 70)
"""Around the place of somebody who speaks."""
BASES = 32
"""How many scenes' unmoving parts are kept."""


def box_of(place: Rect, size: Size) -> Box:
    """Where a place is in a picture of `size`; neighbouring places touch."""
    left, right = (_even(edge * size[0]) for edge in (place.x, place.x + place.width))
    top, bottom = (_even(edge * size[1]) for edge in (place.y, place.y + place.height))
    return left, top, right - left, bottom - top


@lru_cache(maxsize=256)
def boxes(scene: Scene, size: Size) -> Mapping[str, Box]:
    """The place of everybody in a scene, by place."""
    return {name: box_of(place, size) for name, place in scene.places}


@dataclass
class _Tile:
    """A participant's picture at the size of a place, as long as there is no newer one."""

    reformatter: VideoReformatter = field(default_factory=VideoReformatter)
    source: VideoFrame | None = None
    frame: VideoFrame | None = None

    def scaled(self, source: VideoFrame, width: int, height: int) -> VideoFrame:
        if self.source is not source or self.frame is None:
            way = "AREA" if width < source.width else "BILINEAR"
            self.frame = self.reformatter.reformat(source, width, height, "yuv420p", interpolation=way, threads=1)
            self.source = source
        return self.frame


class Painter:
    """Composes frames (`yuv420p`, without a time), and keeps scaled pictures for those who see the same; one call at a time."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[str, int, int], _Tile] = {}

    @property
    def kept(self) -> int:
        """How many scaled pictures are kept."""
        return len(self._tiles)

    def paint(self, scene: Scene, size: Size, pictures: Mapping[str, VideoFrame]) -> VideoFrame:
        """The scene at `size` (even); `pictures` has the latest one of each participant, and of `SLIDES`."""
        base = _base(scene, size)
        canvas = _copied(base, size)
        for name, place in boxes(scene, size).items():
            if (picture := pictures.get(name)) is not None:
                self._put(picture, name, place, canvas)
        for edge in base.edges:
            _fill(canvas, edge, FRAME)
        for patch in base.patches:
            lay(patch, canvas)
        return canvas

    def keep(self, names: Collection[str]) -> None:
        """Only these participants are painted from now on; what is scaled of others is thrown away."""
        self._tiles = {key: tile for key, tile in self._tiles.items() if key[0] in names}

    def _put(self, picture: VideoFrame, name: str, place: Box, canvas: VideoFrame) -> None:
        left, top, width, height = fit((picture.width, picture.height), place[2:])
        tile = self._tiles.setdefault((name, width, height), _Tile())
        if (width, height) != place[2:]:
            _fill(canvas, place, GROUND)
        inner = tile.scaled(picture, width, height)
        for index, half in enumerate((1, 2, 2)):
            target = rows(canvas, index)[(place[1] + top) // half :, (place[0] + left) // half :]
            target[: height // half, : width // half] = rows(inner, index)


@dataclass(frozen=True, eq=False)
class _Base:
    """What of a scene does not move."""

    planes: tuple[Plane, ...]
    patches: tuple[Patch, ...]
    edges: tuple[Box, ...]


@lru_cache(maxsize=BASES)
def _base(scene: Scene, size: Size) -> _Base:
    seated = boxes(scene, size)
    frame = VideoFrame(*size, "yuv420p")
    _fill(frame, (0, 0, *size), GROUND)
    for place in seated.values():
        _fill(frame, place, EMPTY)
    speaking = [person.participant for person in scene.people if person.speaking and person.participant in seated]
    edges = tuple(edge for name in speaking for edge in _around(seated[name]))
    return _Base(tuple(rows(frame, index).copy() for index in range(3)), tuple(_written(scene, size, seated)), edges)


def _written(scene: Scene, size: Size, seated: Mapping[str, Box]) -> Iterator[Patch]:
    for person in scene.people:
        if person.name and person.participant in seated:
            yield name_patch(person, seated[person.participant])
    line = line_height(size)
    bars = [(text, colour) for text, colour in ((scene.classification, ALARM), (scene.message, CALM)) if text]
    for number, (text, colour) in enumerate(bars):
        yield patched(bar(text, (size[0], line), colour), 0, number * line)
    yield from _corner((*scene.badges, *scene.notes), size, line // 2 + len(bars) * line)


def name_patch(person: Person, place: Box) -> Patch:
    """The name of somebody as it is written into the lower left corner of a place."""
    left, top, width, height = place
    letters = max(12, min(_even(height * 0.1), 44))
    margin = max(2, letters // 4 & ~1)
    image = plate(person.name, letters, max(width - 2 * margin, 2))
    return patched(image, left + margin, top + height - image.height - margin)


def line_height(size: Size) -> int:
    """The height of a line of text that belongs to no place."""
    return max(16, _even(min(size) * 0.055))


def _corner(words: Iterable[str], size: Size, top: int) -> Iterator[Patch]:
    """Plates from the upper right corner to the left."""
    line = line_height(size)
    right = size[0] - line // 2
    for word in words:
        image = plate(word, line, max(right - line, 2), colour=SHADE)
        right -= image.width
        if right < 0:
            return
        yield patched(image, right, top)
        right -= line // 4


def _around(place: Box) -> tuple[Box, ...]:
    left, top, width, height = place
    thick = max(2, _even(height * 0.016))
    return (
        (left, top, width, thick),
        (left, top + height - thick, width, thick),
        (left, top, thick, height),
        (left + width - thick, top, thick, height),
    )


def _copied(base: _Base, size: Size) -> VideoFrame:
    frame = VideoFrame(*size, "yuv420p")
    for index, plane in enumerate(base.planes):
        rows(frame, index)[:] = plane
    return frame


def _fill(frame: VideoFrame, place: Box, colour: tuple[int, int, int]) -> None:
    left, top, width, height = place
    for index, (half, level) in enumerate(zip((1, 2, 2), colour, strict=True)):
        rows(frame, index)[top // half : (top + height) // half, left // half : (left + width) // half] = level


def _even(pixels: Fraction | float) -> int:
    return round(pixels / 2) * 2
