"""Sound and pictures between the vendor's client and ours, recognised by what is in them."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import numpy as np

from pexrtc_media import Pattern, Tone
from tests.interop.visitor import STAMPS, Picture, stamped
from tests.media_checks import Ear, Eye, call_of, strength, until

if TYPE_CHECKING:
    import av

    from pexrtc_py.slots import CallSlot
    from tests.conftest import Join
    from tests.interop.conftest import Visit

VERA, BOB = 3, 7
VERA_HZ, BOB_HZ = 500, 800
COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}
BARS = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1)]
"""The colours of a `Pattern`, left to right: which of red, green and blue are on."""


async def test_the_client_sees_and_hears_us(visit: Visit, join: Join) -> None:
    await join("Bob", video=Pattern((640, 360), 15, stamp=BOB), audio=Tone(BOB_HZ))
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)

    first = await vera.sees(BOB)
    size, picture = await vera.look()
    await vera.hears_tone(BOB_HZ)
    sound = await vera.sound()
    later = await vera.sees(BOB)

    assert later > first
    assert size == (640, 360)
    assert _in_bar_order(_bars(picture))
    assert strength(sound, VERA_HZ) < 0.01  # nobody hears themselves


async def test_we_see_and_hear_the_client(visit: Visit, join: Join) -> None:
    bob = await join("Bob")
    call = call_of(bob)
    seen, heard = Eye(call.video), Ear(call.audio)

    await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    await seen.sees(VERA)
    done = len(seen.pictures())
    await until(lambda: len(seen.pictures()) >= done + 15, 15)
    await until(lambda: len(heard.units) >= 100, 15)

    marks = [picture.mark for picture in seen.pictures()[done:]]
    assert {mark.stream for mark in marks if mark} == {VERA}
    numbers = [mark.frame for mark in marks if mark]
    assert len(numbers) > len(marks) * 0.8
    assert all(0 <= (after - before) % STAMPS < STAMPS // 2 for before, after in itertools.pairwise(numbers))
    assert len(set(numbers)) > 10
    samples = heard.sound().samples[-24_000:]
    assert strength(samples, VERA_HZ) > 0.1
    assert strength(samples, BOB_HZ) < 0.01


async def test_the_colours_that_the_client_shows_come_in_order(visit: Visit, join: Join) -> None:
    bob = await join("Bob")

    await visit("Vera", picture=stamped(VERA, colours=list(COLOURS)), hz=VERA_HZ)
    shown = await _colours(call_of(bob).video, 4)

    order = list(COLOURS)
    assert all(order.index(after) == (order.index(before) + 1) % len(order) for before, after in itertools.pairwise(shown))


async def test_two_clients_see_each_other(visit: Visit) -> None:
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    walt = await visit("Walt", picture=stamped(BOB), hz=BOB_HZ)

    await vera.sees(BOB)
    await walt.sees(VERA)
    await vera.hears_tone(BOB_HZ)
    await walt.hears_tone(VERA_HZ)


async def test_a_connection_in_use_is_not_made_anew(visit: Visit, join: Join) -> None:
    """The client restarts ICE when pictures stop; they must go on while nobody sends any."""
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)

    await vera.looks_after(times=20)  # each of six streams counts
    await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    await vera.sees(BOB)

    assert not vera.heard("call.onReconnecting")


async def test_the_client_turns_its_camera_on_later_and_takes_another(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    seen, heard = Eye(call_of(bob).video), Ear(call_of(bob).audio)
    vera = await visit("Vera", hz=VERA_HZ)
    await vera.sees(BOB)
    before = [picture.stream for picture in seen.pictures()]

    await vera.send(picture=stamped(VERA), hz=VERA_HZ)
    await seen.sees(VERA)
    await vera.send(picture=stamped(VERA + 1, size=(320, 180)), hz=VERA_HZ + 200)
    await seen.sees(VERA + 1)
    heard.units.clear()
    await until(lambda: len(heard.units) >= 50)

    assert VERA not in before
    assert strength(heard.sound().samples[-24_000:], VERA_HZ + 200) > 0.1
    await vera.sees(BOB)


async def test_the_client_restarts_ice_and_goes_on(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB), audio=Tone(BOB_HZ))
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    seen, heard = Eye(call_of(bob).video), Ear(call_of(bob).audio)
    await seen.sees(VERA)
    await vera.sees(BOB)
    before = await vera.way()

    await vera.tab.run("() => visitor.restart()")
    await vera.goes_another_way(before)
    await vera.looks_after(times=12)
    heard.units.clear()
    await seen.sees(VERA)
    first = await vera.sees(BOB)
    await vera.hears_tone(BOB_HZ)
    await until(lambda: len(heard.units) >= 50)

    assert await vera.sees(BOB) != first
    assert strength(heard.sound().samples[-24_000:], VERA_HZ) > 0.1
    assert not vera.heard("call.onReconnecting")


async def _colours(slot: CallSlot, changes: int, seconds: float = 20.0) -> list[str]:
    """The names of the colours in the picture's corner, each once, until there were so many changes."""
    shown: list[str] = []
    async with asyncio.timeout(seconds), slot.frames() as frames:
        async for frame in frames:
            name = _colour(frame)  # type: ignore[arg-type]
            if name is not None and shown[-1:] != [name]:
                shown.append(name)
            if len(shown) > changes:
                break
    return shown


def _colour(frame: av.VideoFrame) -> str | None:
    corner = frame.to_ndarray(format="rgb24")[-40:-8, 8:40].reshape(-1, 3).mean(axis=0)
    near = min(COLOURS, key=lambda name: float(np.abs(corner - COLOURS[name]).max()))
    return near if np.abs(corner - COLOURS[near]).max() < 60 else None


def _bars(picture: Picture) -> list[tuple[int, ...]]:
    """The bars along the lower edge of a `Pattern`, left to right."""
    lit = [tuple(int(value > 110) for value in pixel) for pixel in picture[-6]]
    return [colour for colour, pixels in itertools.groupby(lit) if len(list(pixels)) > 8]


def _in_bar_order(bars: list[tuple[int, ...]]) -> bool:
    return len(bars) >= 6 and all(BARS.index(after) == (BARS.index(before) + 1) % 7 for before, after in itertools.pairwise(bars))  # type: ignore[arg-type]
