"""A running node that holds an answer until the other side of direct media has given it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Desk, Incoming, Reply
from pexrtc_py.node.rules import direct
from pexrtc_py.node.server import NoMedia
from pexrtc_py.node.shell import Shell
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, name_of
from pexrtc_py.protocol.requests import Ack, Calls, ReleaseToken, RequestToken
from pexrtc_py.protocol.wire import encode


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    running = Shell(Desk(NodeConfig(conferences=(Vmr("meet", direct_media=True),))), NoMedia, clock=lambda: 1000.0)
    yield running
    await running.aclose()


def incoming(request: Request[Any], *, token: str = "", participant: str | None = None, call: str | None = None) -> Incoming:
    path = Address("meet", participant=participant, call=call).path(name_of(request))
    return Incoming(method=request.method, path=path, body=encode(request), token=token)


class Person:
    """Somebody in direct media."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell

    async def join(self) -> Person:
        reply = await self.shell.ask(incoming(RequestToken(display_name="x", direct_media=True)))
        self.token, self.uuid = reply.json["result"]["token"], reply.json["result"]["participant_uuid"]
        return self

    def ask(self, request: Request[Any], call: str | None = None) -> asyncio.Task[Reply]:
        about = None if isinstance(request, ReleaseToken) else self.uuid
        return asyncio.create_task(self.shell.ask(incoming(request, token=self.token, participant=about, call=call)))


async def placed(shell: Shell) -> tuple[Person, str, Person, asyncio.Task[Reply]]:
    """Anne waits; Bill's call is held until she answers."""
    anne, bill = await Person(shell).join(), await Person(shell).join()
    hers = (await anne.ask(Calls(sdp="hers"))).json["result"]["call_uuid"]
    his = bill.ask(Calls(sdp="his"))
    await asyncio.sleep(0)
    return anne, hers, bill, his


async def test_an_answer_is_held_until_the_other_side_has_given_it(shell: Shell) -> None:
    anne, hers, _, his = await placed(shell)

    held = not his.done()
    await anne.ask(Ack(sdp="answer"), hers)

    assert held
    assert (await his).json["result"]["sdp"] == "answer"


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "PATIENCE", 0.05)

    _, _, _, his = await placed(shell)

    assert (await his).json["result"]["offer_ignored"] is True
    assert not shell._waiting


async def test_a_node_that_stops_lets_nobody_wait(shell: Shell) -> None:
    _, _, _, his = await placed(shell)

    await shell.aclose()

    assert (await his).status == 503
    assert not shell._waiting


async def test_a_request_that_is_given_up_leaves_nothing(shell: Shell) -> None:
    _, hers, _, his = await placed(shell)

    his.cancel()
    await asyncio.wait([his])

    assert not shell._waiting
    assert list(shell.desk.rooms[0].relay.legs) == [hers]
