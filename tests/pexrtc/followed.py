"""An object whose callbacks are written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pexrtc_py.node import Node
from pexrtc_py.pexrtc import PexRTC

SOON = 20.0


class Followed:
    """An object whose callbacks are written down; `wait` for one. Each `on_setup` is answered by the next of `answers`."""

    def __init__(self, node: Node, *answers: dict[str, Any] | None) -> None:
        self.node, self.rtc = node, PexRTC()
        self.heard: list[tuple[Any, ...]] = []
        self._answers = list(answers) or [{}]
        self._news = asyncio.Event()
        for name in (name for name in dir(PexRTC) if name.startswith("on_")):
            setattr(self.rtc, name, self._noting(name))

    def _noting(self, name: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            self.heard.append((name, *arguments))
            self._news.set()
            if name in {"on_setup", "on_auth"} and self._answers and (answer := self._answers.pop(0)) is not None:
                self.rtc.connect(**answer)

        return note

    async def wait(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """The next call of a callback, with these arguments if any are given; what was heard before is forgotten."""
        async with asyncio.timeout(SOON):
            while True:
                while self.heard:
                    if (turn := self.heard.pop(0))[0] == name and turn[1 : 1 + len(arguments)] == arguments:
                        return turn[1:]
                self._news.clear()
                await self._news.wait()

    @property
    def names(self) -> list[str]:
        """Which callbacks were called, in order."""
        return [name for name, *_ in self.heard]
