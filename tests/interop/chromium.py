"""A headless Chromium and its tabs, driven by the DevTools protocol over a websocket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

START_SECONDS = 30.0
ANSWER_SECONDS = 30.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers have none; nothing but our own page is opened
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",  # so that a machine without a network will do
    "--remote-debugging-port=0",
)


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """Run Chromium with its profile in `folder`; gives the address of its DevTools websocket."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "The tests of the vendor's client need Chromium. On Debian: apt-get install chromium"
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen([program, *FLAGS, f"--user-data-dir={folder}", "about:blank"], stdout=log, stderr=log)
        try:
            yield _address(folder, process)
        finally:
            process.terminate()
            process.wait(10)


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    told, end = folder / "DevToolsActivePort", time.monotonic() + START_SECONDS
    while not (told.exists() and len(lines := told.read_text().split()) == 2):
        assert process.poll() is None, f"Chromium ended: {(folder / 'chromium.log').read_text()[-2000:]}"
        assert time.monotonic() < end, f"Chromium did not start within {START_SECONDS:g} s"
        time.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"


class DevTools:
    """The protocol: commands with their answers, and events for whoever wants those of a session."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}

    async def ask(self, method: str, *, session: str | None = None, **parameters: Any) -> Any:
        """Send a command and return its result."""
        number = next(self._ids)
        command = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(command)
        async with asyncio.timeout(ANSWER_SECONDS):
            message = await answer
        assert "error" not in message, f"{method}: {message.get('error')}"
        return message["result"]

    async def run(self) -> None:
        """Take what comes until the socket closes."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if not answer.done():
                    answer.set_result(told)
            elif (listener := self.listeners.get(told.get("sessionId", ""))) is not None:
                listener(told["method"], told["params"])


@contextlib.asynccontextmanager
async def devtools(address: str) -> AsyncIterator[DevTools]:
    """Connect to a browser."""
    async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
        connection = DevTools(socket)
        reading = asyncio.create_task(connection.run())
        try:
            yield connection
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


class Tab:
    """A tab of its own; `told` gets what the page says by `window.tell`, `complaints` every error and warning."""

    def __init__(self, browser: DevTools, session: str) -> None:
        self._browser, self._session = browser, session
        self.told: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.console: list[str] = []
        self.changed = asyncio.Condition()
        browser.listeners[session] = self._hear

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command to the tab."""
        return await self._browser.ask(method, session=self._session, **parameters)

    async def run(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function in the page; its result, awaited. Fails with what it throws."""
        expression = f"({function})({', '.join(json.dumps(argument) for argument in arguments)})"
        done = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, _thrown(done["exceptionDetails"])
        return done["result"].get("value")

    def _hear(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Runtime.bindingCalled":
                self.told.append(json.loads(event["payload"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(_thrown(event["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self._log(event["type"], " ".join(_text(argument) for argument in event["args"]))
            case "Log.entryAdded":
                entry = event["entry"]
                self._log(entry["level"], f"{entry['text']} {entry.get('url', '')}")
            case _:
                return
        self._wake = asyncio.ensure_future(self._tell())

    def _log(self, level: str, text: str) -> None:
        self.console.append(f"{level}: {text}")
        if level in {"error", "warning", "assert"}:
            self.complaints.append(f"{level}: {text}")

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@contextlib.asynccontextmanager
async def tab(browser: DevTools, url: str) -> AsyncIterator[Tab]:
    """Open a page in a tab that shares nothing with others."""
    context = (await browser.ask("Target.createBrowserContext"))["browserContextId"]
    try:
        target = (await browser.ask("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await browser.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        opened = Tab(browser, session)
        for method in ("Page.enable", "Runtime.enable", "Log.enable"):
            await opened.ask(method)
        await opened.ask("Runtime.addBinding", name="tell")
        await opened.ask("Page.navigate", url=url)
        yield opened
    finally:
        await browser.ask("Target.disposeBrowserContext", browserContextId=context)


def _thrown(details: dict[str, Any]) -> str:
    return f"thrown: {_text(details.get('exception', {'description': details['text']}))}"


def _text(remote: dict[str, Any]) -> str:
    """A value as the console would show it, in short."""
    if "preview" in remote:
        shown = ", ".join(f"{item['name']}: {item.get('value', '')}" for item in remote["preview"]["properties"])
        return f"{remote.get('description', '')} {{{shown}}}"
    return str(remote.get("value", remote.get("description", remote.get("type"))))
