"""Many datagrams with one call of the kernel, each with the time at which it came (`recvmmsg(2)`, Linux on 64 bits).

Python's own `recvmsg` takes one, and makes an address and a list of what came with it: eight microseconds where a relaxed call has twenty
datagrams waiting at each tick. The structures below are those of `<sys/socket.h>`.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from functools import cache
from typing import Any

from cffi import FFI

COUNT = 64
"""Datagrams taken at once."""
SIZE = 2048
"""Bytes of the longest; what is longer is cut."""
_CONTROL, _NAME = 64, 28
_TIMESTAMPNS, _OVERFLOWED = 35, 40
_HEADER = struct.Struct("=QI4xQQQQi4xI4x")
"""`struct mmsghdr`: name and its length, vector and its length, control and its length, flags, length of what came."""
_VECTOR = struct.Struct("=QQ")
_CAME = struct.Struct("=40xQ8xI4x")
_STAMP = struct.Struct("=QiiqqQiiI12x")
"""A control message with a time, and a second one with a count, if there is one."""
_STAMP_ONLY = 32
"""Bytes of the first of them."""


class Batch:
    """Buffers for one read at a time; what `read` gives was copied out of them."""

    def __init__(self) -> None:
        ffi = FFI()
        ffi.cdef("int recvmmsg(int, void *, unsigned int, int, void *);")
        self._ffi = ffi
        self._library: Any = ffi.dlopen(None)
        self._data, self._controls, self._names, self._vectors, self._headers = (
            ffi.new("char[]", COUNT * size) for size in (SIZE, _CONTROL, _NAME, _VECTOR.size, _HEADER.size)
        )
        views = (memoryview(ffi.buffer(part)) for part in (self._data, self._controls, self._names, self._headers))
        self._data_view, self._controls_view, self._names_view, self._headers_view = views
        self._fresh = self._prepared()

    def _prepared(self) -> bytes:
        """The headers before a read; the kernel writes into them."""
        data, controls, names, vectors = (
            int(self._ffi.cast("uintptr_t", part)) for part in (self._data, self._controls, self._names, self._vectors)
        )
        memoryview(self._ffi.buffer(self._vectors))[:] = b"".join(_VECTOR.pack(data + SIZE * i, SIZE) for i in range(COUNT))
        one = (
            _HEADER.pack(names + _NAME * i, _NAME, vectors + _VECTOR.size * i, 1, controls + _CONTROL * i, _CONTROL, 0, 0)
            for i in range(COUNT)
        )
        return b"".join(one)

    def read(self, descriptor: int) -> tuple[list[tuple[bytes, float]], int]:
        """What waits, up to `COUNT`, each with its time in Unix seconds of the machine's clock (0 without), and how many were lost so far.

        Lost are those that found no room; the count is 0 where there was none lately. When nothing waits, nothing comes. Raises OSError.
        """
        self._headers_view[:] = self._fresh
        count = self._library.recvmmsg(descriptor, self._headers, COUNT, socket.MSG_DONTWAIT, self._ffi.NULL)
        if count < 0:
            if self._ffi.errno == errno.EAGAIN:
                return [], 0
            raise OSError(self._ffi.errno, "a datagram could not be read")
        data, came, lost = self._data_view, [], 0
        heads = _CAME.iter_unpack(self._headers_view[: count * _HEADER.size])
        stamps = _STAMP.iter_unpack(self._controls_view[: count * _CONTROL])
        start = 0
        for (told, length), (_, _, kind, seconds, nanoseconds, _, _, second, value) in zip(heads, stamps, strict=True):
            stamped = kind == _TIMESTAMPNS and told >= _STAMP_ONLY
            came.append((bytes(data[start : start + length]), seconds + nanoseconds * 1e-9 if stamped else 0.0))
            if told > _STAMP_ONLY and second == _OVERFLOWED:
                lost = value
            start += SIZE
        return came, lost

    def address(self, index: int) -> Any:
        """Where the datagram of this index in the last `read` came from, as Python's sockets say it."""
        name = self._names_view[index * _NAME : (index + 1) * _NAME]
        family, port = int.from_bytes(name[:2], sys.byteorder), int.from_bytes(name[2:4], "big")
        if family == socket.AF_INET:
            return socket.inet_ntop(family, name[4:8]), port
        flow, scope = int.from_bytes(name[4:8], "big"), int.from_bytes(name[24:28], sys.byteorder)
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port, flow, scope


@cache
def batch() -> Batch | None:
    """The buffers of this process, which all sockets share; None where the kernel has no such call, or a sandbox forbids it."""
    if not sys.platform.startswith("linux") or struct.calcsize("P") != 8:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as empty:
        try:
            many = Batch()
            many.read(empty.fileno())
        except (AttributeError, OSError):
            return None
    return many
