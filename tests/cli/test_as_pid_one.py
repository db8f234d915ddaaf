"""The command as the first process of a container: it hears what ends it, and waits for orphans."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Finished, Run, Start, ended, started, wait_for_line

pytestmark = pytest.mark.live
TALK = ("join", "open", "--video", "pattern", "--audio", "tone", "--name", "Ann")
OWN_PROCESSES = ("--pid", "--fork", "--kill-child", "--mount-proc")
AS_FIRST = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), *OWN_PROCESSES)
AT_A_TERMINAL = ("setsid", "--ctty", "--wait")
PATIENCE = 30.0
LEAVE_AN_ORPHAN = """
sh -c 'sh -c "echo \\$\\$ > orphan" &'
until [ -s orphan ]; do sleep 0.02; done
for _ in $(seq 500); do
    [ -e /proc/$(cat orphan) ] || { touch reaped; exit; }
    sleep 0.02
done
"""
"""Notes in the file `reaped` that a child of nobody has ended and was waited for."""


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Start]:
    """Starts `pexrtc` with these arguments as process 1 among processes of its own."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(started(*arguments, cwd=tmp_path, within=AS_FIRST))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Listens as a node would, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        yield listening


def test_it_ends_when_told_to_at_the_very_start(first: Start, there: list[str], tmp_path: Path) -> None:
    recorder = first("record", "open", *there, "--out", "a.mkv")
    _until(lambda: _hears(_first_of(recorder), signal.SIGTERM), "it did not come to hear signals")

    finished = _told_to_end(recorder)

    assert finished.returncode == 143, finished.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("by_spec", [False, True], ids=["options", "spec"])
def test_it_ends_when_told_to_while_joining(first: Start, silent: socket.socket, by_spec: bool, tmp_path: Path) -> None:
    where = f"http://127.0.0.1:{silent.getsockname()[1]}"
    recorder = first("record", *_named("open", where, tmp_path, by_spec=by_spec))
    with silent.accept()[0]:
        finished = _told_to_end(recorder)

    assert finished.returncode == 130, finished.stderr
    assert not (tmp_path / "a.mkv").exists()


@pytest.mark.parametrize("by_spec", [False, True], ids=["options", "spec"])
def test_it_ends_when_told_to_in_the_waiting_room(first: Start, there: list[str], by_spec: bool, tmp_path: Path) -> None:
    named = _named("meet.alice", there[1], tmp_path, by_spec=by_spec, pin="5678", ca_file=there[3])
    recorder = first("record", *named, "--log-level", "info")
    wait_for_line(recorder, ": waiting")

    finished = _told_to_end(recorder)

    assert finished.returncode == 130, finished.stderr
    assert not (tmp_path / "a.mkv").exists()


def test_it_finishes_the_file_and_leaves_no_orphan_unreaped(first: Start, run: Run, start: Start, there: list[str], tmp_path: Path) -> None:
    wait_for_line(start(*TALK, *there), '"state": "joined"')
    (tmp_path / "orphan.sh").write_text(LEAVE_AN_ORPHAN)
    recorder = first("record", "open", *there, "--out", "a.mkv", "--on-finish", "sh orphan.sh")
    wait_for_line(recorder, '"state": "recording"')

    finished = _told_to_end(recorder)

    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "reaped").exists()
    assert json.loads(run("inspect", "a.mkv", "--no-sheet", "--json").stdout)["good"]


def test_ctrl_c_at_its_terminal_is_one_signal(start: Start, run: Run, there: list[str], tmp_path: Path) -> None:
    wait_for_line(start(*TALK, *there), '"state": "joined"')
    keyboard, terminal = os.openpty()
    options = ("record", "open", *there, "--out", "a.mkv")
    try:
        with started(*options, cwd=tmp_path, within=(*AT_A_TERMINAL, *AS_FIRST), stdin=terminal) as recorder:
            wait_for_line(recorder, '"state": "recording"')
            os.write(keyboard, b"\x03")
            finished = ended(recorder)
    finally:
        os.close(keyboard)
        os.close(terminal)

    assert finished.returncode == 0, finished.stderr
    assert json.loads(run("inspect", "a.mkv", "--no-sheet", "--json").stdout)["good"]


def _named(alias: str, node: str, folder: Path, *, by_spec: bool, **more: str) -> list[str]:
    """The arguments that have it record, into a.mkv; `by_spec`: from a file."""
    wanted = {"node": node, "out": "a.mkv", **more}
    if not by_spec:
        return [alias, *(part for name, value in wanted.items() for part in (f"--{name.replace('_', '-')}", value))]
    (folder / "job.json").write_text(json.dumps({"conference": alias, **wanted}))
    return ["--spec", "job.json"]


def _told_to_end(outer: subprocess.Popen[str]) -> Finished:
    """Send process 1 the SIGTERM that a container is ended with."""
    os.kill(_first_of(outer), signal.SIGTERM)
    return ended(outer)


def _first_of(outer: subprocess.Popen[str]) -> int:
    """What process 1 is called out here."""
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    _until(lambda: bool(children.read_text()) or outer.poll() is not None, "unshare began nothing")
    assert outer.poll() is None, ended(outer).stderr
    return int(children.read_text().split()[0])


def _hears(pid: int, number: signal.Signals) -> bool:
    """Whether a signal to this process waits, or is waited for; process 1 is spared all others."""
    if Path(f"/proc/{pid}/task/{pid}/children").read_text():
        return True  # which it begets once it waits for signals; those are not among the blocked ones meanwhile
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool((int(status["SigBlk"], 16) | int(status["SigCgt"], 16)) >> (number - 1) & 1) and "unshare" not in status["Name"]


def _until(true: Callable[[], bool], otherwise: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit, otherwise
        time.sleep(0.002)
