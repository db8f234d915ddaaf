"""Sends flashes and beeps with a clock that is set wrong: `skewed_sender.py URL SECONDS`; a line of input sets it anew."""

from __future__ import annotations

import asyncio
import sys
import time

_right, _off = time.time, float(sys.argv[2])
time.time = lambda: _right() + _off

import pexrtc_py  # noqa: E402  # only now: what is imported may keep the function
from pexrtc_media import FlashBeep  # noqa: E402


async def main() -> None:
    film = FlashBeep((640, 360))
    async with pexrtc_py.join("meet.alice", node=sys.argv[1], display_name="Skewed", video=film.video, audio=film.audio):
        print("sending", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            set_clock(float(line))


def set_clock(off: float) -> None:
    global _off  # noqa: PLW0603
    _off = off


asyncio.run(main())
