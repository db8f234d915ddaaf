"""Recorders that are killed, or whose disk fills up, at random moments."""

from __future__ import annotations

import asyncio
import random
import subprocess
import tempfile
import time
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endurance.scene import scene, started
from pexrtc_py.bot.checking import repair
from pexrtc_py.bot.inspecting import inspect
from pexrtc_py.errors import RecordingError

AT_ONCE = 3
LONGEST = 4.0
"""Seconds of recording before the end comes at the latest."""
MOST_MISSING = 1.0
ENDINGS = (".mkv", ".webm", ".mp4")
DISK_KIB = (200, 1500)


@dataclass(frozen=True)
class Left:
    """What was left of one recording."""

    name: str
    missing: float
    """Seconds between the end of the file and the end of the recorder."""
    faults: tuple[str, ...]


async def kills(times: int) -> int:
    """Kill so many recorders; 1 when a file is worse than it may be."""
    gate = asyncio.Semaphore(AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        async with scene() as url:

            async def one(number: int) -> Left:
                async with gate:
                    return await _killed(url, Path(folder) / f"{number}{ENDINGS[number % 3]}", random.uniform(0.3, LONGEST))

            left = await asyncio.gather(*(one(number) for number in range(times)))
    return _told("killed", left)


async def _killed(url: str, path: Path, after: float) -> Left:
    process = await started("record", "lab", "--node", url, "--out", str(path), "--log-level", "info", err=PIPE)
    assert process.stderr is not None
    while b"lab: recording" not in await process.stderr.readline():
        if process.returncode is not None:
            return Left(path.name, 0.0, ("it ended before it recorded",))
    begun = time.monotonic()
    await asyncio.sleep(after)
    process.kill()
    lived = time.monotonic() - begun
    await process.wait()
    return await asyncio.to_thread(_judged, path, lived)


def _judged(path: Path, lived: float) -> Left:
    faults = []
    try:
        before = inspect(path)
        repair(path)
        after = inspect(path)
    except RecordingError as error:
        return Left(path.name, lived, (str(error),))
    if before.errors:
        faults.append(f"{before.errors} errors as it was left")
    if after.errors or (said := _complaints(path)):
        faults.append(f"not clean when repaired: {after.errors} errors {said if not after.errors else ''}")
    missing = lived - after.duration
    if missing > MOST_MISSING:
        faults.append(f"{missing:.2f} s are missing")
    return Left(path.name, missing, tuple(faults))


def _complaints(path: Path) -> str:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0", "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


async def full_disks(times: int) -> int:
    """Let so many disks fill up; 1 when a file is worse than it may be."""
    with tempfile.TemporaryDirectory() as folder:
        async with scene() as url:
            left = [await _filled(url, Path(folder), number) for number in range(times)]
    return _told("ended by a full disk", left)


async def _filled(url: str, folder: Path, number: int) -> Left:
    """The bot would not begin on so small a disk, so the recording is made from Python."""
    import pexrtc_py

    size = random.randrange(*DISK_KIB)
    disk = folder / f"disk{number}"
    disk.mkdir()
    await asyncio.to_thread(subprocess.run, ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], check=True)
    path = disk / f"a{ENDINGS[number % 3]}"
    try:
        async with pexrtc_py.join("lab", node=url, display_name="Bot") as conference:
            recording = await conference.record(path)
            await asyncio.wait_for(recording.failed.wait(), 60)
            lived = recording.duration
        left = await asyncio.to_thread(_judged, path, lived)
        return Left(f"{size} KiB {path.suffix}", left.missing, left.faults)
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(disk)], check=True)


def _told(what: str, left: list[Left]) -> int:
    missing = sorted(one.missing for one in left)
    bad = [one for one in left if one.faults]
    for one in bad:
        print(f"{one.name}: {'; '.join(one.faults)}")
    print(f"{len(left)} recordings {what}: {len(left) - len(bad)} as they should be")
    print(f"missing {missing[len(missing) // 2]:.2f} s in the median, {missing[-1]:.2f} s at most")
    return 1 if bad else 0
