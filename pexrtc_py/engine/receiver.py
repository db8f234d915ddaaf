"""Encoded access units out of RTP packets: order, loss repair, keyframes, changes of the source, the sender's clock.

Everything is called from the datagram callback with the time of arrival, and nothing waits. What holds at all times:
units come out in order; a video unit comes out only if all units since the last keyframe did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.assembly import Assembler
from pexrtc_py.engine.reception import MAX_JUMP, ReceiverStats, ReceptionReport, SenderClocks, StreamStatistics
from pexrtc_py.engine.reorder import MAX_MISSING, ReorderBuffer
from pexrtc_py.engine.rtp import RtpPacket, timestamp_delta, unwrap_rtx
from pexrtc_py.engine.types import Codec, Slot

logger = logging.getLogger(__name__)

VIDEO_PATIENCE = 1.0
"""Seconds a missing packet is waited for: about as long as senders remember what they sent."""
AUDIO_PATIENCE = 0.12
KEYFRAME_INTERVAL = 0.3
"""Seconds between two requests for a keyframe."""

_SILENT_KEYFRAME_INTERVAL = 3.0
_MIN_NACK_INTERVAL = 0.06
_MAX_NACK_INTERVAL = 0.5
_SILENT = 1.0
_MAX_RETIRED = 32
_STALLED = 0.1
_TAIL = 4
_MAX_TAIL_REQUESTS = 5
_LONGEST_HOLE = 60.0
_PLAIN, _EXTENDED = 0x80, 0x90
"""The first byte of packets without and with a header extension, and with nothing else that is optional (RFC 3550 5.1)."""
_MARKED, _LONGEST_HEAD = 0x7F, 16


@dataclass(frozen=True, slots=True)
class Nack:
    """Ask for packets again (RFC 4585 6.2.1)."""

    ssrc: int
    sequence_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pli:
    """Ask for a keyframe (RFC 4585 6.3.1)."""

    ssrc: int


FeedbackRequest = Nack | Pli


@dataclass(slots=True, eq=False)
class _Subscriber:
    callback: Callable[[AccessUnit], None]
    on_close: Callable[[], None] | None
    relaxed: bool = False
    failed: bool = False


class EncodedReceiver:
    """Receives one slot's media and hands out complete units.

    `request` is called with what to ask the sender for, at once. `nacks` says whether lost packets are asked for:
    by default video only, since audio that is asked for again mostly comes too late. `patience` is how many seconds a missing
    packet is waited for: by default `VIDEO_PATIENCE` or `AUDIO_PATIENCE`.
    """

    def __init__(
        self, *, slot: Slot, request: Callable[[list[FeedbackRequest]], None], nacks: bool | None = None, patience: float | None = None
    ) -> None:
        self.slot = slot
        self.ssrc: int | None = None
        """The stream being received; None before its first packet."""
        self.rtx_ssrc: int | None = None
        """The stream that repairs it; None before its first packet."""
        self.rtt: float | None = None
        """Round trip in seconds, as feedback or a retransmission last showed it."""
        self.codec: str | None = None
        """Of what arrived last."""
        self.last_keyframe: AccessUnit | None = None
        self.on_urgent: Callable[[], None] | None = None
        """Called when somebody subscribes who needs the units at once."""
        self._request = request
        self._video = slot.kind == "video"
        self._nacks = self._video if nacks is None else nacks
        self._patience = patience or (VIDEO_PATIENCE if self._video else AUDIO_PATIENCE)
        self._clock_rates: dict[int, int] = {}
        self._repairs: dict[int, int] = {}
        self._stats = ReceiverStats()
        self._clocks = SenderClocks()
        self._assembler = Assembler(video=self._video, stats=self._stats, clocks=self._clocks, deliver=self._deliver)
        self._subscribers: tuple[_Subscriber, ...] = ()
        self._closed = False
        self._retired: dict[int, None] = {}
        self._paused = False
        self._lost_before = 0
        self._statistics: StreamStatistics | None = None
        self._source = b""
        """The SSRC being received as it stands in packets; empty while there is none, or a pause."""
        self._buffer = ReorderBuffer(0)
        self._newest: tuple[int, float] | None = None
        """The latest timestamp that came by itself, and when."""
        self._wants_keyframe = False
        self._asked_keyframe: float | None = None
        self._unanswered = 0
        self._tail_requests = 0

    # For the peer

    def configure(self, codecs: Sequence[Codec]) -> None:
        """Take over the negotiated codecs; a stream that goes on is not disturbed. Raises LookupError for an unknown one."""
        self._assembler.configure(codecs)
        self._clock_rates = {codec.payload_type: codec.clock_rate for codec in codecs}
        self._repairs = {codec.rtx_payload_type: codec.payload_type for codec in codecs if codec.rtx_payload_type is not None}

    def receive(self, packet: RtpPacket, now: float) -> None:
        """Take one packet that arrived `now` (Unix seconds); units that are complete with it go to the subscribers."""
        if packet.payload_type in self._repairs:
            self._receive_repair(packet, now)
            return
        stats = self._stats
        if packet.payload_type not in self._clock_rates:
            stats.unknown_payload_types += 1
        if (packet.ssrc != self.ssrc or self._paused) and not self._turn_to(packet, now):
            return
        stats.packets_received += 1
        stats.bytes_received += len(packet.payload)
        stats.last_packet_received = now
        assert self._statistics is not None
        self._statistics.add(packet.sequence_number, packet.timestamp, now)
        if self._newest is None or timestamp_delta(packet.timestamp, self._newest[0]) >= 0:
            self._newest = packet.timestamp, now
        self._accept(packet, now)

    def receive_next(self, data: bytes, now: float) -> bool:
        """Take a packet as it came if it is what nearly all are: the next one of the source, with nothing unusual; False when it is not.

        This is most of what receiving costs, so it makes no object of the packet, and calls as little as it can.
        """
        buffer, statistics, stats = self._buffer, self._statistics, self._stats
        sequence_number, payload_type = data[2] << 8 | data[3], data[1] & 0x7F
        if (
            data[8:12] != self._source
            or sequence_number != buffer.next & 0xFFFF
            or buffer.highest + 1 != buffer.next
            or statistics is None
            or (statistics.highest + 1) & 0xFFFF != sequence_number
            or payload_type not in self._clock_rates
        ):
            return False
        if data[0] == _EXTENDED:
            start = 16 + 4 * (data[14] << 8 | data[15]) if len(data) > _LONGEST_HEAD else len(data)
        else:
            start = 12 if data[0] == _PLAIN else len(data)
        size = len(data) - start
        if size <= 0:  # padding, contributing sources, or nothing
            return False
        timestamp = int.from_bytes(data[4:8], "big")
        stats.packets_received += 1
        stats.bytes_received += size
        stats.last_packet_received = now
        statistics.received += 1
        statistics.highest += 1
        if timestamp != statistics.timestamp:
            statistics.add_transit(timestamp, now)
        if self._newest is None or timestamp_delta(timestamp, self._newest[0]) >= 0:
            self._newest = timestamp, now
        buffer.highest = buffer.next
        buffer.next += 1
        self._assembler.put(payload_type, timestamp, data[start:], data[1] > _MARKED, now)
        if self._assembler.needs_keyframe:
            self._ask_keyframe(now)
        return True

    def tick(self, now: float) -> None:
        """Do what time alone calls for; call it every 20 to 50 ms."""
        if self.ssrc is None or self._paused:
            return
        self._give_up_overdue(now)
        if self._buffer.missing and self._nacks:
            interval = min(max(_MIN_NACK_INTERVAL, 1.25 * (self.rtt or 0.0)), _MAX_NACK_INTERVAL)
            self._ask_again(self._buffer.due(now, interval))
        if self._assembler.needs_keyframe or self._wants_keyframe:
            self._ask_keyframe(now)
        self._ask_for_tail(now)

    def sender_report(self, ssrc: int, ntp: float, rtp: int) -> None:
        """Learn that the sender's clock showed Unix time `ntp` when its RTP clock showed `rtp` (RFC 3550 6.4.1)."""
        self._clocks.report(ssrc, ntp, rtp)

    def bye(self, ssrc: int) -> None:
        """The source left (RFC 3550 6.6): a pause, for whoever sends next, the same source or another, is welcome."""
        if ssrc == self.ssrc:
            self.pause()

    def pause(self) -> None:
        """Expect nothing more and ask for nothing; with the next packet reception goes on."""
        self._flush()
        self._paused, self._source = self.ssrc is not None, b""

    def report(self) -> ReceptionReport | None:
        """What a report block says about the time since the last one; None when nothing was received."""
        return None if self._statistics is None else self._statistics.report()

    def close(self) -> None:
        """Tell the subscribers that nothing more will come; calling it again does nothing."""
        subscribers, self._subscribers, self._closed = self._subscribers, (), True
        for subscriber in subscribers:
            if subscriber.on_close is not None:
                subscriber.on_close()

    # For users of the media

    @property
    def relaxed(self) -> bool:
        """Whether nobody needs the units at once."""
        return all(subscriber.relaxed for subscriber in self._subscribers)

    def subscribe(
        self, callback: Callable[[AccessUnit], None], *, on_close: Callable[[], None] | None = None, relaxed: bool = False
    ) -> Callable[[], None]:
        """Call back with each unit, in order; returns what ends it.

        The callback must not wait. One that raises is logged once and goes on being called. `on_close` is called
        when the receiver is closed, at once if it already is. `relaxed` tells that a tenth of a second later will do, which
        makes reception much cheaper if nobody in the call is in a hurry.
        """
        subscriber = _Subscriber(callback, on_close, relaxed)
        if not self._closed:
            self._subscribers = (*self._subscribers, subscriber)
            if not relaxed and self.on_urgent is not None:
                self.on_urgent()
        elif on_close is not None:
            on_close()

        def unsubscribe() -> None:
            self._subscribers = tuple(other for other in self._subscribers if other is not subscriber)

        return unsubscribe

    def request_keyframe(self, now: float) -> None:
        """Ask for a keyframe until one comes; meanwhile units are handed out as before."""
        if self._video:
            self._wants_keyframe = True
            self._ask_keyframe(now)

    @property
    def stats(self) -> ReceiverStats:
        """The counters; the same object each time, brought up to date."""
        if self._statistics is not None:
            self._stats.packets_lost = self._lost_before + self._statistics.packets_lost
            self._stats.jitter = self._statistics.jitter / self._statistics.clock_rate
        return self._stats

    def decoded(self, frames: int, seconds: float) -> None:
        """Count what a reader of frames has decoded, and how long that took."""
        self._stats.frames_decoded += frames
        self._stats.total_decode_time += seconds

    def _deliver(self, unit: AccessUnit) -> None:
        self.codec = unit.codec
        if unit.keyframe:
            self.last_keyframe = unit
            self._asked_keyframe = self._asked_keyframe if self._unanswered else None
            self._wants_keyframe, self._unanswered = False, 0
        for subscriber in self._subscribers:
            try:
                subscriber.callback(unit)
            except Exception:
                self._stats.subscriber_errors += 1
                if not subscriber.failed:
                    logger.exception("A subscriber to %s raised; it goes on getting units, further exceptions are only counted", self.slot)
                subscriber.failed = True

    # Sources

    def _turn_to(self, packet: RtpPacket, now: float) -> bool:
        """Receive another source from now on, or again the one that paused; False when the packet is of no use."""
        if packet.payload_type not in self._clock_rates:
            return False
        if packet.ssrc == self.ssrc:
            self._restart(packet, now)
            return True
        if packet.ssrc in self._retired and not self._paused and now - self._stats.last_packet_received < _SILENT:
            self._stats.packets_discarded += 1  # a late one of the source before
            return False
        self._flush()
        self._replace_source(packet)
        self._restart(packet, now)
        return True

    def _replace_source(self, packet: RtpPacket) -> None:
        self._retired |= {ssrc: None for ssrc in (self.ssrc, self.rtx_ssrc) if ssrc is not None}
        self._retired.pop(packet.ssrc, None)
        while len(self._retired) > _MAX_RETIRED:
            del self._retired[next(iter(self._retired))]
        if self._statistics is not None:
            self._lost_before += self._statistics.packets_lost
        clock_rate = self._clock_rates[packet.payload_type]
        self._statistics = StreamStatistics(ssrc=packet.ssrc, clock_rate=clock_rate, first=packet.sequence_number)
        self.ssrc, self.rtx_ssrc, self._newest = packet.ssrc, None, None
        self._asked_keyframe, self._unanswered = None, 0
        self._assembler.begin(packet.ssrc)

    def _restart(self, packet: RtpPacket, now: float) -> None:
        """Begin to count at this packet."""
        self._paused, self._source = False, packet.ssrc.to_bytes(4, "big")
        self._buffer = ReorderBuffer(packet.sequence_number)
        self._assembler.break_off()
        if self._assembler.begins_keyframe(packet):
            self._asked_keyframe = now  # it is coming

    def _flush(self) -> None:
        """End the present run of packets: audio behind a hole is still good, video is not."""
        buffer = self._buffer
        while not self._video and len(buffer):
            self._stats.packets_given_up += buffer.skip_hole()
            self._take(self._stats.last_packet_received)
        self._stats.packets_discarded += len(buffer)
        self._stats.packets_given_up += len(buffer.missing)
        self._assembler.break_off()
        self._buffer = ReorderBuffer(buffer.highest + 1)

    # Order and repair

    def _receive_repair(self, packet: RtpPacket, now: float) -> None:
        stats = self._stats
        stats.retransmitted_packets_received += 1
        stats.bytes_received += max(0, len(packet.payload) - 2)
        if self.ssrc is None or self._paused or packet.ssrc in self._retired or len(packet.payload) < 2:
            return  # padding, or too late
        self.rtx_ssrc = packet.ssrc
        original = unwrap_rtx(packet, payload_type=self._repairs[packet.payload_type], ssrc=self.ssrc)
        number = self._buffer.number_of(original.sequence_number)
        if number not in self._buffer.missing and not 0 < number - self._buffer.highest <= _TAIL:
            stats.packets_discarded += 1
            return
        self._learn_round_trip(number, now)
        stats.last_packet_received = now
        self._accept(original, now)

    def _learn_round_trip(self, number: int, now: float) -> None:
        trip = self._buffer.round_trip(number, now)
        if trip is not None and trip >= 0:
            self.rtt = trip if self.rtt is None else self.rtt + (trip - self.rtt) / 8

    def _accept(self, packet: RtpPacket, now: float) -> None:
        buffer = self._buffer
        number = buffer.number_of(packet.sequence_number)
        step = number - buffer.highest
        if step == 1 and number == buffer.next:  # nearly every packet
            buffer.highest, buffer.next = number, number + 1
            self._assembler.add(packet, now)
        else:
            self._accept_out_of_order(packet, number, step, now)
        if self._assembler.needs_keyframe:
            self._ask_keyframe(now)

    def _accept_out_of_order(self, packet: RtpPacket, number: int, step: int, now: float) -> None:
        buffer = self._buffer
        if abs(step) > MAX_JUMP or (step > 1 and step + len(buffer.missing) > MAX_MISSING):
            self._stats.resyncs += 1
            self._flush()
            self._restart(packet, now)
            self._accept(packet, now)
            return
        if step > 1:
            found = buffer.open_hole(number, now)
            if self._nacks:
                self._ask_again(found)
        if not buffer.store(number, packet):
            self._stats.packets_discarded += 1
            return
        self._take(now)
        self._give_up_overdue(now)

    def _take(self, now: float) -> None:
        for packet in self._buffer.take():
            self._assembler.add(packet, self._arrived(packet, now))

    def _arrived(self, packet: RtpPacket, now: float) -> float:
        """When a packet that a hole held up has come, or would have if it had not been lost.

        What is repaired after a long silence comes all at once; by its arrival it would seem to have been captured all at once.
        """
        if self._newest is None or self._statistics is None:
            return now
        behind = timestamp_delta(self._newest[0], packet.timestamp) / self._statistics.clock_rate
        return min(now, self._newest[1] - behind) if 0 <= behind < _LONGEST_HOLE else now

    def _give_up_overdue(self, now: float) -> None:
        while self._buffer.overdue(now, self._patience):
            self._stats.packets_given_up += self._buffer.skip_hole()
            self._assembler.break_off()
            self._take(now)

    # Requests

    def _ask_again(self, numbers: list[int]) -> None:
        if numbers and self.ssrc is not None:
            self._stats.nack_count += 1
            self._stats.packets_requested += len(numbers)
            self._request([Nack(self.ssrc, tuple(number & 0xFFFF for number in numbers))])

    def _ask_keyframe(self, now: float) -> None:
        if self.ssrc is None or self._paused:
            return
        in_vain = self._unanswered and now - self._stats.last_packet_received > _SILENT
        interval = _SILENT_KEYFRAME_INTERVAL if in_vain else KEYFRAME_INTERVAL
        if self._asked_keyframe is None or not 0 <= now - self._asked_keyframe < interval:
            self._asked_keyframe = now
            self._unanswered += 1
            self._stats.pli_count += 1
            self._request([Pli(self.ssrc)])

    def _ask_for_tail(self, now: float) -> None:
        """Ask for what may follow a frame that stopped short: after a slide it may be long until another packet shows the loss."""
        if not self._nacks or not self._assembler.unfinished or self._buffer.missing:
            self._tail_requests = 0
        elif self._tail_requests < _MAX_TAIL_REQUESTS:
            patience = max(_STALLED, 1.5 * (self.rtt or 0.0)) * (1 + self._tail_requests)
            if now - self._stats.last_packet_received > patience:
                self._tail_requests += 1
                self._ask_again([self._buffer.highest + ahead for ahead in range(1, _TAIL + 1)])
