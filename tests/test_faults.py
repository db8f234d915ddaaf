"""What goes wrong on a node on purpose, and what our client makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.errors import PexRTCError, UsageError
from pexrtc_py.node import Node, NoMedia
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import ConferenceUpdate
from tests.media_checks import Ear, Eye, call_of, until

if TYPE_CHECKING:
    from tests.conftest import Join


@pytest.fixture
async def quiet() -> AsyncIterator[Node]:
    async with Node("lab", media=NoMedia) as node:
        yield node


def joining(node: Node, name: str = "Ann") -> pexrtc_py.Joining:
    return pexrtc_py.join("lab", node=node.url, display_name=name, media=False)


async def test_answers_come_late_where_they_shall_and_are_right(quiet: Node) -> None:
    async with joining(quiet) as ann:
        with quiet.faults.answers_late(0.5, to=requests.Lock):
            begun = time.monotonic()
            await ann.unlock()
            quick = time.monotonic() - begun
            await ann.lock()
            slow = time.monotonic() - begun - quick
        assert slow >= 0.5 > quick
        assert quiet.room("lab").locked


async def test_an_unavailable_node_says_so_and_does_nothing(quiet: Node) -> None:
    path = "/api/client/v2/conferences/lab/request_token"
    async with aiohttp.ClientSession(quiet.url) as session:
        with quiet.faults.unavailable(to=requests.RequestToken, retry_after=7):
            async with session.post(path, json={"display_name": "Ann"}) as refused:
                answered = refused.status, refused.headers.get("Retry-After"), (await refused.json())["status"]
        async with session.post(path, json={"display_name": "Ann"}) as welcome:
            after = welcome.status

    assert answered == (503, "7", "failed")
    assert after == 200
    assert len(quiet.room("lab").members) == 1


async def test_a_client_outlasts_a_node_that_is_unavailable_for_a_moment(quiet: Node) -> None:
    async with joining(quiet) as ann:
        with quiet.faults.unavailable():
            with pytest.raises(PexRTCError):
                await ann.lock()
        await ann.lock()
        assert quiet.room("lab").locked


async def test_an_expired_token_ends_the_conference_with_a_sentence(quiet: Node) -> None:
    async with joining(quiet) as ann:
        with quiet.faults.tokens_expired(), pytest.raises(PexRTCError, match="token"):
            await ann.lock()


async def test_events_that_were_held_come_in_order(quiet: Node) -> None:
    async with joining(quiet) as ann:
        seen: list[bool] = []
        ann.on(ConferenceUpdate)(lambda event: seen.append(event.status.locked))
        with quiet.faults.events_held():
            await ann.lock()
            await ann.unlock()
            await ann.lock()
            await asyncio.sleep(0.2)
            held = list(seen)
        await until(lambda: len(seen) >= 3)

    assert held == []
    assert seen[:3] == [True, False, True]


async def test_a_client_whose_stream_breaks_in_mid_event_knows_all_in_the_end(quiet: Node) -> None:
    async with joining(quiet) as ann:
        with quiet.faults.events_cut():
            await ann.lock()
            await until(lambda: quiet.room("lab").locked)
            await asyncio.sleep(0.3)
            missed = ann.status.locked
        await until(lambda: ann.status.locked, 20)

    assert not missed


async def test_an_event_in_halves_is_one_event(quiet: Node) -> None:
    async with joining(quiet) as ann:
        seen: list[bool] = []
        ann.on(ConferenceUpdate)(lambda event: seen.append(event.status.locked))
        with quiet.faults.half_events(0.1):
            await ann.lock()
            await until(lambda: bool(seen))

    assert seen == [True]


@pytest.mark.parametrize("to_viewer", [True, False])
async def test_dead_media_stop_and_come_back_in_the_same_call(join: Join, node: Node, to_viewer: bool) -> None:
    bob = await join("Bob", video=Pattern((320, 180), 15, stamp=6), audio=Tone(440))
    ann = await join("Ann")
    seen, heard = Eye(call_of(ann).video), Ear(call_of(ann).audio)
    await seen.sees(6)
    await heard.hears(440)
    dead = ann.my_uuid if to_viewer else bob.my_uuid

    with node.faults.dead_media(dead):
        if to_viewer:
            await until(lambda: time.time() - max(unit.arrival for unit in heard.units) > 0.5)
        else:
            await heard.hears(None)

    await heard.hears(440)
    await seen.sees(6)
    assert node.faults.stop_sending(dead) is False


async def test_faults_add_up_and_end_with_their_blocks(quiet: Node) -> None:
    async with joining(quiet) as ann:
        with contextlib.ExitStack() as stack:
            stack.enter_context(quiet.faults.answers_late(0.2))
            stack.enter_context(quiet.faults.answers_late(0.3, to=requests.Lock))
            begun = time.monotonic()
            await ann.lock()
            together = time.monotonic() - begun
        begun = time.monotonic()
        await ann.unlock()

    assert together >= 0.5 > time.monotonic() - begun


@pytest.mark.parametrize("fault", ["answers_late", "half_events"])
def test_a_time_that_cannot_be_is_refused(fault: str) -> None:
    with pytest.raises(UsageError, match="from 0 on"), getattr(Node("lab").faults, fault)(-1.0):
        pass
