"""Our client in a call by RTMP with the embedded node: seen and heard both ways by content, slides, files, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_media.rtmp.connection import Connection
from pexrtc_media.rtmp.server import Server, begins
from pexrtc_py import Ended, EndReason, RequestRefused, UsageError
from pexrtc_py.errors import CallError
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.asked import Asked
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.node.server import NoMedia
from pexrtc_py.protocol.models import CallAnswer
from pexrtc_py.protocol.requests import Calls
from tests.conftest import Join
from tests.media_checks import Ear, Eye, call_of, until

pytestmark = pytest.mark.live
SIZE = (640, 360)
ANN, BOB, SLIDES = 3, 5, 9
ANN_HZ, BOB_HZ = 500, 800


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    conferences = (Vmr("meet.alice"), Vmr("test", service_type="test_call"))
    async with Node(config=NodeConfig(conferences=conferences, rtmp="127.0.0.1:0")) as running:
        yield running


async def test_who_calls_by_rtmp_is_seen_and_heard_and_sees_and_hears(join: Join) -> None:
    ann = await join("Ann", call_type="rtmp", video=Pattern(SIZE, 15, stamp=ANN), audio=Tone(ANN_HZ))
    bob = await join("Bob", video=Pattern(SIZE, 15, stamp=BOB), audio=Tone(BOB_HZ))

    await Eye(call_of(bob).video).sees(ANN, 30)
    await Ear(call_of(bob).audio).hears(ANN_HZ, 30)
    await Eye(call_of(ann).video).sees(BOB, 30)
    await Ear(call_of(ann).audio).hears(BOB_HZ, 30)

    line = bob.participants[ann.my_uuid]
    assert (line.has_media, line.is_video_call) == (True, True)
    assert call_of(ann).stats()[pexrtc_py.Slot.VIDEO].inbound.codec == "h264"


async def test_slides_are_played_while_they_are_presented(join: Join) -> None:
    ann = await join("Ann", call_type="rtmp")
    bob = await join("Bob")
    slides = Eye(call_of(ann).presentation)

    async with bob.present(Pattern(SIZE, 5, stamp=SLIDES)):
        await slides.sees(SLIDES, 30)

    with pytest.raises(UsageError, match="cannot present"):
        async with ann.present(Pattern(SIZE, 5, stamp=SLIDES)):
            raise AssertionError("there is no way for its slides")


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "h264"), (".webm", "vp8")])
async def test_a_call_by_rtmp_is_recorded_in_what_the_file_can_hold(join: Join, tmp_path: Path, ending: str, codec: str) -> None:
    ann = await join("Ann", call_type="rtmp")
    await join("Bob", video=Pattern(SIZE, 15, stamp=BOB), audio=Tone(BOB_HZ))
    await Eye(call_of(ann).video).sees(BOB, 30)

    recording = await ann.record(tmp_path / f"stream{ending}")
    await until(lambda: recording.result.tracks["video"].units > 25, 30)  # begins with the next key frame
    result = await recording.stop()

    assert result.tracks["video"].codec == codec
    with av.open(str(result.path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    assert pictures > 20


async def test_a_test_call_by_rtmp_gives_back_what_it_is_sent(join: Join) -> None:
    ann = await join("Ann", alias="test", call_type="rtmp", video=Pattern(SIZE, 15, stamp=ANN), audio=Tone(ANN_HZ))

    await Eye(call_of(ann).video).sees(ANN, 30)
    await Ear(call_of(ann).audio).hears(ANN_HZ, 30)


async def test_what_is_sent_later_is_published_then(join: Join) -> None:
    ann = await join("Ann", call_type="rtmp")
    bob = await join("Bob")
    heard = Ear(call_of(bob).audio)

    await call_of(ann).audio.send(Tone(ANN_HZ))
    await heard.hears(ANN_HZ, 30)
    await call_of(ann).video.send(Pattern(SIZE, 15, stamp=ANN))
    await Eye(call_of(bob).video).sees(ANN, 30)


async def test_leaving_leaves_nothing_open(join: Join, node: Node) -> None:
    bob = await join("Bob", media=False)
    before = set(asyncio.all_tasks())
    ann = await join("Ann", call_type="rtmp", audio=Tone(ANN_HZ))
    await until(lambda: bob.participants[ann.my_uuid].has_media)

    await ann.leave()

    await until(lambda: ann.my_uuid not in bob.participants)
    await until(lambda: not [task for task in asyncio.all_tasks() - before if not task.done()])


async def test_who_is_disconnected_by_a_host_hears_why(join: Join) -> None:
    ann = await join("Ann", call_type="rtmp", audio=Tone(ANN_HZ))
    bob = await join("Bob", media=False)
    ended = ann.wait_for(Ended, timeout=20)

    await bob.participant(ann.my_uuid).disconnect()

    assert (await ended).reason is EndReason.REMOVED


@pytest.mark.parametrize("audio", [None, Tone(ANN_HZ)], ids=["played", "published"])
async def test_a_server_that_closes_the_stream_ends_the_call(audio: Tone | None) -> None:
    """A server that takes everybody, and lets those who play go, or those who publish."""
    over = asyncio.Event()

    async def serve(app: str, name: str, publishes: bool, connection: Connection) -> None:
        begins(connection, publishes=publishes)
        if publishes is (audio is not None) and not name.endswith("-presentation"):
            await over.wait()
        else:
            while await connection.receive() is not None:
                pass

    server = Server(serve)
    await server.start()
    async with Node(Vmr("meet"), media=NoMedia) as node:
        answer_with(node, f"rtmp://127.0.0.1:{server.port}/app/call")
        async with pexrtc_py.join("meet", node=node.url, call_type="rtmp", audio=audio) as ann:
            ended = ann.wait_for(Ended, timeout=20)
            over.set()
            assert (await ended).reason is EndReason.MEDIA_LOST
    await server.aclose()


def answer_with(node: Node, url: str) -> None:
    @node.answers(Calls)
    def answered(asked: Asked, request: Calls) -> CallAnswer:
        return CallAnswer(call_uuid="c", url=url, secure_url="")


async def test_a_node_without_rtmp_says_what_it_needs() -> None:
    async with Node(Vmr("meet")) as node:
        with pytest.raises(RequestRefused, match="pexrtc node --rtmp HOST:PORT"):
            await pexrtc_py.join("meet", node=node.url, call_type="rtmp")
        assert not node.room("meet").members


@pytest.mark.parametrize(
    ("url", "said"), [("", "does not say where"), ("http://127.0.0.1/x/y", "rtmp://HOST"), ("rtmp://127.0.0.1:9/a/b", "9")]
)
async def test_an_address_that_leads_nowhere_is_the_error_of_joining(url: str, said: str) -> None:
    async with Node(Vmr("meet"), media=NoMedia) as node:
        answer_with(node, url)
        with pytest.raises(CallError, match=said):
            await pexrtc_py.join("meet", node=node.url, call_type="rtmp")
        assert not node.room("meet").members


async def test_an_unknown_type_of_call_is_named() -> None:
    async with Node(Vmr("meet"), media=NoMedia) as node:
        with pytest.raises(UsageError, match="'sip'"):
            await pexrtc_py.join("meet", node=node.url, call_type="sip")
