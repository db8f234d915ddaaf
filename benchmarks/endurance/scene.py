"""A node in a process of its own, with somebody in it who sends a film."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pexrtc_py.demo

SLIDE = Path(pexrtc_py.demo.__file__).parent / "assets" / "slide-1.png"
PEXRTC = (sys.executable, "-m", "pexrtc_py.cli")


async def started(*arguments: str, out: int = DEVNULL, err: int = DEVNULL) -> Process:
    """`pexrtc` with these arguments."""
    return await asyncio.create_subprocess_exec(*PEXRTC, *arguments, stdout=out, stderr=err)


def resident(process: int | str) -> float:
    """MB that a process has in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.asynccontextmanager
async def scene(*, slides: bool = False) -> AsyncIterator[str]:
    """The URL of the node; the conference is called lab. With `slides`, somebody presents."""
    node = await started("node", "--listen", "127.0.0.1:0", "--json", out=PIPE)
    assert node.stdout is not None
    url = str(json.loads(await node.stdout.readline())["url"])
    people = [await started("join", "lab", "--node", url, "--name", "Film", "--video", "pattern", "--audio", "tone")]
    if slides:
        silent = ("--video", "none", "--audio", "tone", "--present", str(SLIDE))
        people.append(await started("join", "lab", "--node", url, "--name", "Presenter", *silent))
    await asyncio.sleep(3)
    try:
        yield url
    finally:
        for process in (*people, node):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
