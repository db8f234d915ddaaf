"""What goes wrong ends in one sentence and the exit code of the table, never in a traceback."""

from __future__ import annotations

import http.server
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, Run, said

ASSETS = ROOT / "pexrtc_py" / "demo" / "assets"
RECORD = ("record", "open", "--out", "a.mkv")
JOIN = ("join", "open", "--video", "none", "--audio", "none")


@pytest.fixture
def no_node() -> Iterator[str]:
    """The URL of a web server that is no conferencing node."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("command", [RECORD, JOIN])
def test_a_wrong_pin(run: Run, there: list[str], tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "pin").write_text("98765\n")

    finished = run(command[0], "meet.alice", *command[2:], *there, "--pin-file", "pin")

    assert finished.returncode == 11
    assert "PIN" in said(finished)
    assert "98765" not in finished.stderr + finished.stdout
    assert not (tmp_path / "a.mkv").exists()


def test_a_pin_that_is_needed_and_not_given(run: Run, there: list[str]) -> None:
    finished = run("record", "meet.alice", "--out", "a.mkv", *there)

    assert finished.returncode == 11
    assert "PIN" in said(finished)


@pytest.mark.parametrize("command", [RECORD, JOIN])
def test_an_unknown_alias(run: Run, there: list[str], command: tuple[str, ...]) -> None:
    finished = run(command[0], "meet.nobody", *command[2:], *there)

    assert finished.returncode == 12
    assert "meet.nobody" in said(finished)


def test_a_node_that_is_down(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    finished = run(*RECORD, "--node", f"http://127.0.0.1:{port}")

    assert finished.returncode == 10
    assert str(port) in said(finished)


def test_a_name_without_address(run: Run) -> None:
    finished = run("record", "open@nowhere.invalid", "--out", "a.mkv")

    assert finished.returncode == 10
    assert "nowhere.invalid" in said(finished)


def test_a_server_that_is_no_node(run: Run, no_node: str) -> None:
    finished = run(*RECORD, "--node", no_node)

    assert finished.returncode == 10
    assert no_node in said(finished)


def test_a_certificate_that_is_not_trusted(run: Run, served: dict[str, Any]) -> None:
    finished = run(*RECORD, "--node", served["url"])

    assert finished.returncode == 10
    assert "--ca-file" in said(finished)


def test_insecure_is_for_loopback_only(run: Run) -> None:
    finished = run(*RECORD, "--node", "https://node.example.com", "--insecure")

    assert finished.returncode == 2
    assert "node.example.com" in said(finished)


def test_a_ca_file_that_is_not_there(run: Run, served: dict[str, Any]) -> None:
    finished = run(*RECORD, "--node", served["url"], "--ca-file", "none.pem")

    assert finished.returncode == 2
    assert "none.pem" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("out", ["a.avi", "a", "nowhere/a.mkv", ".", "/proc/a.mkv"])
def test_an_output_that_cannot_be_written(run: Run, there: list[str], out: str) -> None:
    finished = run("record", "open", "--out", out, *there)

    assert finished.returncode == 31
    assert out in said(finished)


def test_an_output_that_is_a_directory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.mkv").mkdir()

    finished = run("record", "open", "--out", "a.mkv", "--node", "http://127.0.0.1:1")

    assert finished.returncode == 31
    assert "a.mkv is a directory" in said(finished)


def test_a_conference_without_a_node(run: Run) -> None:
    finished = run(*RECORD)

    assert finished.returncode == 2
    assert "--node" in said(finished)


@pytest.mark.parametrize("option", ["--video", "--audio"])
def test_leaving_out_video_or_audio_says_that_devices_come_later(run: Run, option: str) -> None:
    other = {"--video": "--audio", "--audio": "--video"}[option]

    finished = run("join", "open", "--node", "http://127.0.0.1:1", other, "none")

    assert finished.returncode == 2
    assert option in said(finished)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--video", "empty.mp4", "--audio", "none"), 3),
        (("--video", "none", "--audio", "empty.mp4"), 3),
        (("--video", "text.mp4", "--audio", "none"), 3),
        (("--video", "voice.flac", "--audio", "none"), 3),
        (("--video", "none", "--audio", "picture.png"), 3),
        (("--video", "none", "--audio", "none", "--present", "voice.flac"), 3),
        (("--video", "missing.mp4", "--audio", "none"), 2),
        (("--video", "none", "--audio", "missing.flac"), 2),
        (("--video", ".", "--audio", "none"), 2),
    ],
)
def test_a_media_file_that_cannot_be_used(run: Run, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is not a film.")
    shutil.copy(ASSETS / "voice-film.flac", tmp_path / "voice.flac")
    shutil.copy(ASSETS / "slide-1.png", tmp_path / "picture.png")
    blamed = next(value for value in options if "." in value)

    finished = run("join", "open", "--node", "http://127.0.0.1:1", *options)

    assert finished.returncode == code
    assert blamed in said(finished)


@pytest.mark.parametrize("content", [None, "", "\n1234\n"])
def test_a_pin_file_without_a_pin(run: Run, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "pin").write_text(content)

    finished = run(*RECORD, "--node", "http://127.0.0.1:1", "--pin-file", "pin")

    assert finished.returncode == 2
    assert "pin" in said(finished)
    assert "1234" not in finished.stderr


def test_an_unknown_command(run: Run) -> None:
    finished = run("recrod")

    assert finished.returncode == 2
    assert "recrod" in said(finished)
