"""Which receiver a packet belongs to: by SSRC once known, by MID, then by a payload type that only one section uses.

RFC 9143 9.2. aiortc's router keeps a table of MIDs and never asks it, so two video sections without `a=ssrc` lose
every packet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pexrtc_py.engine.negotiation import Negotiated
    from pexrtc_py.engine.receiver import EncodedReceiver
    from pexrtc_py.engine.rtp import RtpPacket
    from pexrtc_py.engine.types import Slot

MAX_SSRCS = 256
"""SSRCs remembered; a peer that invents more loses the oldest."""


class Router:
    """Finds the slot of each packet and remembers it by SSRC."""

    def __init__(self, receivers: Mapping[Slot, EncodedReceiver]) -> None:
        self._receivers = receivers
        self._by_ssrc: dict[int, EncodedReceiver] = {}
        self.known: dict[bytes, EncodedReceiver] = {}
        """The same by the four bytes of a packet's head, for packets that are not parsed yet."""
        self._by_mid: dict[bytes, EncodedReceiver] = {}
        self._by_payload_type: dict[int, EncodedReceiver | None] = {}
        self._mid_extensions: frozenset[int] = frozenset()
        self.unroutable = 0

    def configure(self, agreed: Mapping[Slot, Negotiated]) -> None:
        """Take over a negotiation; announced and learned SSRCs of sections that remain stay known."""
        self._by_mid, self._by_payload_type = {}, {}
        self.known.clear()
        for slot, found in agreed.items():
            receiver = self._receivers[slot]
            self._by_mid[found.mid.encode()] = receiver
            self._by_ssrc |= dict.fromkeys((*found.ssrcs, *found.rtx_ssrcs.values()), receiver)
            for codec in found.codecs:
                for payload_type in (codec.payload_type, codec.rtx_payload_type):
                    if payload_type is not None:
                        shared = payload_type in self._by_payload_type
                        self._by_payload_type[payload_type] = None if shared else receiver
        self._forget(MAX_SSRCS)
        self._mid_extensions = frozenset(found.mid_extension for found in agreed.values() if found.mid_extension is not None)

    def route(self, packet: RtpPacket) -> EncodedReceiver | None:
        """The receiver of a packet, None (and counted) when nothing tells."""
        known = self._by_ssrc.get(packet.ssrc)
        if known is not None:
            self.known[packet.ssrc.to_bytes(4, "big")] = known
            return known
        found = self._by_extension(packet) or self._by_payload_type.get(packet.payload_type)
        if found is None:
            self.unroutable += 1
            return None
        self._forget(MAX_SSRCS - 1)
        self._by_ssrc[packet.ssrc] = found
        return found

    def _forget(self, kept: int) -> None:
        while len(self._by_ssrc) > kept:
            del self._by_ssrc[next(iter(self._by_ssrc))]
            self.known.clear()

    def _by_extension(self, packet: RtpPacket) -> EncodedReceiver | None:
        for number in self._mid_extensions:
            mid = packet.extensions.get(number)
            if mid is not None and mid in self._by_mid:
                return self._by_mid[mid]
        return None
