"""SRTP taken off received packets, without what pylibsrtp makes anew for each of them."""

from __future__ import annotations

from typing import Any

from pylibsrtp import Session
from pylibsrtp._binding import ffi, lib

LONGEST = 2048
"""Bytes of a packet; none that comes through a socket is longer."""


class Unprotector:
    """Takes RTP out of SRTP packets of one session (RFC 3711); one at a time, by calling it.

    A session's own method allocates a number and checks its argument for each packet, which takes twice as long as deciphering it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        """Kept: what it points to goes with it."""
        self._srtp: Any = session._srtp[0]
        self._buffer = bytearray(LONGEST)
        self._view = memoryview(self._buffer)
        self._pointer: Any = ffi.from_buffer(self._buffer)
        self._length: Any = ffi.new("int *")

    def __call__(self, packet: bytes) -> bytes | None:
        """The RTP packet; None for one that is forged, replayed, or not of this session."""
        size, length = len(packet), self._length
        if size > LONGEST:
            return None
        self._view[:size] = packet
        length[0] = size
        if lib.srtp_unprotect(self._srtp, self._pointer, length):
            return None
        return bytes(self._view[: length[0]])
