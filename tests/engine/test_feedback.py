"""RTCP: what goes out when, and what incoming packets do to receivers and senders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
    unpack_remb_fci,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.feedback import Feedback, ReportingSender
from pexrtc_py.engine.payloads import packetize
from pexrtc_py.engine.receiver import EncodedReceiver, FeedbackRequest, Nack, Pli
from pexrtc_py.engine.rtp import RtpPacket, parse
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.types import Codec, Slot

T0 = 1_700_000_000.0
NTP_T0 = (1_700_000_000 + 2_208_988_800) << 32
VP8 = Codec("vp8", 96, 90_000, rtx_payload_type=97)
KEYFRAME = b"\x10" + bytes(20)


@dataclass
class Sender:
    """Remembers what it was told."""

    ssrc: int
    info: tuple[int, int, int, int] | None = None
    lost: list[int] = field(default_factory=list)
    keyframes: int = 0
    limits: list[int] = field(default_factory=list)

    def sender_info(self, now: float) -> tuple[int, int, int, int] | None:
        return None if self.info is None else (NTP_T0 + round((now - T0) * 2**32), *self.info[1:])

    def nack(self, sequence_numbers: Sequence[int]) -> None:
        self.lost += sequence_numbers

    def keyframe_requested(self) -> None:
        self.keyframes += 1

    def remb(self, bps: int) -> None:
        self.limits.append(bps)


class Bench:
    def __init__(self, *senders: Sender, slots: Sequence[Slot] = (Slot.VIDEO, Slot.PRESENTATION)) -> None:
        self.requests: list[FeedbackRequest] = []
        self.receivers = [EncodedReceiver(slot=slot, request=self.requests.extend) for slot in slots]
        for receiver in self.receivers:
            receiver.configure([VP8])
        self.feedback = Feedback(receivers=self.receivers, senders=senders, cname="somebody", draw=lambda: 0.5)

    def receive(self, ssrc: int, *, index: int = 0, number: int = 100, now: float = T0) -> None:
        self.receivers[index].receive(RtpPacket(96, True, number, 3000 * number, ssrc, packetize("vp8", KEYFRAME)[0]), now)

    def report(self, now: float = T0) -> list[AnyRtcpPacket]:
        return [packet for data in self.feedback.outgoing(now) for packet in RtcpPacket.parse(data)]

    def incoming(self, *packets: AnyRtcpPacket, now: float = T0) -> None:
        self.feedback.incoming(b"".join(bytes(packet) for packet in packets), now)


def sender_report(ssrc: int, *, ntp: int = NTP_T0, rtp: int = 0, count: int = 1) -> RtcpSrPacket:
    return RtcpSrPacket(ssrc=ssrc, sender_info=RtcpSenderInfo(ntp, rtp, count, 100))


def block(ssrc: int, *, lsr: int = 0, dlsr: int = 0, fraction_lost: int = 64) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(ssrc=ssrc, fraction_lost=fraction_lost, packets_lost=5, highest_sequence=9, jitter=90, lsr=lsr, dlsr=dlsr)


# Out


def test_with_nothing_to_say_an_empty_report_shows_life() -> None:
    report, description = Bench(Sender(1)).report()

    assert report == RtcpRrPacket(ssrc=1)
    assert description == RtcpSdesPacket(chunks=[RtcpSourceInfo(1, [(1, b"somebody")])])


def test_reports_go_about_once_a_second() -> None:
    bench = Bench(Sender(1))

    times = [index * 0.04 for index in range(250) if bench.feedback.outgoing(T0 + index * 0.04)]

    assert len(times) == 10
    assert times[0] == 0


def test_the_intervals_are_drawn_between_a_half_and_one_and_a_half() -> None:
    draws = iter([0.0, 1.0, 1.0])
    feedback = Feedback(receivers=[], senders=[], cname="x", draw=lambda: next(draws))

    times = [now for now in (0.0, 0.25, 0.5, 0.75, 1.0, 1.75, 2.0, 2.25) if feedback.outgoing(now)]

    assert times == [0.0, 0.5, 2.0]


def test_a_clock_set_back_does_not_silence_the_reports() -> None:
    bench = Bench(Sender(1))
    assert bench.feedback.outgoing(T0)

    assert bench.feedback.outgoing(T0 - 3600)


def test_a_sender_report_goes_out_with_the_very_first_packets() -> None:
    camera, slides = Sender(1), Sender(2)
    bench = Bench(camera, slides)
    assert bench.report(T0)

    camera.info = (0, 4711, 3, 3000)
    first = bench.report(T0 + 0.01)
    slides.info = (0, 5, 1, 10)
    bench.feedback.sender_started(slides, T0 + 0.02)
    second = bench.report(T0 + 0.02)

    assert isinstance(first[0], RtcpSrPacket)
    assert first[0].sender_info == RtcpSenderInfo(NTP_T0 + round((T0 + 0.01 - T0) * 2**32), 4711, 3, 3000)
    assert [type(packet) for packet in second] == [RtcpSrPacket, RtcpSrPacket, RtcpSdesPacket, RtcpSdesPacket]
    assert bench.report(T0 + 0.05) == []


def test_receivers_are_reported_with_the_time_since_their_senders_report() -> None:
    bench = Bench(Sender(1))
    bench.receive(77, number=65_535)
    bench.receive(77, number=1)
    bench.incoming(sender_report(77))

    reports = bench.report(T0 + 0.25)

    assert isinstance(reports[0], RtcpRrPacket)
    found = reports[0].reports[0]
    assert (found.ssrc, found.fraction_lost, found.packets_lost, found.highest_sequence) == (77, 85, 1, 65_537)
    assert (found.lsr, found.dlsr) == (NTP_T0 >> 16 & 0xFFFFFFFF, 65_536 // 4)


def test_a_silent_receiver_is_not_reported() -> None:
    bench = Bench(Sender(1))
    bench.receive(77)
    bench.report(T0)

    report = bench.report(T0 + 2)[0]

    assert report == RtcpRrPacket(ssrc=1)


def test_one_limit_for_all_video() -> None:
    bench = Bench(Sender(1))
    bench.feedback.remb, bench.feedback.max_bitrate = True, 4_000_000
    bench.receive(77, index=0)
    bench.receive(78, index=1)

    limits = [packet for packet in bench.report() if isinstance(packet, RtcpPsfbPacket)]

    assert len(limits) == 1
    assert unpack_remb_fci(limits[0].fci) == (4_000_000, [77, 78])


def test_no_limit_unless_negotiated_nor_for_audio() -> None:
    bench, audio = Bench(Sender(1)), Bench(Sender(1), slots=[Slot.AUDIO])
    audio.feedback.remb = True
    bench.receive(77)
    audio.receive(77)

    assert not any(isinstance(packet, RtcpPsfbPacket) for packet in bench.report() + audio.report())


def test_requests_travel_alone_when_that_is_allowed() -> None:
    bench = Bench(Sender(1))

    packets = RtcpPacket.parse(bench.feedback.urgent([Nack(77, (65_535, 0, 1)), Pli(77)]))

    nack, pli = packets
    assert isinstance(nack, RtcpRtpfbPacket)
    assert (nack.media_ssrc, set(nack.lost)) == (77, {65_535, 0, 1})
    assert pli == RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=77)


def test_requests_follow_a_report_when_they_must() -> None:
    bench = Bench(Sender(1))
    bench.feedback.reduced_size = False

    packets = RtcpPacket.parse(bench.feedback.urgent([Pli(77)]))

    assert [type(packet) for packet in packets] == [RtcpRrPacket, RtcpSdesPacket, RtcpPsfbPacket]


def test_goodbye_names_the_streams_that_ran() -> None:
    running = Sender(2, info=(0, 1, 1, 1))
    bench = Bench(Sender(1), running)
    bench.report()

    packets = RtcpPacket.parse(bench.feedback.goodbye())

    assert packets == [RtcpRrPacket(ssrc=1), RtcpByePacket(sources=[2])]


@given(st.sets(st.integers(0, 65_535), min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_set_of_lost_packets_can_be_asked_for(lost: set[int]) -> None:
    sender = Sender(77)
    data = Bench(Sender(1)).feedback.urgent([Nack(77, tuple(lost))])

    Bench(sender).feedback.incoming(data, T0)

    assert set(sender.lost) == lost


# In


def test_a_sender_report_dates_the_units() -> None:
    bench = Bench()
    units: list[AccessUnit] = []
    bench.receivers[1].subscribe(units.append)

    bench.incoming(sender_report(77, ntp=NTP_T0 + 2**31, rtp=300_000))
    bench.receive(77, index=1, number=101)

    assert units[0].ntp == pytest.approx(T0 + 0.5 + 3000 / 90_000)


@pytest.mark.parametrize("report", [sender_report(77, ntp=0), sender_report(77, count=0)])
def test_sr_with_zero_ntp_or_no_packets_is_ignored(report: RtcpSrPacket) -> None:
    bench = Bench()
    units: list[AccessUnit] = []
    bench.receivers[0].subscribe(units.append)

    bench.incoming(report)
    bench.receive(77)

    assert units[0].ntp is None


def test_bye_pauses_its_receiver_only() -> None:
    bench = Bench()
    for index, ssrc in enumerate((77, 78)):
        bench.receive(ssrc, index=index)
        bench.receive(ssrc, index=index, number=102)
    bench.requests.clear()

    bench.incoming(RtcpByePacket(sources=[78]))
    for receiver in bench.receivers:
        receiver.tick(T0 + 0.1)

    assert bench.requests == [Nack(77, (101,))]


def test_requests_reach_the_sender_they_name() -> None:
    camera, slides = Sender(1), Sender(2)
    bench = Bench(camera, slides)

    bench.incoming(
        RtcpRtpfbPacket(fmt=1, ssrc=9, media_ssrc=1, lost=[5, 6, 30]),
        RtcpPsfbPacket(fmt=1, ssrc=9, media_ssrc=1),
        RtcpPsfbPacket(fmt=4, ssrc=9, media_ssrc=0, fci=b"\x00\x00\x00\x02\x07\x00\x00\x00" + b"\x00\x00\x00\x63\x07\x00\x00\x00"),
        RtcpPsfbPacket(fmt=1, ssrc=9, media_ssrc=99),
    )

    assert (camera.lost, camera.keyframes) == ([5, 6, 30], 1)
    assert (slides.lost, slides.keyframes) == ([], 1)


def test_a_limit_is_shared_by_the_senders_it_names() -> None:
    camera, slides, voice = Sender(1), Sender(2), Sender(3)
    bench = Bench(camera, slides, voice)

    bench.incoming(RtcpPsfbPacket(fmt=15, ssrc=9, media_ssrc=0, fci=pack_remb_fci(3_000_000, [1])))
    bench.incoming(RtcpPsfbPacket(fmt=15, ssrc=9, media_ssrc=0, fci=pack_remb_fci(1_000_000, [1, 2])))

    assert (camera.limits, slides.limits, voice.limits) == ([3_000_000, 500_000], [500_000], [])


def test_the_round_trip_follows_from_our_own_report() -> None:
    sender = Sender(1, info=(0, 1, 1, 1))
    bench = Bench(sender)
    sent = bench.report(T0)[0]
    assert isinstance(sent, RtcpSrPacket)
    lsr = sent.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF

    bench.incoming(RtcpRrPacket(ssrc=9, reports=[block(1, lsr=lsr, dlsr=65536 // 10), block(99)]), now=T0 + 0.15)

    report = bench.feedback.remote_reports[1]
    assert report.rtt == pytest.approx(0.05, abs=1e-4)
    assert (report.fraction_lost, report.packets_lost, report.jitter, report.at) == (0.25, 5, 90, T0 + 0.15)
    assert bench.receivers[0].rtt == report.rtt
    assert list(bench.feedback.remote_reports) == [1]


def test_blocks_within_a_sender_report_count_too_and_without_our_report_there_is_no_round_trip() -> None:
    bench = Bench(Sender(1))
    packet = sender_report(77)
    packet.reports = [block(1, lsr=12345)]

    bench.incoming(packet)

    assert bench.feedback.remote_reports[1].rtt is None


def test_profile_specific_extensions_are_no_reason_to_refuse_a_report() -> None:
    bench = Bench(Sender(1))
    plain = bytes(RtcpRrPacket(ssrc=9, reports=[block(1)]))
    extended = plain[:2] + (len(plain) // 4).to_bytes(2, "big") + plain[4:] + b"more"

    bench.feedback.incoming(extended, T0)

    assert bench.feedback.remote_reports[1].packets_lost == 5
    assert bench.feedback.malformed == 0


def test_a_bad_part_does_not_spoil_the_others() -> None:
    sender = Sender(1)
    bench = Bench(sender)
    odd_description = b"\x82\xca\x00\x04" + b"\x00\x00\x00\x07\x01\x01a\x00" + b"\x00\x00\x00\x08\x01\x01b\x00"
    bad_report = b"\x81\xc9\x00\x01\x00\x00\x00\x09"

    bench.feedback.incoming(odd_description + bad_report + bytes(RtcpPsfbPacket(fmt=1, ssrc=9, media_ssrc=1)) + b"\x80\xc9", T0)

    assert sender.keyframes == 1
    assert bench.feedback.malformed == 2


def test_transport_wide_feedback_is_not_taken_for_lost_packets() -> None:
    sender = Sender(1)

    Bench(sender).incoming(RtcpRtpfbPacket(fmt=15, ssrc=9, media_ssrc=1, lost=[1, 2, 3]))

    assert sender.lost == []


RTCP_LIKE = st.builds(
    lambda head, kind, body: bytes([0x80 | head, kind]) + (len(body) // 4).to_bytes(2, "big") + body[: len(body) // 4 * 4],
    st.integers(0, 63),
    st.integers(199, 208),
    st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda tail: bytes(8) + b"REMB" + tail)),
)


@given(st.lists(st.one_of(RTCP_LIKE, st.binary(max_size=30)), max_size=6))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_nothing_breaks(parts: list[bytes]) -> None:
    bench = Bench(Sender(0), Sender(1))

    bench.feedback.incoming(b"".join(parts), T0)

    assert bench.report(T0)


# Both ends


def test_a_real_sender_and_a_receiver_repair_a_loss_through_feedback() -> None:
    wire: list[bytes] = []
    sender: ReportingSender = RtpSender(slot=Slot.VIDEO, transmit=wire.append, now=lambda: T0)
    assert isinstance(sender, RtpSender)
    sender.configure([VP8], mid="1", mid_extension_id=1, abs_send_time_id=None)
    sender.ready = True
    there = Feedback(receivers=[], senders=[sender], cname="there")
    units: list[AccessUnit] = []
    receiver = EncodedReceiver(slot=Slot.VIDEO, request=lambda requests: there.incoming(here.urgent(requests), T0))
    here = Feedback(receivers=[receiver], senders=[], cname="here")
    receiver.configure([VP8])
    receiver.subscribe(units.append)
    for index in range(3):
        sender.send(AccessUnit(KEYFRAME + bytes([index]), "vp8", index, 90_000), captured=T0 + index / 30)
    for data in there.outgoing(T0):
        here.incoming(data, T0)

    lost = wire.pop(1)
    while wire:
        receiver.receive(parse(wire.pop(0)), T0)

    assert [unit.data[-1] for unit in units] == [0, 1, 2]
    assert [unit.ntp for unit in units] == [pytest.approx(T0 + index / 30, abs=1e-3) for index in range(3)]
    assert parse(lost).extensions == {1: b"1"}
