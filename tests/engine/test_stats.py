"""Statistics of a slot: rates from two looks at counters, losses in percent, picture sizes from the bitstream."""

from __future__ import annotations

import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_media.bitstream import black_picture
from pexrtc_py.engine.feedback import RemoteReport
from pexrtc_py.engine.payloads import packetize
from pexrtc_py.engine.peer import Transceiver
from pexrtc_py.engine.receiver import EncodedReceiver
from pexrtc_py.engine.rtp import RtpPacket
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.stats import InboundStats, Meter, OutboundStats, SlotStats
from pexrtc_py.engine.types import Codec, Slot, SlotOptions

VP8 = Codec("vp8", 96, 90000)


class Both:
    """One slot's sender and receiver, with what the other side reports."""

    def __init__(self, slot: Slot) -> None:
        self.sender = RtpSender(slot=slot, transmit=lambda _: None, now=lambda: 100.0)
        self.receiver = EncodedReceiver(slot=slot, request=lambda _: None)
        self.report: RemoteReport | None = None
        self.meter = Meter(Transceiver(slot, SlotOptions(), self.sender, self.receiver, remote_report=lambda: self.report))

    def send(self, frames: int, size: int, start: float = 100.0) -> None:
        self.sender.configure([VP8], mid="1", mid_extension_id=None, abs_send_time_id=None)
        self.sender.ready = True
        for number in range(frames):
            keyframe = number == 0
            data = black_picture("vp8") if keyframe else bytes([1]) * size
            self.sender.send(AccessUnit(data, "vp8", number, 90000, keyframe=keyframe), captured=start + number / 30)


def test_before_anything_flows_all_is_nothing() -> None:
    assert Both(Slot.VIDEO).meter.read(1.0) == SlotStats(inbound=InboundStats(), outbound=OutboundStats())


def test_rates_are_what_happened_since_the_last_samples() -> None:
    both = Both(Slot.VIDEO)
    both.meter.sample(100.0)
    both.send(frames=31, size=1000)

    sent = both.meter.read(102.0).outbound

    assert sent.frames_per_second == pytest.approx(15.5)
    assert sent.bitrate == pytest.approx(8 * sent.bytes_sent / 2)
    assert (sent.codec, sent.frame_width, sent.frame_height) == ("vp8", 1280, 720)
    assert (sent.frames_sent, sent.key_frames_sent) == (31, 1)


def test_a_stream_that_stopped_has_no_rate_any_more() -> None:
    both = Both(Slot.VIDEO)
    both.send(frames=31, size=1000)
    for second in range(4):
        both.meter.sample(101.0 + second)

    sent = both.meter.read(105.0).outbound

    assert (sent.bitrate, sent.frames_per_second) == (0.0, 0.0)
    assert sent.frames_sent == 31


def test_what_the_other_side_reports_is_in_percent_and_seconds() -> None:
    both = Both(Slot.VIDEO)
    both.send(frames=20, size=100)
    both.report = RemoteReport(fraction_lost=0.25, packets_lost=7, jitter=900, rtt=0.08, at=100.0)

    sent = both.meter.read(101.0).outbound

    assert (sent.packets_sent, sent.packets_lost) == (21, 7)  # the keyframe takes two
    assert sent.percentage_lost == pytest.approx(100 / 3)
    assert (sent.percentage_lost_recent, sent.jitter, sent.round_trip_time) == (25.0, 0.01, 0.08)


def test_what_arrives_is_counted_and_its_picture_measured() -> None:
    both = Both(Slot.VIDEO)
    both.receiver.configure([VP8])
    both.meter.sample(0.0)
    _deliver(both.receiver)

    got = both.meter.read(1.0).inbound

    assert (got.packets_received, got.packets_lost, got.percentage_lost) == (4, 1, 20.0)
    assert got.percentage_lost_recent == 20.0
    assert (got.codec, got.frame_width, got.frame_height, got.key_frames_received) == ("vp8", 1280, 720, 1)
    assert got.bitrate == 8 * got.bytes_received > 0


def _deliver(receiver: EncodedReceiver) -> None:
    """A keyframe of two packets, another picture, and one more after a lost packet."""
    first, second = packetize("vp8", black_picture("vp8"), picture_id=1)
    (later,) = packetize("vp8", bytes([1]) * 50, picture_id=2)
    for number, timestamp, marker, payload in (
        (10, 0, False, first),
        (11, 0, True, second),
        (12, 3000, True, later),
        (14, 9000, True, later),
    ):
        receiver.receive(RtpPacket(96, marker, number, timestamp, 7, payload), number / 100)


def test_decoding_is_measured_where_somebody_looks() -> None:
    both = Both(Slot.VIDEO)
    both.receiver.decoded(10, 0.05)

    assert both.meter.read(1.0).inbound.decode_delay == pytest.approx(0.005)


def test_a_picture_that_cannot_be_read_has_no_size() -> None:
    both = Both(Slot.VIDEO)
    both.receiver.last_keyframe = AccessUnit(b"junk", "h264", 0, 90000, keyframe=True)

    assert both.meter.read(1.0).inbound.frame_width == 0
