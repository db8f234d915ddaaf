"""`pexrtc record` that is stopped finishes its file and leaves; one that is killed leaves a file that plays."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_media.stamp import unwrap
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.config import NodeConfig
from tests.media_checks import disturbed, duration_in_head, pictures, sound, streams, strength, until
from tests.phenomena.commands import Command, pexrtc
from tests.phenomena.machine import Machine

ENDINGS = [".mkv", ".webm", ".mp4"]
TOKEN = 8
"""Seconds that the node waits for a sign of life of who was killed."""


@pytest.fixture
async def call() -> AsyncIterator[tuple[Node, pexrtc_py.Conference]]:
    """A node, and a sender in `meet.alice` whose pictures say when they were made."""
    config = NodeConfig(conferences=(Vmr("meet.alice", host_pin="1234", guest_pin="5678"),), token_seconds=TOKEN)
    async with Node(config=config) as node:
        sending = pexrtc_py.join(
            "meet.alice", node=node.url, display_name="Sender", pin="1234", video=Pattern((640, 360), 30, stamp=1), audio=Tone(440)
        )
        async with sending as sender:
            yield node, sender


def names(node: Node) -> list[str]:
    return [member.display_name for member in node.room("meet.alice").members.values()]


def last_frame_age(path: Path, at: float) -> float:
    """How long before `at` (Unix seconds) the last picture of a file was made."""
    mark = pictures(path)[-1].mark
    assert mark is not None
    return at - unwrap(mark.ms, round(at * 1000)) / 1000


async def three_recorders(stack: contextlib.AsyncExitStack, node: Node, folder: Path) -> tuple[dict[Path, Command], float]:
    """One for each kind of file, each with some seconds recorded; and the factor by which the machine made them late."""
    recorders = {}
    for ending in ENDINGS:
        path = folder / f"call{ending}"
        options = ("--node", node.url, "--pin", "5678", "--out", path, "--name", f"Bot {ending}")
        recorders[path] = await stack.enter_async_context(pexrtc("record", "meet.alice", *options))
    machine = Machine(*(recorder.process.pid for recorder in recorders.values()))
    await until(lambda: all(path.exists() and path.stat().st_size > 150_000 for path in recorders), 40, what="the files do not grow")
    assert sorted(names(node)) == ["Bot .mkv", "Bot .mp4", "Bot .webm", "Sender"]
    return recorders, machine.patience(1.0)


async def test_sigterm_finishes_the_file_and_leaves(call: tuple[Node, pexrtc_py.Conference], tmp_path: Path) -> None:
    node, _ = call
    async with contextlib.AsyncExitStack() as stack:
        recorders, patience = await three_recorders(stack, node, tmp_path)

        for recorder in recorders.values():
            recorder.process.send_signal(signal.SIGTERM)
        stopped = time.time()
        codes = [await recorder.ends() for recorder in recorders.values()]

    assert (codes, names(node)) == ([0, 0, 0], ["Sender"])
    for path, recorder in recorders.items():
        assert path.name in recorder.out
        assert "Traceback" not in recorder.err
        assert disturbed(path) == ""
        seen, heard = pictures(path), sound(path)
        assert streams(seen) == [1]
        assert strength(heard.samples, 440) > 0.1 / patience
        assert duration_in_head(path) == pytest.approx(max(seen[-1].time, heard.end), abs=0.05)
        assert -0.05 < last_frame_age(path, stopped) < 0.5 * patience


async def test_sigkill_costs_no_more_than_a_second(call: tuple[Node, pexrtc_py.Conference], tmp_path: Path) -> None:
    node, _ = call
    async with contextlib.AsyncExitStack() as stack:
        recorders, patience = await three_recorders(stack, node, tmp_path)

        for recorder in recorders.values():
            recorder.process.kill()
        killed = time.time()
        for recorder in recorders.values():
            await recorder.ends()

    for path in recorders:
        age, heard = last_frame_age(path, killed), sound(path)
        print(f"{path.suffix}: the last picture was {age:.3f} s old")
        assert disturbed(path) == ""
        assert age < 1.0 * patience
        assert heard.end == pytest.approx(pictures(path)[-1].time, abs=0.3)
    await until(lambda: names(node) == ["Sender"], 3 * TOKEN, what="the node keeps who was killed")
