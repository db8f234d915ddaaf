"""A visitor: somebody in a conference with the vendor's client, in a tab of Chromium."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pexrtc_media import stamp
from tests.interop.chromium import Tab
from tests.media_checks import Sound, strength

CONTROL_ONLY = 0
"""The client's `callType` for no media."""
LOOK = (320, 180)
STAMPS = 64
"""How many numbered pictures a visitor shows, again and again."""
SERIOUS = {"onError", "onFailedRequest", "onDisconnected", "call.onReconnecting"}
"""Signals that complain; a test says which it wants."""
HARMLESS = ("without any observer", "RequestClient has been already cleaned up")
"""What the client says of its own signals that nobody listens to, and when it wanted its events once more while it was leaving."""
Picture = NDArray[np.uint8]


class Visitor:
    """One client. What it complained of and no pattern in `expects` matches is in `complaints`."""

    def __init__(self, tab: Tab, name: str, alias: str, host: str, expects: Sequence[str]) -> None:
        self.tab, self.name, self.alias, self.host = tab, name, alias, host
        self.expects = [*HARMLESS, *expects]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the page and its console, and the client's signals of failure."""
        failures = [f"{told['signal']} {told['detail']}" for told in self.tab.told if told["signal"] in SERIOUS]
        return [one for one in self.tab.complaints + failures if not any(re.search(pattern, one) for pattern in self.expects)]

    async def call(self, **options: Any) -> Any:
        """The client's `call`; the HTTP status of its request_token."""
        return await self.tab.run(
            "options => visitor.join(options)", {"conferenceAlias": self.alias, "displayName": self.name, "host": self.host, **options}
        )

    async def follow(self, sent: Any, **options: Any) -> Any:
        """Go where `onTransfer` sends the client; the HTTP status of its request_token."""
        options = {"displayName": self.name, "host": self.host, **options}
        self.tab.told[:] = [told for told in self.tab.told if told["signal"] in SERIOUS]  # the rest was about the place before
        return await self.tab.run("(sent, options) => visitor.follow(sent, options)", sent, options)

    async def is_in(self, *, media: bool = True) -> None:
        """Wait until it knows of the others, and with `media` until that flows."""
        await self.hears("onParticipants")
        if media:
            await self.hears("onCallConnected")
            await self.hears("onMe", lambda told: told["participant"]["hasMedia"])

    async def do(self, method: str, **options: Any) -> Any:
        """Call a method of the client; the status and result of its response. Options may end in `_` where Python has such a word."""
        function = "async (method, options) => { const done = await visitor.client[method](options); return done?.data ?? null; }"
        return await self.tab.run(function, method, {name.rstrip("_"): value for name, value in options.items()})

    async def send(self, **options: Any) -> None:
        """Send another `picture` or `hz` from now on."""
        await self.tab.run("options => visitor.send(options)", options)

    async def present(self, picture: dict[str, Any]) -> None:
        """Take the floor and show pictures."""
        await self.tab.run("picture => visitor.present(picture)", picture)

    async def stop_presenting(self) -> None:
        """Give the floor back."""
        await self.tab.run("() => visitor.client.stopPresenting()")

    async def leave(self) -> None:
        """As a user does."""
        await self.tab.run("() => visitor.client.disconnect({reason: 'User initiated disconnect'})")

    async def hears(self, signal: str, where: Callable[[Any], bool] = lambda _: True, seconds: float = 15.0) -> Any:
        """The detail of the first signal of this name that fits, be it past or to come."""
        try:
            async with asyncio.timeout(seconds), self.tab.changed:
                while True:
                    for told in self.tab.told:
                        if told["signal"] == signal and where(told["detail"]):
                            return told["detail"]
                    await self.tab.changed.wait()
        except TimeoutError:
            heard = [told["detail"] for told in self.tab.told if told["signal"] == signal]
            raise AssertionError(f"no such {signal} within {seconds:g} s, but {heard}") from None

    def heard(self, signal: str) -> list[Any]:
        """The details of all signals of this name so far."""
        return [told["detail"] for told in self.tab.told if told["signal"] == signal]

    async def roster(self) -> dict[str, Any]:
        """The participants as they came over the wire, by uuid."""
        return {line["uuid"]: line for line in await self.tab.run("() => visitor.roster()")}

    async def looks_after(self, times: int, seconds: float = 30.0) -> None:
        """Wait until the client has looked at its connection's statistics so often from now on."""
        end, before = time.monotonic() + seconds, await self._ticks()
        while await self._ticks() < before + times:
            assert time.monotonic() < end, f"{self.name} did not look at its statistics {times} times within {seconds:g} s"
            await asyncio.sleep(0.1)

    async def way(self) -> str:
        """The node's ICE credentials that the connection uses, once it is connected."""
        ways = await self.tab.run("() => visitor.ways()")
        return str(ways["theirs"]) if ways["state"] == "connected" else ""

    async def goes_another_way(self, before: str, seconds: float = 15.0) -> None:
        """Wait until the connection is up with other credentials than `before`."""
        end = time.monotonic() + seconds
        while (now := await self.way()) in {"", before}:
            assert time.monotonic() < end, f"{self.name} has no other connection within {seconds:g} s but {now or 'none'}"
            await asyncio.sleep(0.05)

    async def _ticks(self) -> int:
        return int(await self.tab.run("() => visitor.ticks()"))

    async def me(self) -> str:
        """The uuid of the own participant."""
        return str(await self.tab.run("() => visitor.client.getMe().uuid"))

    async def look(self, slot: str = "main") -> tuple[tuple[int, int], Picture]:
        """What is shown: its true size, and the picture in `LOOK` size as red, green and blue."""
        seen = await self.tab.run("(slot, width, height) => visitor.look(slot, width, height)", slot, *LOOK)
        pixels = np.frombuffer(base64.b64decode(seen["pixels"]), np.uint8).reshape(LOOK[1], LOOK[0], 4)
        return (seen["size"][0], seen["size"][1]), pixels[:, :, :3]

    async def shows(self, slot: str = "main", seconds: float = 15.0) -> tuple[int, int]:
        """Wait until there is any picture; its size."""
        end = time.monotonic() + seconds
        while (size := (await self.look(slot))[0]) == (0, 0):
            assert time.monotonic() < end, f"{self.name} sees no picture in {slot} within {seconds:g} s"
            await asyncio.sleep(0.05)
        return size

    async def mark(self, slot: str = "main") -> stamp.Mark | None:
        """The stamp in what is shown."""
        return mark_of((await self.look(slot))[1])

    async def sees(self, stream: int | None, slot: str = "main", seconds: float = 15.0) -> int:
        """Wait until a picture of this stream is shown, None for one without a stamp; its number."""
        end, seen = time.monotonic() + seconds, None
        while True:
            seen = await self.mark(slot)
            if (seen.stream if seen else None) == stream:
                return seen.frame if seen else 0
            assert time.monotonic() < end, f"{self.name} does not see stream {stream} in {slot} within {seconds:g} s, but {seen}"
            await asyncio.sleep(0.05)

    async def sound(self) -> Sound:
        """The last 0.7 s of what is heard."""
        samples = await self.tab.run("() => visitor.listen()")
        return np.frombuffer(base64.b64decode(samples), np.float32).astype(np.float64)

    async def hears_tone(self, hz: float, *, loud: bool = True, seconds: float = 15.0) -> None:
        """Wait until a tone is heard, or with `loud=False` is not heard any more."""
        end, level = time.monotonic() + seconds, 0.0
        while True:
            sound = await self.sound()
            level = strength(sound, hz) if len(sound) else 0.0
            if level > 0.05 if loud else level < 0.005:
                return
            assert time.monotonic() < end, f"{hz:g} Hz has a level of {level:.3f} at {self.name}, {'loud' if loud else 'silence'} expected"
            await asyncio.sleep(0.1)


def mark_of(picture: Picture) -> stamp.Mark | None:
    """The stamp in a picture of red, green and blue."""
    return stamp.read_at(np.rint(picture @ np.array([0.299, 0.587, 0.114])).astype(np.uint8), repair=False)


def stamped(
    stream: int, *, size: tuple[int, int] = (640, 360), fps: int = 15, colours: Sequence[str] = ("rgb(64 64 64)",)
) -> dict[str, Any]:
    """Pictures for a visitor to send: its background in these colours in turn, one second each, numbered by a stamp."""
    bitmaps = [_cells(stream, number) for number in range(STAMPS)]
    box = {**asdict(stamp.place_of(*size)), "columns": bitmaps[0].shape[1], "rows": bitmaps[0].shape[0]}
    stamps = [base64.b64encode(cells.tobytes()).decode() for cells in bitmaps]
    return {"width": size[0], "height": size[1], "fps": fps, "colours": list(colours), "stamps": stamps, "box": box}


def _cells(stream: int, number: int) -> Picture:
    """A stamp as small as there is, cut out of a picture that it fits in."""
    small = np.zeros((90, 40), np.uint8)
    place = stamp.place_of(40, 90, 2)
    stamp.draw(small, stream=stream, frame=number, ms=0, cell=2)
    top, left = round(place.top), round(place.left)
    return small[top : top + round(place.height), left : left + round(place.width)]
