"""Leaving always leaves: whatever ends the block, the node's roster is empty and nothing of the call remains here.

That no task, socket or thread remains is looked at after every test of this folder (conftest).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.signaling.ending import EndReason
from tests.media_checks import call_of, complaints, until
from tests.phenomena.commands import pexrtc

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node
    from tests.conftest import Join


def joining(node: Node) -> pexrtc_py.Joining:
    return pexrtc_py.join("meet.alice", node=node.url, display_name="Ann", video=Pattern((320, 180), 15), audio=Tone())


def roster(node: Node) -> list[str]:
    return [member.display_name for member in node.room("meet.alice").members.values()]


async def test_an_exception_in_the_block_leaves_and_passes(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "call.mkv"

    with pytest.raises(ZeroDivisionError):
        async with joining(node) as ann:
            recording = await ann.record(path)
            await until(lambda: recording.duration > 0.5)
            async with ann.present(Pattern((640, 360), 5)):
                raise ZeroDivisionError

    assert roster(node) == []
    assert ann.ended is not None
    assert ann.ended.reason is EndReason.LEFT
    assert complaints(path) == ""


async def test_a_cancelled_block_leaves(node: Node) -> None:
    entered = asyncio.Event()

    async def stay() -> None:
        async with joining(node):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await entered.wait()
    assert roster(node) == ["Ann"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert roster(node) == []


@pytest.mark.parametrize("loops", [1, 3, 10, 30, 100, 300])
async def test_joining_that_is_cancelled_on_the_way_leaves(node: Node, loops: int) -> None:
    """Wherever it was: before the token, before the call, before the media."""

    async def stay() -> None:
        async with joining(node):
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    for _ in range(loops):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    await until(lambda: roster(node) == [])


async def test_leaving_twice_and_from_a_callback_is_leaving(node: Node) -> None:
    async with joining(node) as ann:
        ann.on(pexrtc_py.ParticipantCreate)(lambda _: ann.leave())
        async with pexrtc_py.join("meet.alice", node=node.url, display_name="Bob", media=False):
            await until(lambda: roster(node) == ["Bob"])
        await ann.leave()

    assert roster(node) == []


async def test_events_end_with_ended_for_every_reader(node: Node) -> None:
    async with joining(node) as ann:
        reading = asyncio.create_task(_all(ann))
        await asyncio.sleep(0)
        await ann.leave("enough")

    events = await asyncio.wait_for(reading, 5)
    assert isinstance(events[0], pexrtc_py.RosterSnapshot)
    assert events[-1] == pexrtc_py.Ended(reason=EndReason.LEFT, detail="enough")


async def _all(conference: pexrtc_py.Conference) -> list[object]:
    return [event async for event in conference.events()]


async def test_who_is_removed_is_out_with_everything_closed(node: Node, join: Join, tmp_path: Path) -> None:
    host, ann = await join("Host"), await join("Ann", video=Pattern((320, 180), 15), audio=Tone())
    recording, call = await ann.record(tmp_path / "call.mkv"), call_of(ann)
    await until(lambda: recording.duration > 0.5)

    ended = ann.wait_for(pexrtc_py.Ended, timeout=10)
    await host.participant(ann.my_uuid).disconnect()
    assert (await ended).reason is EndReason.REMOVED
    await until(lambda: str(call.peer.state) == "closed")

    assert roster(node) == ["Host"]
    assert complaints(recording.path) == ""


async def test_sigterm_to_a_participant_leaves(node: Node) -> None:
    options = ("--node", node.url, "--name", "Ann", "--video", "pattern", "--audio", "tone")
    async with pexrtc("join", "meet.alice", *options) as ann:
        await until(lambda: bool(node.room("meet.alice").members) and _flows(node), 20)

        ann.process.send_signal(signal.SIGTERM)
        code = await ann.ends()

    assert (code, roster(node)) == (0, [])
    assert "Traceback" not in ann.err


def _flows(node: Node) -> bool:
    return all(member.has_media for member in node.room("meet.alice").members.values())


async def test_the_last_one_turns_off_the_light(node: Node) -> None:
    """Ten calls one after the other leave no more descriptors open than one."""
    open_after = []
    for _ in range(10):
        async with joining(node) as ann:
            await until(lambda: call_of(ann).audio.received.packets_received > 5)
        open_after.append(len(os.listdir("/proc/self/fd")))

    assert roster(node) == []
    assert open_after[-1] <= open_after[1] + 1
