"""The demo as users run it: a whole call, recorded and judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _demo(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'media'}"}
    command = [sys.executable, "-m", "pexrtc_py.cli", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=90, check=False)


def test_the_demo_records_what_it_should_and_says_so_in_json(tmp_path: Path) -> None:
    run = _demo("--seconds", "10", "--out", "made/here", "--json", cwd=tmp_path)

    verdict = json.loads(run.stdout)
    assert [check for check in verdict["checks"] if not check["ok"]] == []
    assert (run.returncode, verdict["exit"], verdict["ok"]) == (0, 0, True)
    assert len(verdict["checks"]) == 14
    assert Path(tmp_path, verdict["file"]).stat().st_size > 100_000
    assert Path(tmp_path, verdict["contact_sheet"]).read_bytes().startswith(b"\x89PNG")
    states = [json.loads(line)["state"] for line in run.stderr.splitlines()]
    assert list(dict.fromkeys(states)) == ["starting", "recording", "presenting", "leaving", "judging"]


def test_the_demo_prints_a_table_and_where_its_files_are(tmp_path: Path) -> None:
    run = _demo("--seconds", "6", "--out", str(tmp_path), cwd=tmp_path)

    assert run.returncode == 0, run.stdout + run.stderr
    table, summary = run.stdout.split("\n\n")
    assert len(table.splitlines()) == 15
    assert summary.splitlines() == [
        "All 14 checks passed.",
        f"Recording:     {tmp_path / 'meet.alice.mkv'}",
        f"Contact sheet: {tmp_path / 'meet.alice.png'}",
    ]


@pytest.mark.parametrize("out", ["a-file", "a-file/below"])
def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, out: str) -> None:
    (tmp_path / "a-file").touch()

    run = _demo("--out", out, cwd=tmp_path)

    assert run.returncode == 31
    assert "Traceback" not in run.stderr
    assert f"The directory {out} cannot be made" in run.stderr


def test_too_short_a_demo_is_refused(tmp_path: Path) -> None:
    run = _demo("--seconds", "1", cwd=tmp_path)

    assert run.returncode == 2
    assert "--seconds" in run.stderr
