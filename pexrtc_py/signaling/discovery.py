"""From a domain to a node: SRV records, else the domain's own address; the first that is up is used, and failover to the next.

After Pexip's rules for `_pexapp._tcp` records; dnspython is imported here only, and when first needed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, TypeVar

from pexrtc_py.errors import DnsFailed, NodeError, NodeUnreachable, NotANode, ProtocolError, RequestRefused, UsageError
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.requests import Status
from pexrtc_py.signaling.asking import answered, outgoing
from pexrtc_py.signaling.candidates import Candidate, Service, candidates, none_usable
from pexrtc_py.signaling.transport import Transport

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

T = TypeVar("T")
_logger = logging.getLogger(__name__)

SERVICE = "_pexapp._tcp"
PORT = 443
"""Of a node that no SRV record names."""
DNS_SECONDS = 5.0
STATUS_SECONDS = 5.0
_GOING_DOWN = frozenset({502, 503, 504, 529})
"""With these a node refuses to let anybody in, which another node may do."""


class Names:
    """Asks DNS: this machine's, or the name server at (address, port)."""

    def __init__(self, name_server: tuple[str, int] | None = None) -> None:
        self._name_server = name_server
        self._resolver: Resolver | None = None

    async def services(self, domain: str) -> list[Service]:
        """The domain's `_pexapp._tcp` records, in no order. Raises `DnsFailed` when there are none, or no answer in 5 s."""
        resolver = await self._opened()
        from dns.exception import DNSException
        from dns.rdtypes.IN.SRV import SRV

        try:
            answer = await resolver.resolve(f"{SERVICE}.{domain}.", "SRV", lifetime=DNS_SECONDS, search=False)
        except (DNSException, OSError) as error:
            raise DnsFailed(_said(error)) from error
        return [
            Service(priority=one.priority, weight=one.weight, port=one.port, target=one.target.to_text(omit_final_dot=True).rstrip("."))
            for one in answer
            if isinstance(one, SRV)
        ]

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host. Raises `DnsFailed` when a name server was given and knows none.

        Without one this machine is asked as every program asks it (/etc/hosts included); that it knows none is no error here, since a
        proxy may know some.
        """
        return await (self._known_here(host) if self._name_server is None else self._known_there(host))

    async def _known_there(self, host: str) -> tuple[str, ...]:
        resolver = await self._opened()
        from dns.exception import DNSException

        try:
            answers = await resolver.resolve_name(f"{host}.", lifetime=DNS_SECONDS, search=False)
        except (DNSException, OSError) as error:
            raise DnsFailed(f"The name {host} has no address ({_said(error)}).") from error
        return tuple(answers.addresses())

    async def _known_here(self, host: str) -> tuple[str, ...]:
        asking = asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        try:
            async with asyncio.timeout(DNS_SECONDS):
                return tuple(str(place[0]) for *_, place in await asking)
        except (OSError, UnicodeError):
            return ()

    async def _opened(self) -> Resolver:
        if self._resolver is None:  # neither the import nor reading /etc/resolv.conf is for the loop
            self._resolver = await asyncio.to_thread(_resolver, self._name_server)
        return self._resolver


def _said(error: Exception) -> str:
    from dns.exception import Timeout
    from dns.resolver import NXDOMAIN, NoAnswer

    match error:
        case NXDOMAIN() | NoAnswer():
            return "DNS knows none"
        case Timeout():
            return f"DNS did not answer within {DNS_SECONDS:g} s"
        case _:
            return f"DNS failed: {type(error).__name__}"


def _resolver(name_server: tuple[str, int] | None) -> Resolver:
    from dns.asyncresolver import Resolver
    from dns.resolver import NoResolverConfiguration

    if name_server is None:
        try:
            return Resolver()
        except NoResolverConfiguration as error:
            _logger.info("this machine has no DNS: %s", error)
    resolver = Resolver(configure=False)
    if name_server is not None:
        address, resolver.port = name_server
        try:
            resolver.nameservers = [address]
        except ValueError as error:
            raise UsageError(f"{address!r} is no IP address of a name server.") from error
    return resolver


async def find(domain: str, names: Names, rng: Random) -> list[Candidate]:
    """The nodes to try for a domain, best first; the domain itself where no SRV record names one."""
    try:
        found = candidates(await names.services(domain), rng)
    except DnsFailed as error:
        return [Candidate(domain, PORT, f"the domain itself (SRV records: {error})")]
    return found or [Candidate(domain, PORT, "the domain itself (its SRV records name no node)")]


async def at_first_usable(
    domain: str, use: Callable[[Candidate, tuple[str, ...]], Awaitable[T]], *, names: Names, rng: Random | None = None
) -> T:
    """What `use` returns for the first node of the domain, given with its addresses, that lets us in.

    The next is tried when `use` raises `NodeUnreachable`, or a refusal with 502, 503, 504 or 529. Raises what else `use` raises at once;
    when all failed a kind of `NodeUnreachable` that names each with its reason, or `OutOfCapacity` when that is what all say.
    """
    failures: list[tuple[Candidate, NodeError]] = []
    for candidate in await find(domain, names, Random() if rng is None else rng):
        try:
            used = await use(candidate, await names.addresses(candidate.host))
        except (NodeUnreachable, RequestRefused) as error:
            if isinstance(error, RequestRefused) and error.status not in _GOING_DOWN:
                raise
            _logger.info("%s cannot be used for %s: %s", candidate.url, domain, error)
            failures.append((candidate, error))
        else:
            _logger.info("%s is used for %s, %s", candidate.url, domain, candidate.why)
            return used
    raise none_usable(domain, failures) from failures[-1][1]


async def check(transport: Transport) -> None:
    """Ask a node once whether it takes calls; raises `NodeUnreachable` in maintenance or trouble, `NotANode` when it is none."""
    asking = dataclasses.replace(outgoing(Address(), Status()), seconds=STATUS_SECONDS, repeats=False)
    try:
        answered(Status(), await transport.request(asking))
    except RequestRefused as error:
        if error.status == 503:
            raise NodeUnreachable(f"The node is in maintenance ({error.reason or error.status}).") from error
        kind = NotANode if error.status == 404 else NodeUnreachable
        raise kind(str(error)) from error
    except ProtocolError as error:
        raise NotANode(str(error)) from error
