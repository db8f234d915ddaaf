"""The sender's RTP, read back packet by packet."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.payloads import payload_format
from pexrtc_py.engine.rtp import RtpPacket, parse, timestamp_delta, unwrap_rtx
from pexrtc_py.engine.sender import HISTORY, RESEND_LIMIT, RtpSender
from pexrtc_py.engine.types import Codec, Slot

OPUS = Codec("opus", 111, 48_000, 2)
VP8 = Codec("vp8", 96, 90_000, rtx_payload_type=97)
H264 = Codec("h264", 102, 90_000)
START = 1_790_000_000.123456


class Wire:
    """Takes what the sender transmits; `down` makes it refuse."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.down = False
        self.now = START

    def transmit(self, data: bytes) -> None:
        if self.down:
            raise ConnectionError("The wire is cut.")
        self.packets.append(parse(data))


def sending(*codecs: Codec) -> tuple[RtpSender, Wire]:
    wire = Wire()
    sender = RtpSender(slot=Slot.AUDIO if OPUS in codecs else Slot.VIDEO, transmit=wire.transmit, now=lambda: wire.now)
    sender.configure(codecs, mid="1", mid_extension_id=4, abs_send_time_id=3)
    sender.ready = True
    return sender, wire


def unit(size: int = 100, *, codec: str = "vp8", timestamp: int = 0) -> AccessUnit:
    return AccessUnit(bytes(range(256)) * (size // 256) + bytes(range(size % 256)), codec, timestamp, 90_000)


def test_a_large_unit_becomes_packets_in_order_with_the_marker_on_the_last() -> None:
    sender, wire = sending(VP8)

    assert sender.send(unit(3000), captured=START)

    assert [packet.marker for packet in wire.packets] == [False, False, True]
    assert len({(packet.timestamp, packet.ssrc, packet.payload_type) for packet in wire.packets}) == 1
    assert all(after.sequence_number == before.sequence_number + 1 for before, after in pairwise(wire.packets))
    assert b"".join(payload_format("vp8").depayload(packet.payload) for packet in wire.packets) == unit(3000).data
    assert wire.packets[0].ssrc == sender.ssrc


def test_every_packet_names_its_section_and_its_time_of_sending() -> None:
    sender, wire = sending(VP8)
    wire.now = START

    sender.send(unit(), captured=START - 1)

    extensions = wire.packets[0].extensions
    seconds = int.from_bytes(extensions[3], "big") / (1 << 18)
    assert extensions[4] == b"1"
    assert abs((START + 2_208_988_800) % 64 - seconds) < 0.001


def test_opus_packets_carry_no_marker_and_vp8_pictures_are_counted() -> None:
    audio, audio_wire = sending(OPUS)
    video, video_wire = sending(VP8)

    audio.send(AccessUnit(b"\xfc\xff\xfe", "opus", 0, 48_000), captured=START)
    for index in range(3):
        video.send(unit(), captured=START + index)

    ids = [int.from_bytes(packet.payload[2:4], "big") & 0x7FFF for packet in video_wire.packets]
    assert not audio_wire.packets[0].marker
    assert [(after - before) & 0x7FFF for before, after in pairwise(ids)] == [1, 1]


def test_rtp_time_is_capture_time_over_a_change_of_source() -> None:
    sender, wire = sending(OPUS)
    captured = [START + 0.02 * i for i in range(50)] + [START + 7.5 + 0.02 * i for i in range(50)]

    for index, when in enumerate(captured):
        sender.send(AccessUnit(b"media", "opus", index % 50 * 960, 48_000), captured=when)

    ticks = [timestamp_delta(packet.timestamp, wire.packets[0].timestamp) for packet in wire.packets]
    assert ticks == [round((when - START) * 48_000) for when in captured]
    assert {b - a for a, b in pairwise(ticks)} == {960, 7.5 * 48_000 - 49 * 960}


@given(st.lists(st.floats(-0.5, 0.5, allow_nan=False), min_size=2, max_size=30))
@settings(max_examples=200, deadline=None)
def test_rtp_time_always_increases(steps: list[float]) -> None:
    sender, wire = sending(VP8)
    when = START

    for step in steps:
        when += step
        sender.send(unit(), captured=when)

    assert all(timestamp_delta(b.timestamp, a.timestamp) > 0 for a, b in pairwise(wire.packets))


def test_time_goes_on_when_the_machines_clock_is_set_back() -> None:
    sender, wire = sending(VP8)

    for when in (START, START + 1, START - 3600, START - 3599):
        sender.send(unit(), captured=when)

    ticks = [timestamp_delta(packet.timestamp, wire.packets[0].timestamp) for packet in wire.packets]
    assert ticks == [0, 90_000, 90_001, 180_001]


def test_sender_reports_lie_on_the_capture_line() -> None:
    sender, wire = sending(VP8)
    for index in range(10):
        sender.send(unit(), captured=START + index / 30)

    info = sender.sender_info(START + 5)
    assert info is not None
    ntp, rtp, packets, octets = info

    behind = timestamp_delta(rtp, wire.packets[4].timestamp) / 90_000
    assert abs(ntp / (1 << 32) - 2_208_988_800 - behind - (START + 4 / 30)) < 0.001
    assert (packets, octets) == (10, sum(len(packet.payload) for packet in wire.packets))


def test_nothing_is_reported_before_media_and_the_first_unit_asks_for_a_report() -> None:
    sender, _ = sending(VP8)
    started: list[object] = []
    sender.on_started = lambda: started.append(sender.sender_info(START))
    before = sender.sender_info(START)

    sender.send(unit(), captured=START)
    sender.send(unit(), captured=START + 1)

    assert before is None
    assert len(started) == 1
    assert started[0] is not None


def test_nothing_is_sent_before_it_is_ready_or_in_a_codec_nobody_agreed_to() -> None:
    sender, wire = sending(VP8, H264)
    ready: list[bool] = []
    sender.on_ready = lambda: ready.append(sender.ready)

    strange = sender.send(unit(codec="opus"), captured=START)
    sender.ready = False
    early = sender.send(unit(), captured=START)
    sender.ready = True
    sender.ready = True

    assert (strange, early, wire.packets, ready) == (False, False, [], [True])
    assert sender.codec == VP8
    assert sender.accepts("h264") and not sender.accepts("opus")


def test_the_payload_type_follows_the_unit_and_the_stream_survives_another_negotiation() -> None:
    sender, wire = sending(VP8, H264)
    picture = b"\x00\x00\x00\x01\x65" + bytes(40)

    sender.send(unit(), captured=START)
    sender.send(AccessUnit(picture, "h264", 0, 90_000), captured=START + 1)
    sender.configure([Codec("vp8", 120, 90_000)], mid="2", mid_extension_id=9, abs_send_time_id=None)
    sender.send(unit(), captured=START + 2)

    assert [packet.payload_type for packet in wire.packets] == [96, 102, 120]
    assert [timestamp_delta(b.timestamp, a.timestamp) for a, b in pairwise(wire.packets)] == [90_000, 90_000]
    assert wire.packets[-1].extensions == {9: b"2"}


def test_a_lost_packet_is_sent_again_by_rtx() -> None:
    sender, wire = sending(VP8)
    sender.send(unit(3000), captured=START)
    lost = wire.packets[1]

    sender.nack([lost.sequence_number])

    again = wire.packets[-1]
    assert (again.payload_type, again.ssrc, again.extensions[4]) == (97, sender.rtx_ssrc, b"1")
    original = unwrap_rtx(again, payload_type=96, ssrc=sender.ssrc)
    assert (original.sequence_number, original.payload, original.timestamp) == (lost.sequence_number, lost.payload, lost.timestamp)
    assert (sender.stats.retransmitted, sender.stats.packets) == (1, 3)


def test_without_rtx_a_lost_packet_is_sent_again_as_it_was() -> None:
    sender, wire = sending(OPUS)
    sender.send(AccessUnit(b"media", "opus", 0, 48_000), captured=START)

    sender.nack([wire.packets[0].sequence_number])

    first, again = wire.packets
    assert (again.ssrc, again.sequence_number, again.payload) == (first.ssrc, first.sequence_number, first.payload)


def test_asking_without_end_is_answered_with_measure() -> None:
    sender, wire = sending(VP8)
    sender.send(unit(), captured=START)
    number = wire.packets[0].sequence_number

    sender.nack([number, number, number])
    at_once = sender.stats.retransmitted
    for _ in range(50):
        wire.now += 0.1
        sender.nack([number])

    assert (at_once, sender.stats.retransmitted) == (1, RESEND_LIMIT)
    assert sender.stats.nacks == sender.stats.retransmitted + sender.stats.unanswered_nacks == 53


def test_the_past_is_remembered_for_a_second_or_512_packets_and_not_for_ever() -> None:
    sender, wire = sending(VP8)
    for index in range(3 * HISTORY):
        wire.now = START + index / 1024
        sender.send(unit(10), captured=wire.now)
    numbers = [packet.sequence_number for packet in wire.packets]

    sender.nack([numbers[-1000], numbers[-1]])
    recent = sender.stats.retransmitted
    sender.nack([numbers[0]])

    assert (recent, sender.stats.retransmitted) == (2, 2)


def test_requests_reach_whoever_makes_the_video() -> None:
    sender, _ = sending(VP8)
    heard: list[int | str] = []
    sender.on_keyframe_request = lambda: heard.append("keyframe")
    sender.on_bitrate = heard.append

    sender.keyframe_requested()
    sender.remb(700_000)

    assert heard == ["keyframe", 700_000]
    assert (sender.stats.keyframe_requests, sender.stats.remote_bitrate) == (1, 700_000)


def test_a_broken_transport_is_counted_and_not_raised() -> None:
    sender, wire = sending(VP8)
    wire.down = True

    sender.send(unit(3000), captured=START)

    assert (sender.stats.unsent, sender.stats.packets, sender.stats.octets) == (3, 0, 0)


def test_numbers_start_where_they_do_not_wrap_soon() -> None:
    starts = []
    for _ in range(50):
        sender, wire = sending(VP8)
        sender.send(unit(), captured=START)
        starts.append((wire.packets[0].sequence_number, wire.packets[0].timestamp, sender.ssrc, sender.rtx_ssrc))

    assert all(number < 1 << 15 for number, *_ in starts)
    assert all(len(set(column)) > 45 for column in zip(*starts, strict=True))


def test_h264_that_is_not_annex_b_is_refused_with_a_reason() -> None:
    sender, _ = sending(H264)

    with pytest.raises(ValueError, match="Annex B"):
        sender.send(AccessUnit(b"\x00\x00\x00\x64\x65" + bytes(99), "h264", 0, 90_000), captured=START)
