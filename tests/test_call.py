"""A call's slots as their user holds them: sources in, frames and packets and sinks out, changes while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, cast

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame

import pexrtc_py
from pexrtc_media import Callback, Pattern, Tone, stamp
from pexrtc_media.base import AccessUnit
from pexrtc_py.call import Call
from pexrtc_py.engine.types import Direction, PeerState, Slot
from pexrtc_py.errors import CallError, FloorRefused, NodeUnreachable, UsageError
from pexrtc_py.hub import Hub
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.asked import RULES
from pexrtc_py.protocol.declare import CallRequest, ParticipantRequest
from pexrtc_py.protocol.models import CallAnswer, TurnServer
from pexrtc_py.protocol.requests.call import CallDisconnect
from pexrtc_py.protocol.requests.participant import Calls
from tests.media_checks import until
from tests.relay import Questions

pytestmark = pytest.mark.live

T = TypeVar("T")
SIZE = (640, 360)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(Vmr("lab", host_pin="1234", allow_guests=True)) as running:
        yield running


def _join(node: Node, name: str, **options: Any) -> Any:
    return pexrtc_py.join("lab", node=node.url, display_name=name, pin=options.pop("pin", "1234"), **options)


async def _first_mark(frames: Any, stream: int) -> stamp.Mark:
    async with asyncio.timeout(10):
        async for frame in frames:
            mark = stamp.read_at(frame)
            if mark is not None and mark.stream == stream:
                return mark
    raise AssertionError("the frames ended")


async def test_frames_show_who_sent_them(node: Node) -> None:
    async with _join(node, "tx", video=Pattern(SIZE, stamp=3)), _join(node, "rx") as rx, rx.call.video.frames() as frames:
        first = await _first_mark(frames, 3)
        later = await _first_mark(frames, 3)

        assert later.frame > first.frame


async def test_packets_begin_with_a_keyframe(node: Node) -> None:
    async with _join(node, "tx", video=Pattern(SIZE, stamp=3)), _join(node, "rx") as rx, rx.call.video.packets() as packets:
        async with asyncio.timeout(10):
            units = [await anext(packets) for _ in range(5)]

        assert units[0].keyframe
        assert {unit.codec for unit in units} == {"vp8"}


async def test_a_tone_is_heard_by_the_other_and_not_by_oneself(node: Node) -> None:
    async with _join(node, "tx", audio=Tone(1000)) as tx, _join(node, "rx", audio=Tone(400)) as rx:
        assert await _loudest(rx) == pytest.approx(1000, abs=15)
        assert await _loudest(tx) == pytest.approx(400, abs=15)


async def _loudest(conference: Any) -> float:
    """The strongest frequency of half a second that is not silent."""
    heard: list[Any] = []
    async with asyncio.timeout(10), conference.call.audio.frames() as frames:
        async for frame in frames:
            samples = frame.to_ndarray().reshape(-1, 2)[:, 0].astype(float)
            if np.abs(samples).max() < 1000:
                heard.clear()
                continue
            heard.append(samples)
            if len(heard) == 25:
                break
    spectrum = np.abs(np.fft.rfft(np.concatenate(heard) * np.hanning(25 * 960)))
    return float(np.argmax(spectrum) * 48000 / (25 * 960))


async def test_a_generator_is_a_source(node: Node) -> None:
    async def grey() -> AsyncGenerator[VideoFrame, None]:
        for i in range(10_000):
            frame = VideoFrame.from_ndarray(np.full((360, 640, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 15)
            yield frame

    async with aclosing(grey()) as source, _join(node, "tx", video=source), _join(node, "rx") as rx:
        async with asyncio.timeout(10), rx.call.video.frames() as frames:
            async for frame in frames:
                picture = frame.to_ndarray(format="gray")
                if abs(float(picture.mean()) - 90) < 8 and float(picture.std()) < 4:
                    return
    raise AssertionError("no grey picture came")


async def test_a_sink_is_written_and_closed_with_the_call(node: Node) -> None:
    seen: list[AccessUnit] = []
    enough = asyncio.Event()

    class Counter:
        encoded = True
        closed = False

        async def write(self, unit: AccessUnit, /) -> None:
            seen.append(unit)
            if len(seen) == 20:
                enough.set()

        async def aclose(self) -> None:
            self.closed = True

    sink = Counter()
    async with _join(node, "tx", audio=Tone(500)), _join(node, "rx") as rx:
        await rx.call.audio.to(sink)
        async with asyncio.timeout(10):
            await enough.wait()

    assert sink.closed
    assert {unit.codec for unit in seen} == {"opus"}


async def test_a_frames_sink_gets_frames(node: Node) -> None:
    found = asyncio.Event()

    def look(frame: Any) -> None:
        if (mark := stamp.read_at(frame)) is not None and mark.stream == 6:
            found.set()

    async with _join(node, "tx", video=Pattern(SIZE, stamp=6)), _join(node, "rx") as rx:
        await rx.call.video.to(Callback(look))
        async with asyncio.timeout(10):
            await found.wait()
        await rx.call.video.to(None)


async def test_who_joined_to_listen_can_begin_to_send(node: Node) -> None:
    async with _join(node, "tx") as tx, _join(node, "rx") as rx:
        assert tx.call.peer.transceivers[Slot.VIDEO].current is Direction.RECVONLY

        await tx.call.video.send(Pattern(SIZE, stamp=4))

        assert tx.call.peer.transceivers[Slot.VIDEO].current is Direction.SENDRECV
        async with rx.call.video.frames() as frames:
            await _first_mark(frames, 4)


async def test_a_change_that_failed_can_be_tried_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _join(node, "tx") as tx:
        asked = tx.ask_of_call

        async def unreachable(call: str, request: Any) -> Any:
            raise NodeUnreachable("The wire was cut.")

        monkeypatch.setattr(tx, "ask_of_call", unreachable)
        with pytest.raises(NodeUnreachable):
            await tx.call.video.send(Pattern(SIZE, stamp=4))
        monkeypatch.setattr(tx, "ask_of_call", asked)

        await tx.call.video.send(Pattern(SIZE, stamp=4))

        assert tx.call.peer.transceivers[Slot.VIDEO].current is Direction.SENDRECV


async def test_the_connection_is_closed_though_closing_was_given_up_before(node: Node) -> None:
    async with _join(node, "tx", video=Pattern(SIZE)) as tx:
        closing = asyncio.create_task(tx.call.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])

        assert tx.call.peer.state is PeerState.CLOSED
        assert not tx.call.peer.connection.ice.agent._protocols


async def test_the_connection_is_closed_though_a_sink_fails_at_its_end(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _join(node, "tx", video=Pattern(SIZE)) as tx:
        recording = await tx.record(tmp_path / "a.webm")

        async def fails() -> None:
            raise OSError("disk gone")

        monkeypatch.setattr(recording, "stop", fails)
        with pytest.raises(OSError, match="disk gone"):
            await tx.call.close()
        monkeypatch.undo()
        await recording.stop()

        assert tx.call.peer.state is PeerState.CLOSED


async def test_a_call_that_is_closed_while_it_is_placed_leaves_nothing() -> None:
    control = SlowControl()
    call = Call(control, loopback=True)
    connecting = asyncio.create_task(call.connect())
    await control.asked.wait()

    await call.close()
    control.answers.set()

    with pytest.raises(CallError, match="ended while it was being placed"):
        await connecting
    assert control.requests == [Calls, CallDisconnect]
    assert call.peer.connection is not None
    assert not call.peer.connection.ice.agent._protocols


class SlowControl:
    """A node that takes its time to answer."""

    my_uuid = "me"
    hub = Hub()

    def __init__(self) -> None:
        self.requests: list[type[Any]] = []
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def ask_as_me(self, request: ParticipantRequest[T]) -> T:
        self.requests.append(type(request))
        self.asked.set()
        await self.answers.wait()
        return cast(T, CallAnswer(call_uuid="call", sdp=""))

    async def ask_of_call(self, call: str, request: CallRequest[T]) -> T:
        self.requests.append(type(request))
        return cast(T, None)


async def test_a_source_is_swapped_in_mid_call(node: Node) -> None:
    async with _join(node, "tx", video=Pattern(SIZE, stamp=1)) as tx, _join(node, "rx") as rx, rx.call.video.frames() as frames:
        await _first_mark(frames, 1)

        await tx.call.video.send(Pattern(SIZE, stamp=2))

        await _first_mark(frames, 2)


async def test_slides_are_seen_while_presented(node: Node) -> None:
    async with _join(node, "tx") as tx, _join(node, "rx") as rx:
        async with rx.call.presentation.frames() as frames, tx.present(Pattern(SIZE, fps=5, stamp=5)):
            await _first_mark(frames, 5)
            assert rx.participants[tx.my_uuid].is_presenting

        if rx.participants[tx.my_uuid].is_presenting:
            await rx.wait_for(object, where=lambda _: not rx.participants[tx.my_uuid].is_presenting, timeout=5)
        assert not rx.participants[tx.my_uuid].is_presenting


async def test_presenting_twice_is_refused_before_the_node_is_asked(node: Node) -> None:
    async with _join(node, "tx") as tx, tx.present(Pattern(SIZE, fps=5)):
        with pytest.raises(UsageError):
            async with tx.present(Pattern(SIZE, fps=5)):
                pass


async def test_a_guest_that_may_not_present_is_told_so() -> None:
    async with Node(Vmr("lab", host_pin="1234", guests_can_present=False)) as node, _join(node, "host"):
        async with _join(node, "guest", pin="none") as guest:
            with pytest.raises(FloorRefused):
                async with guest.present(Pattern(SIZE, fps=5)):
                    pass


async def test_speakers_with_different_codecs_stay_in_one_track(node: Node, tmp_path: Path) -> None:
    first, second = Turns(Tone(400)), Turns(Tone(700))
    async with (
        _join(node, "vp8", video=Pattern(SIZE, stamp=1), audio=first),
        _join(node, "h264", video=Pattern(SIZE, stamp=2), audio=second, codecs={Slot.VIDEO: ("h264",)}),
        _join(node, "recorder") as bot,
    ):
        async with bot.call.video.frames() as frames:
            first.on = True
            await _first_mark(frames, 1)
            recording = await bot.record(tmp_path / "both.mkv")
            for speaker, stream in ((first, 1), (second, 2), (first, 1)):
                first.on = second.on = False
                speaker.on = True
                await _first_mark(frames, stream)
                enough = recording.result.tracks["video"].units + 20
                while recording.result.tracks["video"].units < enough:
                    await anext(frames)
            result = await recording.stop()

    assert result.others == ()
    assert _streams_seen(result.path) == [1, 2, 1]


class Turns:
    """Lets a source be heard only while it has its turn."""

    def __init__(self, source: Tone) -> None:
        self.on = False
        self._source = source

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        async for frame in self._source:
            if not self.on:
                silent = AudioFrame.from_ndarray(np.zeros_like(frame.to_ndarray()), format=frame.format.name, layout=frame.layout.name)
                silent.pts, silent.time_base, silent.sample_rate = frame.pts, frame.time_base, frame.sample_rate
                frame = silent  # noqa: PLW2901
            yield frame


def _streams_seen(path: Path) -> list[int]:
    """Whose pictures are in the first video track, in order."""
    seen: list[int] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            mark = stamp.read_at(frame)
            if mark is not None and seen[-1:] != [mark.stream]:
                seen.append(mark.stream)
    return seen


async def test_the_servers_in_the_answer_are_asked(node: Node) -> None:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(Questions, local_addr=("127.0.0.1", 0))
    turn = TurnServer(urls=(f"turn:127.0.0.1:{transport.get_extra_info('sockname')[1]}",), username="ann", credential="secret")

    @node.answers(Calls)
    def placed(asked: Any, request: Calls) -> Any:
        answer = yield from RULES[Calls](asked, request)
        return answer.model_copy(update={"turn": (turn,)})

    async with _join(node, "Ann"):
        await until(lambda: bool(server.heard))
    transport.close()

    assert server.heard[0][:2] == b"\x00\x03"  # an allocate request (RFC 8656 18.1)
