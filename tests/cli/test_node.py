"""`pexrtc node`: tells where it is, and ends when told."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.cli.commands import Run, Start, ended, said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_url_when_ready_and_ends_well(start: Start, how: signal.Signals) -> None:
    node = start("node", "--listen", "127.0.0.1:0")
    assert node.stdout is not None

    url, rooms = (node.stdout.readline().strip() for _ in range(2))
    with urllib.request.urlopen(f"{url}/api/client/v2/status", timeout=10) as answer:
        status = json.load(answer)
    finished = ended(node, how)

    assert status["status"] == "success"
    assert finished.returncode == 0
    assert rooms == "Any alias is an open conference."
    assert "Traceback" not in finished.stderr


def test_with_tls_it_says_how_to_trust_it(start: Start) -> None:
    node = start("node", "--listen", "127.0.0.1:0", "--tls", "--conference", "meet.alice")
    assert node.stdout is not None

    url, trust, rooms = (node.stdout.readline().strip() for _ in range(3))
    ca_file = trust.partition("--ca-file ")[2]
    with urllib.request.urlopen(f"{url}/api/client/v2/status", timeout=10, context=ssl.create_default_context(cafile=ca_file)) as answer:
        assert answer.status == 200
    finished = ended(node, signal.SIGTERM)

    assert finished.returncode == 0
    assert rooms == "Conferences: meet.alice"
    assert not Path(ca_file).exists()


def test_its_conferences_come_from_options_and_from_a_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('listen = "127.0.0.1:0"\n[[conference]]\nalias = "from.file"\nhost_pin = "4321"\n')

    node = start("node", "--config", "node.toml", "--conference", "from.option,host_pin=8765", "--json")
    assert node.stdout is not None
    told = json.loads(node.stdout.readline())
    finished = ended(node, signal.SIGTERM)

    assert told["conferences"] == ["from.file", "from.option"]
    assert told["url"].startswith("http://127.0.0.1:")
    assert told["ca_file"] is None
    assert finished.returncode == 0


def test_a_port_in_use_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        finished = run("node", "--listen", f"127.0.0.1:{port}")

    assert finished.returncode == 3
    assert str(port) in said(finished)
    assert "in use" in said(finished)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("--listen", "nonsense"), 2, "nonsense"),
        (("--listen", "127.0.0.1:99999"), 2, "99999"),
        (("--conference", "meet.alice,guest_pin=1234"), 2, "meet.alice"),
        (("--conference", "meet.alice,hots_pin=1234"), 2, "host_pin"),
        (("--conference", "a", "--conference", "A"), 2, "'A'"),
        (("--config", "missing.toml"), 3, "missing.toml"),
        (("--config", "broken.toml"), 2, "broken.toml"),
    ],
)
def test_wrong_settings_are_named(run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, named: str) -> None:
    (tmp_path / "broken.toml").write_text("[[conference\n")

    finished = run("node", *arguments)

    assert finished.returncode == code
    assert named in said(finished)
    assert "1234" not in finished.stderr
