"""`pexrtc record` as a bot: jobs from files, several at once, segments, a killed one that is made whole."""

from __future__ import annotations

import json
import signal
import zipfile
from pathlib import Path

import pytest

from tests.cli.commands import Run, Start, ended, said, wait_for_line

pytestmark = pytest.mark.live
SLIDE = str(Path(__file__).parents[2] / "pexrtc_py" / "demo" / "assets" / "slide-1.png")
TALK = ("join", "open", "--video", "pattern", "--audio", "tone", "--name", "Ann")


def test_a_job_from_a_file(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    talk = start(*TALK, *there)
    wait_for_line(talk, '"state": "joined"')
    node, ca_file = there[1], there[3]
    job = {"schema": 1, "conference": "open", "node": node, "ca_file": ca_file, "out": "{alias}.mkv", "seconds": 2}
    (tmp_path / "job.json").write_text(json.dumps(job))

    finished = run("record", "--spec", "job.json", "--json")

    told = json.loads(finished.stdout)
    assert (finished.returncode, told["reason"]) == (0, "length reached")
    assert (tmp_path / "open.summary.json").exists()
    assert json.loads(run("inspect", "open.mkv", "--json").stdout)["good"]
    assert (tmp_path / "open.png").exists()


def test_several_conferences_in_one_process(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    talk = start(*TALK, *there)
    wait_for_line(talk, '"state": "joined"')
    where = {"node": there[1], "ca_file": there[3], "seconds": 2}
    jobs = [{"conference": "open", "out": "{alias}-{run}.mkv", **where}, {"conference": "nobody", "out": "b.mkv", **where}]
    (tmp_path / "jobs.json").write_text(json.dumps([*jobs, {**jobs[0], "out": "c.webm"}]))

    finished = run("record", "--jobs", "jobs.json")

    told = [json.loads(line) for line in finished.stdout.splitlines()]
    assert sorted(one["reason"] for one in told) == ["length reached", "length reached", "no conference"]
    assert finished.returncode == 12
    assert len(list(tmp_path.glob("open-*.mkv"))) == 1
    assert (tmp_path / "c.webm").stat().st_size > 10_000


def test_what_a_killed_recorder_leaves_is_made_whole(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    talk = start(*TALK, *there)
    wait_for_line(talk, '"state": "joined"')
    recorder = start("record", "open", *there, "--out", "a.mkv")
    wait_for_line(recorder, '"state": "recording"')
    with pytest.raises(AssertionError):
        wait_for_line(start("record", "open", *there, "--out", "b.mkv", "--seconds", "2"), "never said")
    ended(recorder, signal.SIGKILL)

    before = run("inspect", "a.mkv", "--no-sheet")
    after = run("inspect", "--repair", "a.mkv", "--json")

    assert before.returncode == 30
    assert "without a summary" in before.stdout
    told = json.loads(after.stdout)
    assert told["repaired"]["indexed"] > 0
    assert [stream["errors"] for stream in told["streams"]] == [0] * len(told["streams"])
    assert [finding["name"] for finding in told["findings"] if not finding["ok"]] == ["ended"]


def test_a_file_that_is_there_is_kept(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    talk = start(*TALK, *there)
    wait_for_line(talk, '"state": "joined"')
    (tmp_path / "a.mkv").write_text("precious")

    finished = run("record", "open", *there, "--out", "a.mkv", "--seconds", "1", "--json")

    assert json.loads(finished.stdout)["files"] == ["a-2.mkv"]
    assert (tmp_path / "a.mkv").read_text() == "precious"


def test_what_is_wrong_with_a_job_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"conference": "a", "out": "a.mkv", "secnds": 2}')

    finished = run("record", "--spec", "job.json")

    assert finished.returncode == 2
    assert "'secnds' is unknown" in said(finished)


def test_what_is_no_recording_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_text("words")

    for option in ("--json", "--repair"):
        finished = run("inspect", "a.mkv", option)
        assert finished.returncode == 31
        assert "a.mkv" in said(finished)


def test_one_composed_picture(run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    talk = start(*TALK, *there, "--present", SLIDE)
    wait_for_line(talk, '"state": "joined"')

    finished = run("record", "open", *there, "--out", "a.mp4", "--seconds", "3", "--transcode", "--size", "640x360", "--json")

    assert finished.returncode == 0, said(finished)
    told = json.loads(finished.stdout)
    assert told["files"] == ["a.mp4"]
    assert told["tracks"]["video"]["codec"] == "h264"
    looked = json.loads(run("inspect", "a.mp4", "--json").stdout)
    assert looked["good"]
    assert [stream.get("size") for stream in looked["streams"] if stream["kind"] == "video"] == [[640, 360]]


def test_what_does_not_go_with_a_composed_picture_is_told(run: Run, there: list[str]) -> None:
    for options, words in (
        (("--size", "640x360"), "--transcode"),
        (("--on-change", "scale"), "decoded"),
        (("--transcode", "--size", "large"), "'large'"),
        (("--transcode", "--size", "641x360"), "641x360"),
    ):
        finished = run("record", "open", *there, "--out", "a.mkv", *options)
        assert finished.returncode == 2
        assert words in said(finished)


def test_what_ends_badly_leaves_what_is_known_of_it(run: Run, there: list[str], tmp_path: Path) -> None:
    finished = run("record", "nobody", *there, "--out", "a.mkv", "--debug-dir", "bad")

    assert finished.returncode == 12
    (bundle,) = (tmp_path / "bad").iterdir()
    assert str(Path("bad") / bundle.name) in finished.stderr
    with zipfile.ZipFile(bundle) as archive:
        log, end = archive.read("log.txt").decode(), json.loads(archive.read("end.json"))
    assert (end["reason"], end["exit"]) == ("no conference", 12)
    assert "INFO" in log
    assert "INFO" not in finished.stderr
