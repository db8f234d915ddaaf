from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

import pytest
from aiohttp import web

from pexrtc_py.errors import Disconnected, NotAllowed, TokenExpired
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import Token
from pexrtc_py.protocol.requests import Lock
from pexrtc_py.signaling.ending import Ended, EndReason
from pexrtc_py.signaling.session import Session
from pexrtc_py.signaling.tokenlife import SessionState
from pexrtc_py.signaling.transport import HttpTransport
from tests.signaling.servers import Serve

MEET = Address("meet")
Rule = Callable[[str], tuple[int, object]]


class Desk:
    """A server that answers by a rule and remembers what it heard, with which token."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.heard: list[tuple[str, str]] = []
        self.changed = asyncio.Condition()
        self.given = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        name = request.path.rpartition("/")[2]
        async with self.changed:
            self.heard.append((name, request.headers.get("token", "")))
            self.changed.notify_all()
        status, result = self.rule(name)
        if result == "a token":
            self.given += 1
            result = {"token": f"new{self.given}", "expires": "0.4"}
        word = "success" if status == 200 else "failed"
        return web.Response(status=status, text=json.dumps({"status": word, "result": result}), content_type="application/json")

    def count(self, name: str) -> int:
        return sum(1 for heard, _ in self.heard if heard == name)

    async def until(self, name: str, times: int = 1) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.count(name) >= times)


class Begin(Protocol):
    """Starts a server with this rule, and a session with it."""

    async def __call__(self, rule: Rule, *, expires: float = 0.4) -> tuple[Desk, Session]: ...


@pytest.fixture
async def begin(serve: Serve) -> AsyncIterator[Begin]:
    transports = []

    async def start(rule: Rule, *, expires: float = 0.4) -> tuple[Desk, Session]:
        desk = Desk(rule)
        transport = HttpTransport(await serve(desk.answer))
        transports.append(transport)
        return desk, Session(transport, MEET, Token(token="old", participant_uuid="u", expires=expires))

    yield start
    for transport in transports:
        await transport.aclose()


def _always(status: int, result: object) -> Rule:
    return lambda _: (status, result)


async def _run(session: Session, until: Coroutine[Any, Any, None]) -> Ended | None:
    """Run the session until something else is done."""
    running = asyncio.create_task(session.run())
    waiting = asyncio.create_task(until)
    done, _ = await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert done, "neither did the session end nor came what was waited for"
    for task in (running, waiting):
        task.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    return running.result() if not running.cancelled() else None


async def test_a_token_is_refreshed_again_and_again_with_the_newest(begin: Begin) -> None:
    desk, session = await begin(_always(200, "a token"))

    assert await _run(session, desk.until("refresh_token", 3)) is None

    assert [token for _, token in desk.heard][:3] == ["old", "new1", "new2"]


async def test_a_refresh_that_fails_is_repeated_while_the_token_lives(begin: Begin) -> None:
    statuses = iter([503, 500])
    desk, session = await begin(lambda _: (next(statuses, 200), "a token"), expires=2)
    session.hurry()

    assert await _run(session, desk.until("refresh_token", 4)) is None
    assert session.life.state in {SessionState.JOINED, SessionState.REFRESHING}
    assert session.token.token.startswith("new")


async def test_a_node_in_trouble_for_longer_than_the_token_lives_is_lost(begin: Begin) -> None:
    _, session = await begin(_always(503, "System in maintenance mode"))

    ended = await _run(session, asyncio.sleep(30))

    assert ended is not None
    assert ended.reason is EndReason.NODE_LOST
    assert "maintenance" in ended.detail


async def test_a_refused_refresh_is_the_end(begin: Begin) -> None:
    desk, session = await begin(_always(403, "Invalid token"))

    ended = await _run(session, asyncio.sleep(30))

    assert ended is not None
    assert (ended.reason, type(ended.error)) == (EndReason.TOKEN_LOST, TokenExpired)
    assert desk.count("refresh_token") == 1
    with pytest.raises(Disconnected):
        await session.send(MEET, Lock())
    await session.release("gone")
    assert desk.count("release_token") == 0  # nobody knows that token any more


async def test_a_request_that_is_not_allowed_changes_nothing(begin: Begin) -> None:
    desk, session = await begin(_always(403, "Invalid role"), expires=60)

    with pytest.raises(NotAllowed):
        await session.send(MEET, Lock())

    assert session.life.state is SessionState.JOINED
    assert desk.count("refresh_token") == 0


async def test_a_request_whose_token_is_refused_has_the_token_looked_at(begin: Begin) -> None:
    desk, session = await begin(lambda name: (403, "Invalid token") if name == "lock" else (200, "a token"), expires=60)

    with pytest.raises(TokenExpired):
        await session.send(MEET, Lock())

    assert await _run(session, desk.until("refresh_token")) is None  # it lives: one request failed, that is all


async def test_two_who_want_a_fresh_token_at_once_get_the_same(begin: Begin) -> None:
    desk, session = await begin(_always(200, "a token"), expires=60)

    await asyncio.gather(session.renew(), session.renew(), session.renew())

    assert (desk.count("refresh_token"), session.token.token) == (1, "new1")


async def test_a_token_is_given_back_once(begin: Begin) -> None:
    desk, session = await begin(_always(200, True), expires=60)

    await session.release("User initiated disconnect")
    await session.release("again")

    assert desk.heard == [("release_token", "old")]
    assert session.life.state is SessionState.RELEASED


async def test_giving_back_fails_quietly_when_the_node_is_gone() -> None:
    transport = HttpTransport("http://127.0.0.1:1")
    session = Session(transport, MEET, Token(token="old", participant_uuid="u"))

    await session.release("bye")

    assert session.life.state is SessionState.RELEASED
    await transport.aclose()
