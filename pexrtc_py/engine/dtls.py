"""DTLS-SRTP for one call: aiortc's transport, with RTP and RTCP handed over at once and as bytes.

aiortc awaits a queue, parses every packet into objects and routes them before it looks who wants them. Here a
datagram goes from the socket through SRTP straight to `on_rtp` or `on_rtcp`, and out through `send`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import State
from aiortc.rtp import is_rtcp

from pexrtc_py.engine.srtp import Unprotector

if TYPE_CHECKING:
    from collections.abc import Callable

    from OpenSSL import SSL

    from pexrtc_py.engine.ice import IceTransport

logger = logging.getLogger(__name__)

CIPHERS = b":".join(
    kind + suite
    for kind in (b"ECDHE-ECDSA-", b"ECDHE-RSA-")
    for suite in (b"AES128-GCM-SHA256", b"CHACHA20-POLY1305", b"AES256-GCM-SHA384", b"AES128-SHA", b"AES256-SHA")
)


class Certificate(RTCCertificate):
    """A certificate whose handshake also speaks to peers that hold RSA keys (aiortc alone offers ECDSA suites only)."""

    def _create_ssl_context(self, srtp_profiles: list[Any]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS)
        return context


class DtlsTransport(RTCDtlsTransport):
    """Carries SRTP both ways over an `IceTransport`."""

    def __init__(self, ice: IceTransport, certificate: RTCCertificate) -> None:
        super().__init__(ice, [certificate])  # type: ignore[arg-type]  # it needs _recv, _send, role and state
        self._ice = ice
        self.on_rtp: Callable[[bytes, float], None] = _ignore
        self.on_rtcp: Callable[[bytes, float], None] = _ignore
        self.undecryptable = 0
        self.unsendable = 0

    @property
    def fingerprint(self) -> str:
        """The `a=fingerprint` value: algorithm and digest (SHA-256, RFC 8122)."""
        first = next(f for f in self.getLocalParameters().fingerprints if f.algorithm == "sha-256")
        return f"{first.algorithm} {first.value}"

    def set_role(self, role: str) -> None:
        """Be the DTLS `"client"` (a=setup:active) or `"server"` (a=setup:passive)."""
        self._set_role(role)

    def dispatch_directly(self) -> None:
        """From now on media does not pass the handshake's queue any more; call it once connected."""
        self._unprotect = Unprotector(self._rx_srtp)
        self._ice.agent.on_media = self._media

    def _media(self, data: bytes, now: float) -> None:
        if is_rtcp(data):
            try:
                packets = self._rx_srtp.unprotect_rtcp(data)
            except pylibsrtp.Error:
                self.undecryptable += 1
            else:
                self.on_rtcp(packets, now)
        elif (packet := self._unprotect(data)) is not None:
            self.on_rtp(packet, now)
        else:
            self.undecryptable += 1

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.on_rtp(data, self._ice.agent.last_received)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.on_rtcp(data, self._ice.agent.last_received)

    def send(self, data: bytes) -> None:
        """Protect and send one RTP or RTCP packet now; raises ConnectionError before the handshake or after the end."""
        if self._state is not State.CONNECTED:
            raise ConnectionError("Cannot send media: the DTLS transport is " + self.state + ".")
        try:
            protected = self._tx_srtp.protect_rtcp(data) if is_rtcp(data) else self._tx_srtp.protect(data)
        except pylibsrtp.Error:
            self.unsendable += 1
            return
        self._ice.agent.send_now(protected)

    async def _send_data(self, data: bytes) -> None:
        """What the data channel sends: a datagram that cannot go out is lost, as it may be on the way, and SCTP sends it again."""
        try:
            await super()._send_data(data)
        except ConnectionError:
            self.unsendable += 1


def _ignore(data: bytes, now: float) -> None:
    """Nobody listens yet."""
