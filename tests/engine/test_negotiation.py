"""Slots, and what an exchange of descriptions allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.engine.negotiation import dtls_role, negotiate, slots
from pexrtc_py.engine.offers import LocalParameters, LocalSlot, build_answer, build_offer
from pexrtc_py.engine.sdp import Description, Fingerprint, SdpError
from pexrtc_py.engine.types import Codec, Direction, Slot, SlotOptions

DATA = Path(__file__).parents[1] / "data"
OFFERS = ("chromium_offer", "pexrtc_offer", "jssdk_offer", "android_offer")


def read(name: str) -> str:
    return (DATA / f"{name}.sdp").read_text()


def sample(name: str) -> Description:
    return Description.parse(read(name))


def us(**directions: Direction) -> LocalParameters:
    """Our side with every slot, each sendrecv unless told otherwise."""
    wanted = {slot: directions.get(slot, Direction.SENDRECV) for slot in Slot}
    return LocalParameters(
        ufrag="ours",
        pwd="ours-and-nobody-elses-at-all",
        fingerprints=(Fingerprint("sha-256", "AB:CD"),),
        slots={
            slot: LocalSlot(options=SlotOptions(direction=direction), ssrc=number, rtx_ssrc=None if slot is Slot.AUDIO else number + 1)
            for number, (slot, direction) in zip((10, 20, 30), wanted.items(), strict=True)
        },
        session_id=1,
        cname="us",
    )


@pytest.mark.parametrize(
    ("name", "mids"),
    [("chromium_offer", "012"), ("pexrtc_offer", "012"), ("jssdk_offer", "012"), ("android_offer", "543"), ("node_answer", "012")],
)
def test_slots_are_told_by_kind_and_content(name: str, mids: str) -> None:
    found = slots(sample(name))

    assert "".join(found[slot].mid or "-" for slot in Slot) == mids


def test_a_call_may_have_slides_only() -> None:
    offer = build_offer(presentation_only())

    assert list(slots(offer)) == [Slot.PRESENTATION]
    assert list(negotiate(offer, build_answer(offer, us()), offered=True)) == [Slot.PRESENTATION]


def presentation_only() -> LocalParameters:
    everything = us()
    return replace(everything, slots={Slot.PRESENTATION: everything.slots[Slot.PRESENTATION]})


def test_content_we_do_not_know_is_no_slot() -> None:
    text = read("android_offer").replace("a=content:main", "a=content:alt")

    assert Slot.VIDEO not in slots(Description.parse(text))


def test_a_living_section_comes_before_a_rejected_one() -> None:
    text = "v=0\nm=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:a\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:b\n"

    assert slots(Description.parse(text))[Slot.AUDIO].mid == "b"


def test_the_answer_of_a_node() -> None:
    agreed = negotiate(build_offer(us()), sample("node_answer"), offered=True)

    audio, video, slides = (agreed[slot] for slot in Slot)
    assert video.codecs == (Codec("vp8", 96, 90000, rtx_payload_type=97),)
    assert audio.codecs == (Codec("opus", 111, 48000, 2, "useinbandfec=1;stereo=0"),)
    assert (audio.direction, video.direction, slides.direction) == (Direction.SENDRECV, Direction.SENDRECV, Direction.SENDONLY)
    assert (video.bandwidth, audio.bandwidth) == (1984000, 2464000)
    assert (video.ssrcs, video.rtx_ssrcs, slides.ssrcs) == ((3735928560,), {3735928560: 3735928561}, ())
    assert video.feedback == {"nack", "nack pli", "goog-remb"}
    assert (video.mid_extension, video.abs_send_time_extension, audio.audio_level_extension) == (None, None, None)


def test_a_slot_the_node_refuses_is_absent() -> None:
    agreed = negotiate(build_offer(us()), sample("node_answer_without_slides"), offered=True)

    assert list(agreed) == [Slot.AUDIO, Slot.VIDEO]


def test_a_refusal_with_attributes_is_a_refusal_all_the_same() -> None:
    answer = read("node_answer").replace("m=video 40120 UDP/TLS/RTP/SAVPF 100", "m=video 0 UDP/TLS/RTP/SAVPF 100")

    assert Slot.PRESENTATION not in negotiate(build_offer(us()), Description.parse(answer), offered=True)


def test_an_answer_may_have_fewer_sections() -> None:
    answer = Description.of([line for section in (sample("node_answer"),) for line in (*section.session.lines, *section.sections[0].lines)])

    assert list(negotiate(build_offer(us()), answer, offered=True)) == [Slot.AUDIO]


def test_an_answer_may_leave_out_mids_and_content() -> None:
    lines = [line for line in read("node_answer").splitlines() if not line.startswith(("a=mid", "a=content"))]

    agreed = negotiate(build_offer(us()), Description.of(lines), offered=True)

    assert [found.mid for found in agreed.values()] == ["0", "1", "2"]


def test_an_answer_on_several_transports_is_refused() -> None:
    answer = Description.parse(read("node_answer").replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0"))

    with pytest.raises(SdpError, match="1, 2 outside of a=group:BUNDLE"):
        negotiate(build_offer(us()), answer, offered=True)


def test_an_answer_that_takes_nothing_is_refused() -> None:
    answer = Description.parse(read("node_answer").replace(" 40120 UDP", " 0 UDP"))

    with pytest.raises(SdpError, match="no usable section in common"):
        negotiate(build_offer(us()), answer, offered=True)


@pytest.mark.parametrize("name", OFFERS)
def test_our_answer_to_each_client_agrees_on_both_sides(name: str) -> None:
    offer = sample(name)
    answer = build_answer(offer, us())

    here, there = negotiate(offer, answer, offered=False), negotiate(offer, answer, offered=True)

    assert set(here) == set(there) == set(Slot)
    for slot in Slot:
        assert here[slot].direction == there[slot].direction.reversed()
        assert [(item.name, item.payload_type, item.rtx_payload_type) for item in here[slot].codecs] == [
            (item.name, item.payload_type, item.rtx_payload_type) for item in there[slot].codecs
        ]
        assert here[slot].mid_extension == 4
        assert here[slot].abs_send_time_extension == 2
    assert here[Slot.AUDIO].audio_level_extension == 1
    assert here[Slot.VIDEO].feedback == {"nack", "nack pli", "ccm fir", "goog-remb"}
    assert [item.name for item in here[Slot.VIDEO].codecs] == ["vp8", "h264"]


def test_slides_that_are_inactive_stay_agreed_and_inactive() -> None:
    offer = sample("jssdk_offer")

    agreed = negotiate(offer, build_answer(offer, us()), offered=False)

    assert agreed[Slot.PRESENTATION].direction is Direction.INACTIVE
    assert agreed[Slot.PRESENTATION].codecs


@pytest.mark.parametrize("ours", list(Direction))
@pytest.mark.parametrize("theirs", list(Direction))
def test_directions_are_what_both_sides_want(ours: Direction, theirs: Direction) -> None:
    offer = build_offer(us(video=theirs))
    answer = build_answer(offer, us(video=ours))

    agreed = negotiate(offer, answer, offered=False)[Slot.VIDEO].direction

    assert agreed.sends == (ours.sends and theirs.receives)
    assert agreed.receives == (ours.receives and theirs.sends)


@pytest.mark.parametrize(
    ("parameters", "usable"),
    [
        ("packetization-mode=1;profile-level-id=42e01f", True),
        ("packetization-mode=1;profile-level-id=42001f", True),
        ("packetization-mode=1;profile-level-id=42E034", True),
        ("packetization-mode=1", True),
        ("packetization-mode=0;profile-level-id=42e01f", False),
        ("profile-level-id=42e01f", False),
        ("packetization-mode=1;profile-level-id=64001f", False),
        ("packetization-mode=1;profile-level-id=4d001f", False),
    ],
)
def test_h264_is_baseline_in_packetization_mode_1(parameters: str, usable: bool) -> None:
    offer = Description.of(
        line.replace("a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", f"a=fmtp:106 {parameters}")
        for line in read("chromium_offer").splitlines()
        if not line.startswith(("a=rtpmap:102", "a=rtpmap:112"))
    )

    agreed = negotiate(offer, build_answer(offer, us()), offered=False)

    assert any(item.name == "h264" for item in agreed[Slot.VIDEO].codecs) is usable


def test_a_codec_under_a_number_we_did_not_offer_is_not_used() -> None:
    answer = read("node_answer").replace("96", "45").replace("97", "46")

    assert Slot.VIDEO not in negotiate(build_offer(us()), Description.parse(answer), offered=True)


def test_rtx_is_used_only_if_both_sides_name_it_alike() -> None:
    answer = Description.parse(read("node_answer").replace("a=fmtp:97 apt=96\n", ""))

    agreed = negotiate(build_offer(us()), answer, offered=True)

    assert agreed[Slot.VIDEO].codecs[0].rtx_payload_type is None


@pytest.mark.parametrize(
    ("setup", "offered", "role"),
    [
        ("active", True, "passive"),
        ("passive", True, "active"),
        ("active", False, "active"),
        ("passive", False, "passive"),
        ("holdconn", True, "passive"),
    ],
)
def test_the_dtls_role_follows_from_the_answer(setup: str, offered: bool, role: str) -> None:
    answer = Description.parse(read("node_answer").replace("a=setup:active", f"a=setup:{setup}"))

    assert dtls_role(answer, offered=offered) == role


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(OFFERS), st.data())
def test_a_damaged_offer_is_answered_or_refused(name: str, data: st.DataObject) -> None:
    lines = read(name).splitlines()
    for at in data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=12)):
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        lines[at] = data.draw(st.sampled_from(["", line[:cut], line[cut:], f"{line[:cut]}0{line[cut:]}", lines[at - 1]]))
    text = "\n".join(lines)

    try:
        offer = Description.parse(text)
        agreed = negotiate(offer, build_answer(offer, us()), offered=False)
    except SdpError:
        return

    assert all(found.codecs for found in agreed.values())


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 80)))
def test_any_lines_missing_from_an_answer_are_survived(missing: set[int]) -> None:
    lines = [line for index, line in enumerate(read("node_answer").splitlines(), -7) if index not in missing]

    try:
        agreed = negotiate(build_offer(us()), Description.of(lines), offered=True)
    except SdpError:
        return

    assert agreed
