"""`pexrtc register`: what a device on the command line does with its calls, and what it finds in the directory."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import pexrtc_py
from pexrtc_py.node import Node, NodeConfig, Vmr
from pexrtc_py.node.devices import Device
from pexrtc_py.node.registrar import Outcome
from pexrtc_py.protocol.requests import RegistrationReleaseToken
from tests.cli.commands import COMMAND, ENVIRONMENT
from tests.media_checks import until

BOB = Device("device.bob", username="bob", password="let me in", description="Bob's desk")
JPEG = b"\xff\xd8\xff"


@pytest.fixture
async def exchange() -> AsyncIterator[Node]:
    config = NodeConfig(devices=(BOB,), avatars={"device.bob": JPEG})
    async with Node(Vmr("meet"), config=config) as node:
        yield node


class Phone:
    """The command as a process, and the events it prints."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node, self._folder = node, folder
        (folder / "password.txt").write_text("let me in\n")

    async def start(self, *arguments: str) -> None:
        words = (
            "register",
            "device.bob",
            "--node",
            self._node.url,
            "--user",
            "bob",
            "--password-file",
            "password.txt",
            "--json",
            *arguments,
        )
        self._process = await asyncio.create_subprocess_exec(*COMMAND, *words, stdout=PIPE, stderr=PIPE, cwd=self._folder, env=ENVIRONMENT)

    async def says(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        told: dict[str, Any] = json.loads(line)
        return told

    async def says_so(self, event: str) -> None:
        while (await self.says())["event"] != event:
            pass

    async def ends(self, by: signal.Signals | None = None) -> tuple[int, str, str]:
        if by is not None:
            self._process.send_signal(by)
        out, err = await asyncio.wait_for(self._process.communicate(), 30)
        assert self._process.returncode is not None
        return self._process.returncode, out.decode(), err.decode()


@pytest.fixture
def phone(exchange: Node, tmp_path: Path) -> Phone:
    return Phone(exchange, tmp_path)


async def test_a_call_is_accepted_until_it_ends(exchange: Node, phone: Phone) -> None:
    await phone.start("--answer", "accept", "--audio", "tone")
    assert (await phone.says())["event"] == "registered"

    async with pexrtc_py.join("meet", node=exchange.url, display_name="Alice", media=False) as alice:
        ringing = exchange.ring("device.bob", "meet", caller="Alice")
        await phone.says_so("accepted")
        await until(lambda: len(alice.participants) == 2)
        assert ringing is not None
        assert ringing.outcome is Outcome.ACCEPTED
        await alice.disconnect_all()

    await phone.says_so("ended")
    code, _, errors = await phone.ends(signal.SIGTERM)
    assert (code, errors) == (0, "")
    assert exchange.heard.of(RegistrationReleaseToken)


async def test_a_call_is_rejected(exchange: Node, phone: Phone) -> None:
    await phone.start("--answer", "reject")
    await phone.says()

    ringing = exchange.ring("device.bob", "meet", caller="Alice")

    assert (await phone.says())["caller"] == "Alice"
    assert ringing is not None
    await until(lambda: ringing.outcome is Outcome.REJECTED)
    assert (await phone.ends(signal.SIGTERM))[0] == 0


async def test_the_directory_and_a_portrait(phone: Phone, tmp_path: Path) -> None:
    await phone.start("--directory", "desk")
    code, out, errors = await phone.ends()
    assert (code, errors) == (0, "")
    assert json.loads(out)["alias"] == "device.bob"

    await phone.start("--avatar", "device.bob", "--out", "bob.jpg")
    assert (await phone.ends())[0] == 0
    assert (tmp_path / "bob.jpg").read_bytes() == JPEG


async def test_a_wrong_password_is_named_without_being_told(phone: Phone, tmp_path: Path) -> None:
    (tmp_path / "password.txt").write_text("wrong secret\n")

    await phone.start()
    code, _, errors = await phone.ends()

    assert code == 11
    assert "device.bob" in errors
    assert "wrong secret" not in errors
    assert "Traceback" not in errors


async def test_a_portrait_without_a_file_is_a_mistake(phone: Phone) -> None:
    await phone.start("--avatar", "device.bob")

    code, _, errors = await phone.ends()

    assert code == 2
    assert "--out" in errors


async def test_a_registration_is_given_back_when_the_time_is_up(exchange: Node, phone: Phone) -> None:
    await phone.start("--seconds", "0.5")

    code, out, _ = await phone.ends()

    assert code == 0
    assert "registered" in out
    assert exchange.heard.of(RegistrationReleaseToken)
