"""Who hears whom in named audio mixes, what is told as text, and slides for those who have no video: with real media."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import pexrtc_py
from pexrtc_media import Pattern, Still, Tone, stamp
from pexrtc_py.errors import FloorRefused, UsageError
from pexrtc_py.node import Caption, Node, Vmr
from pexrtc_py.node.sound import DUCKED
from pexrtc_py.protocol.events import LiveCaptions, PresentationFrame, PresentationStart, PresentationStop
from pexrtc_py.protocol.models import AudioMix, SilentVideo, Transforms
from tests.media_checks import Ear, call_of, strength, until

if TYPE_CHECKING:
    from tests.conftest import Join

FLOOR_HZ, FRENCH_HZ, LOUD = 500, 900, 0.25
FRENCH = "main.french"


async def test_an_interpreter_is_heard_over_the_floor_by_those_who_listen_in_its_language(join: Join) -> None:
    await join("Chair", audio=Tone(FLOOR_HZ))
    interpreter = await join("Interpreter", audio=Tone(FRENCH_HZ))
    paris, london = await join("Paris"), await join("London")
    await interpreter.participant(interpreter.my_uuid).send_to_audio_mixes(mixes=(AudioMix(mix_name=FRENCH, prominent=True),))
    await paris.participant(paris.my_uuid).receive_from_audio_mix(mix_name=FRENCH)
    in_paris, in_london = Ear(call_of(paris).audio), Ear(call_of(london).audio)

    await _hears(in_paris, floor=LOUD * DUCKED, french=LOUD)
    await _hears(in_london, floor=LOUD, french=0)
    await interpreter.participant(interpreter.my_uuid).mute()
    await _hears(in_paris, floor=LOUD, french=0)
    await london.participant(london.my_uuid).hold()

    await in_london.hears(None)
    assert paris.participants[interpreter.my_uuid].send_to_audio_mixes == (AudioMix(mix_name=FRENCH, prominent=True),)


async def test_whose_picture_rests_is_silent_until_it_moves(join: Join) -> None:
    ann, bob = await join("Ann", video=Still(np.full((180, 320, 3), 90, np.uint8))), await join("Bob", video=Pattern((320, 180), 10))
    await bob.transform_layout(transforms=Transforms(layout="ac"))
    await bob.silent_video_detection(config=SilentVideo(silent_after=1, reactivate_after=1))

    await until(lambda: bob.participants[ann.my_uuid].is_video_silent, 30)
    await call_of(ann).video.send(Pattern((320, 180), 10))
    await until(lambda: not bob.participants[ann.my_uuid].is_video_silent, 30)

    assert not bob.me.is_video_silent


async def test_slides_are_fetched_as_pictures_by_who_has_no_video(join: Join) -> None:
    ann, bob = await join("Ann"), await join("Bob", media=False)
    told = bob.wait_for(PresentationFrame, timeout=20)

    async with ann.present(Pattern((1280, 720), 5, stamp=2)):
        picture = _opened(await bob.get_presentation_high_jpeg(id=(await told).id))
        small = _opened(await bob.get_presentation_jpeg())
    png = bob.get_presentation_png()

    mark = stamp.read_at(np.asarray(picture.convert("L")))
    assert mark is not None
    assert (picture.size, small.size, mark.stream) == ((1280, 720), (640, 360), 2)
    with pytest.raises(pexrtc_py.RequestRefused, match="no picture"):
        await png


async def test_pictures_are_presented_without_video(join: Join) -> None:
    ann, bob = await join("Ann", media=False), await join("Bob", media=False)
    begun, ended = bob.wait_for(PresentationStart, timeout=10), bob.wait_for(PresentationStop, timeout=10)
    seen: list[tuple[int, ...]] = []
    news = asyncio.Queue[None]()

    @bob.on(PresentationFrame)
    async def look(event: PresentationFrame) -> None:
        colour = _opened(await bob.get_presentation_jpeg(id=event.id)).resize((1, 1)).getpixel((0, 0))
        assert isinstance(colour, tuple)
        seen.append(tuple(int(part) // 100 for part in colour))
        news.put_nowait(None)

    async def slides() -> AsyncIterator[Image.Image]:
        for colour in ("red", "lime", "blue"):
            yield Image.new("RGB", (320, 180), colour)
            await asyncio.wait_for(news.get(), 10)

    await ann.present_stills(slides())

    assert ((await begun).source, seen) == ("static", [(2, 0, 0), (0, 2, 0), (0, 0, 2)])
    await ended


async def test_presenting_pictures_ends_when_somebody_takes_the_floor(join: Join) -> None:
    ann, bob = await join("Ann", media=False), await join("Bob", media=False)
    begun = bob.wait_for(PresentationStart, timeout=10)
    presenting = asyncio.create_task(ann.present_stills([Image.new("RGB", (16, 9))] * 2, seconds_each=600))
    await begun

    await bob.participant(bob.my_uuid).take_floor()

    await asyncio.wait_for(presenting, 10)


async def test_what_is_no_picture_is_said_and_gives_the_floor_back(join: Join, node: Node) -> None:
    ann = await join("Ann", media=False)

    with pytest.raises(UsageError, match="no picture"):
        await ann.present_stills([b"<html>"])

    assert node.room("meet.alice").floor is None


async def test_captions_are_told_to_who_wants_them() -> None:
    script = (Caption(0.0, "Ann", "Hello, world."),)
    async with Node(Vmr("meet", captions=script)) as node, pexrtc_py.join("meet", node=node.url, display_name="Ann", media=False) as ann:
        said = ann.events(LiveCaptions)

        await ann.participant(ann.my_uuid).show_live_captions()
        heard = [await asyncio.wait_for(anext(said), 10) for _ in range(3)]

        assert ann.status.live_captions_available
        assert [(event.data, event.is_final) for event in heard] == [("hello ", False), ("hello world ", False), ("Hello, world.", True)]
        assert [source.participant_uuid for source in heard[2].sources or ()] == [ann.my_uuid]


async def test_a_guest_who_may_not_present_shows_no_pictures() -> None:
    async with Node(Vmr("meet", host_pin="1", guests_can_present=False)) as node:
        async with pexrtc_py.join("meet", node=node.url, display_name="Host", pin="1", media=False) as host:
            await host.start_conference()
            async with pexrtc_py.join("meet", node=node.url, display_name="Guest", pin="none", media=False) as guest:
                with pytest.raises(FloorRefused):
                    await guest.present_stills([Image.new("RGB", (16, 9))])


async def _hears(ear: Ear, *, floor: float, french: float) -> None:
    """Wait until both tones are as loud as this, for half a second."""
    found = (0.0, 0.0)

    def is_so() -> bool:
        nonlocal found
        ear.units[:-30] = []
        samples = ear.sound().samples
        if len(samples) < 26_000:
            return False
        found = strength(samples[-24_000:], FLOOR_HZ), strength(samples[-24_000:], FRENCH_HZ)
        return all(abs(level - wanted) < 0.02 for level, wanted in zip(found, (floor, french), strict=True))

    await until(is_so, 20)


def _opened(picture: bytes) -> Image.Image:
    return Image.open(BytesIO(picture))
