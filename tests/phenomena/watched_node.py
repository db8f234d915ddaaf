"""A node with `meet.alice` as a process of its own: prints its URL, and each second what waits in it and how large it is."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from pexrtc_py.node import Node, Vmr
from tests.phenomena.nodes import Media


async def main() -> None:
    media = Media()
    async with Node(Vmr("meet.alice"), media=media) as node:
        print(node.url, flush=True)
        while True:
            await asyncio.sleep(1)
            print(json.dumps({"memory": memory(), "dropped_streams": node.dropped_streams, "rooms": rooms(media)}), flush=True)


def rooms(media: Media) -> list[dict[str, float]]:
    return [
        {
            "ticks": room.ticks,
            "skipped": room.skipped,
            "lateness": room.lateness,
            "calls": len(room.calls),
            "waiting": max((call.waiting for call in room.calls.values()), default=0),
            "ahead": max((call.ahead for call in room.calls.values()), default=0),
            "dropped": sum(call.dropped for call in room.calls.values()),
            "late": sum(call.late for call in room.calls.values()),
        }
        for room in media.bridge.stats().values()
    ]


def memory() -> float:
    """Resident MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    asyncio.run(main())
