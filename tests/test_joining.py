"""Joining by the domain of the address: which node it is, and what happens when that node is not up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import pexrtc_py
from pexrtc_py import Joining, Role, requests
from pexrtc_py.errors import DnsFailed, NodeUnreachable, NotANode, OutOfCapacity, PinIncorrect, TlsNotTrusted, UsageError
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.server import Node, NoMedia
from pexrtc_py.signaling import discovery
from tests.domains import DOMAIN, Domain, a_domain

ALIAS = f"meet.alice@{DOMAIN}"
ROOM = Vmr(ALIAS, host_pin="1234")


@pytest.fixture
async def domain(tmp_path: Path) -> AsyncIterator[Domain]:
    """A domain whose two hosts, `one` and `two`, are this machine."""
    async with a_domain(tmp_path) as running:
        for host in ("one", "two"):
            running.names.host(f"{host}.{DOMAIN}")
        yield running


@pytest.fixture
async def one() -> AsyncIterator[Node]:
    async with Node(ROOM, media=NoMedia) as node:
        yield node


@pytest.fixture
async def two() -> AsyncIterator[Node]:
    async with Node(ROOM, media=NoMedia) as node:
        yield node


def _join(domain: Domain, **options: Any) -> Joining:
    given = {"pin": "1234", "media": False, "ca_file": domain.ca_file, "name_server": domain.names.address}
    return pexrtc_py.join(ALIAS, display_name="Ann", **{**given, **options})


async def _both(domain: Domain, one: Node | str, two: Node | str, **first: Any) -> tuple[str, str]:
    """Name two servers in DNS, the first to be tried first; gives their addresses."""
    urls = [server if isinstance(server, str) else server.url for server in (one, two)]
    ports = [await domain.serve(urls[0], **first), await domain.serve(urls[1])]
    domain.names.srv(f"10 0 {ports[0]} one.{DOMAIN}.", f"20 0 {ports[1]} two.{DOMAIN}.")
    return f"https://one.{DOMAIN}:{ports[0]}", f"https://two.{DOMAIN}:{ports[1]}"


async def test_the_first_node_of_the_domain_is_joined(domain: Domain, one: Node, two: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pexrtc_py.signaling.discovery")
    url, _ = await _both(domain, one, two)

    async with _join(domain) as conference:
        assert conference.role is Role.HOST
        assert conference.my_uuid in one.room(ALIAS).members

    assert f"{url} is used for {DOMAIN}, by an SRV record of priority 10" in caplog.text
    assert not two.heard


async def test_a_node_in_maintenance_is_passed_over(domain: Domain, two: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pexrtc_py.signaling.discovery")
    async with Node(ROOM, config=NodeConfig(maintenance=True), media=NoMedia) as one:
        first, second = await _both(domain, one, two)

        async with _join(domain) as conference:
            assert conference.my_uuid in two.room(ALIAS).members

    assert f"{first} cannot be used" in caplog.text
    assert "in maintenance" in caplog.text
    assert f"{second} is used" in caplog.text


async def test_a_node_that_dies_before_it_lets_us_in_is_passed_over(domain: Domain, one: Node, two: Node) -> None:
    await _both(domain, one, two, dies_at=b"request_token")

    async with _join(domain) as conference:
        assert conference.my_uuid in two.room(ALIAS).members

    assert requests.Status() in one.heard
    assert not one.heard.of(requests.RequestToken)


@pytest.mark.parametrize("status", [502, 503, 504, 529])
async def test_a_node_that_goes_down_before_it_lets_us_in_is_passed_over(domain: Domain, one: Node, two: Node, status: int) -> None:
    _refusing(one, status)
    await _both(domain, one, two)

    async with _join(domain) as conference:
        assert conference.my_uuid in two.room(ALIAS).members


def _refusing(node: Node, status: int) -> None:
    @node.answers(requests.RequestToken)
    def refuse(*_: object) -> Any:
        raise Refused(status, "System in maintenance mode" if status == 503 else "Site overloaded")


async def test_a_refusal_is_not_taken_to_the_next_node(domain: Domain, one: Node, two: Node) -> None:
    await _both(domain, one, two)

    with pytest.raises(PinIncorrect):
        await _join(domain, pin="9999")

    assert not two.heard


async def test_without_srv_records_the_domain_itself_is_joined(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    below = f"video.{DOMAIN}"
    domain.names.host(below)
    async with Node(Vmr(f"meet@{below}"), media=NoMedia) as node:
        monkeypatch.setattr(discovery, "PORT", await domain.serve(node.url))

        async with pexrtc_py.join(
            f"meet@{below}", display_name="Ann", media=False, ca_file=domain.ca_file, name_server=domain.names.address
        ) as conference:
            assert conference.my_uuid in node.room(f"meet@{below}").members

    assert (f"_pexapp._tcp.{below}", "SRV") in domain.names.asked


async def test_a_domain_that_dns_does_not_know_says_so(domain: Domain) -> None:
    with pytest.raises(DnsFailed) as failed:
        await _join(domain)

    for words in (f"No conferencing node of {DOMAIN}", f"https://{DOMAIN}:443", "SRV records: DNS knows none", "no address"):
        assert words in str(failed.value)


async def test_when_no_node_will_do_each_is_named_with_its_reason(domain: Domain, two: Node) -> None:
    async with Node(ROOM, config=NodeConfig(maintenance=True), media=NoMedia) as one:
        first, second = await _both(domain, one, two)
        _refusing(two, 504)

        with pytest.raises(NodeUnreachable) as failed:
            await _join(domain)

    for words in (first, "in maintenance", second, "504", "priority 20"):
        assert words in str(failed.value)


async def test_when_all_nodes_are_full_that_is_the_error(domain: Domain, one: Node, two: Node) -> None:
    _refusing(one, 529)
    _refusing(two, 529)
    await _both(domain, one, two)

    with pytest.raises(OutOfCapacity):
        await _join(domain)


async def test_a_server_that_is_no_node_is_passed_over(domain: Domain, two: Node) -> None:
    runner = web.ServerRunner(web.Server(_shop))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shop = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await _both(domain, shop, two)

        async with _join(domain) as conference:
            assert conference.my_uuid in two.room(ALIAS).members

        await _both(domain, shop, shop)
        with pytest.raises(NotANode):
            await _join(domain)
    finally:
        await runner.cleanup()


async def _shop(_: web.BaseRequest) -> web.Response:
    return web.Response(text="<html>Shoes</html>", content_type="text/html")


async def test_the_certificate_must_be_for_the_name_not_for_the_address(domain: Domain, one: Node) -> None:
    port = await domain.serve(one.url)  # its certificate is good for 127.0.0.1 and below example.test, as to names
    domain.names.host("one.elsewhere.test")
    domain.names.srv(f"10 0 {port} one.elsewhere.test.")

    with pytest.raises(TlsNotTrusted, match=r"one\.elsewhere\.test"):
        await _join(domain)


async def test_a_node_that_is_named_is_used_without_asking_dns(domain: Domain, one: Node) -> None:
    async with _join(domain, node=one.url) as conference:
        assert conference.my_uuid in one.room(ALIAS).members

    assert not domain.names.asked
    assert requests.Status() not in one.heard


async def test_insecure_is_not_for_nodes_of_a_domain(domain: Domain) -> None:
    with pytest.raises(UsageError, match="insecure"):
        _join(domain, insecure=True)


async def test_joining_that_is_given_up_while_a_node_is_silent_leaves_nothing_open(domain: Domain, two: Node) -> None:
    heard = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        await _both(domain, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", two)
        joining = asyncio.ensure_future(_join(domain))
        await heard.wait()
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining

    assert not two.heard


async def test_media_flow_with_a_node_on_this_machine_whatever_its_name(domain: Domain) -> None:
    async with Node(ROOM) as node:
        domain.names.srv(f"10 0 {await domain.serve(node.url)} one.{DOMAIN}.")

        async with _join(domain, media=True) as conference:
            assert conference.call is not None

        offered = [call.sdp or "" for call in node.heard.of(requests.Calls)] + [
            one.candidate for one in node.heard.of(requests.NewCandidate)
        ]
        assert "127.0.0.1" in " ".join(offered)
