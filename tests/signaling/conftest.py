"""Small real servers: one with handlers, one that says bytes and hangs up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.signaling.servers import Handler, PlayScripts, Script, Scripted, Serve


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Answers every request with one handler; gives the URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


@pytest.fixture
async def scripted() -> AsyncIterator[PlayScripts]:
    """Starts servers that play scripts."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*scripts: Script) -> Scripted:
            played = Scripted(list(scripts))
            server = await asyncio.start_server(played.play, "127.0.0.1", 0)
            stack.callback(server.close)
            played.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return played

        yield start
