"""What goes wrong in mid call costs what it must and no more: a sentence, the right end, and a file that plays."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.engine.types import PeerState
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import Unknown
from pexrtc_py.protocol.models import UpdateAnswer
from pexrtc_py.protocol.requests import Calls, Lock, RefreshToken, Update
from pexrtc_py.signaling.ending import EndReason
from tests.media_checks import Eye, call_of, complaints, pictures, streams, until
from tests.phenomena.commands import pexrtc

if TYPE_CHECKING:
    from tests.conftest import Join


def film(stream: int = 1) -> Pattern:
    return Pattern((640, 360), 15, stamp=stream)


async def test_a_403_reaches_its_caller_alone(join: Join) -> None:
    host = await join("Host", alias="meet.lobby", pin="1234", video=film())
    guest = await join("Guest", alias="meet.lobby", pin="5678")
    seen = Eye(call_of(guest).video)
    await seen.sees(1)

    with pytest.raises(pexrtc_py.NotAllowed) as refused:
        await guest.lock()

    assert refused.value.request == Lock()
    assert "lock (403)" in str(refused.value)
    assert (host.ended, guest.ended) == (None, None)
    await seen.sees(1)


async def test_a_call_whose_way_is_cut_goes_on_over_another_one(join: Join, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = await join("Ann", video=film()), await join("Bob")
    seen, call = Eye(call_of(bob).video), call_of(bob)
    await seen.sees(1)
    connection = call.peer.connection
    assert connection is not None
    way = connection.ice.agent

    for socket in (protocol.transport for protocol in way._protocols):
        asyncio.get_running_loop().remove_reader(socket.get_extra_info("socket"))
        monkeypatch.setattr(socket, "sendto", lambda *_: None)  # as when the machine moves to another network

    await until(lambda: connection.ice.agent is not way, 25, what="no other way was found")
    await seen.sees(1)
    await until(lambda: call.peer.state is PeerState.CONNECTED)
    assert node.heard.of(Update, participant=bob.my_uuid)
    assert (ann.ended, bob.ended) == (None, None)


async def test_a_refused_floor_leaves_the_call_as_it_was(join: Join, node: Node) -> None:
    @node.answers(pexrtc_py.requests.TakeFloor)
    def never(asked: Asked, _: pexrtc_py.requests.TakeFloor) -> None:
        raise Refused(403, "Not now")

    ann, bob = await join("Ann", video=film()), await join("Bob")
    seen = Eye(call_of(bob).video)

    with pytest.raises(pexrtc_py.FloorRefused, match="Not now"):
        async with ann.present(film(2)):
            pytest.fail("presented all the same")

    await seen.sees(1)
    assert node.room("meet.alice").floor is None


async def test_a_token_that_is_not_renewed_ends_the_conference_and_the_file_plays(tmp_path: Path) -> None:
    config = NodeConfig(conferences=(Vmr("meet.alice"),), token_seconds=4)
    async with Node(config=config) as node:
        joining = pexrtc_py.join("meet.alice", node=node.url, display_name="Ann", video=film())
        async with joining, pexrtc_py.join("meet.alice", node=node.url, display_name="Bot") as bot:
            recording = await bot.record(tmp_path / "call.mkv")
            await until(lambda: recording.duration > 0.5)

            @node.answers(RefreshToken)
            def refuse(asked: Asked, _: RefreshToken) -> None:
                raise Refused(403, "Invalid token")

            ended = await bot.wait_for(pexrtc_py.Ended, timeout=10)
            with pytest.raises(pexrtc_py.Disconnected):
                await bot.lock()
            await bot.leave()

    assert ended.reason is EndReason.TOKEN_LOST
    assert complaints(recording.path) == ""
    assert 1 in streams(pictures(recording.path))


async def test_a_node_that_dies_ends_the_recording_with_a_file_that_plays(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text('token_seconds = 6\n[[conference]]\nalias = "meet.alice"\n')
    path = tmp_path / "call.mkv"
    async with pexrtc("node", "--listen", "127.0.0.1:0", "--config", config, "--json") as node:
        url = json.loads(await node.line())["url"]
        sender = pexrtc_py.join("meet.alice", node=url, display_name="Ann", video=film(), audio=Tone())
        async with sender, pexrtc("record", "meet.alice", "--node", url, "--out", path) as recorder:
            await until(lambda: path.exists() and path.stat().st_size > 100_000, 30)

            node.process.send_signal(signal.SIGKILL)
            code = await recorder.ends(40)

    assert code == 21
    assert "Traceback" not in recorder.err
    assert "The recording ended:" in recorder.err
    assert complaints(path) == ""
    assert 1 in streams(pictures(path))


async def test_a_node_that_is_stopped_says_so(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    async with pexrtc("node", "--listen", "127.0.0.1:0", "--json") as node:
        url = json.loads(await node.line())["url"]
        async with pexrtc_py.join("meet.alice", node=url, display_name="Bot") as bot:
            recording = await bot.record(path)
            await until(lambda: recording.duration > 0.5)
            ended = bot.wait_for(pexrtc_py.Ended, timeout=10)

            node.process.send_signal(signal.SIGTERM)
            reason = (await ended).reason
            code = await node.ends()

    assert (reason, code) == (EndReason.NODE_LOST, 0)
    assert complaints(path) == ""


async def test_events_that_make_no_sense_disturb_nobody(join: Join, node: Node) -> None:
    ann, bob = await join("Ann", video=film()), await join("Bob")
    seen, unknown = Eye(call_of(bob).video), bob.events(Unknown)
    junk: list[tuple[str, object]] = [
        ("participant_create", {"no": "uuid"}),
        ("participant_update", [1, 2, 3]),
        ("stage", "certainly not"),
        ("presentation_start", 7),
        ("no_such_event", {"\u0000": None}),
        ("conference_update", {"locked": {"deep": ["deeper"]}}),
    ]

    for name, data in junk:
        node.room("meet.alice").tell_room(_event(name, data))
    node.sweep()
    heard = [(await anext(unknown)).name for _ in range(4)]

    assert (ann.ended, bob.ended) == (None, None)
    assert heard[0] == "participant_create"
    assert await bob.lock() is True
    assert {one.display_name for one in bob.participants.values()} == {"Ann", "Bob"}
    await seen.sees(1)


def _event(name: str, data: object) -> Event:
    return Unknown(name=name, data=data)


async def test_an_answer_that_is_no_sdp_fails_the_joining_and_leaves(node: Node) -> None:
    @node.answers(Calls)
    def nonsense(asked: Asked, _: Calls) -> object:
        return pexrtc_py.protocol.models.CallAnswer(call_uuid="7", sdp="v=0\r\nm=audio what\r\n")

    with pytest.raises(pexrtc_py.NegotiationFailed):
        async with pexrtc_py.join("meet.alice", node=node.url, display_name="Ann"):
            pytest.fail("joined all the same")

    assert not node.room("meet.alice").members


async def test_an_answer_that_is_no_sdp_in_mid_call_fails_what_it_answers(join: Join, node: Node) -> None:
    ann, bob = await join("Ann", video=film()), await join("Bob")
    seen = Eye(call_of(bob).video)

    @node.answers(Update)
    def nonsense(asked: Asked, _: Update) -> UpdateAnswer:
        return UpdateAnswer(sdp="m=")

    with pytest.raises(pexrtc_py.CallError):
        async with ann.present(film(2)):
            pytest.fail("presented all the same")

    await seen.sees(1)
    assert ann.ended is None
    assert node.room("meet.alice").floor is None


async def test_a_full_disk_ends_the_recording_and_the_file_plays(join: Join, node: Node, tmp_path: Path) -> None:
    await join("Ann", video=film(), audio=Tone())
    path, room = tmp_path / "call.mkv", 200_000

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    async with pexrtc("record", "meet.alice", "--node", node.url, "--out", path, prepare=little_room) as recorder:
        code = await recorder.ends(60)

    assert code == 31
    assert "Traceback" not in recorder.err
    assert str(path) in recorder.err
    assert path.stat().st_size <= room
    assert complaints(path) == ""
    assert 1 in streams(pictures(path))
    assert [member.display_name for member in node.room("meet.alice").members.values()] == ["Ann"]


async def test_a_call_goes_on_without_its_recording(join: Join, tmp_path: Path) -> None:
    await join("Ann", video=film(), audio=Tone())
    bot = await join("Bot")
    seen, path = Eye(call_of(bot).video), tmp_path / "full.mkv"
    path.symlink_to("/dev/full")
    recording = await bot.record(path)
    failed = await bot.wait_for(pexrtc_py.RecordingFailed, timeout=10)

    assert "No space left on device" in str(failed.error)
    assert recording.error is failed.error
    assert bot.ended is None
    await seen.sees(1)
    await recording.stop()
