from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from pexrtc_py.errors import DnsFailed, NodeUnreachable, NotANode, UsageError
from pexrtc_py.node import Node, NodeConfig
from pexrtc_py.node.server import NoMedia
from pexrtc_py.signaling import discovery
from pexrtc_py.signaling.candidates import Candidate
from pexrtc_py.signaling.discovery import Names, at_first_usable, check, find
from pexrtc_py.signaling.transport import HttpTransport
from tests.domains import DOMAIN, Domain, a_domain
from tests.signaling.servers import Serve


@pytest.fixture
async def domain(tmp_path: Path) -> AsyncIterator[Domain]:
    async with a_domain(tmp_path) as running:
        yield running


def _names(domain: Domain) -> Names:
    return Names(domain.names.address)


async def _urls(domain: Domain, *, seed: int = 0) -> list[str]:
    return [candidate.url for candidate in await find(DOMAIN, _names(domain), Random(seed))]


# --- what DNS says ---------------------------------------------------------------------------------------------------------------


async def test_srv_records_name_the_nodes_by_priority(domain: Domain) -> None:
    domain.names.srv("20 0 443 spare.example.test.", "10 0 8443 main.example.test.")

    assert await _urls(domain) == ["https://main.example.test:8443", "https://spare.example.test:443"]


async def test_weights_of_srv_records_share_the_load(domain: Domain) -> None:
    domain.names.srv("10 80 443 big.example.test.", "10 20 443 small.example.test.")
    names, rng = _names(domain), Random(7)

    first = Counter([(await find(DOMAIN, names, rng))[0].host for _ in range(100)])

    assert 65 < first["big.example.test"] < 95


@pytest.mark.parametrize("records", [[], ["0 0 0 ."]], ids=["none", "the root"])
async def test_without_srv_records_the_domain_itself_is_the_node(domain: Domain, records: list[str]) -> None:
    domain.names.srv(*records)

    assert await _urls(domain) == ["https://example.test:443"]


@pytest.mark.parametrize("says", [b"", b"\xff" * 40, b"x"], ids=["nothing", "junk", "too little"])
async def test_a_name_server_in_trouble_counts_as_no_records(domain: Domain, says: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "DNS_SECONDS", 0.3)
    domain.names.says = says

    [found] = await find(DOMAIN, _names(domain), Random(0))

    assert found.url == "https://example.test:443"
    assert "DNS" in found.why


@pytest.mark.parametrize("address", ["127.0.0.7", "::1"])
async def test_addresses_are_those_the_name_server_knows(domain: Domain, address: str) -> None:
    domain.names.host("node.example.test", address)

    assert await _names(domain).addresses("node.example.test") == (address,)


async def test_a_name_without_address_at_the_name_server_says_so(domain: Domain) -> None:
    with pytest.raises(DnsFailed, match=r"node\.example\.test"):
        await _names(domain).addresses("node.example.test")


async def test_a_name_server_is_an_ip_address() -> None:
    with pytest.raises(UsageError, match="resolver"):
        await Names(("resolver", 53)).services(DOMAIN)


async def test_this_machine_is_asked_without_a_name_server() -> None:
    assert set(await Names().addresses("localhost")) & {"127.0.0.1", "::1"}
    assert await Names().addresses("no name") == ()


# --- whether a node is up --------------------------------------------------------------------------------------------------------


async def _checked(url: str) -> None:
    transport = HttpTransport(url)
    try:
        await check(transport)
    finally:
        await transport.aclose()


async def test_a_node_that_is_up_is_used() -> None:
    async with Node(media=NoMedia) as node:
        await _checked(node.url)


async def test_a_node_in_maintenance_is_not_and_is_asked_once(serve: Serve) -> None:
    heard = []

    async def maintained(request: web.BaseRequest) -> web.Response:
        heard.append(request.path)
        return web.json_response({"status": "failed", "result": "Maintenance mode"}, status=503)

    with pytest.raises(NodeUnreachable, match="in maintenance"):
        await _checked(await serve(maintained))

    assert heard == ["/api/client/v2/status"]


async def test_our_own_node_says_it_is_in_maintenance() -> None:
    async with Node(config=NodeConfig(maintenance=True), media=NoMedia) as node:
        with pytest.raises(NodeUnreachable, match="in maintenance"):
            await _checked(node.url)


ANSWERS = {
    "no such page": (web.Response(status=404, text="?"), NotANode),
    "no such request": (web.json_response({"status": "failed", "result": "?"}, status=404), NotANode),
    "a web page": (web.Response(text="<html>", content_type="text/html"), NotANode),
    "not JSON": (web.Response(text="fine"), NotANode),
    "elsewhere": (web.Response(status=302, headers={"Location": "/login"}), NotANode),
    "a proxy without its node": (web.Response(status=502, text="<html>", content_type="text/html"), NodeUnreachable),
    "trouble": (web.json_response({"status": "failed", "result": "?"}, status=500), NodeUnreachable),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_whatever_else_answers_is_told_apart(answer: str, serve: Serve) -> None:
    response, kind = ANSWERS[answer]

    async def other(_: web.BaseRequest) -> web.Response:
        return web.Response(status=response.status, body=response.body, headers=response.headers)

    with pytest.raises(kind) as told:
        await _checked(await serve(other))

    assert type(told.value) is kind


# --- one after the other -----------------------------------------------------------------------------------------------------------


async def test_nothing_but_a_node_that_is_down_makes_us_try_the_next(domain: Domain) -> None:
    domain.names.srv("1 0 443 one.example.test.", "2 0 443 two.example.test.")
    domain.names.host("one.example.test")
    tried: list[tuple[str, tuple[str, ...]]] = []

    async def use(candidate: Candidate, addresses: tuple[str, ...]) -> None:
        tried.append((candidate.host, addresses))
        raise PermissionError

    with pytest.raises(PermissionError):
        await at_first_usable(DOMAIN, use, names=_names(domain))

    assert tried == [("one.example.test", ("127.0.0.1",))]
