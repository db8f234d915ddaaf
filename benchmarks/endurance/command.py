"""What `pexrtc record` as a whole takes: memory, with one conference and with several, and the time until it records."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.endurance.scene import resident, scene, started

CALLS = (1, 5)
SETTLING = 25.0
WHOLE, EACH, FIRST = 110.0, 3.0, 1.0
"""MB of the whole command, MB for each further call, seconds from the command to the first picture."""


async def command(times: int) -> int:
    """Measure; 1 when it takes more than it may."""
    with tempfile.TemporaryDirectory() as folder:
        async with scene(slides=True) as url:
            starts = [await _until_it_records(url, Path(folder) / f"{number}.mkv") for number in range(times)]
            memory = {calls: await _memory(url, Path(folder), calls) for calls in CALLS}
    first = statistics.median(starts)
    each = (memory[CALLS[1]] - memory[CALLS[0]]) / (CALLS[1] - CALLS[0])
    print(f"from the command until sound and picture are in the file: {first:.2f} s ({min(starts):.2f}-{max(starts):.2f})")
    print(f"two videos and sound: {memory[CALLS[0]]:.0f} MB with one call, {memory[CALLS[1]]:.0f} MB with {CALLS[1]}, {each:.1f} MB each")
    return 1 if first > FIRST * 1.1 or memory[CALLS[0]] > WHOLE * 1.1 or each > EACH else 0


async def _until_it_records(url: str, path: Path) -> float:
    begun = time.time()
    process = await started("record", "lab", "--node", url, "--out", str(path), "--seconds", "2")
    await process.wait()
    summary = json.loads(await asyncio.to_thread(path.with_name(f"{path.stem}.summary.json").read_text))
    return float(summary["states"]["recording"]) - begun


async def _memory(url: str, folder: Path, calls: int) -> float:
    """MB after a while of recording so many calls."""
    jobs = [{"conference": "lab", "node": url, "name": f"Recorder {number}", "out": str(folder / "{run}.mkv")} for number in range(calls)]
    spec = folder / f"{calls}.json"
    await asyncio.to_thread(spec.write_text, json.dumps(jobs))
    process = await started("record", "--jobs", str(spec))
    await asyncio.sleep(SETTLING)
    found = resident(process.pid)
    process.terminate()
    await process.wait()
    return found
