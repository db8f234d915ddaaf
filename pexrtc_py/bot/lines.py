"""A file of JSON lines that is written behind the caller's back."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

WAIT = 0.25
"""Seconds that lines are collected."""
MOST = 10_000
"""Lines that may wait for the disk; more are dropped and counted."""


class LinesFile:
    """Appends objects as JSON lines; nothing is raised for a disk that is full: what was not written is counted in `dropped`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped = 0
        self._lines: list[str] = []
        self._writing: asyncio.Task[None] | None = None
        path.write_text("")

    def write(self, line: dict[str, Any]) -> None:
        """Add a line; returns at once."""
        if len(self._lines) >= MOST:
            self.dropped += 1
            return
        self._lines.append(json.dumps(line, ensure_ascii=False, default=str))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        await asyncio.sleep(WAIT)
        await self._flush()

    async def _flush(self) -> None:
        lines, self._lines = self._lines, []
        try:
            await asyncio.to_thread(self._append, "".join(line + "\n" for line in lines))
        except OSError as error:
            if not self.dropped:
                logger.warning("%s cannot be written any further: %s", self.path, error)
            self.dropped += len(lines)

    def _append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    async def aclose(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._lines:
            await self._flush()
