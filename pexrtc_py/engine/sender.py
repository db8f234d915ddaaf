"""Sends access units as RTP: one sender per slot, one line from capture time to RTP time for its whole life.

Sender reports lie on that line (RFC 3550 6.4.1), so whatever happens between capture and the wire, encoding or waiting,
does not shift audio against video at the other end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.ceiling import Ceiling
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.payloads import packetize
from pexrtc_py.engine.rtp import RtpPacket, serialize, wrap_rtx
from pexrtc_py.engine.types import Codec, Slot

HISTORY = 512
"""Packets kept for retransmission; older ones are kept on while they are younger than a second."""
HISTORY_SECONDS = 1.0
HISTORY_LIMIT = 4096
RESEND_INTERVAL = 0.015
"""One packet is not sent again sooner: a receiver whose round trip is longer asks twice for what is on its way."""
RESEND_LIMIT = 10
CLOCK_STEP = 2.0
"""Seconds by which capture time may go back before it is taken for a new setting of the clock."""

_NTP_EPOCH = 2_208_988_800


@dataclass
class SenderStats:
    """Counts since the start; octets are payload without headers, as in sender reports."""

    units: int = 0
    keyframes: int = 0
    packets: int = 0
    octets: int = 0
    nacks: int = 0
    """Packets that the other side reported lost."""
    retransmitted: int = 0
    retransmitted_octets: int = 0
    unanswered_nacks: int = 0
    """Lost packets not sent again: forgotten, or just resent."""
    keyframe_requests: int = 0
    unsent: int = 0
    """Packets that the transport would not take."""
    remote_bitrate: int | None = None
    """What the other side says it can receive (REMB), in bits/s."""


@dataclass(slots=True)
class _Sent:
    packet: RtpPacket
    when: float
    resent: int = 0
    resent_at: float = 0.0


class RtpSender:
    """One outgoing RTP stream and its retransmissions.

    `transmit` takes a serialized packet and may raise ConnectionError, which is counted; `now` gives Unix seconds.
    Everything is synchronous and runs on the event loop.
    """

    def __init__(self, *, slot: Slot, transmit: Callable[[bytes], None], now: Callable[[], float] = unix_time) -> None:
        self.slot = slot
        self.ssrc, self.rtx_ssrc = random.sample(range(1, 1 << 32), 2)
        self.stats = SenderStats()
        self.codecs: tuple[Codec, ...] = ()
        self.bandwidth: int | None = None
        """What the other side wants at most, by its description (`b=`), in bits/s; set by the peer."""
        self.held = False
        """Nothing is sent while this is set; reports go on."""
        self.last_keyframe: AccessUnit | None = None
        self.on_keyframe_request: Callable[[], None] | None = None
        """The other side needs a keyframe (PLI, FIR)."""
        self.on_bitrate: Callable[[int], None] | None = None
        """The other side can receive this many bits/s (REMB)."""
        self.on_ready: Callable[[], None] | None = None
        """`ready` became true."""
        self.on_started: Callable[[], None] | None = None
        """The first unit is out; the time for a first sender report."""
        self._transmit, self._now = transmit, now
        self._ready = False
        self._ceiling = Ceiling()
        self._extensions: dict[int, bytes] = {}
        self._abs_send_time_id: int | None = None
        # The lower half: a sequence number that wraps soon breaks SRTP's guess of the rollover counter (RFC 3711 3.3.1).
        self._sequence_number, self._rtx_sequence_number = random.randrange(1 << 15), random.randrange(1 << 15)
        self._picture_id = random.randrange(1 << 15)
        self._origin = random.randrange(1 << 32)
        self._zero: float | None = None
        self._last = -1
        self._clock_rate = 0
        self._history: dict[int, _Sent] = {}

    @property
    def ready(self) -> bool:
        """Whether the transport is up and the negotiated direction sends; set by the peer."""
        return self._ready and bool(self.codecs) and not self.held

    @ready.setter
    def ready(self, ready: bool) -> None:
        before = self.ready
        self._ready = ready
        if self.ready and not before and self.on_ready is not None:
            self.on_ready()

    @property
    def codec(self) -> Codec | None:
        """The negotiated codec of first choice; None before negotiation."""
        return self.codecs[0] if self.codecs else None

    @property
    def limit(self) -> int | None:
        """The most that the other side can take now, in bits/s; None where it did not say, or only of what little it gets."""
        return min((rate for rate in (self.bandwidth, self._ceiling.limit) if rate is not None), default=None)

    def accepts(self, codec: str) -> bool:
        """Whether units of this codec (`"vp8"`) may be sent."""
        return any(known.name == codec for known in self.codecs)

    def configure(self, codecs: Sequence[Codec], *, mid: str, mid_extension_id: int | None, abs_send_time_id: int | None) -> None:
        """Take what was negotiated, for the first time or again; the stream goes on as it is."""
        self.codecs = tuple(codecs)
        self._extensions = {mid_extension_id: mid.encode()} if mid_extension_id else {}
        self._abs_send_time_id = abs_send_time_id

    def send(self, unit: AccessUnit, *, captured: float) -> bool:
        """Send one unit captured at this time (Unix seconds of our clock); False when not ready or its codec was not negotiated.

        The RTP time follows from `captured` alone, not from the unit's own timestamp; it always increases.
        Raises ValueError for H.264 that is not in Annex B form.
        """
        codec = next((codec for codec in self.codecs if codec.name == unit.codec), None)
        if codec is None or not self.ready:
            return False
        payloads = packetize(unit.codec, unit.data, picture_id=self._picture_id)
        if not payloads:
            return False
        first = self._zero is None
        timestamp = self._timestamp(captured, codec.clock_rate)
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        for payload in payloads:
            marker = codec.name != "opus" and payload is payloads[-1]
            self._send_packet(RtpPacket(codec.payload_type, marker, self._sequence_number, timestamp, self.ssrc, payload))
        self.stats.units += 1
        if unit.keyframe:
            self.stats.keyframes += 1
            self.last_keyframe = unit
        if first and self.on_started is not None:
            self.on_started()
        return True

    def sender_info(self, now: float) -> tuple[int, int, int, int] | None:
        """For a sender report: NTP time (64 bits) of `now`, the RTP time of something captured now, packets, octets; None before media."""
        if self._zero is None:
            return None
        rtp = self._origin + round((now - self._zero) * self._clock_rate)
        return _ntp(now), rtp & 0xFFFFFFFF, self.stats.packets & 0xFFFFFFFF, self.stats.octets & 0xFFFFFFFF

    def nack(self, sequence_numbers: Iterable[int]) -> None:
        """Send packets again that the other side misses, by RTX (RFC 4588) where negotiated; each at most ten times."""
        now = self._now()
        for number in sequence_numbers:
            self.stats.nacks += 1
            sent = self._history.get(number)
            if sent is None or sent.resent >= RESEND_LIMIT or now - sent.resent_at < RESEND_INTERVAL:
                self.stats.unanswered_nacks += 1
                continue
            sent.resent, sent.resent_at = sent.resent + 1, now
            self._resend(sent.packet)

    def keyframe_requested(self) -> None:
        """The other side sent a PLI or FIR."""
        self.stats.keyframe_requests += 1
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    def remb(self, bps: int) -> None:
        """The other side estimates that it can receive `bps` (draft-alvestrand-rmcat-remb)."""
        self.stats.remote_bitrate = bps
        self._ceiling.estimate(bps, self.stats.octets + self.stats.retransmitted_octets, self._now())
        if self.on_bitrate is not None:
            self.on_bitrate(bps)

    def _timestamp(self, captured: float, clock_rate: int) -> int:
        if self._zero is None:
            # On a grid of whole milliseconds, where both clock rates have whole ticks: even steps stay even when rounded.
            self._zero = round(captured, 3)
        self._clock_rate = clock_rate
        ticks = round((captured - self._zero) * clock_rate)
        if ticks < self._last - CLOCK_STEP * clock_rate:
            # The machine's clock was set back. Waiting for it would stop the stream's time for as long.
            self._zero = captured - (self._last + 1) / clock_rate
        self._last = max(self._last + 1, ticks)
        return self._origin + self._last & 0xFFFFFFFF

    def _send_packet(self, packet: RtpPacket) -> None:
        self._sequence_number = self._sequence_number + 1 & 0xFFFF
        now = self._now()
        self._history.pop(packet.sequence_number, None)  # a whole round of numbers ago; insertion order is age
        self._history[packet.sequence_number] = _Sent(packet, now)
        self._forget(now)
        if self._put(packet, now):
            self.stats.packets += 1
            self.stats.octets += len(packet.payload)

    def _forget(self, now: float) -> None:
        while len(self._history) > HISTORY:
            oldest = next(iter(self._history))
            if now - self._history[oldest].when < HISTORY_SECONDS and len(self._history) <= HISTORY_LIMIT:
                return
            del self._history[oldest]

    def _resend(self, packet: RtpPacket) -> None:
        rtx = next((codec.rtx_payload_type for codec in self.codecs if codec.payload_type == packet.payload_type), None)
        if rtx is not None:
            packet = wrap_rtx(packet, payload_type=rtx, ssrc=self.rtx_ssrc, sequence_number=self._rtx_sequence_number)
            self._rtx_sequence_number = self._rtx_sequence_number + 1 & 0xFFFF
        if self._put(packet, self._now()):
            self.stats.retransmitted += 1
            self.stats.retransmitted_octets += len(packet.payload)

    def _put(self, packet: RtpPacket, now: float) -> bool:
        extensions = self._extensions
        if self._abs_send_time_id:
            # 6.18 fixed point seconds (abs-send-time): bits 14 to 37 of the NTP time.
            extensions = extensions | {self._abs_send_time_id: (_ntp(now) >> 14 & 0xFFFFFF).to_bytes(3, "big")}
        data = serialize(
            payload_type=packet.payload_type,
            marker=packet.marker,
            sequence_number=packet.sequence_number,
            timestamp=packet.timestamp,
            ssrc=packet.ssrc,
            payload=packet.payload,
            extensions=extensions,
        )
        try:
            self._transmit(data)
        except ConnectionError:
            self.stats.unsent += 1
            return False
        return True


def _ntp(when: float) -> int:
    """Unix seconds as an NTP time: 32 bits of seconds since 1900, 32 bits of fraction (RFC 3550 4)."""
    return round((when + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
