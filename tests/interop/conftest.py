"""A Chromium for all tests, and visitors in tabs of their own; whoever complains, or is left unhappy, fails the test."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from aiohttp import web

from tests.interop.chromium import DevTools, chromium, devtools, tab
from tests.interop.visitor import CONTROL_ONLY, Visitor

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node

HERE = Path(__file__).parent
PAGE = "<!doctype html><title>Visitor</title><body><script src=page.js></script>"


class Visit(Protocol):
    """Opens a tab for somebody; with `join` (the default) the client calls, with `options` of the client's `call`."""

    async def __call__(
        self, name: str, *, alias: str = "meet.alice", join: bool = True, expects: tuple[str, ...] = (), **options: Any
    ) -> Visitor: ...


@pytest.fixture(scope="session")
def bundle() -> str:
    """The page's script, with the client in it."""
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    assert esbuild.exists(), f"The vendor's client is not installed. Run: npm ci --prefix {HERE}"
    subprocess.run(["npm", "run", "--silent", "build"], cwd=HERE, check=True, timeout=60)
    return (HERE / "node_modules" / ".page" / "page.js").read_text()


@pytest.fixture(scope="session")
def chromium_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def browser(chromium_address: str) -> AsyncIterator[DevTools]:
    async with devtools(chromium_address) as connection:
        yield connection


@pytest.fixture
async def page(bundle: str) -> AsyncIterator[str]:
    """The address of the page: on the same machine, yet of another origin than the node."""
    app = web.Application()
    app.router.add_get("/{name:.*}", partial(_serve, {"": (PAGE, "text/html"), "page.js": (bundle, "text/javascript")}))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def _serve(files: Mapping[str, tuple[str, str]], request: web.Request) -> web.Response:
    text, kind = files.get(request.match_info["name"], ("", "text/plain"))
    return web.Response(text=text, content_type=kind)


@pytest.fixture
async def visit(browser: DevTools, page: str, node: Node) -> AsyncIterator[Visit]:
    visitors: list[Visitor] = []
    async with contextlib.AsyncExitStack() as tabs:

        async def enter(
            name: str, *, alias: str = "meet.alice", join: bool = True, expects: tuple[str, ...] = (), **options: Any
        ) -> Visitor:
            opened = await tabs.enter_async_context(tab(browser, page))
            visitor = Visitor(opened, name, alias, node.url, expects)
            visitors.append(visitor)
            await opened.run("() => new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")
            if join:
                assert await visitor.call(**options) == 200
                await visitor.is_in(media=options.get("callType") != CONTROL_ONLY)
            return visitor

        yield enter
        for visitor in visitors:
            if visitor.complaints:
                print(f"--- the console of {visitor.name}", *visitor.tab.console[-60:], sep="\n")
        assert not [f"{visitor.name}: {complaint}" for visitor in visitors for complaint in visitor.complaints]
