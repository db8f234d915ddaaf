"""The datagrams under ICE: sockets we read ourselves, stamped by the kernel.

aioice takes whatever asyncio hands it, one callback a datagram. These sockets are read until they are empty
each time they wake, every datagram carries the kernel's receive time (`SO_TIMESTAMPNS`), and media goes to its
consumer without being tried as STUN first (RFC 7983 tells them apart by the first byte).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from aioice.ice import StunProtocol

from pexrtc_py.engine.batches import COUNT, Batch, batch
from pexrtc_py.engine.clock import LONGEST_WAIT, unix_time, unix_time_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pexrtc_py.engine.network import Impairment

logger = logging.getLogger(__name__)

RECEIVE_BUFFER = 1 << 20
MAX_DATAGRAM = 2048
MAX_BATCH = COUNT
"""Datagrams read in one wake-up before the loop gets its turn again."""
_SO_TIMESTAMPNS, _SO_RXQ_OVFL = 35, 40
_TIMESPEC, _COUNT = struct.Struct("@ll"), struct.Struct("@I")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_COUNT.size) if hasattr(socket, "CMSG_SPACE") else 0
_FIRST_MEDIA_BYTE, _LAST_MEDIA_BYTE = b"\x80", b"\xbf"
_KERNEL_SIZE = 2304
"""Bytes that the kernel counts for a datagram of usual size."""

Address = tuple[str, int]


@dataclass(slots=True)
class SocketStats:
    """What passed one socket; `unsent` were those the kernel had no room for, `overflowed` those that came while its buffer was full."""

    received: int = 0
    sent: int = 0
    unsent: int = 0
    overflowed: int = 0


class MediaConsumer(Protocol):
    """Who gets the datagrams that are not STUN: DTLS, SRTP and SRTCP."""

    def heard(self, now: float) -> None:
        """Know that media went by at `now`, the kernel's receive time in Unix seconds of the last of it."""
        ...

    def media_received(self, data: bytes, now: float) -> None:
        """Take one datagram; `now` is its kernel receive time in Unix seconds."""
        ...


class DatagramSocket(asyncio.DatagramTransport):
    """A bound UDP socket as asyncio sees it, read in batches by ourselves."""

    def __init__(self, sock: socket.socket, protocol: IceSocket, impairment: Impairment | None = None) -> None:
        super().__init__()
        self._impairment = impairment
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._protocol = protocol
        self._closing = False
        self._relaxed = False
        self.stats = SocketStats()
        self.room = max(1, sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // _KERNEL_SIZE)
        """About how many datagrams may wait in the kernel."""
        self.waited = 0
        """How many did when it was last read until it was empty."""
        self._batch = 0
        self._read = _stamped_reader(sock, self.stats)
        self._loop.add_reader(sock, self.drain)
        protocol.connection_made(self)

    @property
    def relaxed(self) -> bool:
        """Whether it is read when somebody calls `drain()`, and not by itself as soon as something comes."""
        return self._relaxed

    @relaxed.setter
    def relaxed(self, relaxed: bool) -> None:
        if relaxed is self._relaxed or self._closing:
            return
        self._relaxed = relaxed
        if relaxed:
            self._loop.remove_reader(self._sock)
        else:
            self._loop.add_reader(self._sock, self.drain)

    def drain(self) -> bool:
        """Read what waits, but no more than `MAX_BATCH`; whether that was all."""
        if self._relaxed and self._impairment is None and (many := batch()) is not None:
            return self._drain_at_once(many)
        count, heard = 0, 0.0
        read, media = self._read, self._protocol.media if self._impairment is None else None
        while count < MAX_BATCH and not self._closing:
            try:
                data, address, now = read()
            except BlockingIOError:
                break
            except OSError as error:  # ICMP port unreachable of an earlier datagram
                self._protocol.error_received(error)
                break
            count += 1
            if media is not None and _FIRST_MEDIA_BYTE <= data[:1] <= _LAST_MEDIA_BYTE:
                media(data, now)
                heard = now
            elif self._impairment is None:
                self._protocol.received(data, address, now)
            else:
                self._impairment.receive(data, partial(self._came, data, address))
        self.stats.received += count
        if heard:
            self._protocol.consumer.heard(heard)
        return self._is_empty(count) or self._closing

    def _drain_at_once(self, many: Batch) -> bool:
        try:
            came, lost = many.read(self._sock.fileno())
        except OSError as error:
            self._protocol.error_received(error)
            return True
        self.stats.received += len(came)
        self.stats.overflowed = lost or self.stats.overflowed
        media, heard, ahead = self._protocol.media, 0.0, unix_time() - time.time()
        now = unix_time()
        for index, (data, stamp) in enumerate(came):
            arrived = stamp + ahead
            if not 0.0 <= now - arrived < LONGEST_WAIT:  # made by another clock, or by none
                arrived = now
            if media is not None and _FIRST_MEDIA_BYTE <= data[:1] <= _LAST_MEDIA_BYTE:
                media(data, arrived)
                heard = arrived
            else:
                self._protocol.received(data, many.address(index), arrived)
            if self._closing:
                return True
        if heard:
            self._protocol.consumer.heard(heard)
        return self._is_empty(len(came))

    def _is_empty(self, count: int) -> bool:
        """Keep account of how many waited; whether those that were read now were all."""
        self._batch += count
        if count == MAX_BATCH:
            return False
        self.waited, self._batch = self._batch, 0
        return True

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send at once or not at all: a full socket buffer is loss, and counted."""
        if self._closing:
            return
        if self._impairment is None:
            self._send(data, addr)
        else:
            self._impairment.send(data, partial(self._send, data, addr))

    def _came(self, data: bytes, address: Address) -> None:
        """A datagram has come through the network that we pretend there is."""
        if not self._closing:
            self._protocol.received(data, address, unix_time())

    def _send(self, data: Any, addr: Any) -> None:
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
        if not self._relaxed:
            self._loop.remove_reader(self._sock)
        self._sock.close()
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """The same as `close()`: datagrams have no buffer to flush."""
        self.close()


class IceSocket(StunProtocol):
    """aioice's protocol on our socket: STUN goes its way, media goes straight to the consumer."""

    consumer: MediaConsumer
    media: Callable[[bytes, float], None] | None = None
    """Takes RTP and RTCP without a detour, once it can."""

    def received(self, data: bytes, address: Address, now: float) -> None:
        """Tell STUN (first byte 0 to 3, RFC 7983) from everything else."""
        if data and data[0] > 3:
            self.consumer.media_received(data, now)
        else:
            self.datagram_received(data, address)
            self.consumer.media_received(b"", now)


def open_socket(address: str, protocol: IceSocket, impairment: Impairment | None = None) -> DatagramSocket:
    """Bind a UDP socket on a free port of `address` and read it; raises OSError when the address cannot be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((address, 0))
        return DatagramSocket(sock, protocol, impairment)
    except BaseException:
        sock.close()
        raise


def _stamped_reader(sock: socket.socket, stats: SocketStats) -> Callable[[], tuple[bytes, Address, float]]:
    """A function that reads one datagram with its receive time, by the kernel where it can tell."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return lambda: _read_unstamped(sock)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    recvmsg, read_time = sock.recvmsg, _TIMESPEC.unpack

    def read() -> tuple[bytes, Address, float]:
        data, ancillary, _, address = recvmsg(MAX_DATAGRAM, _ANCILLARY)
        if len(ancillary) == 1:  # what was lost is told only when something was
            seconds, nanoseconds = read_time(ancillary[0][2])
            return data, address, unix_time_of(seconds + nanoseconds * 1e-9)
        now = None
        for level, kind, value in ancillary:
            if level != socket.SOL_SOCKET:
                continue
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
                now = unix_time_of(seconds + nanoseconds * 1e-9)
            elif kind == _SO_RXQ_OVFL:
                stats.overflowed = _COUNT.unpack(value[: _COUNT.size])[0]
        return data, address, unix_time() if now is None else now

    return read


def _read_unstamped(sock: socket.socket) -> tuple[bytes, Address, float]:
    data, address = sock.recvfrom(MAX_DATAGRAM)
    return data, address, unix_time()
