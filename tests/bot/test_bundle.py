"""A run that ends badly leaves a zip with what is known of it, and without secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.bot import bundle
from pexrtc_py.bot.job import Job
from pexrtc_py.bot.reasons import Reason
from pexrtc_py.bot.running import Bot, Outcome, State
from pexrtc_py.node import Node, Vmr
from tests.media_checks import until

pytestmark = pytest.mark.live
PIN = "80417"


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(Vmr("meet", host_pin=PIN), Vmr("empty")) as running:
        yield running


def job(node: Node, out: Path, **more: Any) -> Job:
    told = {"conference": "meet", "node": node.url, "pin": PIN, "proxy": None, "out": str(out), **more}
    return Job(**told)


def contents(outcome: Outcome) -> dict[str, str]:
    assert outcome.bundle is not None
    with zipfile.ZipFile(outcome.bundle) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def test_a_bundle_tells_how_it_went_and_no_secret(node: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pexrtc_py")
    media: dict[str, Any] = {"video": Pattern((320, 180), 10), "audio": Tone(500)}
    tokens = set[str]()
    async with pexrtc_py.join("meet", node=node.url, pin=PIN, display_name="Ann", **media) as ann:
        bot = Bot(job(node, tmp_path / "a.mkv", webhook="http://me:hush@127.0.0.1:9/hook?key=k3y"), run="r1")
        running = asyncio.create_task(bot.run())
        await until(lambda: bot.state is State.RECORDING or running.done(), 30)
        assert bot.conference is not None
        tokens.add(bot.conference.session.token.token)
        await ann.message(payload="between us")
        await bot.conference.session.renew()
        tokens.add(bot.conference.session.token.token)
        logging.getLogger("pexrtc_py.test").warning("the token was %s, the PIN %s", next(iter(tokens)), PIN)
        assert bot.recording is not None
        bot.recording.error = pexrtc_py.RecordingError("the disk is full")
        bot.recording.failed.set()
        outcome = await running

    found = contents(outcome)
    assert outcome.end.reason is Reason.WRITE_FAILED
    assert outcome.bundle == tmp_path / "a.debug.zip"
    assert set(found) >= {"end.json", "job.json", "machine.json", "log.txt", "events.jsonl", "recording.json", "stats.json"}
    assert json.loads(found["end.json"])["reason"] == "write failed"
    assert json.loads(found["job.json"])["webhook"] == "127.0.0.1"
    assert "m=video" in found["local.sdp"]
    assert "a=ice-pwd:[hidden]" in found["remote.sdp"]
    assert json.loads(found["stats.json"])["slots"]["video"]["inbound"]["packets_received"] > 0
    assert "the token was [hidden], the PIN [hidden]" in found["log.txt"]
    assert "ParticipantCreate" in found["events.jsonl"] or "MessageReceived" in found["events.jsonl"]
    whole = "\n".join(found.values())
    for secret in (*tokens, PIN, "hush", "k3y", "between us"):
        assert secret not in whole


async def test_who_is_not_let_in_leaves_one_where_it_is_wanted(node: Node, tmp_path: Path) -> None:
    refused = await Bot(job(node, tmp_path / "{alias}.mkv", pin="99999", debug_dir=str(tmp_path / "bad")), run="r2").run()

    assert refused.end.reason is Reason.NOT_ADMITTED
    assert refused.bundle == tmp_path / "bad" / "r2.debug.zip"
    assert "99999" not in "\n".join(contents(refused).values())


async def test_nothing_is_left_where_nothing_is_wanted(node: Node, tmp_path: Path) -> None:
    quiet = await Bot(job(node, tmp_path / "a.mkv", pin="99999", manifest=False), run="r3").run()
    wrong = await Bot(job(node, tmp_path / "a.mkv", pin_file=str(tmp_path / "none")), run="r4").run()

    assert (quiet.end.reason, wrong.end.reason) == (Reason.NOT_ADMITTED, Reason.MISTAKE)
    assert (quiet.bundle, wrong.bundle) == (None, None)
    assert os.listdir(tmp_path) == []


async def test_a_bundle_that_cannot_be_written_is_no_failure(node: Node, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    outcome = await Bot(job(node, tmp_path / "a.mkv", pin="99999", debug_dir=str(tmp_path / "file" / "under")), run="r5").run()

    assert (outcome.end.reason, outcome.bundle) == (Reason.NOT_ADMITTED, None)


def test_the_machine_is_described() -> None:
    told = bundle._machine()

    assert told["libraries"]["aiortc"]
    assert told["libraries"]["pexrtc-py"]
