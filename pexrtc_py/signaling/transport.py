"""The seam to the network: two methods, and their one implementation over HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol, cast

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp_sse_client.client import EventSource
from yarl import URL

from pexrtc_py.errors import DnsFailed, NodeUnreachable, NotANode, ProtocolError, TlsNotTrusted, UsageError
from pexrtc_py.signaling.lines import Lines

_logger = logging.getLogger(__name__)
# That library prints every event at DEBUG, and events carry one-time tokens.
logging.getLogger("aiohttp_sse_client.client").setLevel(logging.CRITICAL)

REQUEST_SECONDS = 10.0
LONGEST_ANSWER = 32 * 2**20
"""Bytes; a longer answer is refused, so that no node can fill our memory."""
_GET_PAUSES = (0.2, 0.8)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One HTTP request, ready to be sent."""

    method: str
    path: str
    """Below the node's address, escaped: `/api/client/v2/...`."""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float = REQUEST_SECONDS
    repeats: bool = True
    """Whether a GET that fails on the way may be sent again."""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One HTTP answer, whole."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One event as the stream carried it."""

    name: str
    data: str = field(repr=False)
    id: str = ""


class StreamRefused(Exception):
    """The node did not open the event stream; `status` says how."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the node refused the event stream ({status})")
        self.status = status


class StreamBroken(Exception):
    """The event stream came to an end, by a reset, a stall, or because the node closed it."""


class Transport(Protocol):
    """The way to one node; tests and other programs may bring their own."""

    async def request(self, outgoing: Outgoing) -> Incoming:
        """Send one request and wait for its answer; raises `NodeUnreachable` when there is none."""
        ...

    def events(self, outgoing: Outgoing, *, idle: float) -> AsyncGenerator[Frame, None]:
        """One connection of the event stream, until it breaks: `StreamBroken`, `StreamRefused` or `NodeUnreachable`.

        `idle` is the silence in seconds (keep-alives included) after which it counts as stalled.
        """
        ...


class HttpTransport:
    """Talks HTTP or HTTPS with one node. Certificates are verified; `insecure` is for loopback nodes only.

    `proxy` is a URL; without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY are obeyed, except for loopback nodes. `addresses` are where the
    node is, when that is known already: its name is not looked up then, but still the one that certificates are checked against.
    Raises `UsageError` for an address that is no node's.
    """

    def __init__(
        self,
        node_url: str,
        *,
        ca_file: str | Path | None = None,
        insecure: bool = False,
        proxy: str | None = None,
        addresses: Sequence[str] = (),
    ) -> None:
        self._base = _node_address(node_url)
        self._addresses = tuple(addresses)
        if insecure and not is_loopback(self.url):
            raise UsageError(f"insecure is for nodes on this machine; {self._base.host} is elsewhere: name its authority with ca_file")
        self._ca_file, self._insecure, self._proxy = ca_file, insecure, proxy
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    @property
    def url(self) -> str:
        """The node's address, without path."""
        return str(self._base).rstrip("/")

    @property
    def host(self) -> str:
        """The name or IP address in the node's address, in ASCII."""
        return self._base.raw_host or ""

    @property
    def loopback(self) -> bool:
        """Whether the node is on this machine, by its name or all its addresses."""
        return is_loopback(self.url) or (bool(self._addresses) and all(ip_address(one).is_loopback for one in self._addresses))

    async def request(self, outgoing: Outgoing) -> Incoming:
        """Send one request; a GET that fails on the way is repeated twice if it may. Raises `NodeUnreachable` or a kind of it."""
        for pause in _GET_PAUSES if outgoing.method == "GET" and outgoing.repeats else ():
            try:
                answer = await self._once(outgoing)
            except (DnsFailed, TlsNotTrusted, NotANode):
                raise
            except NodeUnreachable as error:
                _logger.info("%s; once more in %s s", error, pause)
            else:
                if answer.status not in {502, 503, 504}:
                    return answer
            await asyncio.sleep(pause)
        return await self._once(outgoing)

    async def events(self, outgoing: Outgoing, *, idle: float) -> AsyncGenerator[Frame, None]:
        """Open the stream once and yield what comes, until it breaks; see `Transport.events`."""
        opened = _Opening(await self._open(), self.url)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=idle)
        source = EventSource(
            self.url + outgoing.path,
            session=cast("aiohttp.ClientSession", opened),
            max_connect_retry=0,
            on_error=_broken,
            timeout=timeout,
            headers=dict(outgoing.headers),
            allow_redirects=False,
            read_bufsize=2**20,
            proxy=self._proxy,
        )
        try:
            async with source:
                async for message in source:
                    yield Frame(name=message.message, data=message.data, id=message.last_event_id)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise StreamBroken(f"the event stream broke: {error or type(error).__name__}") from error
        finally:
            opened.close()

    async def aclose(self) -> None:
        """Close all connections; calling it again does nothing."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # lets the transports notice

    async def _once(self, outgoing: Outgoing) -> Incoming:
        session = await self._open()
        try:
            async with session.request(
                outgoing.method,
                self._base.join(URL(outgoing.path, encoded=True)),
                data=outgoing.body,
                headers=dict(outgoing.headers),
                timeout=aiohttp.ClientTimeout(total=outgoing.seconds, sock_connect=5),
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                if 300 <= response.status < 400:
                    raise NotANode(f"{self.url} sends us on to {response.headers.get('Location')}: use the address of the node itself")
                return Incoming(status=response.status, content_type=response.content_type, body=await self._read(response))
        except NodeUnreachable:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self.url, error) from error

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                # Reading the certificates takes tens of milliseconds: not on the loop.
                context = await asyncio.to_thread(self._tls) if self._base.scheme == "https" else True
                direct = self._proxy is not None or self.loopback
                resolver = _Known(self.host, self._addresses) if self._addresses else None
                connector = aiohttp.TCPConnector(ssl=context, resolver=resolver)
                self._session = aiohttp.ClientSession(connector=connector, trust_env=not direct, cookie_jar=aiohttp.DummyCookieJar())
            return self._session

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise UsageError(f"{self._ca_file} is no file of certificates in PEM form: {error}") from error
        if self._insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > LONGEST_ANSWER:
                raise ProtocolError(f"{self.url} answers with more than {LONGEST_ANSWER} bytes: that is no answer of a conferencing node")
        return bytes(body)


class _Known(aiohttp.ThreadedResolver):
    """Resolves the node's name to the addresses that are known; other names, which are proxies', as usual."""

    def __init__(self, host: str, addresses: tuple[str, ...]) -> None:
        super().__init__()
        self._host, self._addresses = host, addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        if host != self._host:
            return await super().resolve(host, port, family)
        return [_resolved(host, port, address) for address in self._addresses]


def _resolved(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)


class _Opening:
    """Stands where the event source expects its session: opens the stream, and says in our words when that fails."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self._response: aiohttp.ClientResponse | None = None

    async def request(self, method: str, url: URL, **options: Any) -> _Opened:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                response = self._response = await self._session.request(method, url, **options)
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self._url, error) from error
        if response.status != 200:
            raise StreamRefused(response.status)
        if response.content_type != "text/event-stream":
            raise NotANode(f"{self._url} answers {response.content_type} where a node sends text/event-stream: is this a node's address?")
        return _Opened(response)

    def close(self) -> None:
        if self._response is not None:
            self._response.close()


class _Opened:
    """The part of a response the event source uses, with lines that cannot hurt it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status, self.content_type = response.status, response.content_type
        self.headers, self.real_url = response.headers, response.real_url
        self.content = Lines(response.content.iter_any())
        self.close = response.close


def _broken() -> None:
    raise StreamBroken("the node closed the event stream")


def _node_address(text: str) -> URL:
    try:
        url = URL(text)
        port = url.port
    except ValueError as error:
        raise UsageError(f"{text!r} is no node address: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or port is None:
        raise UsageError(f"{text!r} is no node address; write https://host or https://host:port")
    return url.origin()


def is_loopback(node_url: str) -> bool:
    """Whether a node is on this machine, by its address."""
    host = URL(node_url).host or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def unreachable(url: str, error: Exception) -> NodeUnreachable:
    """What a failure of the HTTP library means, in a sentence."""
    kind: type[NodeUnreachable]
    match error:
        case aiohttp.ClientConnectorDNSError():
            kind, text = DnsFailed, f"the name {URL(url).host} does not resolve: check how {url} is spelled, and the DNS of this machine"
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
            kind, text = TlsNotTrusted, f"the certificate of {url} is not trusted ({reason}): name its authority with ca_file"
        case aiohttp.ClientSSLError():
            kind, text = TlsNotTrusted, f"no TLS with {url} ({error}): is this the port for https?"
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            kind, text = NodeUnreachable, f"the proxy on the way to {url} refused or is gone: {error}"
        case TimeoutError():
            kind, text = NodeUnreachable, f"{url} did not answer in time"
        case aiohttp.ClientConnectorError():
            kind, text = NodeUnreachable, f"no connection to {url}: {os.strerror(error.os_error.errno or 0)}"
        case aiohttp.ClientResponseError():
            kind, text = NotANode, f"{url} does not speak HTTP as a node does: {error.message}"
        case _:
            kind, text = NodeUnreachable, f"the connection to {url} broke: {error or type(error).__name__}"
    return kind(text[0].upper() + text[1:] + ".")
