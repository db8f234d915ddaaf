"""The command line as users run it: in processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PEXRTC_")} | {
    "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'media'}"
}
COMMAND = (sys.executable, "-m", "pexrtc_py.cli")
Finished = subprocess.CompletedProcess[str]
Run = Callable[..., Finished]
Start = Callable[..., subprocess.Popen[str]]


def run_command(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> Finished:
    """Run `pexrtc` with these arguments until it ends by itself; `env` is added to the environment."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**ENVIRONMENT, **(env or {})},
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def started(*arguments: object, cwd: Path, within: Sequence[str] = (), stdin: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """`pexrtc` with these arguments, running, by the command `within` if there is one; ended at last, so that it leaves its call."""
    process = subprocess.Popen(
        [*within, *COMMAND, *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=ENVIRONMENT,
    )
    with process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()  # does nothing to one that has ended
    try:
        process.communicate(timeout=10)
    except (subprocess.TimeoutExpired, ValueError):  # a test may have closed a pipe of it
        process.kill()


def ended(process: subprocess.Popen[str], by: signal.Signals | None = None) -> Finished:
    """Send a signal, if told to, and wait for the end."""
    if by is not None:
        process.send_signal(by)
    out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for_line(process: subprocess.Popen[str], part: str) -> str:
    """The first line on stderr that holds this."""
    assert process.stderr is not None
    for line in process.stderr:
        if part in line:
            return line
    raise AssertionError(f"it ended without saying {part!r}")


def said(finished: Finished) -> str:
    """The error that a command printed, after checking that it is one sentence and no traceback."""
    assert "Traceback" not in finished.stderr, finished.stderr
    errors = [line for line in finished.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, finished.stderr
    assert errors[0].endswith((".", "?")), errors[0]
    return errors[0]
