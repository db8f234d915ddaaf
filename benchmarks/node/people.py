"""Those who take part: senders of a stamped picture that was encoded once, and one viewer who reads the stamps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import lru_cache

import av

from pexrtc_media import AccessUnit, Pattern, VideoEncoding, stamp
from pexrtc_media.arrays import rows
from pexrtc_media.transform import fit
from pexrtc_py.node.compositing import box_of
from pexrtc_py.node.seating import seats

SIZE, FPS, ROUND = (640, 360), 25, 250


@lru_cache(maxsize=32)
def film(stream: int) -> tuple[AccessUnit, ...]:
    """Ten seconds of a stamped 640x360 picture as VP8, with a keyframe every two."""
    encoding, pattern = VideoEncoding("vp8", bitrate=600_000), Pattern(SIZE, FPS, stamp=stream)
    return tuple(unit for number in range(ROUND) for unit in encoding.encode(pattern.picture(number), number / FPS))


@dataclass
class Sent:
    """When each picture of a stream was last sent, by its number."""

    at: dict[int, float] = field(default_factory=dict)

    async def camera(self, stream: int) -> AsyncIterator[AccessUnit]:
        """The film again and again, on time."""
        units, begun, number = film(stream), time.monotonic(), 0
        while True:
            await asyncio.sleep(max(0.0, begun + number / FPS - time.monotonic()))
            unit = units[number % ROUND]
            self.at[number % ROUND] = time.monotonic()
            yield AccessUnit(unit.data, unit.codec, round(number * 90_000 / FPS), 90_000, keyframe=unit.keyframe)
            number += 1


@dataclass
class Watched:
    """What a viewer saw: pictures, their delay in seconds by the stamp in the first place, and their sizes."""

    pictures: int = 0
    delays: list[float] = field(default_factory=list)
    sizes: set[tuple[int, int]] = field(default_factory=set)

    def see(self, frame: av.VideoFrame, layout: str, people: int, sent: dict[int, Sent]) -> None:
        """Take a picture."""
        self.pictures += 1
        size = (frame.width, frame.height)
        self.sizes.add(size)
        place = box_of(seats(layout, people)[0], size)
        left, top, width, height = fit(SIZE, place[2:])
        left, top = place[0] + left, place[1] + top
        mark = stamp.read_at(rows(frame)[top : top + height, left : left + width])
        if mark is not None and mark.stream in sent and (at := sent[mark.stream].at.get(mark.frame)) is not None:
            self.delays.append(time.monotonic() - at)
