"""Chromium's MediaRecorder, a tab a call: `python -m benchmarks.recording.peers.chromium [TYPE] URL CALLS SECONDS FOLDER`.

Without a TYPE Chromium is free to keep what it receives as it is; with one it decodes and encodes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from benchmarks.recording.told import say

PROGRAM = "chromium"
SCRIPT = Path(__file__).with_suffix(".js")
PAGE = '<!doctype html><title>A call</title><body><script type="module" src="/script.js"></script>'
PATIENCE = 20.0
"""Seconds that it may take to begin and to end."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--remote-debugging-port=0",
)


class Desk:
    """Serves the page and takes what the tabs say and record."""

    def __init__(self, calls: int, folder: Path) -> None:
        self._folder, self._left = folder, set(range(calls))
        self.done = asyncio.Event()
        self.complaint = ""

    async def page(self, request: web.Request) -> web.Response:
        """The page of a call."""
        return web.Response(text=PAGE, content_type="text/html")

    async def script(self, request: web.Request) -> web.FileResponse:
        """What the page runs."""
        return web.FileResponse(SCRIPT)

    async def told(self, request: web.Request) -> web.Response:
        """An event of a tab."""
        event = await request.json()
        kind = event.pop("event")
        if kind == "failed":
            self.complaint = event["words"]
            self.done.set()
        elif kind == "file":
            say(kind, path=str(self._path(event["call"])), **event)
            self._left.discard(event["call"])
            if not self._left:
                self.done.set()
        else:
            say(kind, **event)
        return web.Response()

    async def file(self, request: web.Request) -> web.Response:
        """A second of a recording."""
        data = await request.read()
        with self._path(int(request.match_info["call"])).open("ab") as file:
            file.write(data)
        return web.Response()

    def _path(self, call: int) -> Path:
        return self._folder / f"{call}.webm"


async def serve(desk: Desk) -> str:
    """Open the desk; its address."""
    app = web.Application(client_max_size=1 << 28)
    app.add_routes([web.get("/", desk.page), web.get("/script.js", desk.script)])
    app.add_routes([web.post("/told", desk.told), web.post("/file/{call}", desk.file)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def devtools(profile: Path) -> str:
    """The address of the browser's DevTools, as soon as it listens."""
    told = profile / "DevToolsActivePort"
    for _ in range(round(PATIENCE / 0.05)):
        if told.exists() and len(lines := told.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(0.05)
    sys.exit("Chromium did not begin")


async def tabs(browser: str, calls: int, page: str) -> None:
    """Open a tab in a window of its own for each call, one after the other."""
    async with aiohttp.ClientSession() as http, http.ws_connect(browser) as socket:
        for number in range(calls):
            target = {"url": f"{page}&call={number}", "newWindow": True}
            await socket.send_json({"id": number, "method": "Target.createTarget", "params": target})
            await asyncio.sleep(0.37)


async def main(url: str, calls: int, seconds: float, folder: Path, kind: str = "") -> None:
    """So many calls in one browser."""
    desk = Desk(calls, folder)
    address = await serve(desk)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
        try:
            say("process", pid=browser.pid)
            await tabs(await devtools(Path(profile)), calls, f"{address}/?{urlencode({'url': url, 'seconds': seconds, 'type': kind})}")
            async with asyncio.timeout(seconds + PATIENCE):
                await desk.done.wait()
        finally:
            browser.terminate()
            browser.wait()
    if desk.complaint:
        sys.exit(desk.complaint)


if __name__ == "__main__":
    *types, sender, count, time, where = sys.argv[1:]
    asyncio.run(main(sender, int(count), float(time), Path(where), *types))
