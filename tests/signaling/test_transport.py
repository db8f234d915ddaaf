from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from pexrtc_py.errors import DnsFailed, NodeUnreachable, NotANode, ProtocolError, TlsNotTrusted, UsageError
from pexrtc_py.node.certificate import server_context, write_certificate
from pexrtc_py.signaling import transport as module
from pexrtc_py.signaling.transport import Frame, HttpTransport, Incoming, Outgoing, StreamBroken, StreamRefused, is_loopback
from tests.signaling.servers import PlayScripts, Script, Serve

GET = Outgoing(method="GET", path="/x")
POST = Outgoing(method="POST", path="/x")
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@contextlib.asynccontextmanager
async def _to(
    url: str, *, ca_file: str | Path | None = None, insecure: bool = False, proxy: str | None = None
) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(url, ca_file=ca_file, insecure=insecure, proxy=proxy)
    try:
        yield transport
    finally:
        await transport.aclose()


async def _frames(transport: HttpTransport, *, idle: float = 5.0) -> tuple[list[Frame], Exception]:
    """What one connection brings, and how it ends."""
    frames: list[Frame] = []
    try:
        async with contextlib.aclosing(transport.events(GET, idle=idle)) as connection:
            async for frame in connection:
                frames.append(frame)
    except (StreamBroken, StreamRefused, NodeUnreachable) as error:
        return frames, error
    raise AssertionError("a connection must end with an error")


# --- requests ------------------------------------------------------------------------------------------------------------------


async def test_a_request_and_its_answer_pass(serve: Serve) -> None:
    async def echo(request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"%s %s" % (request.method.encode(), await request.read()), content_type="application/json")

    async with _to(await serve(echo)) as node:
        answer = await node.request(Outgoing(method="POST", path="/x", body=b"hi", headers={"token": "t"}))

    assert answer == Incoming(status=200, content_type="application/json", body=b"POST hi")


async def test_the_path_is_sent_as_it_was_escaped(serve: Serve) -> None:
    async def path(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.raw_path)

    async with _to(await serve(path)) as node:
        answer = await node.request(Outgoing(method="GET", path="/a%40b/c%2Fd/~!?q=%2B"))

    assert answer.body == b"/a%40b/c%2Fd/~!?q=%2B"


async def test_a_get_is_repeated_when_the_node_is_in_trouble(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GET_PAUSES", (0.0, 0.0))
    statuses = [503, 502, 200]

    async def troubled(_: web.BaseRequest) -> web.Response:
        return web.Response(status=statuses.pop(0))

    async with _to(await serve(troubled)) as node:
        assert (await node.request(GET)).status == 200


async def test_a_post_is_never_repeated(serve: Serve) -> None:
    heard = []

    async def troubled(request: web.BaseRequest) -> web.Response:
        heard.append(request.method)
        return web.Response(status=503)

    async with _to(await serve(troubled)) as node:
        assert (await node.request(POST)).status == 503

    assert heard == ["POST"]


async def test_a_refused_connection_says_so(unused_port: int) -> None:
    async with _to(f"http://127.0.0.1:{unused_port}") as node:
        with pytest.raises(NodeUnreachable, match="refused"):
            await node.request(POST)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_a_name_without_address_says_so() -> None:
    async with _to("http://nowhere.invalid") as node:
        with pytest.raises(DnsFailed, match=r"nowhere\.invalid"):
            await node.request(POST)


async def test_a_node_that_does_not_answer_is_given_up(scripted: PlayScripts) -> None:
    silent = await scripted(Script(stays=True))

    async with _to(silent.url) as node:
        with pytest.raises(NodeUnreachable, match="in time"):
            await node.request(Outgoing(method="POST", path="/", seconds=0.1))


async def test_a_connection_that_breaks_in_the_answer_is_unreachable(scripted: PlayScripts) -> None:
    breaking = await scripted(Script(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", reset=True))

    async with _to(breaking.url) as node:
        with pytest.raises(NodeUnreachable):
            await node.request(POST)


async def test_what_does_not_speak_http_is_not_a_node(scripted: PlayScripts) -> None:
    async with _to((await scripted(Script(b"SSH-2.0-OpenSSH\r\n"))).url) as node:
        with pytest.raises(NotANode):
            await node.request(POST)


async def test_a_redirect_is_not_followed_since_it_would_carry_the_token_elsewhere(serve: Serve) -> None:
    async def elsewhere(_: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://elsewhere.example"})

    async with _to(await serve(elsewhere)) as node:
        with pytest.raises(NotANode, match=r"elsewhere\.example"):
            await node.request(POST)


async def test_an_endless_answer_is_cut_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_ANSWER", 1000)

    async def endless(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"x" * 5000)

    async with _to(await serve(endless)) as node:
        with pytest.raises(ProtocolError, match="1000"):
            await node.request(POST)


# --- TLS, proxies and addresses ------------------------------------------------------------------------------------------------


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """A server whose certificate nobody knows, and the file that says it can be trusted."""

    async def hello(_: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    certificate, key = write_certificate(tmp_path, "127.0.0.1")
    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(certificate, key)).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", certificate
    await runner.cleanup()


async def test_an_unknown_certificate_is_not_trusted(secure: tuple[str, Path]) -> None:
    async with _to(secure[0]) as node:
        with pytest.raises(TlsNotTrusted, match="ca_file"):
            await node.request(POST)


async def test_a_certificate_can_be_trusted_by_its_file(secure: tuple[str, Path]) -> None:
    async with _to(secure[0], ca_file=secure[1]) as node:
        assert (await node.request(POST)).body == b"hello"


async def test_on_this_machine_certificates_may_be_ignored(secure: tuple[str, Path]) -> None:
    async with _to(secure[0], insecure=True) as node:
        assert (await node.request(POST)).body == b"hello"


async def test_http_where_https_is_expected_is_said(serve: Serve) -> None:
    async def hello(_: web.BaseRequest) -> web.Response:
        return web.Response(text="hello")

    async with _to((await serve(hello)).replace("http:", "https:")) as node:
        with pytest.raises(TlsNotTrusted, match="https"):
            await node.request(POST)


async def test_a_missing_ca_file_is_the_caller_s_mistake(tmp_path: Path) -> None:
    async with _to("https://127.0.0.1:1", ca_file=tmp_path / "none.pem") as node:
        with pytest.raises(UsageError, match=r"none\.pem"):
            await node.request(POST)


def test_certificates_elsewhere_cannot_be_ignored() -> None:
    with pytest.raises(UsageError, match=r"node\.example"):
        HttpTransport("https://node.example", insecure=True)


@pytest.mark.parametrize("url", ["", "node.example", "ftp://node.example", "https://", "https://node:99999", "https://[::1"])
def test_what_is_no_node_s_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        HttpTransport(url)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://127.0.0.1", True),
        ("http://[::1]:80", True),
        ("http://localhost:1", True),
        ("https://10.0.0.1", False),
        ("http://x", False),
    ],
)
def test_which_addresses_are_on_this_machine(url: str, *, here: bool) -> None:
    assert is_loopback(url) is here


async def test_a_proxy_is_used(serve: Serve) -> None:
    async def proxy(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.raw_path)

    async with _to("http://node.example", proxy=await serve(proxy)) as node:
        assert (await node.request(POST)).body == b"http://node.example/x"


async def test_the_environment_s_proxy_is_used_but_not_for_this_machine(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def who(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.raw_path)

    url = await serve(who)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.setenv("http_proxy", url)

    async with _to("http://node.example") as node, _to(url) as here:
        assert (await node.request(POST)).body == b"http://node.example/x"
        assert (await here.request(POST)).body == b"/x"


# --- the event stream ----------------------------------------------------------------------------------------------------------


async def test_events_arrive_with_name_data_and_id(scripted: PlayScripts) -> None:
    server = await scripted(Script(STREAM + b": keep\n\nevent: a\nid: 7\ndata: {}\n\ndata: x\r\ndata: y\r\n\r\n"))

    async with _to(server.url) as node:
        frames, error = await _frames(node)

    assert frames == [Frame(name="a", data="{}", id="7"), Frame(name="", data="x\ny", id="7")]
    assert isinstance(error, StreamBroken)
    assert "text/event-stream" in server.requests[0]


@pytest.mark.parametrize("end", [Script(), Script(reset=True), Script(stays=True)], ids=["close", "reset", "stall"])
async def test_half_an_event_is_none_whatever_ends_the_stream(scripted: PlayScripts, end: Script) -> None:
    server = await scripted(Script(STREAM + b"data: whole\n\nevent: b\ndata: half", reset=end.reset, stays=end.stays))

    async with _to(server.url) as node:
        frames, error = await _frames(node, idle=0.2)

    assert [frame.data for frame in frames] == ["whole"]
    assert isinstance(error, StreamBroken)


async def test_a_line_of_ten_megabytes_does_not_stop_the_stream(serve: Serve) -> None:
    async def huge(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: " + b"x" * 10_000_000 + b"\n\ndata: " + b"y" * 3_000_000 + b"\n\ndata: next\n\n")
        return response

    async with _to(await serve(huge)) as node:
        frames, _ = await _frames(node)

    assert [len(frame.data) for frame in frames] == [3_000_000, 4]


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
async def test_a_refused_stream_says_the_status(serve: Serve, status: int) -> None:
    async def refuse(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status)

    async with _to(await serve(refuse)) as node:
        _, error = await _frames(node)

    assert isinstance(error, StreamRefused)
    assert error.status == status


async def test_a_web_page_is_no_event_stream(serve: Serve) -> None:
    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    async with _to(await serve(page)) as node:
        _, error = await _frames(node)

    assert isinstance(error, NotANode)


async def test_a_stream_that_cannot_be_opened_is_unreachable(unused_port: int) -> None:
    async with _to(f"http://127.0.0.1:{unused_port}") as node:
        _, error = await _frames(node)

    assert isinstance(error, NodeUnreachable)


async def test_what_events_carry_is_never_logged(scripted: PlayScripts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = await scripted(Script(STREAM + b'event: refer\ndata: {"alias": "a", "token": "once-only"}\n\n'))

    async with _to(server.url) as node:
        await _frames(node)

    assert "once-only" not in caplog.text


async def test_junk_in_the_stream_never_raises_anything_else(scripted: PlayScripts) -> None:
    junk = b"\xff\xfe\n\nretry: " + b"9" * 5000 + b"\n\nid\n\n:\n\n:::\ndata\n\ndata:\n\n\0\n"
    server = await scripted(Script(STREAM + junk + b"event:\ndata: ok\n\n"))

    async with _to(server.url) as node:
        frames, error = await _frames(node)

    assert [frame.data for frame in frames if frame.data] == ["ok"]
    assert isinstance(error, StreamBroken)


async def test_a_cancelled_reader_leaves_no_connection(scripted: PlayScripts) -> None:
    server = await scripted(Script(STREAM + b"data: a\n\n", stays=True))
    async with _to(server.url) as node:
        reading = asyncio.create_task(_frames(node))
        await server.heard.wait()

        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_closing_twice_is_fine() -> None:
    transport = HttpTransport("http://127.0.0.1:1")

    await transport.aclose()
    await transport.aclose()


def test_the_default_trust_is_the_system_s() -> None:
    assert HttpTransport("https://node.example")._tls().verify_mode is ssl.CERT_REQUIRED


async def test_addresses_that_are_known_are_used_in_place_of_the_name(serve: Serve) -> None:
    async def host(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.headers["Host"])

    port = (await serve(host)).rpartition(":")[2]
    node = HttpTransport(f"http://node.invalid:{port}", addresses=["127.0.0.1"])
    try:
        assert (await node.request(GET)).body == f"node.invalid:{port}".encode()
    finally:
        await node.aclose()


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [([], False), (["127.0.0.9"], True), (["127.0.0.1", "::1"], True), (["127.0.0.1", "192.0.2.1"], False), (["192.0.2.1"], False)],
)
async def test_a_node_is_on_this_machine_by_all_its_addresses(addresses: list[str], loopback: bool) -> None:
    assert HttpTransport("https://node.example.com", addresses=addresses).loopback is loopback


async def test_no_proxy_of_the_environment_stands_before_this_machine(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(_: web.BaseRequest) -> web.Response:
        return web.Response(text="fine")

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    node = HttpTransport(f"http://node.invalid:{(await serve(fine)).rpartition(':')[2]}", addresses=["127.0.0.1"])
    try:
        assert (await node.request(GET)).body == b"fine"
    finally:
        await node.aclose()


async def test_a_proxy_is_found_by_its_own_name_when_the_node_s_addresses_are_known(serve: Serve) -> None:
    async def proxy(request: web.BaseRequest) -> web.Response:
        return web.Response(text=f"by the proxy: {request.raw_path}")

    port = (await serve(proxy)).rpartition(":")[2]
    node = HttpTransport("http://node.invalid", proxy=f"http://localhost:{port}", addresses=["192.0.2.1"])
    try:
        assert (await node.request(GET)).body == b"by the proxy: http://node.invalid/x"
    finally:
        await node.aclose()
