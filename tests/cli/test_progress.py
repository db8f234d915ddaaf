"""Progress: one line that changes on a terminal, few JSON lines elsewhere."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from types import SimpleNamespace

import pytest

from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import run_until_stopped


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_replaced_and_taken_away() -> None:
    stream = Terminal()
    progress = Progress(stream=stream)

    progress.update("first", state="a")
    progress.update("second " * 100, state="a")
    progress.done()
    progress.done()

    shown = stream.getvalue().split("\r\x1b[2K")
    assert shown[:2] == ["", "first"]
    assert shown[2].startswith("second")
    assert len(shown[2]) < 400
    assert shown[3:] == [""]
    assert "\n" not in stream.getvalue()


def test_elsewhere_a_line_of_json_tells_each_change_of_state() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream)

    for state, seconds in (("joining", 0), ("recording", 1), ("recording", 2), ("leaving", 3)):
        progress.update("ignored", state=state, seconds=seconds)
    progress.say("Done.", files=2)

    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("state") for line in told] == ["joining", "recording", "leaving", None]
    assert told[1]["seconds"] == 1
    assert (told[3]["message"], told[3]["files"]) == ("Done.", 2)
    assert all(line["ts"] > 1e9 for line in told)


def test_a_line_that_stays_replaces_the_status_line() -> None:
    stream = Terminal()
    progress = Progress(stream=stream)

    progress.update("status")
    progress.say("kept")

    assert stream.getvalue() == "\r\x1b[2Kstatus\r\x1b[2Kkept\n"


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream, quiet=True)

    progress.update("a", state="b")
    progress.say("c")

    assert stream.getvalue() == ""


def test_a_faster_event_loop_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append("loop")
        return asyncio.new_event_loop()

    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=new_event_loop))

    async def job(stop: asyncio.Event) -> int:
        return 7

    assert run_until_stopped(job) == 7
    assert made == ["loop"]
