"""How one slot of a call fares, as one snapshot: counters, and rates over the last seconds.

Names are those of W3C webrtc-stats where it has one, in snake case; times are seconds, rates per second, losses in percent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.bitstream import picture_size
from pexrtc_py.engine.clock import unix_time, until_next

if TYPE_CHECKING:
    from pexrtc_py.engine.peer import Transceiver

INTERVAL = 1.0
"""Seconds between two samples."""
_WINDOW = 3
"""Samples kept: rates are means of the last two to three seconds."""


@dataclass(frozen=True, kw_only=True)
class InboundStats:
    """What arrives in a slot (`inbound-rtp`)."""

    codec: str | None = None
    """`"opus"`, `"vp8"`, `"h264"`; None before anything came."""
    bitrate: float = 0.0
    """Payload bits per second."""
    bytes_received: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    """By the network; video that was sent again is counted too."""
    percentage_lost: float = 0.0
    """Of all that was sent, since the start."""
    percentage_lost_recent: float = 0.0
    """The same of the last seconds."""
    jitter: float = 0.0
    frames_received: int = 0
    frames_per_second: float = 0.0
    """Access units; of audio, packets."""
    frames_dropped: int = 0
    frames_decoded: int = 0
    """0 while nobody looks at the frames themselves."""
    decode_delay: float = 0.0
    """Mean seconds that decoding one took."""
    key_frames_received: int = 0
    frame_width: int = 0
    frame_height: int = 0
    nack_count: int = 0
    pli_count: int = 0
    read_interval: float = 0.0
    """Seconds between two looks at what has come, chosen by the engine; 0: at once, since somebody needs it at once."""
    datagrams_overflowed: int = 0
    """Of the whole call: what came while the kernel's buffer was full."""


@dataclass(frozen=True, kw_only=True)
class OutboundStats:
    """What is sent in a slot (`outbound-rtp`), and what the other side says of it (`remote-inbound-rtp`)."""

    codec: str | None = None
    """What is sent with; None where nothing was negotiated."""
    bitrate: float = 0.0
    """Payload bits per second, repetitions included."""
    available_bitrate: int | None = None
    """What the other side says that it can receive, in bits/s."""
    bytes_sent: int = 0
    packets_sent: int = 0
    packets_lost: int = 0
    percentage_lost: float = 0.0
    percentage_lost_recent: float = 0.0
    """In the other side's last report."""
    jitter: float = 0.0
    round_trip_time: float | None = None
    frames_sent: int = 0
    frames_per_second: float = 0.0
    key_frames_sent: int = 0
    frame_width: int = 0
    frame_height: int = 0
    retransmitted_packets_sent: int = 0
    nack_count: int = 0
    """Packets that the other side asked for again."""
    pli_count: int = 0
    """Keyframes that it asked for."""


@dataclass(frozen=True, kw_only=True)
class SlotStats:
    """Both directions of one slot."""

    inbound: InboundStats = InboundStats()
    outbound: OutboundStats = OutboundStats()


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    bytes_in: int
    packets_in: int
    lost_in: int
    frames_in: int
    bytes_out: int
    frames_out: int


class Meter:
    """Makes rates of one slot's counters: `sample` it every `INTERVAL`, as `run` does, and `read` it at any time."""

    def __init__(self, transceiver: Transceiver) -> None:
        self._transceiver = transceiver
        self._samples: deque[_Sample] = deque(maxlen=_WINDOW)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            self.sample(unix_time())
            await asyncio.sleep(until_next(INTERVAL))

    def sample(self, now: float) -> None:
        """Remember the counters as they are `now` (any clock, in seconds)."""
        self._samples.append(self._sample(now))

    def read(self, now: float) -> SlotStats:
        """The snapshot, with rates since the oldest sample."""
        latest = self._sample(now)
        before = self._samples[0] if self._samples else latest
        return SlotStats(inbound=self._inbound(before, latest), outbound=self._outbound(before, latest))

    def _sample(self, now: float) -> _Sample:
        received, sent = self._transceiver.receiver.stats, self._transceiver.sender.stats
        return _Sample(
            at=now,
            bytes_in=received.bytes_received,
            packets_in=received.packets_received,
            lost_in=received.packets_lost,
            frames_in=received.frames_received,
            bytes_out=sent.octets + sent.retransmitted_octets,
            frames_out=sent.units,
        )

    def _inbound(self, before: _Sample, now: _Sample) -> InboundStats:
        receiver, seconds = self._transceiver.receiver, now.at - before.at
        stats = receiver.stats
        width, height = _size(receiver.last_keyframe)
        reading = self._transceiver.reading()
        return InboundStats(
            codec=receiver.codec,
            bitrate=_per(8 * (now.bytes_in - before.bytes_in), seconds),
            bytes_received=stats.bytes_received,
            packets_received=stats.packets_received,
            packets_lost=stats.packets_lost,
            percentage_lost=_percentage(stats.packets_lost, stats.packets_received),
            percentage_lost_recent=_percentage(now.lost_in - before.lost_in, now.packets_in - before.packets_in),
            jitter=stats.jitter,
            frames_received=stats.frames_received,
            frames_per_second=_per(now.frames_in - before.frames_in, seconds),
            frames_dropped=stats.frames_dropped,
            frames_decoded=stats.frames_decoded,
            decode_delay=_per(stats.total_decode_time, stats.frames_decoded),
            key_frames_received=stats.key_frames_received,
            frame_width=width,
            frame_height=height,
            nack_count=stats.nack_count,
            pli_count=stats.pli_count,
            read_interval=reading.interval,
            datagrams_overflowed=reading.overflowed,
        )

    def _outbound(self, before: _Sample, now: _Sample) -> OutboundStats:
        sender, seconds = self._transceiver.sender, now.at - before.at
        stats, codec = sender.stats, sender.codec
        report = self._transceiver.remote_report()
        width, height = _size(sender.last_keyframe)
        lost = report.packets_lost if report else 0
        return OutboundStats(
            codec=codec.name if codec else None,
            bitrate=_per(8 * (now.bytes_out - before.bytes_out), seconds),
            available_bitrate=stats.remote_bitrate,
            bytes_sent=stats.octets,
            packets_sent=stats.packets,
            packets_lost=lost,
            percentage_lost=_percentage(lost, stats.packets - lost),
            percentage_lost_recent=100 * report.fraction_lost if report else 0.0,
            jitter=report.jitter / codec.clock_rate if report and codec else 0.0,
            round_trip_time=report.rtt if report else None,
            frames_sent=stats.units,
            frames_per_second=_per(now.frames_out - before.frames_out, seconds),
            key_frames_sent=stats.keyframes if sender.slot.kind == "video" else 0,
            frame_width=width,
            frame_height=height,
            retransmitted_packets_sent=stats.retransmitted,
            nack_count=stats.nacks,
            pli_count=stats.keyframe_requests,
        )


def _per(amount: float, of: float) -> float:
    return amount / of if of > 0 else 0.0


def _percentage(lost: int, received: int) -> float:
    return min(100.0, 100 * _per(max(lost, 0), max(lost, 0) + max(received, 0)))


def _size(keyframe: AccessUnit | None) -> tuple[int, int]:
    """Width and height of a picture; 0 where it is none, or cannot be read."""
    if keyframe is None or keyframe.codec == "opus":
        return 0, 0
    try:
        return picture_size(keyframe.codec, keyframe.data)
    except MediaError:
        return 0, 0
