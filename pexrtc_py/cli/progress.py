"""What a long command shows while it runs: one status line on a terminal, JSON lines otherwise; always on stderr."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TextIO

JSON_INTERVAL = 10.0


class Progress:
    """Shows the newest state; `say` keeps a line, `done` clears the status line."""

    def __init__(self, *, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._quiet = quiet
        self._shown = False
        self._next = 0.0
        self._state: object = None

    def update(self, text: str, /, **fields: object) -> None:
        """Replace the status line; off a terminal print `fields` as a JSON line when `state` among them changes, and every ten seconds."""
        if self._quiet:
            return
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\x1b[2K" + text[:width])
            self._shown = True
        elif fields.get("state") != self._state or time.monotonic() >= self._next:
            self._state, self._next = fields.get("state"), time.monotonic() + JSON_INTERVAL
            self._line({"state": "running", **fields})

    def say(self, text: str, /, **fields: object) -> None:
        """Print a line that stays: text on a terminal, JSON otherwise."""
        if self._quiet:
            return
        self.done()
        if self._terminal:
            self._write(text + "\n")
        else:
            self._line({"message": text, **fields})

    def done(self) -> None:
        """Take the status line away."""
        if self._shown:
            self._write("\r\x1b[2K")
            self._shown = False

    def _line(self, fields: dict[str, object]) -> None:
        self._write(json.dumps({"ts": round(time.time(), 3), **fields}, default=str) + "\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
