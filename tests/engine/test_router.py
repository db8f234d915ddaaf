"""Which receiver a packet belongs to, whatever SSRCs the other side invents or announces."""

from __future__ import annotations

from pexrtc_py.engine.negotiation import Negotiated
from pexrtc_py.engine.receiver import EncodedReceiver
from pexrtc_py.engine.router import MAX_SSRCS, Router
from pexrtc_py.engine.rtp import RtpPacket
from pexrtc_py.engine.types import Codec, Direction, Slot

CODECS = {
    Slot.AUDIO: Codec("opus", 111, 48000, 2),
    Slot.VIDEO: Codec("vp8", 96, 90000, rtx_payload_type=97),
    Slot.PRESENTATION: Codec("vp8", 96, 90000, rtx_payload_type=97),
}
MIDS = {Slot.AUDIO: "0", Slot.VIDEO: "1", Slot.PRESENTATION: "2"}


def _agreed(slot: Slot, *ssrcs: int) -> Negotiated:
    return Negotiated(
        mid=MIDS[slot],
        direction=Direction.SENDRECV,
        codecs=(CODECS[slot],),
        feedback=frozenset(),
        mid_extension=4,
        abs_send_time_extension=None,
        audio_level_extension=None,
        bandwidth=None,
        ssrcs=ssrcs,
        rtx_ssrcs={},
    )


def _router() -> tuple[Router, dict[Slot, EncodedReceiver]]:
    receivers = {slot: EncodedReceiver(slot=slot, request=lambda requests: None) for slot in Slot}
    return Router(receivers), receivers


def _packet(payload_type: int, ssrc: int, mid: bytes = b"") -> RtpPacket:
    block = b"\xbe\xde\x00\x01" + bytes([4 << 4 | len(mid) - 1]) + mid + bytes(2) if mid else b""
    return RtpPacket(payload_type, False, 1, 1, ssrc, b"x", block)


def test_a_payload_type_of_one_section_tells_it_and_that_of_two_does_not() -> None:
    router, receivers = _router()
    router.configure({slot: _agreed(slot) for slot in Slot})

    assert router.route(_packet(111, 1)) is receivers[Slot.AUDIO]
    assert router.route(_packet(96, 2)) is None
    assert router.unroutable == 1


def test_a_mid_tells_the_section_and_is_remembered_for_packets_without() -> None:
    router, receivers = _router()
    router.configure({slot: _agreed(slot) for slot in Slot})

    assert router.route(_packet(96, 2, b"2")) is receivers[Slot.PRESENTATION]
    assert router.route(_packet(96, 2)) is receivers[Slot.PRESENTATION]


def test_descriptions_with_ever_new_ssrcs_do_not_fill_the_memory() -> None:
    router, receivers = _router()

    for turn in range(10):
        first = 1000 * turn
        router.configure({Slot.VIDEO: _agreed(Slot.VIDEO, *range(first, first + 1000))})

    assert len(router._by_ssrc) == MAX_SSRCS
    assert router.route(_packet(96, 9999)) is receivers[Slot.VIDEO]
