"""The descriptions we write: offers, their followers, answers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pexrtc_py.engine.negotiation import MID, negotiate, slots
from pexrtc_py.engine.offers import LocalParameters, LocalSlot, build_answer, build_offer
from pexrtc_py.engine.sdp import Description, Fingerprint, SdpError, Section
from pexrtc_py.engine.types import Direction, Slot, SlotOptions

DATA = Path(__file__).parents[1] / "data"
HOST = "candidate:1 1 udp 2130706431 192.0.2.9 50000 typ host"


def sample(name: str) -> Description:
    return Description.parse((DATA / f"{name}.sdp").read_text())


def slot(ssrc: int, *codecs: str, direction: Direction = Direction.SENDRECV) -> LocalSlot:
    return LocalSlot(options=SlotOptions(direction=direction, codecs=codecs), ssrc=ssrc, rtx_ssrc=None if codecs == ("opus",) else ssrc + 1)


US = LocalParameters(
    ufrag="ours",
    pwd="ours-and-nobody-elses-at-all",
    fingerprints=(Fingerprint("sha-256", "AB:CD"),),
    slots={Slot.AUDIO: slot(10, "opus"), Slot.VIDEO: slot(20, "vp8", "h264"), Slot.PRESENTATION: slot(30, "vp8", "h264")},
    session_id=4711,
    cname="us",
)


def with_only(*wanted: Slot) -> LocalParameters:
    return replace(US, slots={slot: US.slots[slot] for slot in wanted})


def names(section: Section) -> dict[int, str]:
    return {item.payload_type: item.name for item in section.formats.values()}


def test_our_offer_has_audio_video_and_slides_with_their_marks() -> None:
    offer = build_offer(US)

    assert [(section.kind, section.mid, section.content) for section in offer.sections] == [
        ("audio", "0", None),
        ("video", "1", "main"),
        ("video", "2", "slides"),
    ]
    assert offer.bundle == ("0", "1", "2")
    assert {section.setup for section in offer.sections} == {"actpass"}
    assert all(section.has("rtcp-mux") and section.has("rtcp-rsize") for section in offer.sections)
    assert all(section.value("ice-options") == "trickle" for section in offer.sections)


def test_no_payload_type_of_our_offer_is_used_twice() -> None:
    used = [number for section in build_offer(US).sections for number in section.payload_types]

    assert len(used) == len(set(used)) == 9


def test_our_codecs_with_their_parameters_and_feedback() -> None:
    audio, video, _ = build_offer(US).sections

    opus, vp8, h264 = audio.formats[111], video.formats[96], video.formats[98]

    assert (opus.clock_rate, opus.channels, opus.fmtp) == (48000, 2, "minptime=10;useinbandfec=1")
    assert h264.parameters == {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42e01f"}
    assert set(vp8.feedback) == set(h264.feedback) == {"nack", "nack pli", "ccm fir", "goog-remb"}
    assert video.retransmissions == {96: 97, 98: 99}


def test_codecs_stand_in_the_order_wanted() -> None:
    offer = build_offer(replace(US, slots={Slot.VIDEO: slot(1, "h264", "vp8")}))

    assert [item.name for item in offer.sections[0].formats.values()] == ["h264", "rtx", "vp8", "rtx"]


def test_a_slot_without_codecs_named_offers_all_there_are() -> None:
    offer = build_offer(replace(US, slots={Slot.VIDEO: slot(1)}))

    assert [item.name for item in offer.sections[0].formats.values()] == ["vp8", "rtx", "h264", "rtx"]


def test_a_codec_we_do_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match="video slot cannot use the codec 'av1'; it has vp8, h264"):
        build_offer(replace(US, slots={Slot.VIDEO: slot(1, "av1")}))


def test_slides_ask_for_1080p_and_video_when_told() -> None:
    told = replace(US.slots[Slot.VIDEO], full_hd=True)

    _, plain, slides = build_offer(US).sections
    large = build_offer(replace(US, slots={Slot.VIDEO: told})).sections[0]

    assert "max-fs" not in plain.formats[96].parameters
    assert slides.formats[100].parameters["max-fs"] == large.formats[96].parameters["max-fs"] == "8160"


def test_bandwidth_stands_after_the_connection_of_video_sections() -> None:
    audio, video, slides = build_offer(replace(US, bandwidth=1280)).sections

    assert video.lines[1:4] == slides.lines[1:4] == ("c=IN IP4 0.0.0.0", "b=AS:1280", "b=TIAS:1280000")
    assert audio.bandwidth is None


def test_candidates_stand_in_the_first_section_only() -> None:
    offer = build_offer(replace(US, candidates=(HOST,), complete=True))

    assert [section.candidates for section in offer.sections] == [(HOST,), (), ()]
    assert [section.has("end-of-candidates") for section in offer.sections] == [True, False, False]
    assert offer.transport.candidates == (HOST,)
    assert not build_offer(replace(US, candidates=(HOST,))).transport.complete


def test_what_we_send_is_announced_and_nothing_else() -> None:
    offer = build_offer(replace(US, slots={**US.slots, Slot.PRESENTATION: slot(30, "vp8", direction=Direction.RECVONLY)}))

    assert [section.ssrcs for section in offer.sections] == [(10,), (20,), ()]
    assert offer.sections[1].rtx_ssrcs == {20: 21}
    assert [section.value("msid") for section in offer.sections] == ["pexrtc pexrtc-audio", "pexrtc pexrtc-video", None]


def test_an_answer_names_our_ssrcs_in_a_section_that_rests_too() -> None:
    """In a browser built on libwebrtc the track of an SSRC that disappears and comes back shows nothing any more."""
    offer = build_offer(replace(US, slots={**US.slots, Slot.PRESENTATION: slot(90, "vp8", direction=Direction.INACTIVE)}))

    resting = build_answer(offer, US).sections[2]

    assert (resting.direction, resting.ssrcs, resting.rtx_ssrcs, resting.value("msid")) == (Direction.INACTIVE, (30,), {30: 31}, None)


def test_a_following_offer_differs_in_version_and_direction_only() -> None:
    first = build_offer(US)

    second = build_offer(replace(US, slots={**US.slots, Slot.VIDEO: slot(20, "vp8", "h264", direction=Direction.RECVONLY)}), previous=first)

    assert second.version == first.version + 1
    assert second.sections[0] == first.sections[0]
    assert second.sections[2] == first.sections[2]
    assert second.sections[1].formats == first.sections[1].formats
    assert second.sections[1].direction is Direction.RECVONLY


def test_a_new_slot_is_appended_and_a_lost_one_rejected() -> None:
    first = build_offer(with_only(Slot.AUDIO, Slot.VIDEO))

    second = build_offer(with_only(Slot.AUDIO, Slot.PRESENTATION), previous=first)
    third = build_offer(US, previous=second)

    assert [(section.mid, section.rejected) for section in second.sections] == [("0", False), ("1", True), ("2", False)]
    assert second.bundle == ("0", "2")
    assert [(section.mid, section.rejected) for section in third.sections] == [("0", False), ("1", True), ("2", False), ("3", False)]
    assert {found: section.mid for found, section in slots(third).items()} == {Slot.AUDIO: "0", Slot.PRESENTATION: "2", Slot.VIDEO: "3"}


@pytest.mark.parametrize("name", ["chromium_offer", "pexrtc_offer", "jssdk_offer", "android_offer"])
def test_an_offer_after_an_answer_keeps_the_numbers_of_the_call(name: str) -> None:
    answer = build_answer(sample(name), US)

    offer = build_offer(US, previous=answer)

    for before, after in zip(answer.sections, offer.sections, strict=True):
        assert (after.mid, after.content or "main") == (before.mid, before.content or "main")
        assert names(after) == names(before)
        assert after.extensions == before.extensions
    assert {section.setup for section in offer.sections} == {"actpass"}


def test_new_numbers_avoid_those_in_use() -> None:
    text = (
        str(sample("chromium_offer"))
        .replace("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", "")
        .replace("a=extmap:2 ", "a=extmap:4 ")
    )
    answer = build_answer(Description.parse(text), replace(US, slots={Slot.VIDEO: slot(20, "h264")}))

    offer = build_offer(US, previous=answer)

    assert offer.sections[1].extensions[MID] == 14
    assert len(set(offer.sections[1].extensions.values())) == 2
    owners = [item.payload_type for section in offer.sections if not section.rejected for item in section.formats.values()]
    assert len(owners) == len(set(owners))


@pytest.mark.parametrize("name", ["chromium_offer", "pexrtc_offer", "jssdk_offer", "android_offer"])
def test_our_answer_keeps_count_order_mids_and_marks(name: str) -> None:
    offer = sample(name)

    answer = build_answer(offer, US)

    assert [(section.kind, section.mid, section.content) for section in answer.sections] == [
        (section.kind, section.mid, section.content) for section in offer.sections
    ]
    assert answer.bundle == offer.bundle
    assert {section.setup for section in answer.sections} == {"active"}
    assert "a=msid:-" not in str(answer)


def test_our_answer_uses_the_offers_numbers_in_our_order() -> None:
    video = build_answer(sample("jssdk_offer"), US).sections[1]

    assert video.payload_types == (96, 97, 106, 107)
    assert video.formats[106].parameters["profile-level-id"] == "42e01f"


def test_constrained_baseline_is_preferred_and_the_profile_kept() -> None:
    offer = sample("chromium_offer")
    without = Description.parse(str(offer).replace("a=rtpmap:106", "a=x-was-rtpmap:106"))

    assert [item.payload_type for item in build_answer(offer, US).sections[1].formats.values() if item.name == "h264"] == [106]
    assert build_answer(without, US).sections[1].formats[102].parameters["profile-level-id"] == "42001f"


def test_a_level_that_may_not_differ_is_kept() -> None:
    offer = Description.parse(str(sample("chromium_offer")).replace("level-asymmetry-allowed=1;", "").replace("42e01f", "42e00c"))

    assert build_answer(offer, US).sections[1].formats[106].parameters["profile-level-id"] == "42e00c"


def test_feedback_is_answered_as_far_as_offered() -> None:
    lines = [line for line in str(sample("chromium_offer")).splitlines() if not line.startswith("a=rtcp-fb") or line.endswith(":96 nack")]

    video = build_answer(Description.of([*lines, "a=rtcp-fb:* goog-remb"]), US).sections[1:]

    assert video[0].formats[96].feedback == ("nack",)
    assert video[1].formats[96].feedback == ("goog-remb", "nack")


def test_what_we_cannot_serve_is_rejected_in_its_place() -> None:
    application = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:3\r\na=sctp-port:5000\r\n"
    extra = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:4\r\na=rtpmap:96 VP8/90000\r\n"
    offer = Description.parse(str(sample("chromium_offer")).replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 3 4") + application + extra)

    answer = build_answer(offer, US)

    assert [section.rejected for section in answer.sections] == [False, False, False, True, True]
    assert [section.mid for section in answer.sections] == ["0", "1", "2", "3", "4"]
    assert answer.sections[3].lines[0] == "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
    assert answer.bundle == ("0", "1", "2")


def test_a_slot_we_do_not_have_is_rejected_and_candidates_move_on() -> None:
    local = replace(US, slots={Slot.VIDEO: US.slots[Slot.VIDEO]}, candidates=(HOST,), complete=True)

    answer = build_answer(sample("chromium_offer"), local)

    assert [section.rejected for section in answer.sections] == [True, False, True]
    assert [section.candidates for section in answer.sections] == [(), (HOST,), ()]
    assert answer.sections[2].content == "slides"


def test_a_rejected_section_of_the_offer_stays_rejected() -> None:
    offer = Description.parse(str(sample("chromium_offer")).replace("BUNDLE 0 1 2", "BUNDLE 0 1") + "m=video 0 UDP/TLS/RTP/SAVPF\r\n")

    answer = build_answer(offer, US)

    assert answer.sections[-1].rejected
    assert answer.sections[-1].mid is None
    assert answer.sections[2].rejected


def test_a_bundle_only_section_is_answered() -> None:
    text = str(sample("chromium_offer")).replace("m=video 9", "m=video 0")
    offer = Description.parse(re.sub("a=mid:([12])", "a=bundle-only\r\na=mid:\\1", text))

    assert set(negotiate(offer, build_answer(offer, US), offered=False)) == set(Slot)


@pytest.mark.parametrize(
    ("offered", "role", "answered"),
    [
        ("actpass", None, "active"),
        ("actpass", "passive", "passive"),
        ("actpass", "active", "active"),
        ("active", None, "passive"),
        ("passive", "passive", "active"),
        ("holdconn", None, "active"),
    ],
)
def test_our_dtls_role_in_an_answer(offered: str, role: str | None, answered: str) -> None:
    offer = Description.parse(str(sample("chromium_offer")).replace("a=setup:actpass", f"a=setup:{offered}"))

    assert build_answer(offer, replace(US, role=role)).transport.setup == answered


@pytest.mark.parametrize(
    ("missing", "said"),
    [("a=group:BUNDLE", "a=group:BUNDLE"), ("a=rtcp-mux", "a=rtcp-mux"), ("a=ice-ufrag", "ICE"), ("a=fingerprint", "fingerprint")],
)
def test_an_offer_we_cannot_carry_is_refused(missing: str, said: str) -> None:
    lines = [line for line in str(sample("chromium_offer")).splitlines() if not line.startswith(missing)]

    with pytest.raises(SdpError, match=said):
        build_answer(Description.of(lines), US)


def test_an_offer_without_a_codec_of_ours_is_refused() -> None:
    lines = [line for line in str(sample("chromium_offer")).splitlines() if not line.startswith("a=rtpmap")]

    with pytest.raises(SdpError, match="no section that we could take"):
        build_answer(Description.of(lines), US)


def test_the_version_of_our_answers_rises() -> None:
    offer = sample("chromium_offer")
    first = build_answer(offer, US)

    assert build_answer(offer, US, previous=first).version == first.version + 1
