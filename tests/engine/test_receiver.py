"""What a receiver makes of packets that are lost, late, doubled, out of order, or from somebody else."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.payloads import packetize
from pexrtc_py.engine.receiver import EncodedReceiver, FeedbackRequest, Nack, Pli
from pexrtc_py.engine.rtp import RtpPacket, wrap_rtx
from pexrtc_py.engine.types import Codec, Slot

OPUS = Codec("opus", 111, 48_000, 2)
VP8 = Codec("vp8", 96, 90_000, rtx_payload_type=97)
H264 = Codec("h264", 98, 90_000, rtx_payload_type=99)
SSRC, RTX_SSRC, OTHER_SSRC = 1111, 2222, 3333
T0 = 1_700_000_000.0
SPS, IDR, P_SLICE = b"\x67\x42\xc0\x1f", b"\x65\x88" + b"\x11" * 3000, b"\x41\x9a\x33"


class Bench:
    """A receiver, what it asked for, and what it handed out."""

    def __init__(self, slot: Slot = Slot.VIDEO, *, codecs: Sequence[Codec] = (OPUS, VP8, H264)) -> None:
        self.requests: list[FeedbackRequest] = []
        self.units: list[AccessUnit] = []
        self.receiver = EncodedReceiver(slot=slot, request=self.requests.extend)
        self.receiver.configure(codecs)
        self.unsubscribe = self.receiver.subscribe(self.units.append)

    def take(self, packets: Iterable[RtpPacket], now: float = T0) -> None:
        for packet in packets:
            self.receiver.receive(packet, now)

    def ticks(self, start: float, end: float, step: float = 0.03) -> None:
        for index in range(int((end - start) / step) + 1):
            self.receiver.tick(start + index * step)

    @property
    def nacked(self) -> list[int]:
        return [number for request in self.requests if isinstance(request, Nack) for number in request.sequence_numbers]

    @property
    def plis(self) -> int:
        return sum(isinstance(request, Pli) for request in self.requests)

    @property
    def numbers(self) -> list[int]:
        """The frames' own numbers, as `vp8_data` wrote them."""
        return [int.from_bytes(unit.data[1:5], "big") for unit in self.units]


class Stream:
    """A VP8 sender: frames of `size` packets, a keyframe when asked for."""

    def __init__(self, *, ssrc: int = SSRC, sequence_number: int = 1000, timestamp: int = 90_000, payload_type: int = 96) -> None:
        self.ssrc, self.sequence_number, self.timestamp, self.payload_type = ssrc, sequence_number, timestamp, payload_type
        self.count = 0

    def frame(self, *, key: bool = False, size: int = 1) -> list[RtpPacket]:
        payloads = packetize("vp8", vp8_data(self.count, key=key, size=size), picture_id=self.count)
        packets = [self.packet(payload, marker=payload is payloads[-1]) for payload in payloads]
        self.count += 1
        self.timestamp = (self.timestamp + 3000) & 0xFFFFFFFF
        return packets

    def packet(self, payload: bytes, *, marker: bool = False) -> RtpPacket:
        packet = RtpPacket(self.payload_type, marker, self.sequence_number, self.timestamp, self.ssrc, payload)
        self.sequence_number = (self.sequence_number + 1) & 0xFFFF
        return packet

    def frames(self, count: int, *, size: int = 1) -> list[list[RtpPacket]]:
        return [self.frame(key=self.count == 0, size=size) for _ in range(count)]


def vp8_data(number: int, *, key: bool, size: int) -> bytes:
    return bytes([0x10 if key else 0x11]) + number.to_bytes(4, "big") + bytes(1100 * size - 5)


def flat(frames: Iterable[Iterable[RtpPacket]]) -> list[RtpPacket]:
    return [packet for frame in frames for packet in frame]


def speech(count: int, *, sequence_number: int = 500, ssrc: int = SSRC) -> list[RtpPacket]:
    return [
        RtpPacket(111, index == 0, (sequence_number + index) & 0xFFFF, index * 960, ssrc, index.to_bytes(4, "big"))
        for index in range(count)
    ]


def rtx(packet: RtpPacket, *, ssrc: int = RTX_SSRC, sequence_number: int = 1) -> RtpPacket:
    return wrap_rtx(packet, payload_type=packet.payload_type + 1, ssrc=ssrc, sequence_number=sequence_number)


# In order


def test_frames_come_out_as_they_went_in() -> None:
    bench, stream = Bench(), Stream()

    bench.take(flat(stream.frames(10, size=3)))

    assert bench.numbers == list(range(10))
    assert [unit.data for unit in bench.units] == [vp8_data(number, key=number == 0, size=3) for number in range(10)]
    assert [unit.timestamp for unit in bench.units] == [90_000 + 3000 * number for number in range(10)]
    assert [unit.keyframe for unit in bench.units] == [True] + [False] * 9
    assert {(unit.codec, unit.clock_rate, unit.arrival, unit.epoch, unit.ntp) for unit in bench.units} == {("vp8", 90_000, T0, 0, None)}
    assert bench.requests == []


def test_a_frame_is_complete_with_its_marker() -> None:
    bench, stream = Bench(), Stream()
    *before, last = stream.frame(key=True, size=3)

    bench.take(before)
    assert bench.units == []
    bench.take([last])

    assert len(bench.units) == 1


def test_a_frame_without_marker_is_complete_when_the_next_one_begins() -> None:
    bench, stream = Bench(), Stream()
    first = stream.frame(key=True, size=2)
    first[-1].marker = False

    bench.take([*first, *stream.frame()])

    assert bench.numbers == [0, 1]


def test_an_opus_packet_is_a_unit() -> None:
    bench = Bench(Slot.AUDIO)

    bench.take(speech(5))

    assert [unit.data for unit in bench.units] == [index.to_bytes(4, "big") for index in range(5)]
    assert all(unit.keyframe and unit.clock_rate == 48_000 for unit in bench.units)


def test_an_h264_picture_comes_out_in_annex_b_form() -> None:
    bench = Bench()
    picture = b"".join(b"\x00\x00\x00\x01" + unit for unit in (SPS, IDR))
    payloads = packetize("h264", picture)

    bench.take(RtpPacket(98, payload is payloads[-1], index, 0, SSRC, payload) for index, payload in enumerate(payloads))

    assert [(unit.data, unit.codec, unit.keyframe) for unit in bench.units] == [(picture, "h264", True)]


def test_sequence_numbers_and_timestamps_wrap() -> None:
    bench, stream = Bench(), Stream(sequence_number=65530, timestamp=2**32 - 9000)
    frames = stream.frames(20, size=2)
    packets = flat(frames)
    packets[7], packets[8] = packets[8], packets[7]

    bench.take(packets)

    assert bench.numbers == list(range(20))
    assert [unit.timestamp for unit in bench.units] == [2**32 - 9000 + 3000 * number for number in range(20)]


# Loss and repair


def test_a_lost_packet_is_asked_for_at_once() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(4))

    bench.take([packets[0], packets[3]])

    assert bench.requests == [Nack(SSRC, (packets[1].sequence_number, packets[2].sequence_number))]
    assert bench.numbers == [0]


def test_a_lost_nack_is_repeated() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(3))
    bench.take([packets[0], packets[2]])

    bench.receiver.tick(T0 + 0.05)
    assert bench.nacked == [1001]
    bench.receiver.tick(T0 + 0.07)
    assert bench.nacked == [1001, 1001]
    bench.take([rtx(packets[1])], T0 + 0.1)

    assert bench.numbers == [0, 1, 2]
    bench.ticks(T0 + 0.1, T0 + 2)
    assert bench.nacked == [1001, 1001]


def test_a_long_round_trip_makes_for_patient_repetition() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(3))
    bench.receiver.rtt = 0.2

    bench.take([packets[0], packets[2]])
    bench.ticks(T0, T0 + 0.95)

    assert len(bench.nacked) == 1 + 3


def test_a_retransmission_teaches_the_round_trip() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(3))

    bench.take([packets[0], packets[2]])
    bench.take([rtx(packets[1])], T0 + 0.04)

    assert bench.receiver.rtt == pytest.approx(0.04)
    assert bench.receiver.rtx_ssrc == RTX_SSRC
    assert bench.receiver.stats.retransmitted_packets_received == 1


def test_a_retransmission_in_the_stream_itself_repairs_too() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(3))

    bench.take([packets[0], packets[2], packets[1]])

    assert bench.numbers == [0, 1, 2]


def test_a_packet_never_repaired_is_given_up_and_a_keyframe_asked_for() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(6))
    bench.take([*packets[:2], *packets[3:]])

    bench.ticks(T0, T0 + 0.95)
    assert bench.plis == 0
    bench.ticks(T0 + 0.95, T0 + 1.05)

    assert bench.plis == 1
    assert bench.numbers == [0, 1]
    assert bench.receiver.stats.packets_given_up == 1
    assert bench.receiver.stats.frames_dropped == 3
    bench.take([*stream.frame(), *stream.frame(key=True), *stream.frame()], T0 + 1.1)
    assert bench.numbers == [0, 1, 7, 8]


def test_a_keyframe_is_asked_for_until_one_comes() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(90))
    for index, packet in enumerate(packets[1:]):
        now = T0 + index / 30
        bench.take([packet], now)
        bench.receiver.tick(now)

    assert bench.units == []
    assert 9 <= bench.plis <= 11
    bench.take(stream.frame(key=True), T0 + 3)
    asked = bench.plis
    bench.ticks(T0 + 3, T0 + 6)
    assert bench.plis == asked
    assert bench.numbers == [90]


def test_nobody_is_pestered_for_keyframes_while_silent() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame())

    bench.ticks(T0, T0 + 10)

    assert 4 <= bench.plis <= 8


def test_the_lost_end_of_the_last_slide_is_asked_for() -> None:
    bench, stream = Bench(Slot.PRESENTATION), Stream()
    *packets, last = stream.frame(key=True, size=4)
    bench.take(packets)

    bench.receiver.tick(T0 + 0.05)
    assert bench.requests == []
    bench.receiver.tick(T0 + 0.12)

    assert last.sequence_number in bench.nacked
    bench.take([rtx(last)], T0 + 0.2)
    assert bench.numbers == [0]
    assert bench.receiver.stats.packets_given_up == 0


def test_the_tail_is_not_asked_for_without_end() -> None:
    bench, stream = Bench(Slot.PRESENTATION), Stream()
    bench.take(stream.frame(key=True, size=4)[:-1])

    bench.ticks(T0, T0 + 30)

    assert bench.receiver.stats.nack_count == 5


def test_a_lost_marker_is_repaired() -> None:
    bench, stream = Bench(), Stream()
    first, second = stream.frame(key=True, size=2), stream.frame(size=2)

    bench.take([first[0], *second])
    assert bench.units == []
    bench.take([rtx(first[1])])

    assert bench.numbers == [0, 1]


def test_a_marker_lost_for_good_costs_both_frames() -> None:
    bench, stream = Bench(), Stream()
    first, second, third = stream.frame(key=True, size=2), stream.frame(size=2), stream.frame(key=True)

    bench.take([first[0], *second, *third])
    bench.ticks(T0, T0 + 1.1)

    assert bench.numbers == [2]


def test_a_frame_without_its_beginning_is_not_handed_out() -> None:
    bench, stream = Bench(), Stream()
    first = stream.frame(key=True, size=3)

    bench.take([*first[1:], *stream.frame(key=True)])

    assert bench.numbers == [1]
    assert bench.plis == 1


def test_an_h264_keyframe_without_parameter_sets_does_not_begin_a_stream() -> None:
    bench = Bench()
    start = b"\x00\x00\x00\x01"
    pictures = [start + b"\x65\x88\x11", start + SPS + start + b"\x65\x88\x22", start + b"\x65\x88\x33"]

    for index, picture in enumerate(pictures):
        bench.take([RtpPacket(98, True, index, index * 3000, SSRC, packetize("h264", picture)[0])])

    assert [unit.data for unit in bench.units] == pictures[1:]


def test_parameter_sets_in_the_description_will_do() -> None:
    bench = Bench(codecs=[replace(H264, fmtp="packetization-mode=1;sprop-parameter-sets=Z0LAH9oBQBbsRAAAAwAEAAADAPA8YMqA,aM48gA==")])

    bench.take([RtpPacket(98, True, 1, 0, SSRC, b"\x65\x88\x11")])

    assert len(bench.units) == 1


@pytest.mark.parametrize("seed", range(3))
def test_ten_percent_loss_each_way_loses_no_frame(seed: int) -> None:
    draw = random.Random(seed)
    bench, stream = Bench(), Stream(sequence_number=65_000)
    arrivals: list[tuple[float, RtpPacket]] = []
    sent: dict[int, RtpPacket] = {}
    for index, frame in enumerate(stream.frames(300, size=4)):
        for packet in frame:
            sent[packet.sequence_number] = packet
            if index == 0 or draw.random() > 0.1:
                arrivals.append((T0 + index / 30 + (draw.uniform(0.05, 0.06) if index else 0), packet))
    answered, count = 0, 0

    now = T0
    while now < T0 + 12:
        now += 0.005
        for when, packet in sorted((item for item in arrivals if item[0] <= now), key=lambda item: item[0]):
            bench.take([packet], when)
        arrivals = [item for item in arrivals if item[0] > now]
        bench.receiver.tick(now)
        for request in bench.requests[answered:]:
            assert isinstance(request, Nack)
            if draw.random() > 0.1:  # or the request was lost
                count += 1
                copies = [rtx(sent[number], sequence_number=count) for number in request.sequence_numbers if number in sent]
                arrivals += [(now + 0.1, copy) for copy in copies if draw.random() > 0.1]
        answered = len(bench.requests)

    assert bench.numbers == list(range(300))
    assert bench.plis == 0
    assert 80 <= bench.receiver.stats.packets_lost <= 160


@pytest.mark.parametrize("seed", range(3))
def test_reordered_and_doubled_packets_make_the_same_frames(seed: int) -> None:
    draw = random.Random(seed)
    bench, stream = Bench(), Stream(sequence_number=65_300)
    first, *packets = flat(stream.frames(200, size=2))
    shuffled = sorted(((index + draw.uniform(0, 12), packet) for index, packet in enumerate(packets)), key=lambda item: item[0])

    bench.take([first])
    for _, packet in shuffled:
        bench.take([packet] * draw.choice([1, 1, 2]))

    assert bench.numbers == list(range(200))
    assert bench.receiver.stats.packets_discarded > 50


def test_a_lost_word_does_not_hold_up_the_rest() -> None:
    bench = Bench(Slot.AUDIO)
    packets = speech(10)
    bench.take([*packets[:3], *packets[4:]])
    assert len(bench.units) == 3

    bench.receiver.tick(T0 + 0.11)
    assert len(bench.units) == 3
    bench.receiver.tick(T0 + 0.13)

    assert [unit.timestamp // 960 for unit in bench.units] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert bench.receiver.stats.packets_given_up == 1
    assert bench.receiver.stats.packets_lost == 1
    assert bench.requests == []


def test_a_word_that_comes_late_is_still_heard_in_its_place() -> None:
    bench = Bench(Slot.AUDIO)
    packets = speech(6)

    bench.take([packets[0], packets[2], packets[3]])
    bench.take([packets[1]], T0 + 0.1)
    bench.take(packets[4:], T0 + 0.1)

    assert [unit.timestamp // 960 for unit in bench.units] == list(range(6))


def test_a_word_that_comes_after_it_was_given_up_is_dropped() -> None:
    bench = Bench(Slot.AUDIO)
    packets = speech(4)
    bench.take([packets[0], packets[2]])
    bench.receiver.tick(T0 + 0.2)

    bench.take([packets[1], packets[3]], T0 + 0.2)

    assert [unit.timestamp // 960 for unit in bench.units] == [0, 2, 3]
    assert bench.receiver.stats.packets_discarded == 1


def test_padding_counts_but_is_no_media() -> None:
    bench, stream = Bench(), Stream()
    frames = [*stream.frame(key=True), stream.packet(b""), stream.packet(b""), *stream.frame()]

    bench.take(frames)

    assert bench.numbers == [0, 1]
    assert bench.nacked == []


def test_a_payload_type_not_negotiated_is_ignored_without_leaving_a_hole() -> None:
    bench = Bench(Slot.AUDIO)
    packets = speech(4)
    packets[2].payload_type = 13

    bench.take(packets)

    assert [unit.timestamp // 960 for unit in bench.units] == [0, 1, 3]
    assert bench.receiver.stats.unknown_payload_types == 1


def test_a_stranger_with_an_unknown_payload_type_is_no_new_source() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame(key=True))

    bench.take([RtpPacket(13, False, 1, 1, OTHER_SSRC, b"noise"), *stream.frame()])

    assert bench.numbers == [0, 1]
    assert bench.receiver.ssrc == SSRC


def test_a_malformed_payload_spoils_its_frame_only() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame(key=True))

    bench.take([stream.packet(b"\x80", marker=True)])
    stream.timestamp += 3000
    bench.take([*stream.frame(), *stream.frame(key=True)])

    assert bench.numbers == [0, 2]
    assert bench.receiver.stats.malformed == 1
    assert bench.plis == 1


def test_a_jump_is_a_new_start_with_a_keyframe() -> None:
    bench, stream = Bench(), Stream()
    bench.take(flat(stream.frames(3)))

    stream.sequence_number += 5000
    bench.take(stream.frame(), T0 + 0.1)
    assert bench.requests == [Pli(SSRC)]
    bench.take([*stream.frame(key=True), *stream.frame()], T0 + 0.2)

    assert bench.numbers == [0, 1, 2, 4, 5]
    assert bench.receiver.stats.resyncs == 1
    assert {unit.epoch for unit in bench.units} == {0}


def test_a_sender_that_began_anew_under_its_old_name_is_a_new_epoch() -> None:
    bench, stream = Bench(), Stream(sequence_number=40_000, timestamp=90_000 * 5000)
    bench.take(flat(stream.frames(3)))

    again = Stream(sequence_number=17, timestamp=90_000)
    bench.take(flat(again.frames(3)), T0 + 1)

    assert bench.numbers == [0, 1, 2, 0, 1, 2]
    assert [unit.epoch for unit in bench.units] == [0, 0, 0, 1, 1, 1]
    assert bench.units[3].timestamp == 90_000


def test_a_hole_larger_than_any_memory_is_not_asked_for() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame(key=True))

    stream.sequence_number += 600
    bench.take(stream.frame())

    assert bench.requests == [Pli(SSRC)]


def test_storage_is_bounded() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame(key=True))
    stream.sequence_number += 1

    bench.take(flat(stream.frames(2500)))

    assert len(bench.receiver._buffer) <= 2048
    assert bench.receiver.stats.packets_given_up == 1
    assert bench.plis == 1


def test_a_frame_that_never_ends_is_dropped() -> None:
    bench, stream = Bench(), Stream()
    endless = packetize("vp8", vp8_data(0, key=True, size=1))[0]

    bench.take(stream.packet(endless) for _ in range(5000))

    assert bench.units == []
    assert bench.receiver.stats.frames_dropped >= 2


def test_a_clock_set_back_does_not_stop_the_picture() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(3))
    bench.take([packets[0], packets[2]])

    bench.receiver.tick(T0 - 3600)

    assert bench.receiver.stats.packets_given_up == 1
    bench.take([*stream.frame(key=True)], T0 - 3599)
    assert bench.numbers == [0, 3]


# Sources


def test_a_new_ssrc_is_a_new_epoch() -> None:
    bench = Bench()
    old, new = Stream(), Stream(ssrc=OTHER_SSRC, sequence_number=9, timestamp=5)
    bench.take(flat(old.frames(3)))

    bench.take(new.frame(key=True), T0 + 0.1)

    assert [(unit.epoch, unit.timestamp) for unit in bench.units[2:]] == [(0, 96_000), (1, 5)]
    assert bench.receiver.ssrc == OTHER_SSRC
    assert bench.receiver.stats.epochs == 2


def test_a_new_source_is_asked_for_a_keyframe_and_held_back_until_it_comes() -> None:
    bench = Bench()
    old, new = Stream(), Stream(ssrc=OTHER_SSRC)
    bench.take(flat(old.frames(3)))

    bench.take(new.frame(), T0 + 0.1)

    assert bench.requests == [Pli(OTHER_SSRC)]
    assert len(bench.units) == 3


def test_late_packets_of_the_old_source_are_ignored() -> None:
    bench = Bench()
    old, new = Stream(), Stream(ssrc=OTHER_SSRC)
    packets = flat(old.frames(3))

    bench.take([packets[0], packets[2], *new.frame(key=True), packets[1], rtx(packets[1]), *new.frame()])

    assert [unit.epoch for unit in bench.units] == [0, 1, 1]
    assert bench.receiver.ssrc == OTHER_SSRC


def test_an_old_source_may_come_back_when_the_new_one_fell_silent() -> None:
    bench = Bench()
    old, new = Stream(), Stream(ssrc=OTHER_SSRC)
    bench.take(flat(old.frames(2)))
    bench.take(flat(new.frames(2)), T0 + 0.1)

    bench.take(old.frame(key=True), T0 + 5)

    assert [unit.epoch for unit in bench.units] == [0, 0, 1, 1, 2]


def test_words_behind_a_hole_are_heard_before_the_new_source() -> None:
    bench = Bench(Slot.AUDIO)
    packets = speech(4)

    bench.take([packets[0], packets[2], packets[3], *speech(2, ssrc=OTHER_SSRC)])

    assert [(unit.epoch, unit.timestamp // 960) for unit in bench.units] == [(0, 0), (0, 2), (0, 3), (1, 0), (1, 1)]


def test_bye_pauses_the_slides() -> None:
    bench, stream = Bench(Slot.PRESENTATION), Stream()
    bench.take([*stream.frame(key=True), *stream.frame(size=3)[:1]])

    bench.receiver.bye(SSRC)
    bench.ticks(T0, T0 + 5)
    assert bench.requests == []
    stream.timestamp += 90_000 * 60
    bench.take([*stream.frame(key=True), *stream.frame()], T0 + 60)

    assert bench.numbers == [0, 2, 3]
    assert {unit.epoch for unit in bench.units} == {0}


def test_slides_that_come_back_after_a_bye_under_another_ssrc() -> None:
    bench, stream = Bench(Slot.PRESENTATION), Stream()
    bench.take(stream.frame(key=True))
    bench.receiver.bye(SSRC)

    bench.take(Stream(ssrc=OTHER_SSRC).frame(key=True), T0 + 60)

    assert [unit.epoch for unit in bench.units] == [0, 1]


def test_the_bye_of_somebody_else_changes_nothing() -> None:
    bench, stream = Bench(), Stream()
    packets = flat(stream.frames(3))
    bench.take([packets[0], packets[2]])

    bench.receiver.bye(OTHER_SSRC)
    bench.take([packets[1]])

    assert bench.numbers == [0, 1, 2]


def test_another_codec_begins_with_a_keyframe() -> None:
    bench, stream = Bench(), Stream()
    bench.take(flat(stream.frames(2)))
    start = b"\x00\x00\x00\x01"

    for data in (start + P_SLICE, start + SPS + start + b"\x65\x88\x11", start + P_SLICE):
        bench.take([RtpPacket(98, True, stream.sequence_number, stream.timestamp, SSRC, packetize("h264", data)[0])])
        stream.sequence_number += 1
        stream.timestamp += 3000

    assert [unit.codec for unit in bench.units] == ["vp8", "vp8", "h264", "h264"]
    assert bench.plis == 1


# The sender's clock


def test_sender_reports_date_the_frames() -> None:
    bench, stream = Bench(), Stream(timestamp=2**32 - 3000)
    bench.take(stream.frame(key=True))

    bench.receiver.sender_report(SSRC, 1000.0, 2**32 - 6000)
    bench.take([*stream.frame(), *stream.frame()])

    assert [unit.ntp for unit in bench.units] == [None, pytest.approx(1000 + 6000 / 90_000), pytest.approx(1000 + 9000 / 90_000)]


def test_a_report_may_come_before_its_stream_and_counts_for_that_one_only() -> None:
    bench = Bench()
    bench.receiver.sender_report(OTHER_SSRC, 1000.0, 90_000)

    bench.take(Stream().frame(key=True))
    bench.take(Stream(ssrc=OTHER_SSRC).frame(key=True))

    assert [unit.ntp for unit in bench.units] == [None, 1000.0]


# Loss and jitter for reports


def test_the_report_counts_what_the_network_lost() -> None:
    bench, stream = Bench(), Stream(sequence_number=65_500)
    packets = flat(stream.frames(100))
    bench.take(packet for index, packet in enumerate(packets) if index % 4 != 2)

    report = bench.receiver.report()

    assert report is not None
    assert (report.ssrc, report.packets_lost, report.fraction_lost) == (SSRC, 25, 64)
    assert report.highest_sequence == 65_500 + 99
    assert bench.receiver.report() is None
    bench.take(stream.frame())
    again = bench.receiver.report()
    assert again is not None
    assert (again.packets_lost, again.fraction_lost) == (25, 0)


def test_an_even_stream_has_no_jitter_and_an_uneven_one_has() -> None:
    even, uneven = Bench(), Bench()
    for index, (a, b) in enumerate(zip(flat(Stream().frames(300)), flat(Stream().frames(300)), strict=True)):
        even.take([a], T0 + index / 30)
        uneven.take([b], T0 + index / 30 + (0.01 if index % 2 else 0))

    assert even.receiver.stats.jitter < 1e-6
    assert uneven.receiver.stats.jitter == pytest.approx(0.01, rel=0.05)


def test_the_counters_survive_a_change_of_source() -> None:
    bench = Bench()
    packets = flat(Stream().frames(10))
    bench.take([*packets[:4], *packets[5:]])

    bench.take(flat(Stream(ssrc=OTHER_SSRC).frames(10)))

    stats = bench.receiver.stats
    assert (stats.packets_received, stats.packets_lost, stats.epochs) == (19, 1, 2)


# Users


def test_a_subscriber_that_raises_is_logged_once_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bench, stream = Bench(), Stream()
    bench.unsubscribe()
    seen: list[AccessUnit] = []
    bench.receiver.subscribe(lambda unit: unit.data[10_000_000])  # type: ignore[arg-type]
    bench.receiver.subscribe(seen.append)

    with caplog.at_level(logging.ERROR):
        bench.take(flat(stream.frames(5)))

    assert len(seen) == 5
    assert len(caplog.records) == 1
    assert bench.receiver.stats.subscriber_errors == 5


def test_who_unsubscribed_hears_nothing_more() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame(key=True))

    bench.unsubscribe()
    bench.unsubscribe()
    bench.take(stream.frame())

    assert bench.numbers == [0]


def test_subscribers_may_come_and_go_within_a_callback() -> None:
    bench, stream = Bench(), Stream()
    seen: list[AccessUnit] = []
    leave = bench.receiver.subscribe(lambda unit: (leave(), bench.receiver.subscribe(seen.append))[0])

    bench.take(flat(stream.frames(3)))

    assert len(seen) == 2


def test_closing_tells_the_subscribers_once() -> None:
    bench, told = Bench(), []
    bench.receiver.subscribe(bench.units.append, on_close=lambda: told.append("early"))

    bench.receiver.close()
    bench.receiver.close()
    bench.receiver.subscribe(bench.units.append, on_close=lambda: told.append("late"))

    assert told == ["early", "late"]


def test_a_user_may_ask_for_a_keyframe_without_losing_frames() -> None:
    bench, stream = Bench(), Stream()
    bench.take(stream.frame(key=True))

    bench.receiver.request_keyframe(T0 + 1)
    bench.receiver.request_keyframe(T0 + 1.1)
    assert bench.plis == 1
    bench.take(stream.frame(), T0 + 1.2)
    bench.receiver.tick(T0 + 1.4)
    assert bench.plis == 2
    bench.take(stream.frame(key=True), T0 + 1.5)
    bench.ticks(T0 + 1.5, T0 + 3)

    assert bench.plis == 2
    assert bench.numbers == [0, 1, 2]


def test_audio_has_no_keyframes_to_ask_for() -> None:
    bench = Bench(Slot.AUDIO)
    bench.take(speech(1))

    bench.receiver.request_keyframe(T0)

    assert bench.requests == []


# Junk

PACKETS = st.lists(
    st.tuples(
        st.sampled_from([96, 97, 98, 99, 111, 13]),
        st.booleans(),
        st.one_of(st.integers(0, 65535), st.integers(990, 1010), st.integers(65530, 65535)),
        st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 5)),
        st.sampled_from([SSRC, RTX_SSRC, OTHER_SSRC]),
        st.binary(max_size=12),
        st.sampled_from([0.0, 0.01, 0.1, 2.0, -5.0]),
    ),
    max_size=60,
)


@pytest.mark.parametrize("slot", [Slot.AUDIO, Slot.VIDEO])
@given(packets=PACKETS)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_nothing_breaks(slot: Slot, packets: list[tuple[int, bool, int, int, int, bytes, float]]) -> None:
    bench = Bench(slot)
    now = T0

    for payload_type, marker, sequence_number, timestamp, ssrc, payload, step in packets:
        now += step
        bench.receiver.receive(RtpPacket(payload_type, marker, sequence_number, timestamp, ssrc, payload), now)
        bench.receiver.tick(now)
    bench.receiver.bye(SSRC)
    bench.receiver.pause()

    assert bench.receiver.stats.frames_received == len(bench.units)
    assert all(unit.data for unit in bench.units)
    assert len(bench.receiver._buffer) <= 2048


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.0, 0.02, 0.3])), max_size=300))
@settings(max_examples=200, deadline=None)
def test_in_whatever_order_packets_come_frames_come_in_order_and_decodable(order: list[tuple[int, float]]) -> None:
    bench, stream = Bench(), Stream(sequence_number=65_400)
    packets = flat(stream.frame(key=index % 7 == 0, size=2) for index in range(201))
    now = T0

    for index, step in order:
        now += step
        bench.take([packets[index]], now)
        bench.receiver.tick(now)

    numbers = bench.numbers
    assert numbers == sorted(set(numbers))
    follows = {number for number in numbers if number % 7 == 0} | {number + 1 for number in numbers}
    assert set(numbers) <= follows
