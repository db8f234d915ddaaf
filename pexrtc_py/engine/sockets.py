"""The datagrams under ICE: sockets we read ourselves, stamped by the kernel.

aioice takes whatever asyncio hands it, one callback a datagram. These sockets are read until they are empty
each time they wake, every datagram carries the kernel's receive time (`SO_TIMESTAMPNS`), and media goes to its
consumer without being tried as STUN first (RFC 7983 tells them apart by the first byte).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aioice.ice import StunProtocol

from pexrtc_py.engine.clock import unix_time, unix_time_of

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

RECEIVE_BUFFER = 1 << 20
MAX_DATAGRAM = 2048
MAX_BATCH = 64
"""Datagrams read in one wake-up before the loop gets its turn again."""
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

Address = tuple[str, int]


@dataclass(slots=True)
class SocketStats:
    """What passed one socket; `unsent` counts datagrams the kernel had no room for."""

    received: int = 0
    sent: int = 0
    unsent: int = 0


class MediaConsumer(Protocol):
    """Who gets the datagrams that are not STUN: DTLS, SRTP and SRTCP."""

    def media_received(self, data: bytes, now: float) -> None:
        """Take one datagram; `now` is its kernel receive time in Unix seconds."""
        ...


class DatagramSocket(asyncio.DatagramTransport):
    """A bound UDP socket as asyncio sees it, read in batches by ourselves."""

    def __init__(self, sock: socket.socket, protocol: IceSocket) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._protocol = protocol
        self._closing = False
        self.stats = SocketStats()
        self._read = _stamped_reader(sock)
        self._loop.add_reader(sock, self._readable)
        protocol.connection_made(self)

    def _readable(self) -> None:
        for _ in range(MAX_BATCH):
            try:
                data, address, now = self._read()
            except BlockingIOError:
                return
            except OSError as error:  # ICMP port unreachable of an earlier datagram
                self._protocol.error_received(error)
                return
            self.stats.received += 1
            self._protocol.received(data, address, now)
            if self._closing:
                return

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send at once or not at all: a full socket buffer is loss, and counted."""
        if self._closing:
            return
        try:
            self._sock.sendto(data, addr)
            self.stats.sent += 1
        except BlockingIOError:
            self.stats.unsent += 1
        except OSError as error:
            self.stats.unsent += 1
            self._protocol.error_received(error)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`sockname` and `socket`, as asyncio's own transports know them."""
        if name == "sockname":
            return self._sock.getsockname()
        return self._sock if name == "socket" else default

    def is_closing(self) -> bool:
        """Whether `close()` was called."""
        return self._closing

    def close(self) -> None:
        """Stop reading and close the socket; calling it again does nothing."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._sock)
        self._sock.close()
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """The same as `close()`: datagrams have no buffer to flush."""
        self.close()


class IceSocket(StunProtocol):
    """aioice's protocol on our socket: STUN goes its way, media goes straight to the consumer."""

    consumer: MediaConsumer

    def received(self, data: bytes, address: Address, now: float) -> None:
        """Tell STUN (first byte 0 to 3, RFC 7983) from everything else."""
        if data and data[0] > 3:
            self.consumer.media_received(data, now)
        else:
            self.datagram_received(data, address)
            self.consumer.media_received(b"", now)


def open_socket(address: str, protocol: IceSocket) -> DatagramSocket:
    """Bind a UDP socket on a free port of `address` and read it; raises OSError when the address cannot be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((address, 0))
        return DatagramSocket(sock, protocol)
    except BaseException:
        sock.close()
        raise


def _stamped_reader(sock: socket.socket) -> Callable[[], tuple[bytes, Address, float]]:
    """A function that reads one datagram with its receive time, by the kernel where it can tell."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return lambda: _read_unstamped(sock)
    recvmsg = sock.recvmsg

    def read() -> tuple[bytes, Address, float]:
        data, ancillary, _, address = recvmsg(MAX_DATAGRAM, _ANCILLARY)
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
                return data, address, unix_time_of(seconds + nanoseconds * 1e-9)
        return data, address, unix_time()

    return read


def _read_unstamped(sock: socket.socket) -> tuple[bytes, Address, float]:
    data, address = sock.recvfrom(MAX_DATAGRAM)
    return data, address, unix_time()
