"""The samples: short, complete, and they run against a node."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from pexrtc_py.bot.inspecting import inspect
from pexrtc_py.node.server import Node
from pexrtc_py.protocol.events import MessageReceived, PresentationStart
from tests.conftest import Join

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[1]
SAMPLES = sorted((ROOT / "samples").glob("*.py"))
SLIDES = [ROOT / "pexrtc_py" / "demo" / "assets" / f"slide-{number}.png" for number in (1, 2)]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'media'}"}


async def _run(name: str, *arguments: object, code: int = 0) -> tuple[str, str]:
    """Run a sample to its end and check how it ended; what it printed on stdout and stderr."""
    command = [sys.executable, str(ROOT / "samples" / f"{name}.py"), *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT)
    try:
        out, err = await asyncio.wait_for(process.communicate(), 40)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == code, err.decode()
    return out.decode(), err.decode()


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.stem for sample in SAMPLES])
def test_a_sample_is_short_and_says_how_to_run_it(sample: Path) -> None:
    text = sample.read_text()

    assert len(text.splitlines()) < 60
    assert f"\npython samples/{sample.name} meet.alice" in text


@pytest.mark.parametrize("name", [sample.stem for sample in SAMPLES])
async def test_a_sample_explains_its_options(name: str) -> None:
    out, _ = await _run(name, "--help")

    assert "--node" in out


async def test_the_join_sample_prints_what_happens(node: Node) -> None:
    out, err = await _run("join", "meet.alice", "--node", node.url, "--seconds", "2")

    kinds = [line.split(" ")[0].split("(")[0] for line in out.splitlines()]
    assert kinds[0] == "RosterSnapshot"
    assert kinds[-1] == "Ended"
    assert "Stage" in kinds
    assert err == ""


async def test_the_record_sample_makes_a_file_that_plays(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "a.mkv"

    out, _ = await _run("record", "meet.alice", file, "--node", node.url, "--seconds", "2")

    assert out.startswith(f"{file}: ")
    assert "audio: opus" in out
    assert inspect(file).duration > 1


async def test_the_present_sample_shows_its_slides(node: Node, join: Join) -> None:
    watcher = await join("Watcher", media=False)
    started = asyncio.ensure_future(watcher.wait_for(PresentationStart, timeout=20))

    out, _ = await _run("present", "meet.alice", *SLIDES, "--each", "1", "--node", node.url)

    assert (await started).presenter_name == "Presenter"
    assert out == "Presenting 2 slides for 2 s\n"


async def test_the_roster_sample_shows_who_comes(node: Node, join: Join) -> None:
    await join("Alice", media=False)

    out, _ = await _run("roster", "meet.alice", "--node", node.url, "--seconds", "1.5")

    assert "2 in meet.alice" in out
    assert "Alice" in out


async def test_the_sample_of_the_javascript_object_takes_part(node: Node, join: Join) -> None:
    watcher = await join("Watcher", media=False)
    hello = asyncio.ensure_future(watcher.wait_for(MessageReceived, timeout=40))

    out, err = await _run("pexrtc_object", "meet.alice", "--node", node.url, "--seconds", "2")

    assert (await hello).payload == "Hello"
    assert "PIN: none\n" in out
    assert "Connected as HOST" in out
    assert "Watcher is here" in out
    assert re.search(r"^Received [1-9]\d*x\d+$", out, re.MULTILINE)  # of nobody else, the node's own picture
    assert err == ""


@pytest.mark.parametrize("name", [sample.stem for sample in SAMPLES])
async def test_a_sample_says_in_a_sentence_what_is_wrong(node: Node, name: str, tmp_path: Path) -> None:
    more = {"record": (tmp_path / "a.mkv",), "present": SLIDES}.get(name, ())

    _, err = await _run(name, "meet.nobody", *more, "--node", node.url, code=1)

    assert err.startswith("Error: ")
    assert "meet.nobody" in err
    assert "Traceback" not in err
