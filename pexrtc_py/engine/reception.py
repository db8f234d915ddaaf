"""What is known about received streams: counters, loss and jitter (RFC 3550 A.3, A.8), and the sender's clock."""

from __future__ import annotations

from dataclasses import dataclass

from pexrtc_py.engine.rtp import timestamp_delta

MAX_JUMP = 3000
"""A step in sequence numbers beyond this is a sender that began anew (RFC 3550 A.1, MAX_DROPOUT)."""

_MAX_TRANSIT_STEP = 5.0
_MAX_REPORTS = 16


@dataclass(slots=True)
class ReceiverStats:
    """Counters of one receiver since it exists, named after W3C webrtc-stats where there is such a name."""

    packets_received: int = 0
    """Packets of the media streams; retransmissions on a stream of their own count in their own field."""
    bytes_received: int = 0
    """Payload bytes of all these packets, retransmissions included."""
    packets_lost: int = 0
    """Lost by the network (RFC 3550 A.3), repaired or not; negative when duplicates outnumber losses."""
    jitter: float = 0.0
    """Interarrival jitter in seconds (RFC 3550 A.8) of the present stream."""
    retransmitted_packets_received: int = 0
    packets_discarded: int = 0
    """Duplicates, packets that came too late, and packets of a stream that was replaced."""
    packets_given_up: int = 0
    """Lost and never repaired."""
    nack_count: int = 0
    """Requests for retransmission sent."""
    packets_requested: int = 0
    """Packets asked for in them, repeated requests included."""
    pli_count: int = 0
    """Requests for a keyframe sent."""
    frames_received: int = 0
    """Access units handed out."""
    key_frames_received: int = 0
    frames_dropped: int = 0
    """Frames not handed out because they were damaged, or waited for a keyframe."""
    frames_decoded: int = 0
    """By all who iterate frames."""
    total_decode_time: float = 0.0
    """Seconds spent on them."""
    epochs: int = 0
    """Streams so far: 1 while the first one lasts."""
    resyncs: int = 0
    """Jumps in the sequence that no retransmission can bridge."""
    unknown_payload_types: int = 0
    """Packets whose payload type was not negotiated."""
    malformed: int = 0
    """Payloads that could not be read."""
    subscriber_errors: int = 0
    """Exceptions raised by subscribers."""
    last_packet_received: float = 0.0
    """Unix seconds; 0 before the first packet."""


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """The figures of a report block (RFC 3550 6.4.1), in the units of the wire."""

    ssrc: int
    fraction_lost: int
    """Since the last report, in 1/256."""
    packets_lost: int
    highest_sequence: int
    jitter: int
    """In units of the RTP clock."""


class StreamStatistics:
    """Counts one SSRC's packets."""

    def __init__(self, *, ssrc: int, clock_rate: int, first: int) -> None:
        self.ssrc = ssrc
        self.clock_rate = clock_rate
        self.jitter = 0.0
        """In units of the RTP clock."""
        self.highest = 0
        """The highest sequence number so far, counted on over wraps."""
        self.received = 0
        """Packets since counting began."""
        self.timestamp: int | None = None
        """Of the newest frame."""
        self._lost_before = 0
        self._arrival = 0.0
        self._restart(first)

    def _restart(self, first: int) -> None:
        self._base = first
        self.highest = first - 1
        self.received = 0
        self._reported = (0, 0)

    @property
    def packets_lost(self) -> int:
        """Expected less received (RFC 3550 A.3)."""
        return self._lost_before + self.highest - self._base + 1 - self.received

    def add(self, sequence_number: int, timestamp: int, now: float) -> None:
        """Count a packet that arrived `now`."""
        step = ((sequence_number - self.highest + 0x8000) & 0xFFFF) - 0x8000
        if step > MAX_JUMP or step < -MAX_JUMP:
            self._lost_before = self.packets_lost
            self._restart(sequence_number)
            step = 1
        self.received += 1
        if step > 0:
            self.highest += step
            if timestamp != self.timestamp:
                self.add_transit(timestamp, now)

    def add_transit(self, timestamp: int, now: float) -> None:
        """Update the jitter (RFC 3550 A.8); the packets of one frame are sent together and count once."""
        if self.timestamp is not None:
            step = abs((now - self._arrival) * self.clock_rate - timestamp_delta(timestamp, self.timestamp))
            if step < _MAX_TRANSIT_STEP * self.clock_rate:  # beyond it the sender's clock was set anew
                self.jitter += (step - self.jitter) / 16
        self.timestamp, self._arrival = timestamp, now

    def report(self) -> ReceptionReport | None:
        """The report block for the time since the last report; None when nothing came in it."""
        expected, received = self.highest - self._base + 1, self.received
        expected_before, received_before = self._reported
        if received == received_before:
            return None
        self._reported = (expected, received)
        interval = expected - expected_before
        lost = interval - (received - received_before)
        return ReceptionReport(
            ssrc=self.ssrc,
            fraction_lost=min(255, (lost << 8) // interval) if interval > 0 and lost > 0 else 0,
            packets_lost=max(-(1 << 23), min(self.packets_lost, (1 << 23) - 1)),
            highest_sequence=self.highest & 0xFFFFFFFF,
            jitter=min(round(self.jitter), 0xFFFFFFFF),
        )


class SenderClocks:
    """Maps RTP timestamps to the senders' wall clock by their last reports (RFC 3550 6.4.1)."""

    def __init__(self) -> None:
        self._reports: dict[int, tuple[float, int]] = {}

    def report(self, ssrc: int, ntp: float, rtp: int) -> None:
        """Take over one report: at Unix time `ntp` on the sender's clock its RTP clock showed `rtp`."""
        self._reports.pop(ssrc, None)
        self._reports[ssrc] = (ntp, rtp)
        while len(self._reports) > _MAX_REPORTS:
            del self._reports[next(iter(self._reports))]

    def time_of(self, ssrc: int, timestamp: int, clock_rate: int) -> float | None:
        """The sender's Unix time at an RTP timestamp (32 bits); None before its first report."""
        report = self._reports.get(ssrc)
        return None if report is None else report[0] + timestamp_delta(timestamp, report[1]) / clock_rate
