"""A domain for tests: a name server with a table, and nodes that answer with TLS under the domain's names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from yarl import URL

from pexrtc_py.node.certificate import server_context, write_certificate

DOMAIN = "example.test"
SERVICE = f"_pexapp._tcp.{DOMAIN}"


class NameServer(asyncio.DatagramProtocol):
    """Answers from a table, over UDP; a name without records does not exist. `says` replaces every answer, empty: there is none."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, str], list[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.says: bytes | None = None
        self.address: tuple[str, int] = ("", 0)

    def srv(self, *records: str, name: str = SERVICE) -> None:
        """Set the SRV records, each as `PRIORITY WEIGHT PORT TARGET.`"""
        self.table[name, "SRV"] = list(records)

    def host(self, name: str, address: str = "127.0.0.1") -> None:
        """Set where a host is."""
        self.table[name, "AAAA" if ":" in address else "A"] = [address]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data) if self.says is None else self.says
        if answer:
            self._transport.sendto(answer, addr)

    def _answer(self, data: bytes) -> bytes:
        response = dns.message.make_response(dns.message.from_wire(data))
        question = response.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if records := self.table.get((name, kind)):
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, records))
        elif all(known != name for known, _ in self.table):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


@dataclass
class Domain:
    """`example.test`, whose name server and nodes are on this machine."""

    names: NameServer
    ca_file: Path
    _key: Path
    _stack: contextlib.AsyncExitStack

    async def serve(self, url: str, *, dies_at: bytes = b"") -> int:
        """Put TLS before a server, for all names of the domain; gives the port. It dies, for good, when it reads `dies_at`."""
        target, carried = URL(url), set[asyncio.Task[None]]()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if task := asyncio.current_task():
                carried.add(task)
            inner, outer = await asyncio.open_connection(target.host, target.port)
            await asyncio.gather(_pipe(reader, outer, until=dies_at, then=server.close), _pipe(inner, writer))

        server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=server_context(self.ca_file, self._key))
        self._stack.push_async_callback(lambda: asyncio.wait_for(asyncio.gather(*carried), timeout=5))
        self._stack.callback(server.close)
        port: int = server.sockets[0].getsockname()[1]
        return port


async def _pipe(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, until: bytes = b"", then: Callable[[], None] | None = None
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(2**16):
            if until and until in data:
                break
            writer.write(data)
            await writer.drain()
        else:
            then = None
        writer.close()
        if then is not None:
            then()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def a_domain(folder: Path) -> AsyncIterator[Domain]:
    """The domain, without nodes at first; its certificate is good for the names below it."""
    certificate, key = write_certificate(folder, f"*.{DOMAIN}")
    transport, names = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield Domain(names, certificate, key, stack)
    finally:
        transport.close()
