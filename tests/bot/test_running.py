"""The unattended recorder in real calls: when it leaves, what it says of it, and what lies beside the file."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

import pexrtc_py
from pexrtc_media import Limits, Pattern, Tone
from pexrtc_py.bot import checking
from pexrtc_py.bot.job import Job
from pexrtc_py.bot.leaving import AutoLeave
from pexrtc_py.bot.reasons import Reason
from pexrtc_py.bot.running import Bot, Outcome, State
from pexrtc_py.bot.serving import Board, Window
from pexrtc_py.conference import Conference
from pexrtc_py.node import Caption, Node, Vmr
from tests.media_checks import until

pytestmark = pytest.mark.live
SIZE = (320, 180)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    said = (Caption(0.2, "Ann", "Good morning."), Caption(1.5, "Ann", "To the first point."))
    async with Node(Vmr("meet", host_pin="1", captions=said), Vmr("open"), Vmr("lobby", host_pin="1", guest_pin="2")) as running:
        yield running


@pytest.fixture
async def ann(node: Node) -> AsyncIterator[Conference]:
    media: dict[str, Any] = {"video": Pattern(SIZE, 10, stamp=3), "audio": Tone(500)}
    async with pexrtc_py.join("meet", node=node.url, pin="1", display_name="Ann", **media) as conference:
        yield conference


class Run:
    """A bot at work."""

    def __init__(self, node: Node, out: Path, **job: Any) -> None:
        told = {"conference": "meet", "pin": "1", "node": node.url, "out": str(out), "seconds": 30.0, **job}
        self.bot = Bot(Job(**told), run="r1")
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.bot.run(self.stop))

    async def records(self) -> None:
        await until(lambda: self.bot.state is State.RECORDING or self.task.done(), 30)
        assert self.bot.state is State.RECORDING

    async def ends(self) -> Outcome:
        return await asyncio.wait_for(self.task, 60)


def lines(outcome: Outcome, kind: str) -> list[dict[str, Any]]:
    assert outcome.manifest is not None
    told = [json.loads(line) for line in outcome.manifest.read_text().splitlines()]
    return [line for line in told if line["kind"] == kind]


async def test_a_run_is_written_down_and_its_file_is_good(node: Node, ann: Conference, tmp_path: Path) -> None:
    run = Run(node, tmp_path / "{alias}.mkv", captions=True)
    await run.records()
    async with ann.present(Pattern(SIZE, 5)):
        await ann.message(payload="hello")
        await until(lambda: run.bot.recording is not None and run.bot.recording.duration > 3)
    run.stop.set()
    outcome = await run.ends()

    assert (outcome.end.reason, outcome.exit_code) == (Reason.STOPPED, 0)
    assert outcome.result is not None
    assert outcome.result.path == tmp_path / "meet.mkv"
    assert {line["name"] for line in lines(outcome, "roster")} == {"Ann", "Recorder"}
    assert [line["event"] for line in lines(outcome, "presentation")] == ["start", "stop"]
    assert [line["text"] for line in lines(outcome, "chat")] == ["hello"]
    assert "Good morning." in {line["text"] for line in lines(outcome, "caption")}
    assert {line["track"] for line in lines(outcome, "clock")} >= {"audio", "video"}
    assert lines(outcome, "end")[0]["reason"] == "stopped"
    assert outcome.summary is not None
    summary = json.loads(outcome.summary.read_text())
    assert (summary["verdict"], summary["reason"], summary["run"]) == ("good", "stopped", "r1")
    assert summary["evidence"]["participants"] == 2
    assert set(summary["states"]) >= {"joining", "connected", "recording", "finishing"}
    verdict = await asyncio.to_thread(checking.check, outcome.result.path)
    assert verdict.good, verdict.findings
    assert {finding.name for finding in verdict.findings} >= {"decodes", "duration", "sound and picture", "ended"}


async def test_it_leaves_when_nobody_is_left(node: Node, ann: Conference, tmp_path: Path) -> None:
    run = Run(node, tmp_path / "a.mkv", leave=AutoLeave(empty=0.5))
    await run.records()
    await ann.leave()

    outcome = await run.ends()

    assert outcome.end.reason is Reason.EMPTY
    assert outcome.end.evidence["held"] >= 0.5
    assert not node.room("meet").members


async def test_two_recorders_do_not_keep_each_other(node: Node, ann: Conference, tmp_path: Path) -> None:
    runs = [Run(node, tmp_path / f"{number}.mkv", leave=AutoLeave(only_bots=0.5)) for number in range(2)]
    for run in runs:
        await run.records()
    await ann.leave()

    assert [(await run.ends()).end.reason for run in runs] == [Reason.ONLY_BOTS, Reason.ONLY_BOTS]


async def test_it_leaves_when_the_time_is_up_and_when_nobody_speaks(node: Node, tmp_path: Path) -> None:
    late = Run(node, tmp_path / "a.mkv", leave=AutoLeave(max_time=2))
    quiet = Run(node, tmp_path / "b.mkv", leave=AutoLeave(silence=2))

    assert (await late.ends()).end.reason is Reason.MAX_TIME
    assert (await quiet.ends()).end.reason is Reason.SILENCE


async def test_a_conference_that_ends_is_no_failure(node: Node, ann: Conference, tmp_path: Path) -> None:
    run = Run(node, tmp_path / "a.mkv")
    await run.records()

    await ann.disconnect_all()
    outcome = await run.ends()

    assert (outcome.end.reason, outcome.exit_code) == (Reason.CONFERENCE_ENDED, 0)
    assert outcome.end.evidence["node said"]


async def test_who_is_not_let_in_says_why(node: Node, tmp_path: Path) -> None:
    refused = await Run(node, tmp_path / "a.mkv", pin="9").ends()
    lost = await Run(node, tmp_path / "a.mkv", conference="nowhere").ends()

    assert (refused.end.reason, refused.exit_code) == (Reason.NOT_ADMITTED, 11)
    assert refused.end.evidence["error"]
    assert (lost.end.reason, lost.exit_code) == (Reason.NO_CONFERENCE, 12)
    assert not (tmp_path / "a.mkv").exists()


async def test_nobody_lets_it_in_from_the_waiting_room(node: Node, tmp_path: Path) -> None:
    run = Run(node, tmp_path / "a.mkv", conference="lobby", pin="2", leave=AutoLeave(lobby=0.5))
    outcome = await run.ends()

    assert State.WAITING in run.bot.states

    assert (outcome.end.reason, outcome.exit_code) == (Reason.LOBBY_TIMEOUT, 13)


async def test_a_host_removes_it(node: Node, ann: Conference, tmp_path: Path) -> None:
    run = Run(node, tmp_path / "a.mkv")
    await run.records()
    (bot,) = [person for person in ann.participants.values() if person.display_name == "Recorder"]

    await ann.participant(bot.uuid).disconnect()
    outcome = await run.ends()

    assert outcome.end.reason is Reason.REMOVED
    assert outcome.summary is not None


async def test_a_webhook_is_told_of_each_state_and_a_command_runs(node: Node, ann: Conference, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    failures = [500]

    async def hear(request: web.Request) -> web.Response:
        if failures:
            return web.Response(status=failures.pop())
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script = tmp_path / "finish.py"
    script.write_text("import os, pathlib; pathlib.Path('finished').write_text(os.environ['PEXRTC_FILE'] + os.environ['PEXRTC_REASON'])")
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    command = f"{sys.executable} -c \"import os; os.chdir('{tmp_path}'); exec(open('finish.py').read())\""

    outcome = await Run(node, tmp_path / "a.mkv", seconds=1.0, webhook=hook, on_finish=command).ends()
    await runner.cleanup()

    states = [one["state"] for one in told if "state" in one]
    assert states == ["joining", "connected", "recording", "finishing", "done"]
    assert told[-1]["reason"] == "length reached"
    assert len({one["idempotency_key"] for one in told}) == len(told)
    assert outcome.end.reason is Reason.LENGTH_REACHED
    assert (tmp_path / "finished").read_text() == f"{tmp_path / 'a.mkv'}length reached"


async def test_metrics_health_and_state_are_served(node: Node, ann: Conference, tmp_path: Path) -> None:
    board = Board()
    async with Window(board, "127.0.0.1:0") as window, ClientSession() as session:
        run = Run(node, tmp_path / "a.mkv")
        board.bots.append(run.bot)
        async with session.get(window.url + "/readyz") as answer:
            before = answer.status
        await run.records()
        async with session.get(window.url + "/readyz") as answer:
            after = answer.status
        async with session.get(window.url + "/metrics") as answer:
            text = await answer.text()
        async with session.get(window.url + "/status") as answer:
            (told,) = (await answer.json())["runs"]
        async with session.get(window.url + "/healthz") as answer:
            health = answer.status
        run.stop.set()
        await run.ends()

    assert (before, after, health) == (503, 200, 200)
    assert told["state"] == "recording"
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["pexrtc_calls_active"] == "1"
    assert float(samples['pexrtc_rtp_packets_total{kind="audio"}']) > 0
    assert "meet" not in text


async def test_a_recording_goes_on_in_segments(node: Node, ann: Conference, tmp_path: Path) -> None:
    outcome = await Run(node, tmp_path / "a.mkv", seconds=4.0, limits=Limits(seconds=1.5)).ends()

    assert outcome.result is not None
    segments = outcome.result.segments
    assert len(segments) >= 2
    for segment in segments:
        verdict = await asyncio.to_thread(checking.check, segment.path)
        assert [finding for finding in verdict.findings if not finding.ok] == []
