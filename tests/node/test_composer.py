"""The composer by itself: encoded pictures in, encoded pictures out, on a clock of the test's."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction

import pytest
from av import VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_media.synthetic import Pattern
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.engine.encoders import VideoEncoder
from pexrtc_py.node.backlog import BACKLOG
from pexrtc_py.node.composer import Composer
from pexrtc_py.node.compositing import box_of
from pexrtc_py.node.looking import Eye
from pexrtc_py.node.scenes import Person, Scene
from pexrtc_py.node.sizes import Quality
from pexrtc_py.node.viewing import MAIN, Order, SourceName
from tests.media_checks import stream_in, until

SIZE = (640, 360)
QUALITY = Quality(SIZE, 25.0, 1_000_000)
PAIR = Scene("2x2", (Person("ann"), Person("bob")))
ANN, BOB = (MAIN, "ann-1"), (MAIN, "bob-1")
FROM: dict[str, tuple[SourceName, ...]] = {"ann": (ANN,), "bob": (BOB,)}


class Camera:
    def __init__(self, stream: int, codec: str = "vp8") -> None:
        self._pattern, self._encoder, self._number = Pattern((320, 180), 30, stamp=stream), VideoEncoder(codec), 0

    def unit(self, *, keyframe: bool = False) -> AccessUnit:
        frame = self._pattern.picture(self._number)
        frame.pts, frame.time_base = self._number, Fraction(1, 30)
        self._number += 1
        (unit,) = self._encoder.encode(frame, keyframe=keyframe or self._number == 1)
        return unit


@dataclass
class Kept:
    """What a composer delivers."""

    units: list[tuple[str, AccessUnit, float]] = field(default_factory=list)
    asked: list[SourceName] = field(default_factory=list)

    def of(self, view: str) -> list[AccessUnit]:
        return [unit for name, unit, _ in self.units if name == view]

    def pictures(self, view: str) -> list[VideoFrame]:
        units = self.of(view)
        decoder = VideoDecoder(units[0].codec)
        return [frame for unit in units for frame in decoder.decode(unit)]

    def streams(self, view: str) -> list[tuple[int | None, ...]]:
        """Whose stamps are in the places of `PAIR`, in each picture."""
        return [tuple(stream_in(one, box_of(place, SIZE), (320, 180)) for _, place in PAIR.places) for one in self.pictures(view)]


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def composer(kept: Kept) -> AsyncIterator[Composer]:
    with ThreadPoolExecutor(2) as executor:
        composer = Composer(
            executor=executor, deliver=lambda view, unit, captured: kept.units.append((view, unit, captured)), ask=kept.asked.append
        )
        yield composer
        await composer.aclose()


def order(scene: Scene = PAIR, codec: str = "vp8", sources: dict[str, tuple[SourceName, ...]] | None = None) -> Order:
    return Order(scene, codec, QUALITY, FROM if sources is None else sources)


async def test_a_view_begins_with_a_keyframe_and_shows_everybody_in_it(composer: Composer, kept: Kept) -> None:
    ann, bob = Camera(1), Camera(2, "h264")
    composer.want({"view": order()})

    while len(kept.of("view")) < 5 or kept.streams("view")[-1] != (1, 2):
        composer.feed(ANN, ann.unit(), unix_time())
        composer.feed(BOB, bob.unit(), unix_time())
        await asyncio.sleep(0.01)

    assert {source for source in kept.asked} == {ANN, BOB}
    assert kept.of("view")[0].keyframe
    assert not any(unit.keyframe for unit in kept.of("view")[1:])


async def test_two_views_of_the_same_people_in_two_codecs(composer: Composer, kept: Kept) -> None:
    composer.want({"one": order(), "two": order(codec="h264")})
    ann, bob = Camera(1), Camera(2)

    while not all(kept.of(view) and kept.streams(view)[-1] == (1, 2) for view in ("one", "two")):
        composer.feed(ANN, ann.unit(), unix_time())
        composer.feed(BOB, bob.unit(), unix_time())
        await asyncio.sleep(0.01)

    assert ({unit.codec for unit in kept.of("one")}, {unit.codec for unit in kept.of("two")}) == ({"vp8"}, {"h264"})


async def test_a_keyframe_comes_when_it_is_asked_for(composer: Composer, kept: Kept) -> None:
    composer.want({"view": order()})
    composer.feed(ANN, Camera(1).unit(), unix_time())
    await until(lambda: len(kept.of("view")) >= 2)
    before = len(kept.of("view"))

    composer.refresh("view")

    await until(lambda: any(unit.keyframe for unit in kept.of("view")[before:]))


async def test_a_view_that_nobody_moves_in_is_sent_again_and_again(composer: Composer, kept: Kept) -> None:
    composer.want({"view": order()})
    composer.feed(ANN, Camera(1).unit(), 1000.0)

    await until(lambda: len(kept.units) >= 4)

    times = [captured for _, _, captured in kept.units]
    assert times[0] == 1000.0
    assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(times[1:]))


async def test_what_changes_is_seen_without_a_new_stream(composer: Composer, kept: Kept) -> None:
    composer.want({"view": order()})
    ann, bob = Camera(1), Camera(2)
    other = replace(PAIR, people=(Person("bob"), Person("ann")))

    async def until_seen(wanted: tuple[int, int]) -> None:
        while not kept.of("view") or kept.streams("view")[-1] != wanted:
            composer.feed(ANN, ann.unit(), unix_time())
            composer.feed(BOB, bob.unit(), unix_time())
            await asyncio.sleep(0.01)

    await until_seen((1, 2))
    composer.want({"view": order(other)})
    await until_seen((2, 1))

    assert sum(unit.keyframe for unit in kept.of("view")) == 1


async def test_times_always_go_on_when_another_one_is_first(composer: Composer, kept: Kept) -> None:
    composer.want({"view": order()})
    ann, bob, now = Camera(1), Camera(2), unix_time()
    while len(kept.units) < 3:
        composer.feed(ANN, ann.unit(), now)
        composer.feed(BOB, bob.unit(), now - 0.3)
        now += 0.04
        await asyncio.sleep(0.04)

    composer.want({"view": order(replace(PAIR, people=(Person("bob"), Person("ann"))))})
    while len(kept.units) < 8:
        composer.feed(BOB, bob.unit(), now - 0.3)
        now += 0.04
        await asyncio.sleep(0.04)

    times = [captured for _, _, captured in kept.units]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))


async def test_nothing_is_decoded_for_nobody(composer: Composer, kept: Kept) -> None:
    composer.feed(ANN, Camera(1).unit(), unix_time())
    composer.want({"view": order(sources={"ann": (ANN,)})})
    composer.feed(BOB, Camera(2).unit(), unix_time())
    composer.want({})
    composer.feed(ANN, Camera(1).unit(), unix_time())

    assert (composer.waiting, composer.stats, kept.units) == (0, {}, [])


async def test_a_source_that_outruns_the_decoder_starts_over_at_a_keyframe() -> None:
    asked: list[None] = []
    with ThreadPoolExecutor(1) as executor:
        eye = Eye(executor=executor, now=unix_time, seen=lambda: None, ask=lambda: asked.append(None))
        camera = Camera(1)
        for _ in range(BACKLOG + 5):  # the loop does not run in between
            eye.put(camera.unit(), unix_time())
        waiting = eye.waiting
        eye.put(camera.unit(keyframe=True), unix_time())
        await until(lambda: eye.latest is not None)
        await eye.aclose()

    assert (waiting, eye.dropped) == (0, BACKLOG + 5)
    assert len(asked) == 1 + 5
