"""Runs the examples of a document, each as a reader would.

Fenced blocks marked `python` and `sh` run in order, page by page, in one folder; a `toml` block is first saved there under the name
in its first line. Blocks without a mark do not run.

- Python may await at its top level, and names live on from block to block. `node` is a running node with the conference `meet.alice`,
  where Bob talks in front of a pattern, and `conference` is a host's place in it.
- Shell has `pexrtc` on its PATH, and `$NODE` is the URL of the same node.
- A reader's own node is written `meet.alice@example.com` or `https://node.example.com`; here that becomes the running one.
- What has media in a conference for `PATIENCE` seconds has it ended by a host, and must then end by itself, as it must in `LONGEST`
  seconds anyhow. What tells to be stopped with Ctrl-C is.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pexrtc_py
from pexrtc_py.media import Pattern, Tone
from pexrtc_py.node import Node, Vmr
from pexrtc_py.node.config import NodeConfig
from pexrtc_py.node.devices import Device

ROOT = Path(__file__).parent.parent
PATIENCE = 2.5
LONELY = 8.0
"""How long an example may run without anybody new in the conference, with media."""
LONGEST = 40.0
_BLOCK = re.compile(r"^```(python|sh|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = '#!/bin/sh\nexec {python} -m pexrtc_py.cli "$@"\n'


@dataclass(frozen=True)
class Block:
    """An example, and where it stands."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The examples of a page, in order."""
    text = page.read_text()
    return [Block(page, text.count("\n", 0, found.start()) + 2, found[1], found[2]) for found in _BLOCK.finditer(text)]


class Reader:
    """Somebody with a running node who tries every example of a page, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        bob = Device("device.bob", username="bob", password="secret", description="Bob's desk")
        self._node = Node(config=NodeConfig(conferences=(Vmr("meet.alice", host_pin="1234"),), devices=(bob,), rtmp="127.0.0.1:0"))
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._people: dict[str, pexrtc_py.Conference] = {}
        self._ending = AsyncExitStack()

    async def __aenter__(self) -> Self:
        command = self._folder / "bin" / "pexrtc"
        command.parent.mkdir()
        command.write_text(_COMMAND.format(python=sys.executable))
        command.chmod(0o755)
        await self._ending.enter_async_context(self._node)
        return self

    async def __aexit__(self, *error: object) -> None:
        for person in self._people.values():
            await person.leave()
        await self._ending.aclose()

    async def run(self, block: Block) -> None:
        """Try one example; raises what it raises, AssertionError when it fails otherwise or does not end."""
        if block.language == "toml":
            (self._folder / block.text.splitlines()[0].removeprefix("#").strip()).write_text(block.text)
            return
        await self._gather()
        if block.language == "sh":
            await self._watched(self._shell(block))
        else:
            await self._watched(self._python(block))

    async def _gather(self) -> None:
        """See to it that Bob and the host are there, whatever the example before did."""
        for name, audio, video in (("Bob", Tone(), Pattern((640, 360), stamp=1)), ("Host", None, None)):
            if (person := self._people.get(name)) is None or person.ended is not None:
                joining = pexrtc_py.join("meet.alice", node=self._node.url, display_name=name, pin="1234", audio=audio, video=video)
                self._people[name] = await joining
        self._names |= {"node": self._node, "conference": self._people["Host"]}

    async def _python(self, block: Block) -> None:
        text = block.text.replace('"meet.alice@example.com"', '"meet.alice", node=node.url')
        code = compile("\n" * (block.line - 1) + text, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        running = eval(code, self._names)
        if inspect.isawaitable(running):
            await running

    async def _shell(self, block: Block) -> None:
        text = block.text.replace("https://node.example.com", self._node.url)
        # The shell must outlive what stops its command, and then say how that ended.
        script, environment = f"trap : INT\n{text}", self._environment()
        process = await asyncio.create_subprocess_exec(
            "sh", "-euc", script, cwd=self._folder, env=environment, start_new_session=True, stdout=PIPE, stderr=STDOUT
        )
        try:
            said = await _heard(process)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        assert process.returncode == 0, f"{block} ended with {process.returncode}:\n{text}\n{said}"

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PEXRTC_")}
        found = {"PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}:{ROOT / 'media'}"}
        return {**kept, **found, "NODE": self._node.url, "PEXRTC_LISTEN": "127.0.0.1:0"}

    async def _watched(self, work: Any) -> None:
        task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
        began = loop.time()
        until = began + LONELY
        while not task.done() and loop.time() < began + LONGEST:
            if self._somebody_new():
                until = min(until, loop.time() + PATIENCE)
            if loop.time() >= until:
                until = began + LONGEST
                await self._end_conferences()
            await asyncio.wait([task], timeout=0.1)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise AssertionError(f"the example did not end within {LONGEST:g} s, although its conference did")
        task.result()

    def _somebody_new(self) -> bool:
        known = {person.my_uuid for person in self._people.values()}
        node: Node = self._names["node"]
        rooms = [node.room(vmr.alias) for vmr in node.config.conferences]
        return any(member.has_media for room in rooms for member in room.members.values() if member.uuid not in known)

    async def _end_conferences(self) -> None:
        """On the node that the example uses, which may be one of its own."""
        node: Node = self._names["node"]
        trusted = node.ca_file if node.url.startswith("https") else None
        for vmr in node.config.conferences:
            async with pexrtc_py.join(vmr.alias, node=node.url, ca_file=trusted, pin=vmr.host_pin, media=False) as host:
                await host.disconnect_all()


async def _heard(process: Process) -> str:
    """What a process says until it ends; it is interrupted when it says how."""
    assert process.stdout is not None
    said = ""
    async for line in process.stdout:
        said += line.decode()
        if b"Ctrl-C" in line:
            os.killpg(process.pid, signal.SIGINT)
    await process.wait()
    return said
