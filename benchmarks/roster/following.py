"""The client of the benchmark: joins the empty conference and the full one, then follows the events until the end is announced."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median

import pexrtc_py
from benchmarks.roster.blocking import Longest


async def cost(url: str, alias: str) -> tuple[float, float, pexrtc_py.Conference]:
    """CPU and time of joining, until the roster is complete, in seconds."""
    cpu, began = time.process_time(), time.monotonic()
    conference = await pexrtc_py.join(alias, node=url, display_name="Follower", media=False, timeout=600)
    return time.process_time() - cpu, time.monotonic() - began, conference


async def main(url: str) -> None:
    """Print what joining cost, then what following cost."""
    steps = Longest()
    steps.begin()
    bare = 0.0
    for _ in range(2):  # the first pays for what is loaded when it is needed
        bare, _, empty = await cost(url, "empty")
        await empty.leave()
    print(json.dumps({"bare": bare}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    steps.take()
    cpu, wall, conference = await cost(url, "crowd")
    print(json.dumps({"cpu": cpu - bare, "wall": wall, "blocked": steps.take(), "people": len(conference.participants) - 1}), flush=True)
    ages: list[float] = []
    spent, ended = time.process_time(), asyncio.Event()

    @conference.on(pexrtc_py.ParticipantUpdate)
    def hear(event: pexrtc_py.ParticipantUpdate) -> None:
        ages.append(time.time() - event.participant.buzz_time)

    @conference.on(pexrtc_py.MessageReceived)
    def end(event: pexrtc_py.MessageReceived) -> None:
        ended.set()

    await ended.wait()
    third = len(ages) // 3
    thirds = [median(ages[:third]), median(ages[-third:])]
    print(json.dumps({"heard": len(ages), "ages": thirds, "cpu": time.process_time() - spent, "blocked": steps.take()}), flush=True)
    await conference.leave()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
