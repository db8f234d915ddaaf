"""The node of the benchmark: a conference full of people, of whom one after another raises a hand.

`python -m benchmarks.roster.serving PEOPLE` prints its URL, reads a rate and seconds, tells so many changes a second, and prints what
it cost, and the longest step before that.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.roster.blocking import Longest
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.node.server import Node, NoMedia
from pexrtc_py.protocol.events import MessageReceived
from pexrtc_py.protocol.models import Role

TICK = 0.02
PAGE = 4096


def megabytes() -> int:
    """What this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE // 2**20


def fill(room: Room, people: int) -> None:
    """So many participants who have no event stream."""
    now = time.time()
    for number in range(people):
        role = Role.HOST if number % 10 == 0 else Role.GUEST
        room.enter(Member(f"person-{number}", f"Person {number}", role=role, alias="crowd", joined=now, vendor="benchmark/1.0"))
    room.drain()


async def change(node: Node, rate: int, seconds: float, steps: Longest) -> dict[str, Any]:
    """Raise hands; the time when is what a client measures the age by."""
    room, loop = node.room("crowd"), asyncio.get_running_loop()
    people = [uuid for uuid in room.members if uuid.startswith("person-")]
    began, cpu, told, queue, memory = loop.time(), time.process_time(), 0, 0, 0
    while (elapsed := loop.time() - began) < seconds:
        for _ in range(min(round((elapsed + TICK) * rate) - told, rate)):
            member = room.members[people[told % len(people)]]
            member.buzzed = time.time()
            room.updated(member)
            told += 1
        node.settle()
        queue = max(queue, node.queued)
        if not memory and elapsed > seconds / 5:
            memory = megabytes()
        await asyncio.sleep(TICK)
    spent = {"seconds": loop.time() - began, "cpu": time.process_time() - cpu}
    room.tell_room(MessageReceived(payload="the end"))
    node.settle()
    return {"told": told, "queue": queue, "memory": [memory, megabytes()], "blocked": steps.take(), **spent}


async def main(people: int) -> None:
    """Serve until stdin ends."""
    steps = Longest()
    steps.begin()
    async with Node("crowd", "empty", media=NoMedia) as node:
        fill(node.room("crowd"), people)
        print(json.dumps({"url": node.url}), flush=True)
        gc.freeze()  # as `pexrtc node` does
        while line := await asyncio.to_thread(sys.stdin.readline):
            rate, seconds = line.split()
            before = steps.take()
            changed = await change(node, int(rate), float(seconds), steps) if rate != "0" else {}
            print(json.dumps({"listing": before, **changed}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
