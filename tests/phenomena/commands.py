"""The `pexrtc` command, and other programs, as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Command:
    """A running command; what it prints is kept in `out` and `err`."""

    process: Process
    out: str = ""
    err: str = ""

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def ends(self, seconds: float = 20.0) -> int:
        """Its exit code."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def line(self, seconds: float = 20.0) -> str:
        """The next line of its standard output."""
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            return (await self.process.stdout.readline()).decode().strip()


@contextlib.asynccontextmanager
async def python(*arguments: str | Path, prepare: Callable[[], None] | None = None) -> AsyncIterator[Command]:
    """Run Python with these arguments; killed at the end of the block if it still runs. `prepare` runs in the new process first."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "media"), os.environ.get("PYTHONPATH", "")])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *map(str, arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONPATH": path},
        preexec_fn=prepare,
    )
    command = Command(process)
    assert process.stderr is not None
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield command
    finally:
        if command.running:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        command.out += (await process.stdout.read()).decode()
        command.err += (await reading).decode()
        await process.wait()
        if command.err:
            print(command.err, file=sys.stderr)


def pexrtc(*arguments: str | Path, prepare: Callable[[], None] | None = None) -> contextlib.AbstractAsyncContextManager[Command]:
    """Run the command `pexrtc`."""
    return python("-m", "pexrtc_py.cli.__main__", *arguments, prepare=prepare)
