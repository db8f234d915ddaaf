"""ICE for one call: aioice's agent on our sockets, with trickled candidates and a watch on silence.

`IceTransport` is what a DTLS transport needs of its ICE transport (`_recv`, `_send`, `role`, `state`); everything
aioice is behind it. Differences to aiortc's own `RTCIceTransport`: candidates are told as they are found instead
of after the last server answered, media goes to its consumer without a queue, and silence is measured, so that
a connection that stopped is known in seconds (aioice alone needs half a minute, RFC 7675).
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from aioice import Candidate as IceCandidate
from aioice import Connection, TransportPolicy
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import get_host_addresses, server_reflexive_candidate
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from pexrtc_py.engine.cancelling import cancelled
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.sockets import DatagramSocket, IceSocket, open_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pexrtc_py.engine.network import Impairment
    from pexrtc_py.engine.types import IceServer

logger = logging.getLogger(__name__)

MAX_QUEUED = 512
"""Datagrams held for the DTLS handshake; more are dropped and counted."""
MAX_REMOTE_CANDIDATES = 128
"""Each one is sent checks; more of them than any machine has are an attack, on us or through us."""
SERVER_TIMEOUT = 5.0
_FIRST_RTP_BYTE, _LAST_RTP_BYTE = 128, 191


class IceAgent(Connection):
    """aioice's agent, with our sockets and with candidates told one by one."""

    def __init__(self, *, loopback: bool, impairment: Impairment | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._loopback, self._impairment = loopback, impairment
        self.on_candidate: Callable[[IceCandidate], object] | None = None
        self._on_media: Callable[[bytes, float], None] | None = None
        self.last_received = 0.0
        """Unix seconds, as the kernel stamped it."""
        self.last_heard = time.monotonic()
        """The same moment on a clock that nobody sets."""
        self.dropped = 0
        self.gathering: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def on_media(self) -> Callable[[bytes, float], None] | None:
        """Takes RTP and RTCP as it comes, with the time of its arrival; None while it is queued for the handshake."""
        return self._on_media

    @on_media.setter
    def on_media(self, on_media: Callable[[bytes, float], None] | None) -> None:
        self._on_media = on_media
        for protocol in self._protocols:
            if isinstance(protocol, IceSocket):
                protocol.media = on_media

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[IceCandidate]:  # noqa: ASYNC109  # aioice's signature
        """Host candidates at once; what the STUN and TURN servers add is told when they answer."""
        chosen = self._host_addresses() if self._transport_policy is TransportPolicy.ALL else []
        found = [c for c in (self._host_candidate(component, address) for address in chosen) if c is not None]
        if self.stun_server or self.turn_server:
            self.gathering = asyncio.create_task(self._ask_servers(component, timeout))
        return found

    def _host_addresses(self) -> list[str]:
        if self._loopback:
            return ["127.0.0.1"]
        return get_host_addresses(use_ipv4=True, use_ipv6=True) or ["127.0.0.1"]

    def _host_candidate(self, component: int, address: str) -> IceCandidate | None:
        protocol = IceSocket(self)
        protocol.consumer, protocol.media = self, self._on_media
        try:
            transport = open_socket(address, protocol, self._impairment)
        except OSError as error:
            logger.info("ICE cannot bind to %s: %s", address, error)
            return None
        host, port = transport.get_extra_info("sockname")[:2]
        candidate = IceCandidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=port,
            type="host",
        )
        protocol.local_candidate = candidate
        self._protocols.append(protocol)
        self._tell(candidate)
        return candidate

    async def _ask_servers(self, component: int, seconds: int) -> None:
        reflexive = [
            asyncio.create_task(server_reflexive_candidate(protocol, self.stun_server))
            for protocol in self._protocols
            if self.stun_server and ":" not in protocol.local_candidate.host
        ]
        relayed = asyncio.create_task(super().get_component_candidates(component, [], seconds)) if self.turn_server else None
        waiting: list[asyncio.Task[Any]] = [*reflexive, *([relayed] if relayed else [])]
        try:
            for task in asyncio.as_completed(waiting, timeout=SERVER_TIMEOUT):
                await self._take_found(task)
        except TimeoutError:
            logger.warning("A STUN or TURN server did not answer within %.0f s; going on without it.", SERVER_TIMEOUT)
        finally:
            for pending in waiting:
                pending.cancel()

    async def _take_found(self, task: Any) -> None:
        try:
            result = await task
        except Exception as error:  # aioice raises its own, OSError, and what the TURN client raises
            logger.warning("A STUN or TURN server gave no candidate: %s", error or type(error).__name__)
            return
        found = result if isinstance(result, list) else [result[0]]
        for candidate in found:
            self._local_candidates.append(candidate)
            self._tell(candidate)
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()

    def _tell(self, candidate: IceCandidate) -> None:
        if self.on_candidate is not None:
            self.on_candidate(candidate)

    def data_received(self, data: bytes, component: int) -> None:
        """What came through a relay; direct datagrams come through `media_received`."""
        self.media_received(data, unix_time())

    def media_received(self, data: bytes, now: float) -> None:
        """Give media to its consumer, or queue it (bounded) for the DTLS handshake; empty means STUN was seen."""
        self.heard(now)
        if not data:
            return
        if self._on_media is not None and _FIRST_RTP_BYTE <= data[0] <= _LAST_RTP_BYTE:
            self._on_media(data, now)
        elif self._queue.qsize() < MAX_QUEUED:
            self._queue.put_nowait((data, 1))
        else:
            self.dropped += 1

    def heard(self, now: float) -> None:
        """Know that something has arrived."""
        self.last_received, self.last_heard = now, time.monotonic()

    def send_now(self, data: bytes) -> None:
        """Send a datagram on the nominated pair without awaiting; raises ConnectionError when there is none."""
        pair = self._nominated.get(1)
        if pair is None:
            raise ConnectionError("Cannot send: ICE has no nominated pair.")
        pair.protocol.transport.sendto(data, pair.remote_addr)

    @property
    def sockets(self) -> list[DatagramSocket]:
        """Our own; those to TURN servers are aioice's."""
        return [protocol.transport for protocol in self._protocols if isinstance(protocol.transport, DatagramSocket)]

    @property
    def carrying(self) -> list[DatagramSocket]:
        """Those of our own that media comes through, as far as that is agreed."""
        found = [pair.protocol.transport for pair in self._nominated.values()]
        return [transport for transport in found if isinstance(transport, DatagramSocket)]

    async def close(self) -> None:
        """Stop asking servers, then close the agent and its sockets, to the end even if whoever waits for it is cancelled."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        if self.gathering is not None:
            await cancelled([self.gathering])
        await super().close()


class IceTransport:
    """One call's ICE, as the DTLS transport and the peer see it."""

    def __init__(
        self,
        *,
        controlling: bool,
        servers: Sequence[IceServer] = (),
        loopback: bool = False,
        relay_only: bool = False,
        impairment: Impairment | None = None,
    ) -> None:
        policy = TransportPolicy.RELAY if relay_only else TransportPolicy.ALL
        self._options = {"loopback": loopback, "impairment": impairment, "transport_policy": policy, **_server_options(servers)}
        self.agent = IceAgent(ice_controlling=controlling, **self._options)
        """Carries the media."""
        self._latest = self.agent
        """Whose credentials were told last; another agent than `agent` while ICE restarts."""
        self._agents = [self.agent]
        """All that there were: at the end none is open, whatever was cancelled on the way."""
        self._closing: asyncio.Task[None] | None = None
        self.state = "new"
        self._adding: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.Task[None] | None = None

    @property
    def role(self) -> str:
        """`"controlling"` or `"controlled"` (RFC 8445)."""
        return "controlling" if self.agent.ice_controlling else "controlled"

    @property
    def ufrag(self) -> str:
        """The local username fragment."""
        return self._latest.local_username

    @property
    def pwd(self) -> str:
        """The local password."""
        return self._latest.local_password

    @property
    def restarting(self) -> bool:
        """Whether another way is looked for while media goes on as before."""
        return self._latest is not self.agent

    @property
    def candidates(self) -> list[str]:
        """What is known so far, as `a=candidate` values starting with `candidate:`."""
        return ["candidate:" + c.to_sdp() for c in self._latest.local_candidates]

    def on_candidate(self, callback: Callable[[str], object]) -> None:
        """Call back with each local candidate from now on."""
        self.agent.on_candidate = lambda candidate: callback("candidate:" + candidate.to_sdp())

    def use(self, servers: Sequence[IceServer]) -> None:
        """Ask these servers instead; when others have been asked already, with the next restart."""
        self._options |= (options := _server_options(servers))
        if self._gathering is None:
            for name, value in options.items():
                setattr(self._latest, name, value)

    async def gather(self) -> None:
        """Open the host sockets, once and not after `close()`; servers are asked in the background."""
        if self.state == "closed":
            return
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._latest.gather_candidates())
        await asyncio.shield(self._gathering)

    async def gathered(self) -> None:
        """Wait until the servers have answered or given up."""
        if self._latest.gathering is not None:
            await asyncio.wait([self._latest.gathering])

    async def connect(self, ufrag: str, pwd: str, *, lite: bool = False) -> None:
        """Check connectivity until a pair is nominated; raises ConnectionError when closed meanwhile. Set your own deadline."""
        self.state = "checking"
        try:
            await _check(self.agent, ufrag, pwd, lite=lite)
        except ConnectionError:
            self.state = "failed"
            raise
        self.state = "completed"

    async def restart(self) -> None:
        """Take new credentials and open new sockets (RFC 8445 9); media goes on as before until `reconnect()` has found another way."""
        agent = IceAgent(ice_controlling=self.agent.ice_controlling, **self._options)
        agent.on_candidate, agent.on_media = self.agent.on_candidate, self.agent.on_media
        self._agents.append(agent)
        given_up, self._latest = self._latest, agent
        self._gathering = None
        if given_up is not self.agent:
            await given_up.close()
        await self.gather()

    async def reconnect(self, ufrag: str, pwd: str, *, lite: bool = False) -> None:
        """After `restart()`: check connectivity anew, then let media go the new way; raises ConnectionError. Set your own deadline."""
        agent = self._latest
        await _check(agent, ufrag, pwd, lite=lite)
        if agent is not self._latest or self.state == "closed":
            return
        before, self.agent = self.agent, agent
        await before.close()

    def add_candidate(self, text: str) -> bool:
        """Add a remote candidate; False when it is of no use here (malformed, TCP, or one too many)."""
        if len(self._adding) + len(self._latest.remote_candidates) >= MAX_REMOTE_CANDIDATES:
            return False
        try:
            candidate = IceCandidate.from_sdp(text.removeprefix("candidate:"))
        except (ValueError, IndexError):
            return False
        if candidate.transport.lower() != "udp" or candidate.component != 1:
            return False
        task = asyncio.ensure_future(self._add(candidate))
        self._adding.add(task)
        task.add_done_callback(self._adding.discard)
        return True

    async def _add(self, candidate: IceCandidate) -> None:
        try:
            await self._latest.add_remote_candidate(candidate)
        except ValueError as error:
            logger.info("Ignored a remote candidate: %s", error)

    async def _recv(self) -> bytes:
        while True:
            agent = self.agent
            try:
                return await agent.recv()
            except ConnectionError:
                if agent is self.agent:  # else ICE was restarted
                    raise

    async def _send(self, data: bytes) -> None:
        self.agent.send_now(data)

    async def close(self) -> None:
        """Close the sockets, to the end even if whoever waits for it is cancelled; calling it again waits for the same."""
        if self._closing is None:
            self.state = "closed"
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for task in self._adding:
            task.cancel()
        if self._gathering is not None:
            await asyncio.wait([self._gathering])  # it would open sockets that nobody closes
        for agent in self._agents:
            await agent.close()


async def _check(agent: IceAgent, ufrag: str, pwd: str, *, lite: bool) -> None:
    agent.remote_username, agent.remote_password = ufrag, pwd
    agent.remote_is_lite = lite
    await agent.connect()


def _server_options(servers: Sequence[IceServer]) -> dict[str, Any]:
    """The first usable STUN and TURN server; one that cannot be parsed is left out with a warning."""
    usable: list[RTCIceServer] = []
    for server in servers:
        for url in server.urls:
            entry = RTCIceServer(urls=[url], username=server.username, credential=server.credential)
            try:
                connection_kwargs([entry])
            except ValueError as error:
                logger.warning("Left out the ICE server %s: %s", url, error)
            else:
                usable.append(entry)
    options: dict[str, Any] = connection_kwargs(usable)
    return options
