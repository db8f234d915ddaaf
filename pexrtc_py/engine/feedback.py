"""All RTCP of one transport: reports of both directions, requests for repair and keyframes, one bitrate limit (REMB).

One REMB names all video streams. Chromium takes each REMB for its total, so one per receiver makes two videos starve each other.
Pure: bytes and the time go in, bytes and calls on receivers and senders come out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from pexrtc_py.engine.receiver import EncodedReceiver, FeedbackRequest, Nack
from pexrtc_py.engine.rtcp import read_compound, read_fir, read_remb, write

INTERVAL = 1.0
"""Mean seconds between reports; each interval is 0.5 to 1.5 times as long (RFC 3550 6.2)."""
DEFAULT_MAX_BITRATE = 8_000_000

_T = TypeVar("_T")

_NTP_EPOCH = 2_208_988_800
_CNAME = 1
_MAX_REMEMBERED = 64
_MAX_BLOCKS = 31
_MAX_ROUND_TRIP = 60.0
_ACTIVE = 10.0


class ReportingSender(Protocol):
    """What feedback needs of a sender."""

    @property
    def ssrc(self) -> int:
        """The stream that reports and requests are about."""
        ...

    def sender_info(self, now: float) -> tuple[int, int, int, int] | None:
        """NTP time (64 bits), RTP time, packets and octets sent (RFC 3550 6.4.1); None before the first packet."""
        ...

    def nack(self, sequence_numbers: Sequence[int], /) -> None:
        """These packets are missing at the other side."""
        ...

    def keyframe_requested(self) -> None:
        """The other side needs a keyframe."""
        ...

    def remb(self, bps: int, /) -> None:
        """The other side can receive this many bits per second from this sender."""
        ...


@dataclass(frozen=True, slots=True)
class RemoteReport:
    """What the other side last said about one of our streams (RFC 3550 6.4.1)."""

    fraction_lost: float
    """0 to 1, since the report before."""
    packets_lost: int
    jitter: int
    """In units of the RTP clock."""
    rtt: float | None
    """Seconds; None while the other side has seen no report of ours."""
    at: float
    """When it came, in Unix seconds."""


class Feedback:
    """RTCP of the receivers and senders of one transport; both lists may change at any time."""

    def __init__(
        self,
        *,
        receivers: Sequence[EncodedReceiver],
        senders: Sequence[ReportingSender],
        cname: str,
        max_bitrate: int = DEFAULT_MAX_BITRATE,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.receivers = receivers
        self.senders = senders
        self.remb = False
        """Whether goog-remb was negotiated."""
        self.max_bitrate = max_bitrate
        """Bits per second that all video together may have."""
        self.reduced_size = True
        """Whether requests may go without a report before them (RFC 5506)."""
        self.remote_reports: dict[int, RemoteReport] = {}
        """The last one by SSRC of ours."""
        self.malformed = 0
        """RTCP packets that could not be read."""
        self._cname = cname.encode()
        self._draw = draw
        self._own_ssrc = random.randrange(1, 1 << 32)
        self._next: float | None = None
        self._announced: set[int] = set()
        self._sent_reports: dict[int, float] = {}
        self._last_reports: dict[int, tuple[int, float]] = {}

    # Out

    def sender_started(self, sender: ReportingSender, now: float) -> None:
        """A sender sent its first packets: the next `outgoing` reports at once, so that the other side can align its streams."""
        del sender, now
        self._next = None

    def outgoing(self, now: float) -> list[bytes]:
        """The reports that are due now, mostly none; call it every 20 to 50 ms."""
        infos = {sender.ssrc: info for sender in self.senders if (info := sender.sender_info(now)) is not None}
        early = self._next is not None and self._next - 2 * INTERVAL < now < self._next
        if early and self._announced >= infos.keys():
            return []
        self._next = now + INTERVAL * (0.5 + self._draw())
        self._announced |= infos.keys()
        return [write(self._report(infos, now))]

    def urgent(self, requests: Sequence[FeedbackRequest]) -> bytes:
        """The packet that carries these requests (RFC 4585 6)."""
        head = () if self.reduced_size else (RtcpRrPacket(ssrc=self._ssrc), self._description(self._ssrc))
        return write((*head, *(self._request(request) for request in requests)))

    def goodbye(self) -> bytes:
        """The last packet: our streams end (RFC 3550 6.6)."""
        sources = sorted(self._announced) or [self._ssrc]
        return write((RtcpRrPacket(ssrc=self._ssrc), RtcpByePacket(sources=sources)))

    @property
    def _ssrc(self) -> int:
        return self.senders[0].ssrc if self.senders else self._own_ssrc

    def _report(self, infos: dict[int, tuple[int, int, int, int]], now: float) -> Iterator[AnyRtcpPacket]:
        blocks = self._blocks(now)
        for ssrc, info in infos.items():
            _remember(self._sent_reports, info[0] >> 16 & 0xFFFFFFFF, now)
            yield RtcpSrPacket(ssrc=ssrc, sender_info=RtcpSenderInfo(*info), reports=blocks)
            blocks = []
        if not infos:
            yield RtcpRrPacket(ssrc=self._ssrc, reports=blocks)
        # One packet each: aiortc does not align the chunks of a packet that holds several.
        yield from (self._description(ssrc) for ssrc in infos or (self._ssrc,))
        yield from self._bitrate_limit(now)

    def _blocks(self, now: float) -> list[RtcpReceiverInfo]:
        reports = [report for receiver in self.receivers if (report := receiver.report()) is not None]
        blocks = []
        for report in reports[:_MAX_BLOCKS]:
            lsr, at = self._last_reports.get(report.ssrc, (0, now))
            block = RtcpReceiverInfo(
                ssrc=report.ssrc,
                fraction_lost=report.fraction_lost,
                packets_lost=report.packets_lost,
                highest_sequence=report.highest_sequence,
                jitter=report.jitter,
                lsr=lsr,
                dlsr=round((now - at) * 65536) & 0xFFFFFFFF,
            )
            blocks.append(block)
        return blocks

    def _description(self, ssrc: int) -> RtcpSdesPacket:
        return RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=ssrc, items=[(_CNAME, self._cname)])])

    def _bitrate_limit(self, now: float) -> Iterator[RtcpPsfbPacket]:
        videos = [receiver for receiver in self.receivers if receiver.slot.kind == "video"]
        ssrcs = [video.ssrc for video in videos if video.ssrc is not None and now - video.stats.last_packet_received < _ACTIVE]
        if self.remb and ssrcs:
            fci = pack_remb_fci(self.max_bitrate, ssrcs)
            yield RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self._ssrc, media_ssrc=0, fci=fci)

    def _request(self, request: FeedbackRequest) -> RtcpPsfbPacket | RtcpRtpfbPacket:
        if isinstance(request, Nack):
            # Ascending as plain numbers: aiortc cannot pack a list that wraps.
            lost = sorted(request.sequence_numbers)
            return RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self._ssrc, media_ssrc=request.ssrc, lost=lost)
        return RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._ssrc, media_ssrc=request.ssrc)

    # In

    def incoming(self, data: bytes, now: float) -> None:
        """Take a compound packet that arrived `now`; parts that cannot be read are counted and do not spoil the others."""
        packets, malformed = read_compound(data)
        self.malformed += malformed
        for packet in packets:
            self._dispatch(packet, now)

    def _dispatch(self, packet: AnyRtcpPacket, now: float) -> None:
        match packet:
            case RtcpSrPacket():
                self._sender_report(packet, now)
                self._receiver_blocks(packet.reports, now)
            case RtcpRrPacket():
                self._receiver_blocks(packet.reports, now)
            case RtcpByePacket():
                for ssrc in packet.sources:
                    for receiver in self.receivers:
                        receiver.bye(ssrc)
            case RtcpRtpfbPacket():
                for sender in self._senders_of(packet.media_ssrc):
                    sender.nack([number & 0xFFFF for number in packet.lost])
            case RtcpPsfbPacket():
                self._payload_feedback(packet)
            case _:
                pass

    def _sender_report(self, packet: RtcpSrPacket, now: float) -> None:
        info = packet.sender_info
        if not info.ntp_timestamp or not info.packet_count:
            return  # aiortc sends such before its first packet; the clock in them is nonsense
        _remember(self._last_reports, packet.ssrc, (info.ntp_timestamp >> 16 & 0xFFFFFFFF, now))
        ntp = (info.ntp_timestamp >> 32) - _NTP_EPOCH + (info.ntp_timestamp & 0xFFFFFFFF) / (1 << 32)
        for receiver in self.receivers:  # to all of them: a report may come before the first packet of its stream
            receiver.sender_report(packet.ssrc, ntp, info.rtp_timestamp)

    def _receiver_blocks(self, blocks: Iterable[RtcpReceiverInfo], now: float) -> None:
        ours = {sender.ssrc for sender in self.senders}
        for block in blocks:
            if block.ssrc in ours:
                rtt = self._round_trip(block, now)
                report = RemoteReport(block.fraction_lost / 256, block.packets_lost, block.jitter, rtt, now)
                self.remote_reports[block.ssrc] = report

    def _round_trip(self, block: RtcpReceiverInfo, now: float) -> float | None:
        """RFC 3550 6.4.1, by our own memory of when that report was sent."""
        sent = self._sent_reports.get(block.lsr)
        rtt = None if sent is None else now - sent - block.dlsr / 65536
        if rtt is None or not -1.0 < rtt < _MAX_ROUND_TRIP:
            return None
        rtt = max(rtt, 0.0)
        for receiver in self.receivers:
            receiver.rtt = rtt
        return rtt

    def _payload_feedback(self, packet: RtcpPsfbPacket) -> None:
        if packet.fmt == RTCP_PSFB_PLI:
            self._keyframe_requested([packet.media_ssrc])
        elif packet.fmt == RTCP_PSFB_FIR:
            self._keyframe_requested(read_fir(packet.fci))
        elif packet.fmt == RTCP_PSFB_APP and (limit := read_remb(packet.fci)) is not None:
            self._limit(*limit)

    def _keyframe_requested(self, ssrcs: Iterable[int]) -> None:
        for ssrc in ssrcs:
            for sender in self._senders_of(ssrc):
                sender.keyframe_requested()

    def _limit(self, bitrate: int, ssrcs: Sequence[int]) -> None:
        """A REMB is for the sum of the streams it names; they share it evenly."""
        limited = [sender for sender in self.senders if sender.ssrc in ssrcs]
        for sender in limited:
            sender.remb(bitrate // len(limited))

    def _senders_of(self, ssrc: int) -> list[ReportingSender]:
        return [sender for sender in self.senders if sender.ssrc == ssrc]


def _remember(memory: dict[int, _T], key: int, value: _T) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > _MAX_REMEMBERED:
        del memory[next(iter(memory))]
