"""What composing costs, and what it adds to the delay: `python -m benchmarks.node [--seconds 120] [--people 10] [--write FILE.md]`.

So many participants send 640x360 at 25 pictures a second, and sound, to a node in a process of its own; a viewer reads their stamps. The
same call is made with forwarding and with layouts, so that the ratios hold on any machine; absolute figures need a quiet one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

import pexrtc_py
from benchmarks.node.people import Sent, Watched, film
from pexrtc_media import Tone
from pexrtc_py import models

MODES = (("never", "1:0"), ("auto", "1:7"), ("auto", "ac"))
WARM_UP = 8.0
ADDED = 0.150
"""Seconds that a composed picture may be later than a forwarded one."""
CHEAPER = 5.0
"""How many times cheaper forwarding of pictures has to be; sound is mixed either way, and costs the same."""


@dataclass(frozen=True)
class Figures:
    """One call."""

    name: str
    cores: float
    fps: float
    delay: float
    delay_95: float
    size: str
    views: int
    rate: float
    """Pictures a second of the slowest view."""
    waiting: tuple[int, int]
    """The most video units and sound packets that waited at any second, in the first and the second half."""
    skipped: int

    def __str__(self) -> str:
        delays = f"{self.delay * 1000:.0f} / {self.delay_95 * 1000:.0f}"
        return (
            f"| {self.name} | {self.cores:.2f} | {self.fps:.1f} | {delays} | {self.size} | {self.views} | {self.rate:.1f} "
            f"| {self.waiting[0]}, {self.waiting[1]} | {self.skipped} |"
        )


HEAD = (
    "| call | cores | pictures/s at a viewer | delay ms, median / 95 % | size | views | slowest view/s "
    "| waiting, 1st and 2nd half | sound skipped |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


@contextlib.asynccontextmanager
async def serving(compose: str) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """The URL of a node, and a list that it adds to each second."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.node.serving", compose, stdout=PIPE)
    assert process.stdout is not None
    url, told = (await process.stdout.readline()).decode().strip(), list[dict[str, Any]]()
    listening = asyncio.create_task(_listen(process, told))
    try:
        yield url, told
    finally:
        process.terminate()
        await process.wait()
        await listening


async def _listen(process: Process, told: list[dict[str, Any]]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        told.append(json.loads(line))


async def measured(compose: str, layout: str, people: int, viewers: int, seconds: float, *, sound: bool = True) -> Figures:
    """One call with so many senders, and so many more who only watch."""
    sent, watched = {stream: Sent() for stream in range(people)}, Watched()
    async with serving(compose) as (url, told), contextlib.AsyncExitStack() as stack:
        for stream, one in sent.items():
            tone = Tone(300 + 40 * stream) if sound else None
            joining = pexrtc_py.join("lab", node=url, display_name=f"P{stream}", video=one.camera(stream), audio=tone)
            conference = await stack.enter_async_context(joining)
        for number in range(viewers):
            await stack.enter_async_context(pexrtc_py.join("lab", node=url, display_name=f"V{number}"))
        await conference.transform_layout(transforms=models.Transforms(layout=layout))
        await asyncio.sleep(WARM_UP)
        first, begun = len(told), time.monotonic()
        assert conference.call is not None
        async with conference.call.video.frames() as frames:
            async for frame in frames:
                if isinstance(frame, av.VideoFrame):
                    watched.see(frame, layout, people - 1, sent)
                if time.monotonic() - begun > seconds:
                    break
    return _figures(f"{compose} {layout}, {people}+{viewers}{'' if sound else ', no sound'}", told[first:], watched, seconds)


def _figures(name: str, told: list[dict[str, Any]], watched: Watched, seconds: float) -> Figures:
    spent = (told[-1]["cpu"] - told[0]["cpu"]) / (told[-1]["clock"] - told[0]["clock"])
    waits = [line["undecoded"] + line["sound_waiting"] for line in told]
    delays = sorted(watched.delays) or [float("inf")]
    made = {
        view: (line[2] - told[0]["views"][view][2]) / (told[-1]["clock"] - told[0]["clock"])
        for view, line in told[-1]["views"].items()
        if view in told[0]["views"]
    }
    return Figures(
        name=name,
        cores=spent,
        fps=watched.pictures / seconds,
        delay=statistics.median(delays),
        delay_95=delays[int(0.95 * (len(delays) - 1))],
        size=" ".join(f"{width}x{height}" for width, height in sorted(watched.sizes)),
        views=len(told[-1]["views"]),
        rate=min(made.values(), default=0.0),
        waiting=(max(waits[: len(waits) // 2]), max(waits[len(waits) // 2 :])),
        skipped=told[-1]["skipped"] - told[0]["skipped"],
    )


async def compared(people: int, seconds: float) -> tuple[list[Figures], list[str]]:
    """All calls, and what does not hold."""
    for stream in range(people):
        await asyncio.to_thread(film, stream)
    rows = []
    for compose, layout in MODES:
        rows.append(await measured(compose, layout, people, 0, seconds))
        print(rows[-1], flush=True)
    short = max(10.0, seconds / 6)
    for few, viewers in ((4, 0), (4, 6)):  # the same four views, of which one is seen by six more
        rows.append(await measured("auto", "2x2", few, viewers, short))
        print(rows[-1], flush=True)
    for compose, layout in MODES:
        rows.append(await measured(compose, layout, people, 0, short, sound=False))
        print(rows[-1], flush=True)
    forwarded, composed, alone = rows[0], rows[1:3], rows[-3]
    faults = [f"{row.name} is {row.delay - forwarded.delay:.3f} s later" for row in composed if row.delay - forwarded.delay > ADDED]
    print(f"with sound: {', '.join(f'{row.name} {row.cores / forwarded.cores:.1f} times forwarding' for row in composed)}")
    times = {row.name: row.cores / alone.cores for row in rows[-2:]}
    print(f"pictures alone: {', '.join(f'{name} {factor:.1f} times' for name, factor in times.items())}")
    faults += [f"{name} costs only {factor:.1f} times as much as forwarding" for name, factor in times.items() if factor < CHEAPER]
    faults += [f"what waits in {row.name} grows" for row in rows if row.waiting[1] > 2 * row.waiting[0] + 10]
    faults += [f"{row.name} comes {row.rate:.1f} times a second" for row in composed if row.rate < 0.9 * 25]
    return rows, faults


def main() -> int:
    """Measure, print, and perhaps write a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"load average {load:.2f}\n{HEAD}")
    rows, faults = asyncio.run(compared(asked.people, asked.seconds))
    print("; ".join(faults) or "everything holds")
    if asked.write:
        table = "\n".join([HEAD, *map(str, rows)])
        asked.write.write_text(f"# What composing costs\n\nLoad average before: {load:.2f}, {os.cpu_count()} cores.\n\n{table}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
