"""Twenty recordings of two videos and sound in one process, beside their sender: is everything in the files, and is the event loop free?"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
import urllib.request
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from benchmarks.recording.clip import clip
from benchmarks.recording.peers.ours import record
from pexrtc_py.bot.inspecting import inspect

LONGEST_TURN = 0.005
SETTLING = 10.0


class Watched:
    """A selector that knows how long the event loop works between two looks at it, in CPU seconds of its thread."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._since: float | None = None
        self.longest, self.turns = 0.0, 0

    def select(self, timeout: float | None = None) -> Any:
        """As the selector's own."""
        if self._since is not None:
            self.longest = max(self.longest, time.thread_time() - self._since)
            self.turns += 1
        found = self._inner.select(timeout)
        self._since = time.thread_time()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def crowd(recordings: int, minutes: float) -> int:
    """Record so many calls for so long; 1 when something is missing, or a turn of the loop was too long."""
    sender = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.recording.sender", str(clip()), stdout=PIPE)
    assert sender.stdout is not None
    url = (await sender.stdout.readline()).decode().strip()
    loop: Any = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        try:
            calls = [
                asyncio.create_task(record(url, number, minutes * 60 + SETTLING, Path(folder), slides=True)) for number in range(recordings)
            ]
            await asyncio.sleep(SETTLING)
            loop._selector = watched = Watched(loop._selector)
            before = resource.getrusage(resource.RUSAGE_SELF)
            await asyncio.sleep(minutes * 60 - 5)
            after, longest, turns = resource.getrusage(resource.RUSAGE_SELF), watched.longest, watched.turns
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            sent = await asyncio.to_thread(_sent, url)
            await asyncio.gather(*calls)
        finally:
            sender.terminate()
            await sender.wait()
        print(f"{recordings} recordings, {minutes:g} minutes: {cpu / (minutes - 5 / 60) / recordings:.2f} CPU s a minute each, ", end="")
        words = f"{after.ru_maxrss / 1024:.0f} MB, longest turn of the loop {longest * 1000:.1f} ms of {turns}"
        print(f"{words}, load {os.getloadavg()[0]:.1f}")
        bad = [problem for number in range(recordings) for problem in _problems(Path(folder) / f"{number}.webm", minutes * 60)]
        asked = sum(each["asked"] for each in sent.values())
    print("\n".join(bad) or "all files decode, without a gap, with all their pictures")
    print(f"key frames asked for: {asked}")
    return 1 if bad or longest > LONGEST_TURN else 0


def _sent(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url + "/told", timeout=20) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def _problems(path: Path, seconds: float) -> list[str]:
    """What is wrong with a file that holds pictures of 30 a second."""
    found = inspect(path)
    problems = [f"{path.name}: stream {stream.index} has {stream.errors} errors" for stream in found.streams if stream.errors]
    problems += [f"{path.name}: stream {stream.index} has gaps {stream.gaps}" for stream in found.streams if stream.gaps]
    for stream in found.streams:
        expected = round((stream.end - stream.start) * (30 if stream.kind == "video" else 50))
        if stream.frames < expected - 2 or stream.end - stream.start < seconds:
            problems.append(f"{path.name}: stream {stream.index} has {stream.frames} of {expected} in {stream.end - stream.start:.1f} s")
    return problems
