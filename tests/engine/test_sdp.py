"""Descriptions: what is read from them, and that nothing of them is lost."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.engine.sdp import Description, Fingerprint, SdpError, Section
from pexrtc_py.engine.types import Direction

DATA = Path(__file__).parents[1] / "data"
SAMPLES = [path.read_text() for path in sorted(DATA.glob("*.sdp"))]
HEAD = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"


def sample(name: str) -> Description:
    return Description.parse((DATA / f"{name}.sdp").read_text())


def section_of(*lines: str, session: str = "") -> Section:
    return Description.parse(HEAD + session + "\n".join(["m=video 9 UDP/TLS/RTP/SAVPF 96 97", *lines])).sections[0]


@pytest.mark.parametrize("text", SAMPLES)
def test_what_is_parsed_is_printed_line_by_line(text: str) -> None:
    printed = str(Description.parse(text))

    assert printed == text.replace("\n", "\r\n")


def test_unknown_lines_stay_where_they_were() -> None:
    text = HEAD + "a=unheard:of\r\nm=video 9 X 96\r\ni=a title\r\na=imageattr:* send [x=1]\r\nk=prompt\r\na=label:12\r\n"

    assert str(Description.parse(text)) == text


def test_line_ends_may_be_bare_and_missing_at_the_end() -> None:
    assert str(Description.parse("v=0\ns=-\r\n\nt=0 0")) == "v=0\r\ns=-\r\nt=0 0\r\n"


def test_the_sections_of_a_browser_offer() -> None:
    offer = sample("chromium_offer")

    audio, video, slides = offer.sections

    assert [section.kind for section in offer.sections] == ["audio", "video", "video"]
    assert [section.mid for section in offer.sections] == ["0", "1", "2"] == list(offer.bundle)
    assert [section.content for section in offer.sections] == [None, None, "slides"]
    assert [section.direction for section in offer.sections] == [Direction.SENDRECV, Direction.SENDRECV, Direction.RECVONLY]
    assert (audio.port, audio.protocol, audio.rejected) == (9, "UDP/TLS/RTP/SAVPF", False)
    assert video.payload_types[:4] == (96, 97, 102, 103)
    assert (video.ssrcs, video.rtx_ssrcs, slides.ssrcs) == ((2949135801,), {2949135801: 1046215379}, ())
    assert offer.section("2") is slides
    assert offer.version == 2


def test_a_format_has_its_map_parameters_and_feedback() -> None:
    video = sample("chromium_offer").sections[1]

    chosen = video.formats[106]

    assert (chosen.name, chosen.clock_rate, chosen.channels) == ("h264", 90000, None)
    assert chosen.parameters["profile-level-id"] == "42e01f"
    assert chosen.fmtp == "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    assert chosen.feedback == ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
    assert video.retransmissions[106] == 107


def test_header_extensions_are_told_by_their_uri() -> None:
    audio = sample("chromium_offer").sections[0]

    assert audio.extensions["urn:ietf:params:rtp-hdrext:sdes:mid"] == 4
    assert section_of("a=extmap:6/sendonly urn:x some=thing", "a=extmap:15 urn:two-byte").extensions == {"urn:x": 6}


def test_payload_types_without_rtpmap_are_listed_but_have_no_format() -> None:
    video = sample("pexrtc_offer").sections[1]

    assert 102 in video.payload_types
    assert 102 not in video.formats


def test_two_fmtp_lines_are_merged() -> None:
    vp9 = sample("pexrtc_offer").sections[1].formats[98]

    assert vp9.parameters == {"max-fs": "8160", "max-fr": "30", "profile-id": "0"}


def test_an_fmtp_line_for_an_unlisted_payload_type_is_passed_over() -> None:
    assert list(section_of("a=rtpmap:96 VP8/90000", "a=fmtp:104 x=1", "a=rtpmap:104 VP9/90000").formats) == [96]


def test_wildcard_feedback_counts_for_every_format() -> None:
    video = sample("node_answer").sections[1]

    assert video.formats[96].feedback == ("nack pli", "nack", "goog-remb", "transport-cc")
    assert video.formats[119].feedback == video.formats[96].feedback


def test_a_missing_direction_means_sendrecv() -> None:
    assert section_of().direction is Direction.SENDRECV
    assert section_of(session="a=recvonly\r\n").direction is Direction.RECVONLY
    assert section_of("a=inactive", session="a=recvonly\r\n").direction is Direction.INACTIVE


def test_a_refused_section_needs_no_attributes() -> None:
    refused = sample("node_answer_without_slides").sections[2]

    assert refused.rejected
    assert (refused.mid, refused.formats, refused.direction) == (None, {}, Direction.SENDRECV)


def test_port_zero_of_a_bundle_only_section_is_no_refusal() -> None:
    description = Description.parse(HEAD + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\n")

    assert not description.sections[0].rejected


def test_the_smallest_bandwidth_counts_in_bits_per_second() -> None:
    answer = sample("node_answer")

    assert answer.session.bandwidth == 2464000
    assert answer.sections[1].bandwidth == 1984000
    assert answer.sections[0].bandwidth is None
    assert section_of("b=AS:1280", "b=TIAS:5000000", "b=CT:1", "b=AS:0", "b=AS:many").bandwidth == 1280000


@pytest.mark.parametrize(
    ("line", "content"), [("a=content:Slides", "slides"), ("a=content:sl,main", "main"), ("a=content:alt", "alt"), ("a=content:", None)]
)
def test_the_content_mark(line: str, content: str | None) -> None:
    assert section_of(line).content == content


def test_the_transport_is_that_of_the_bundle() -> None:
    transport = sample("node_answer").transport

    assert (transport.ufrag, transport.pwd, transport.setup) == ("jWqTz0ab", "hVnQ4kXw1rY8mZc6TgB2dLpS", "active")
    assert transport.fingerprints[0].algorithm == "sha-256"
    assert transport.candidates[0] == "candidate:1 1 udp 2130706431 198.51.100.7 40120 typ host"
    assert (len(transport.candidates), transport.complete, transport.lite) == (3, False, False)


def test_the_transport_may_stand_at_session_level() -> None:
    session = "a=ice-lite\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:SHA-256 ab:cd\r\na=setup:passive\r\na=end-of-candidates\r\n"

    transport = Description.parse(
        HEAD + session + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    ).transport

    assert (transport.ufrag, transport.pwd, transport.setup, transport.lite, transport.complete) == ("u", "p", "passive", True, True)
    assert transport.fingerprints == (Fingerprint("sha-256", "AB:CD"),)
    assert transport.candidates == ("candidate:1 1 udp 1 192.0.2.1 9 typ host",)


def test_ice_lite_may_stand_in_a_section() -> None:
    text = HEAD + "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=ice-lite\na=ice-ufrag:u\na=ice-pwd:p\na=fingerprint:sha-256 AB\n"

    assert Description.parse(text).transport.lite


@pytest.mark.parametrize(("missing", "said"), [("a=ice-pwd", "ICE credentials"), ("a=fingerprint", "fingerprint")])
def test_a_description_without_a_transport_is_refused(missing: str, said: str) -> None:
    lines = [line for line in str(sample("chromium_offer")).splitlines() if not line.startswith(missing)]

    with pytest.raises(SdpError, match=said):
        _ = Description.of(lines).transport


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "starts with 'v=0'"),
        ("hello", "Line 1 .* 'hello'"),
        ("v=1\n", "starts with 'v=0'"),
        ("v=0\ns=-\nx\n", "Line 3 .* 'x'"),
        ("v=0\nm=video\n", "'m=video'"),
        ("v=0\nm=video 70000 RTP/AVP 96\n", "70000"),
        ("v=0\nm=video x RTP/AVP 96\n", "m=video x"),
        ("v=0\na=a\x00b\n", "Line 2"),
        ("v=0\nm=audio 9 X 1\na=mid:0\nm=audio 9 X 1\na=mid:0\n", "a=mid:0"),
    ],
)
def test_malformed_text_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SdpError, match=said):
        Description.parse(text)


@pytest.mark.parametrize(
    "line",
    [
        *("a=ssrc:", "a=ssrc:x cname:y", "a=ssrc-group:FID 1", "a=rtpmap:96", "a=rtpmap:999 X/1", "a=rtcp-fb:*", "b=AS", "b=", "a="),
        *("a=fmtp:96", "a=fmtp:96 apt=" + "9" * 5000, "a=extmap:x y", "a=setup:", "a=mid:", "a=candidate:", "a=fingerprint:sha-256 XYZ"),
    ],
)
def test_malformed_attributes_count_as_absent_and_stay(line: str) -> None:
    section = section_of(line)

    assert views(section) == views(section_of())
    assert section.lines[1] == line


def test_an_ssrc_line_without_a_value_and_an_unknown_role_are_read() -> None:
    section = section_of("a=ssrc:17 cname", "a=setup:holdconn")

    assert (section.ssrcs, section.setup) == ((17,), "holdconn")


def views(section: Section) -> dict[str, object]:
    """What every typed view of a section says."""
    kinds = type(section).mro()
    names = [name for kind in kinds for name, kept in vars(kind).items() if isinstance(kept, property | cached_property)]
    return {name: getattr(section, name) for name in names if not name.startswith("_")}


def check_total(text: str) -> None:
    """Any text is a description or an `SdpError`; a description prints and reads the same again and has all its views."""
    try:
        description = Description.parse(text)
    except SdpError:
        return
    again = Description.parse(str(description))
    assert again == description
    assert str(again) == str(description)
    for section in description.sections:
        views(section)
    try:
        _ = description.transport
    except SdpError:
        return


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A sample with some lines lost, doubled, moved, cut or damaged."""
    lines = draw(st.sampled_from(SAMPLES)).split("\n")
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        replacements = [
            [],
            [line, line],
            [line[:cut]],
            [line[:cut] + draw(st.text(max_size=6)) + line[cut:]],
            [line.replace(":", " ")],
            [line.swapcase()],
        ]
        lines[at : at + 1] = draw(st.sampled_from(replacements))
        lines = lines or [""]
    return "\n".join(lines)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_a_description_or_an_error(text: str) -> None:
    check_total(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.from_regex(r"\A[abcmostv]=[ -~]{0,40}\Z")))
def test_any_lines_are_a_description_or_an_error(lines: list[str]) -> None:
    check_total("\n".join(["v=0", *lines]))


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_a_damaged_description_is_a_description_or_an_error(text: str) -> None:
    check_total(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.from_regex(r"\A[a-ln-z]=[^\x00\r\n]{0,60}\Z").filter(lambda line: not line.startswith("a=mid:"))))
def test_printing_is_the_identity_on_well_formed_lines(lines: list[str]) -> None:
    text = "".join(f"{line}\r\n" for line in ["v=0", *lines])

    assert str(Description.parse(text)) == text


@pytest.mark.parametrize("lines", [["a=x"] * 5000, ["m=audio 9 x 1"] * 65])
def test_a_description_beyond_measure_is_refused_before_it_is_read(lines: list[str]) -> None:
    with pytest.raises(SdpError, match="the most that is read here"):
        Description.of(["v=0", *lines])
