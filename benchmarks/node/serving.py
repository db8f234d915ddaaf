"""The node of the benchmark, in a process of its own: `python -m benchmarks.node.serving auto|always|never` prints its URL, and each
second a line of JSON: what it has cost, what waits in it, and which views it composes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any, Literal, cast

from benchmarks.endurance.scene import resident
from pexrtc_py.node import Node, NodeConfig, Vmr
from pexrtc_py.node.bridge import Bridge
from pexrtc_py.node.plan import OnLost, OnVoice
from pexrtc_py.node.viewing import Compose


class _Media:
    """Makes the bridge of a node that listens on loopback, and keeps it."""

    def __init__(self, compose: str) -> None:
        self._compose = Compose(compose)
        self.bridge: Bridge | None = None

    def __call__(self, *, on_voice: OnVoice, on_lost: OnLost) -> Bridge:
        self.bridge = Bridge(on_voice=on_voice, on_lost=on_lost, loopback=True, compose=self._compose)
        return self.bridge


async def _serve(compose: str) -> None:
    media = _Media(compose)
    async with Node(Vmr("lab"), config=NodeConfig(compose=cast(Literal["auto"], compose)), media=media) as node:
        print(node.url, flush=True)
        gc.freeze()
        while True:
            await asyncio.sleep(1)
            assert media.bridge is not None
            print(json.dumps(_counted(media.bridge)), flush=True)


def _counted(bridge: Bridge) -> dict[str, Any]:
    rooms = list(bridge.stats().values())
    return {
        "cpu": time.process_time(),
        "clock": time.monotonic(),
        "rss_mb": round(resident("self"), 1),
        "views": {name: [*view.size, view.composed] for room in rooms for name, view in room.views.items()},
        "undecoded": sum(room.undecoded for room in rooms),
        "sound_waiting": max((call.waiting for room in rooms for call in room.calls.values()), default=0),
        "skipped": sum(room.skipped for room in rooms),
        "lateness_ms": round(max((room.lateness for room in rooms), default=0.0) * 1000, 1),
    }


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
