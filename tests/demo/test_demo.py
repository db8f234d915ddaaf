"""The demo as users run it: a whole call, recorded and judged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pexrtc_py.bot.inspecting import inspect

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'media'}"}


def _demo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pexrtc_py.cli", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=ENVIRONMENT, timeout=90, check=False)


def test_the_demo_records_what_it_should_and_says_so_in_json(tmp_path: Path) -> None:
    run = _demo("--seconds", "10", "--out", "made/here", "--json", cwd=tmp_path)

    verdict = json.loads(run.stdout)
    assert [check for check in verdict["checks"] if not check["ok"]] == []
    assert (run.returncode, verdict["exit"], verdict["ok"]) == (0, 0, True)
    assert len(verdict["checks"]) == 14
    assert Path(tmp_path, verdict["file"]).stat().st_size > 100_000
    assert Path(tmp_path, verdict["contact_sheet"]).read_bytes().startswith(b"\x89PNG")
    states = [json.loads(line)["state"] for line in run.stderr.splitlines()]
    assert list(dict.fromkeys(states)) == ["starting", "on stage", "recording", "presenting", "leaving", "judging"]


def test_the_demo_prints_a_table_and_where_its_files_are(tmp_path: Path) -> None:
    run = _demo("--seconds", "6", "--out", str(tmp_path), cwd=tmp_path)

    table, summary = run.stdout.split("\n\n")
    said, *files = summary.splitlines()
    assert len(table.splitlines()) == 15
    assert files == [f"Recording:     {tmp_path / 'meet.alice.mkv'}", f"Contact sheet: {tmp_path / 'meet.alice.png'}"]
    assert run.returncode == (0 if said == "All 14 checks passed." else 30)


@pytest.mark.parametrize("out", ["a-file", "a-file/below"])
def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, out: str) -> None:
    (tmp_path / "a-file").touch()

    run = _demo("--out", out, cwd=tmp_path)

    assert run.returncode == 31
    assert "Traceback" not in run.stderr
    assert f"The directory {out} cannot be made" in run.stderr


def test_a_demo_that_is_interrupted_finishes_its_file_and_judges_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pexrtc_py.cli", "demo", "--out", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if '"recording"' in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    told = json.loads(out)
    assert (process.returncode, told["exit"], told["ok"]) == (130, 130, False)
    assert inspect(told["file"]).errors == 0
    assert "Traceback" not in err


def test_too_short_a_demo_is_refused(tmp_path: Path) -> None:
    run = _demo("--seconds", "1", cwd=tmp_path)

    assert run.returncode == 2
    assert "--seconds" in run.stderr
