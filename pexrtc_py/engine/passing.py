"""A relay of datagrams with a network in it, for programs that are not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pexrtc_py.engine.network import Achieved, Impairment, Network

Address = tuple[str, int]
MOST_CLIENTS = 64


class Relay(asyncio.DatagramProtocol):
    """Passes what comes in on to `target`, and the answers back to whom they are for; `address` is where it listens.

    Each client has a network of its own. Raises OSError when the address is taken.
    """

    def __init__(self, target: Address, network: Network) -> None:
        self.address: Address = ("", 0)
        self.ignored = 0
        """Datagrams of clients beyond the sixty-fourth."""
        self._target, self._network = target, network
        self._transport: asyncio.DatagramTransport | None = None
        self._clients: dict[Address, _Client] = {}
        self._opening: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        self.address = self._transport.get_extra_info("sockname")[:2]

    def achieved(self) -> Iterator[tuple[Achieved, Achieved]]:
        """What was done to each client's datagrams: on the way to the target, and back."""
        return ((client.impairment.sent, client.impairment.received) for client in self._clients.values())

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """From a client."""
        client = self._clients.get(addr[:2])
        if client is None:
            if len(self._clients) >= MOST_CLIENTS:
                self.ignored += 1
                return
            network = replace(self._network, seed=self._network.seed + len(self._clients))
            client = self._clients[addr[:2]] = _Client(network, lambda answer: self._back(answer, addr))
            task = asyncio.get_running_loop().create_task(client.open(self._target))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        client.send(data)

    def _back(self, data: bytes, addr: Any) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)

    async def aclose(self) -> None:
        """Pass nothing on any more."""
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for client in self._clients.values():
            client.close()
        if self._transport is not None:
            self._transport.close()


class _Client(asyncio.DatagramProtocol):
    def __init__(self, network: Network, back: Any) -> None:
        self.impairment = Impairment(network)
        self._back = back
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []

    async def open(self, target: Address) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=target)
        for data in self._waiting:
            self.send(data)
        self._waiting.clear()

    def send(self, data: bytes) -> None:
        if self._transport is None:
            if len(self._waiting) < MOST_CLIENTS:
                self._waiting.append(data)
            return
        self.impairment.send(data, lambda: self._out(data))

    def _out(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.impairment.receive(data, lambda: self._back(data))

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there, yet."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
