from __future__ import annotations

import asyncio
import re
import ssl
import time
from typing import Any

import aiohttp
import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.node import Node, NodeConfig, NoMedia, Vmr
from pexrtc_py.node.asked import Asked
from pexrtc_py.protocol import requests

API = "/api/client/v2"


async def post(session: aiohttp.ClientSession, url: str, body: object = None, token: str = "") -> tuple[int, Any]:
    async with session.post(url, json=body, headers={"token": token} if token else {}) as response:
        return response.status, (await response.json())["result"]


async def join(session: aiohttp.ClientSession, node: Node, alias: str = "meet") -> str:
    _, result = await post(session, f"{node.url}{API}/conferences/{alias}/request_token", {"display_name": "A"})
    return str(result["token"])


async def read_events(session: aiohttp.ClientSession, node: Node, token: str, opened: asyncio.Event) -> str:
    async with session.get(f"{node.url}{API}/conferences/meet/events", headers={"token": token}) as response:
        opened.set()
        return (await response.read()).decode()


async def test_a_free_port_is_taken_and_told() -> None:
    async with Node(media=NoMedia) as one, Node(media=NoMedia) as other:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", one.url)
        assert one.url != other.url


async def test_a_port_in_use_is_said_so() -> None:
    async with Node(media=NoMedia) as node:
        taken = node.url.removeprefix("http://")

        with pytest.raises(UsageError, match="the port is in use"):
            async with Node(listen=taken, media=NoMedia):
                raise AssertionError("it started")


async def test_an_address_that_is_not_ours_is_said_so() -> None:
    with pytest.raises(UsageError, match=r"cannot listen on 203\.0\.113\.1:0"):
        async with Node(listen="203.0.113.1:0", media=NoMedia):
            raise AssertionError("it started")


async def test_a_node_can_be_started_again_on_the_same_port() -> None:
    async with Node(media=NoMedia) as node:
        listen = node.url.removeprefix("http://")

    async with Node(listen=listen, media=NoMedia) as again, aiohttp.ClientSession() as session:
        assert await join(session, again)


async def test_tls_holds_with_the_certificate_of_the_node() -> None:
    async with Node(tls=True, media=NoMedia) as node:
        trust = ssl.create_default_context(cafile=str(node.ca_file))
        trust.verify_flags |= ssl.VERIFY_X509_STRICT
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            answers = []
            for url in (node.url, node.url.replace("127.0.0.1", "localhost")):
                async with session.get(f"{url}{API}/status") as response:
                    answers.append(response.status)

    assert answers == [200, 200]
    assert node.url.startswith("https://")


async def test_the_certificate_is_not_trusted_by_others_and_goes_with_the_node() -> None:
    async with Node(tls=True, media=NoMedia) as node, aiohttp.ClientSession() as session:
        path = node.ca_file

        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{node.url}{API}/status")

    assert not path.exists()


async def test_without_tls_there_is_no_certificate() -> None:
    async with Node(media=NoMedia) as node:
        with pytest.raises(UsageError, match="no certificate"):
            _ = node.ca_file


async def test_stopping_tells_everybody_and_ends_the_streams() -> None:
    async with aiohttp.ClientSession() as session:
        async with Node(Vmr("meet"), media=NoMedia) as node:
            opened = asyncio.Event()
            reading = asyncio.create_task(read_events(session, node, await join(session, node), opened))
            await opened.wait()

        events = await asyncio.wait_for(reading, 5)

    assert "\nevent: disconnect\n" in events
    assert events.endswith('data: {"reason":"Signaling node disconnected"}\n\n')


async def test_nobody_is_removed_when_the_machines_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    async with Node(Vmr("meet"), media=NoMedia) as node, aiohttp.ClientSession() as session:
        token = await join(session, node)
        monkeypatch.setattr(time, "time", lambda: right() + 3600)

        node.sweep()

        status, _ = await post(session, f"{node.url}{API}/conferences/meet/refresh_token", token=token)
    assert status == 200


async def test_the_clock_removes_whoever_does_not_refresh() -> None:
    now = 1000.0
    async with Node(Vmr("meet"), media=NoMedia, clock=lambda: now) as node, aiohttp.ClientSession() as session:
        token = await join(session, node)
        opened = asyncio.Event()
        reading = asyncio.create_task(read_events(session, node, token, opened))
        await opened.wait()

        now += 120
        node.sweep()

        assert '{"reason":"Timer expired awaiting token refresh"}' in await asyncio.wait_for(reading, 5)
        assert (await post(session, f"{node.url}{API}/conferences/meet/refresh_token", token=token)) == (403, "Invalid token")


async def test_a_running_node_sweeps_by_itself() -> None:
    config = NodeConfig(token_seconds=1)
    async with Node(Vmr("meet"), config=config, media=NoMedia) as node, aiohttp.ClientSession() as session:
        opened = asyncio.Event()

        events = await asyncio.wait_for(read_events(session, node, await join(session, node), opened), 10)

        assert "Timer expired awaiting token refresh" in events
        assert not node.room("meet").members


async def test_rooms_are_found_by_alias_and_seen_live() -> None:
    async with Node("meet,host_pin=1", Vmr("open"), media=NoMedia) as node, aiohttp.ClientSession() as session:
        await join(session, node, "open")

        assert [member.display_name for member in node.room("OPEN").members.values()] == ["A"]
        assert node.room("meet").vmr == Vmr("meet", host_pin="1")
        with pytest.raises(UsageError, match="no conference 'elsewhere'"):
            node.room("elsewhere")


async def test_rooms_of_the_configuration_and_of_the_program_are_one_set() -> None:
    config = NodeConfig(conferences=(Vmr("one"),))

    node = Node("two", config=config, media=NoMedia)

    assert [node.room(alias).name for alias in ("one", "two")] == ["one", "two"]
    with pytest.raises(UsageError, match="unique"):
        Node("ONE", config=config)


async def test_one_rule_can_be_replaced_on_one_node() -> None:
    async with Node(Vmr("meet"), media=NoMedia) as node, aiohttp.ClientSession() as session:

        @node.answers(requests.Lock)
        def refuse(asked: Asked, request: requests.Lock) -> bool:
            return False

        token = await join(session, node)
        answer = await post(session, f"{node.url}{API}/conferences/meet/lock", token=token)

    assert answer == (200, False)


async def test_a_request_after_the_end_finds_nobody() -> None:
    async with Node(Vmr("meet"), media=NoMedia) as node:
        url = node.url

    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{url}{API}/status")


async def test_maintenance_is_switched_while_the_node_runs() -> None:
    async with Node(Vmr("meet"), media=NoMedia) as node, aiohttp.ClientSession() as session:
        inside, joining = await join(session, node), f"{node.url}{API}/conferences/meet/request_token"

        node.maintenance = True
        async with session.get(f"{node.url}{API}/status") as status:
            assert (status.status, (await status.json())["result"]) == (503, "Maintenance mode")
        assert await post(session, joining, {"display_name": "B"}) == (503, "System in maintenance mode")
        assert (await post(session, f"{node.url}{API}/conferences/meet/message", {"payload": "I stay"}, inside)) == (200, True)

        node.maintenance = False
        assert (await post(session, joining, {"display_name": "B"}))[0] == 200
