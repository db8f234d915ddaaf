"""Servers that misbehave as told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@dataclass
class Script:
    """What a server says on one connection after the request's headers arrived."""

    said: bytes = b""
    reset: bool = False
    """Ends with a TCP reset instead of a close."""
    stays: bool = False
    """Goes silent instead of ending."""


@dataclass
class Scripted:
    """A server whose n-th connection plays the n-th script; the last one is repeated."""

    scripts: list[Script]
    url: str = ""
    requests: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
            self.requests.append(head)
            self.heard.set()
            writer.write(script.said)
            await writer.drain()
            if script.stays:
                await reader.read()
            if script.reset:
                await asyncio.sleep(0.02)  # what was said must have left before the reset overtakes it
                writer.transport.abort()
        writer.close()


class PlayScripts(Protocol):
    """Starts a server that plays these scripts."""

    async def __call__(self, *scripts: Script) -> Scripted: ...
