"""A TURN server that is not ours, on this machine's loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

USER, PASSWORD = "ann", "a secret"
_QUIET = ("--no-tls", "--no-dtls", "--no-cli", "--no-multicast-peers", "--allow-loopback-peers", "--simple-log")


class Coturn:
    """Where it listens, and what it has written down."""

    def __init__(self, port: int, log: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self._log = log

    @property
    def allocations(self) -> int:
        """How many relayed addresses it has given."""
        return self._log.read_text(errors="replace").count("ALLOCATE processed, success")


@contextlib.contextmanager
def coturn(folder: Path) -> Iterator[Coturn]:
    """Run it, reachable by UDP and TCP, until the block is left."""
    program = shutil.which("turnserver")
    assert program, "coturn is not installed. On Debian: apt-get install coturn"
    port, log = _free_port(), folder / "turn.log"
    where = ("--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", str(port))
    files = ("--log-file", str(log), "--pidfile", str(folder / "turn.pid"), "--userdb", str(folder / "turn.db"))
    credentials = ("--lt-cred-mech", "--user", f"{USER}:{PASSWORD}", "--realm", "example.com")
    command = [program, "-n", "--verbose", *where, *files, *credentials, *_QUIET]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=folder) as process:
        try:
            _wait_until_it_listens(process, port)
            yield Coturn(port, log)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, "the TURN server ended at once"
        assert time.monotonic() < end, "the TURN server does not listen"
        time.sleep(0.05)
