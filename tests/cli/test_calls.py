"""`pexrtc join` and `pexrtc record` in real calls: what ends up in the file, and how they end."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pexrtc_py.bot.inspecting import inspect
from tests.cli.commands import ROOT, Run, Start, ended, wait_for_line

pytestmark = pytest.mark.live

FILM = ROOT / "pexrtc_py" / "demo" / "assets" / "film.mp4"
SLIDE = ROOT / "pexrtc_py" / "demo" / "assets" / "slide-1.png"


def _until_joined(process: Any) -> None:
    wait_for_line(process, '"state": "joined"')


@pytest.mark.parametrize("ending", ["mkv", "webm", "mp4"])
def test_what_a_participant_sends_is_recorded(run: Run, start: Start, there: list[str], tmp_path: Path, ending: str) -> None:
    film = start("join", "open", *there, "--video", FILM, "--audio", FILM)
    _until_joined(film)

    finished = run("record", "open", *there, "--out", f"a.{ending}", "--seconds", "3", "--json")
    left = ended(film, signal.SIGTERM)

    told = json.loads(finished.stdout)
    whole = inspect(tmp_path / f"a.{ending}")
    assert finished.returncode == told["exit"] == 0, finished.stderr
    assert told["why"] == "as asked"
    assert told["tracks"]["audio"]["codec"] == "opus"
    assert told["tracks"]["video"]["codec"] in {"mkv": ("vp8", "h264"), "webm": ("vp8",), "mp4": ("h264",)}[ending]
    assert whole.duration == pytest.approx(3, abs=0.5)
    assert whole.errors == 0
    assert whole.video[0].size == (1280, 720)
    assert whole.video[0].frames > 15  # how many come through in time is a matter of the machine
    assert (left.returncode, left.stdout) == (0, "Left open.\n")


def test_slides_of_a_participant_are_the_second_track(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    presenter = start("join", "open", *there, "--video", "none", "--audio", "tone", "--present", SLIDE)
    _until_joined(presenter)

    finished = run("record", "open", *there, "--out", "a.mkv", "--seconds", "3")
    ended(presenter, signal.SIGINT)

    whole = inspect(tmp_path / "a.mkv")
    assert finished.returncode == 0
    assert len(whole.video) == 2
    assert whole.video[1].size == (1280, 720)
    assert whole.video[1].frames > 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_file_and_leaves(start: Start, there: list[str], tmp_path: Path, how: signal.Signals) -> None:
    recorder = start("record", "open", *there, "--out", "a.mkv")
    wait_for_line(recorder, '"state": "recording"')
    time.sleep(2)

    finished = ended(recorder, how)

    assert finished.returncode == 0
    assert finished.stdout.startswith("a.mkv  ")
    assert "Traceback" not in finished.stderr
    assert inspect(tmp_path / "a.mkv").duration > 1


def test_a_guest_waits_in_the_lobby_and_records_from_when_it_is_let_in(start: Start, there: list[str], tmp_path: Path) -> None:
    recorder = start("record", "lobby", *there, "--pin", "5678", "--out", "a.mkv", "--seconds", "2", "--json")
    wait_for_line(recorder, '"state": "waiting"')
    assert not (tmp_path / "a.mkv").exists()

    host = start("join", "lobby", *there, "--pin", "1234", "--video", "none", "--audio", "tone")
    finished = ended(recorder)
    ended(host, signal.SIGTERM)

    assert finished.returncode == 0
    assert json.loads(finished.stdout)["seconds"] == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize(("command", "code"), [("record", 130), ("join", 0)])
def test_a_signal_in_the_lobby_ends_the_waiting(start: Start, there: list[str], tmp_path: Path, command: str, code: int) -> None:
    own = ("--out", "a.mkv") if command == "record" else ("--video", "none", "--audio", "none")
    waiting = start(command, "lobby", *there, "--pin", "5678", *own)
    wait_for_line(waiting, '"state": "waiting"')

    finished = ended(waiting, signal.SIGTERM)

    assert finished.returncode == code
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "a.mkv").exists()


def test_a_participant_leaves_after_its_time(run: Run, there: list[str]) -> None:
    finished = run("join", "open", *there, "--video", "none", "--audio", "tone", "--seconds", "1", "--json")

    assert finished.returncode == 0
    assert json.loads(finished.stdout)["reason"] == "left"


def test_a_recorder_ends_with_its_conference(start: Start, tmp_path: Path) -> None:
    node = start("node", "--listen", "127.0.0.1:0", "--json")
    assert node.stdout is not None
    url = json.loads(node.stdout.readline())["url"]
    recorder = start("record", "open", "--node", url, "--out", "a.mkv", "--json")
    wait_for_line(recorder, '"state": "recording"')
    time.sleep(1)

    ended(node, signal.SIGTERM)
    finished = ended(recorder)

    told = json.loads(finished.stdout)
    assert told["why"] != "as asked"
    assert finished.returncode == told["exit"]
    assert "Traceback" not in finished.stderr
    assert inspect(tmp_path / "a.mkv").duration > 0.5


def test_a_call_by_rtmp_is_recorded_by_rtmp(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    film = start("join", "open", *there, "--video", FILM, "--audio", FILM, "--call-type", "rtmp")
    _until_joined(film)

    finished = run("record", "open", *there, "--out", "a.mp4", "--seconds", "5", "--json", "--call-type", "rtmp")
    ended(film, signal.SIGTERM)

    told = json.loads(finished.stdout)
    whole = inspect(tmp_path / "a.mp4")
    assert finished.returncode == told["exit"] == 0, finished.stderr
    assert told["tracks"]["video"]["codec"] == "h264"
    assert whole.errors == 0
    assert whole.video[0].frames > 20


def test_two_in_direct_media_tell_the_same_check_code(start: Start) -> None:
    node = start("node", "--listen", "127.0.0.1:0", "--json", "--conference", "talk,direct_media=yes")
    assert node.stdout is not None
    url = json.loads(node.stdout.readline())["url"]

    both = [start("join", "talk", "--node", url, "--direct-media", "--video", "pattern", "--audio", "tone") for _ in range(2)]

    codes = [json.loads(wait_for_line(one, "check_code"))["check_code"] for one in both]
    assert codes[0] == codes[1]
    assert len(codes[0]) == 64
    for one in both:
        assert ended(one, signal.SIGTERM).returncode == 0


def test_direct_media_and_rtmp_are_a_mistake(run: Run, there: list[str]) -> None:
    finished = run("join", "open", *there, "--video", "none", "--audio", "tone", "--direct-media", "--call-type", "rtmp")

    assert finished.returncode == 2
    assert "--direct-media" in finished.stderr


def test_slides_and_rtmp_are_a_mistake(run: Run, there: list[str]) -> None:
    finished = run("join", "open", *there, "--video", "none", "--audio", "tone", "--present", SLIDE, "--call-type", "rtmp")

    assert finished.returncode == 2
    assert "--present" in finished.stderr
