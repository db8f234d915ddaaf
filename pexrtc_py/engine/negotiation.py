"""What two descriptions agree on: which section is which slot, and what may flow in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pexrtc_py.engine.sdp import Description, Format, SdpError, Section, number
from pexrtc_py.engine.types import Codec, Direction, Slot

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
DATA_PROTOCOLS = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP")
_DATA_PORT, _DATA_LONGEST = 5000, 65536

CODECS: Mapping[str, Mapping[str, tuple[int, int | None]]] = {
    "audio": {"opus": (48000, 2)},
    "video": {"vp8": (90000, None), "h264": (90000, None)},
}
"""Clock rate and channels of what we speak, by kind of media and name."""


@dataclass(frozen=True, kw_only=True)
class Negotiated:
    """What may flow in one slot, seen from our side."""

    mid: str
    direction: Direction
    codecs: tuple[Codec, ...]
    """Usable both ways, the answerer's favourite first; `fmtp` is what the other side asks for."""
    feedback: frozenset[str]
    """The RTCP feedback both sides know: `"nack"`, `"nack pli"`, `"ccm fir"`, `"goog-remb"`."""
    mid_extension: int | None
    abs_send_time_extension: int | None
    audio_level_extension: int | None
    bandwidth: int | None
    """What the other side wants to receive at most, in bits per second."""
    ssrcs: tuple[int, ...]
    """The SSRCs the other side announced; often none."""
    rtx_ssrcs: Mapping[int, int]


@dataclass(frozen=True)
class DataSection:
    """What the other side says of its end of the data channel (RFC 8841)."""

    port: int
    longest: int
    """Bytes of a message that it takes; 0 for any."""


def data_section(description: Description) -> Section | None:
    """The living section of the data channel, if there is one."""
    return next((one for one in description.sections if one.kind == "application" and is_data(one)), None)


def is_data(section: Section) -> bool:
    """Whether a section carries data channels."""
    return section.protocol in DATA_PROTOCOLS and "webrtc-datachannel" in section.listed and not section.rejected


def negotiate_data(offer: Description, answer: Description, *, offered: bool) -> DataSection | None:
    """The other side's end of the data channel; None when it was not offered or not taken."""
    theirs = data_section(answer if offered else offer)
    if theirs is None or data_section(offer if offered else answer) is None:
        return None
    port, longest = number(theirs.value("sctp-port") or ""), number(theirs.value("max-message-size") or "")
    return DataSection(port or _DATA_PORT, _DATA_LONGEST if longest is None else longest)


def slots(description: Description) -> dict[Slot, Section]:
    """Which section is which slot, by kind and content mark (RFC 4796), never by position; living sections come before rejected ones."""
    found: dict[Slot, Section] = {}
    for section in sorted(description.sections, key=lambda section: section.rejected):
        slot = _slot(section)
        if slot is not None:
            found.setdefault(slot, section)
    return found


def _slot(section: Section) -> Slot | None:
    if section.kind == "audio":
        return Slot.AUDIO
    if section.kind != "video":
        return None
    return {"slides": Slot.PRESENTATION, "main": Slot.VIDEO, None: Slot.VIDEO}.get(section.content)


def playable(section: Section) -> list[Format]:
    """The formats of a section that we can decode and produce, in the order of its m-line."""
    ours = CODECS.get(section.kind, {})
    return [item for item in section.formats.values() if ours.get(item.name) == (item.clock_rate, _channels(item)) and _packetized(item)]


def _channels(item: Format) -> int | None:
    return None if item.channels == 1 else item.channels


def _packetized(item: Format) -> bool:
    """H.264 only in baseline and packetization mode 1 (RFC 6184 8.1); a missing profile means baseline, a missing mode 0."""
    profile = item.parameters.get("profile-level-id", "42000a")
    return item.name != "h264" or (profile.startswith("42") and item.parameters.get("packetization-mode", "0") == "1")


def require_bundle(description: Description) -> None:
    """Refuse, with `SdpError`, a description whose sections do not share one port for RTP and RTCP."""
    if not description.bundle:
        raise SdpError("The session description has no a=group:BUNDLE line; the other side must put all media on one transport.")
    if not any(section.has("rtcp-mux") for section in description.sections if not section.rejected):
        raise SdpError("The session description has no a=rtcp-mux; the other side must send RTP and RTCP on one port.")


def dtls_role(answer: Description, *, offered: bool) -> str:
    """Our DTLS role after an exchange, `"active"` or `"passive"`; an answer that takes no side is active (RFC 4145 4)."""
    active = (answer.transport.setup == "passive") is offered
    return "active" if active else "passive"


def negotiate(offer: Description, answer: Description, *, offered: bool) -> dict[Slot, Negotiated]:
    """What an exchange allows in each slot; rejected slots are absent, inactive ones present. `offered`: the offer is ours.

    `SdpError` when the answer takes nothing, or takes it on more than one transport (RFC 3264 6, RFC 9143).
    """
    agreed = {slot: found for slot, mine, theirs in _pairs(offer, answer) if (found := _agree(mine, theirs, offered=offered))}
    if not agreed:
        raise SdpError("The session descriptions have no usable section in common: every one was rejected or shares no codec.")
    outside = [found.mid for found in agreed.values() if found.mid not in answer.bundle]
    if outside and len(agreed) > 1:
        raise SdpError(f"The answer takes the sections {', '.join(outside)} outside of a=group:BUNDLE; all media must share one transport.")
    return agreed


def _pairs(offer: Description, answer: Description) -> Iterator[tuple[Slot, Section, Section]]:
    for slot, section in slots(offer).items():
        index = offer.sections.index(section)
        at_same_place = answer.sections[index] if index < len(answer.sections) else None
        unnamed = at_same_place if at_same_place is not None and at_same_place.mid is None else None
        counterpart = (answer.section(section.mid) if section.mid is not None else None) or unnamed
        if counterpart is not None and section.mid is not None and not section.rejected and not counterpart.rejected:
            yield slot, section, counterpart


def _agree(offer: Section, answer: Section, *, offered: bool) -> Negotiated | None:
    local, remote = (offer, answer) if offered else (answer, offer)
    codecs = tuple(_codecs(local, remote, order=answer))
    if not codecs or offer.mid is None:
        return None
    return Negotiated(
        mid=offer.mid,
        direction=local.direction.limited_by(remote.direction),
        codecs=codecs,
        feedback=_feedback(local, codecs) & _feedback(remote, codecs),
        mid_extension=_extension(local, remote, MID),
        abs_send_time_extension=_extension(local, remote, ABS_SEND_TIME),
        audio_level_extension=_extension(local, remote, AUDIO_LEVEL),
        bandwidth=remote.bandwidth or remote.session.bandwidth,
        ssrcs=remote.ssrcs,
        rtx_ssrcs=remote.rtx_ssrcs,
    )


def _codecs(local: Section, remote: Section, *, order: Section) -> Iterator[Codec]:
    mine = {item.payload_type: item for item in playable(local)}
    theirs = {item.payload_type: item for item in playable(remote)}
    for payload_type in order.payload_types:
        ours, wanted = mine.get(payload_type), theirs.get(payload_type)
        if ours is None or wanted is None or ours.name != wanted.name:
            continue
        rtx = remote.retransmissions.get(payload_type)
        repaired = rtx if rtx == local.retransmissions.get(payload_type) else None
        yield Codec(wanted.name, payload_type, wanted.clock_rate, _channels(wanted), wanted.fmtp, repaired)


def _feedback(section: Section, codecs: tuple[Codec, ...]) -> frozenset[str]:
    return frozenset(feedback for codec in codecs for feedback in section.formats[codec.payload_type].feedback)


def _extension(local: Section, remote: Section, uri: str) -> int | None:
    ours = local.extensions.get(uri)
    return ours if ours == remote.extensions.get(uri) else None
