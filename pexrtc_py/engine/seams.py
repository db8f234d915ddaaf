"""The names of aiortc, aioice and pylibsrtp we lean on that are not public: what for, and when each can go.

A contract test checks that each still exists and has the shape expected, so that an upgrade fails there, with the
reason, and nowhere else. Tried with aiortc 1.16 and aioice 0.13. Nothing in their modules is rebound: another user of
aiortc in the process is untouched.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seam:
    """One name: where it is, what we do with it, and what would make it needless."""

    owner: str
    """Import path of the class or module."""
    name: str
    reason: str
    until: str


SEAMS = (
    Seam("aiortc.rtcdtlstransport.RTCDtlsTransport", "_set_role", "the DTLS role follows from the answer", "a public role"),
    Seam("aiortc.rtcdtlstransport.RTCDtlsTransport", "_handle_rtp_data", "RTP as bytes, overridden", "a packet hook"),
    Seam("aiortc.rtcdtlstransport.RTCDtlsTransport", "_handle_rtcp_data", "RTCP as bytes, overridden", "a packet hook"),
    Seam("aiortc.rtcdtlstransport.RTCDtlsTransport", "_send_data", "a lost data packet is no error", "errors caught in aiortc's timers"),
    Seam("aiortc.rtcsctptransport.RTCSctpTransport", "_handle_data", "malformed SCTP must not end the media", "errors caught in aiortc"),
    Seam("aiortc.rtcdtlstransport.RTCDtlsTransport", "_setup_srtp", "makes the SRTP sessions we use", "a packet hook"),
    Seam("aiortc.rtcdtlstransport.RTCCertificate", "_create_ssl_context", "offer RSA suites too", "aiortc issue 1434"),
    Seam("aiortc.rtcdtlstransport", "State", "compare the transport's state without a string", "a public state"),
    Seam("aioice.ice", "StunProtocol", "our sockets speak it", "a socket factory"),
    Seam("aioice.ice", "get_host_addresses", "the machine's addresses, loopback left out", "a public function"),
    Seam("aioice.ice", "server_reflexive_candidate", "ask STUN servers in the background", "trickle: aioice issue 4"),
    Seam("aioice.candidate", "candidate_foundation", "build host candidates", "a socket factory"),
    Seam("aioice.candidate", "candidate_priority", "build host candidates", "a socket factory"),
    Seam("aioice.ice.Connection", "_pair_remote_candidate", "pair candidates that were found late", "trickle: aioice issue 4"),
    Seam("aioice.ice.Connection", "sort_check_list", "pair candidates that were found late", "trickle: aioice issue 4"),
    Seam("pylibsrtp._binding", "lib", "decipher without making objects for each packet", "a session that writes into a buffer"),
    Seam("pylibsrtp._binding", "ffi", "the same", "a session that writes into a buffer"),
    Seam("aiortc.rtcicetransport", "connection_kwargs", "read STUN and TURN URLs", "a public parser"),
)

ATTRIBUTES = {
    "aioice.ice.Connection": ("_protocols", "_nominated", "_local_candidates", "_remote_candidates", "_queue", "_transport_policy"),
    "aiortc.rtcdtlstransport.RTCDtlsTransport": ("_rx_srtp", "_tx_srtp", "_state"),
    "pylibsrtp.Session": ("_srtp",),
}
"""Instance attributes we read."""
