"""What `join` and `Conference.follow` return, and how it goes on elsewhere after a `Refer`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pexrtc_py.calling import CallOptions
    from pexrtc_py.conference import Conference
    from pexrtc_py.protocol.events import Refer

Follow = Callable[["Conference", "Refer", "CallOptions"], "Joining"]
"""Joins where a conference was referred to, on the same node, with these options for the call."""


class Joining:
    """`async with` it: leaving the block leaves the conference; or await it, and call `leave()` yourself."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Conference]]) -> None:
        self._work = work
        self._conference: Conference | None = None

    def __await__(self) -> Generator[Any, None, Conference]:
        return self._work().__await__()

    async def __aenter__(self) -> Conference:
        self._conference = await self._work()
        return self._conference

    async def __aexit__(self, *_: object) -> None:
        if self._conference is not None:
            await self._conference.leave()
