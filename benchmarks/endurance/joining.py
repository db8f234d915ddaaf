"""Joining and leaving many times in one process."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
from pathlib import Path

import pexrtc_py
from benchmarks.endurance.scene import resident, scene

SETTLED = 20
"""Joins before it is counted: what is loaded once is no leak."""


async def joins(times: int) -> int:
    """Join, record a moment and leave so often; 1 when something is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        async with scene() as url:
            before = None
            for number in range(times):
                async with pexrtc_py.join("lab", node=url, display_name="Passing") as conference:
                    recording = await conference.record(Path(folder) / f"{number}.mkv")
                    await asyncio.sleep(0.1)
                    await recording.stop()
                os.remove(recording.path)
                if number == SETTLED:
                    before = await _counted()
                if number % 50 == 0:
                    print(f"{number}: {await _counted()}", flush=True)
            after = await _counted()
    print(f"after {SETTLED} joins {before}, after {times} {after}")
    counted = ("tasks", "threads", "descriptors", "files")
    grown = {name: (before[name], after[name]) for name in counted if before and after[name] > before[name]}
    print("nothing was left behind" if not grown else f"left behind: {grown}")
    return 1 if grown else 0


async def _counted() -> dict[str, int]:
    await asyncio.sleep(0.2)
    gc.collect()
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "files": len([name for name in os.listdir(tempfile.gettempdir()) if name.startswith("pexrtc")]),
        "rss_mb": round(resident("self")),
    }
