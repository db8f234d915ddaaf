"""The memory of one recording over time."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.endurance.scene import resident, scene, started

LIMIT = 0.1
"""MB a minute."""
SETTLING = 60.0
"""Seconds that are not looked at: buffers fill."""
EVERY = 5.0


async def memory(minutes: float) -> int:
    """Record for so long; 1 when the process has grown faster than it may."""
    with tempfile.TemporaryDirectory() as folder:
        async with scene() as url:
            process = await started("record", "lab", "--node", url, "--out", str(Path(folder) / "a.mkv"))
            begun, samples = time.monotonic(), list[tuple[float, float]]()
            while (passed := time.monotonic() - begun) < minutes * 60:
                await asyncio.sleep(EVERY)
                if passed > SETTLING:
                    samples.append((passed / 60, resident(process.pid)))
            process.terminate()
            await process.wait()
    slope, at = statistics.linear_regression(*zip(*samples, strict=True))
    first, last = samples[0][1], samples[-1][1]
    print(f"{first:.1f} MB after a minute, {last:.1f} MB at the end; {slope:+.3f} MB a minute (from {at:.1f} MB), limit {LIMIT}")
    return 1 if slope > LIMIT else 0
