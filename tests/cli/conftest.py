"""What the tests of the command line share: the command, and a node that another process runs."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Run, Start, ended, run_command, started


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `pexrtc` with these arguments in an empty directory, until it ends by itself."""
    return functools.partial(run_command, cwd=tmp_path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `pexrtc` with these arguments in an empty directory."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(started(*arguments, cwd=tmp_path))


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a node with TLS says of itself (`url`, `ca_file`), with `open`, `meet.alice` and `lobby` (PINs 1234 and 5678)."""
    rooms = ("--conference", "open", *_room("meet.alice"), *_room("lobby"))
    with started(
        "node", "--listen", "127.0.0.1:0", "--tls", "--rtmp", "127.0.0.1:0", "--json", *rooms, cwd=tmp_path_factory.mktemp("node")
    ) as process:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        yield told
        assert ended(process, signal.SIGTERM).returncode == 0


def _room(alias: str) -> tuple[str, str]:
    return "--conference", f"{alias},host_pin=1234,guest_pin=5678"


@pytest.fixture
def there(served: dict[str, Any]) -> list[str]:
    """The options that lead to that node."""
    return ["--node", served["url"], "--ca-file", served["ca_file"]]
