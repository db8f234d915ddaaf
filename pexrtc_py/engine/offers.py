"""Composing our own descriptions: offers, offers that follow up, and answers (RFC 8829, RFC 3264)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pexrtc_py.engine.negotiation import ABS_SEND_TIME, AUDIO_LEVEL, CODECS, MID, is_data, playable, require_bundle, slots
from pexrtc_py.engine.sdp import Description, Fingerprint, Format, SdpError, Section
from pexrtc_py.engine.types import Codec, Slot, SlotOptions

_PROTOCOL = "UDP/TLS/RTP/SAVPF"
_DATA_PROTOCOL = "UDP/DTLS/SCTP"
_DATA = ("a=sctp-port:5000", "a=max-message-size:262144")
_CONTENT = {Slot.AUDIO: None, Slot.VIDEO: "main", Slot.PRESENTATION: "slides"}
_EXTENSIONS = {AUDIO_LEVEL: 1, ABS_SEND_TIME: 2, MID: 4}
_FEEDBACK = {"audio": (), "video": ("goog-remb", "ccm fir", "nack", "nack pli")}
_PARAMETERS = {
    "opus": {"minptime": "10", "useinbandfec": "1"},
    "vp8": {},
    "h264": {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": "42e01f"},
}
# What the vendor's own clients add for 1080p30: level 3.1 and nodes that read nothing else would mean 720p.
_FULL_HD = {
    "vp8": {"max-fs": "8160", "max-fr": "30"},
    "h264": {"max-br": "3732", "max-mbps": "245760", "max-fs": "8192", "max-smbps": "245760", "max-fps": "3000", "max-fr": "30"},
}
# No payload type twice: a packet whose section is not known otherwise can be told by its payload type.
_PAYLOAD_TYPES = {
    (Slot.AUDIO, "opus"): (111,),
    (Slot.VIDEO, "vp8"): (96, 97),
    (Slot.VIDEO, "h264"): (98, 99),
    (Slot.PRESENTATION, "vp8"): (100, 101),
    (Slot.PRESENTATION, "h264"): (102, 103),
}


@dataclass(frozen=True, kw_only=True)
class LocalSlot:
    """What we bring to one slot; options without codecs mean all that we have."""

    options: SlotOptions
    ssrc: int
    rtx_ssrc: int | None = None
    full_hd: bool = False
    """Ask for up to 1920x1080 at 30 per second instead of 1280x720; slides always do."""


@dataclass(frozen=True, kw_only=True)
class LocalParameters:
    """Everything our descriptions say of us."""

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    slots: Mapping[Slot, LocalSlot]
    session_id: int
    cname: str
    stream: str = "pexrtc"
    """The media stream that audio and main video share; slides have one of their own."""
    candidates: tuple[str, ...] = ()
    """Candidates so far, each as `candidate:...`."""
    complete: bool = False
    """Whether no further candidates will come."""
    bandwidth: int | None = None
    """What we want to receive per video section at most, in kilobits per second."""
    channel: int | None = None
    """The number of the data channel; None for none."""
    role: str | None = None
    """Our DTLS role once there is a connection, `"active"` or `"passive"`: later answers must not change it."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A section to be written; one with neither slot nor `data` is written as rejected."""

    mid: str | None
    kind: str
    protocol: str
    slot: Slot | None = None
    data: bool = False
    """The section of the data channel."""
    setup: str = "actpass"
    local: LocalSlot | None = None
    direction: str = "inactive"
    content: str | None = None
    codecs: tuple[Codec, ...] = ()
    feedback: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    extensions: Mapping[str, int] = field(default_factory=dict)
    rtcp_rsize: bool = True
    refused: tuple[str, ...] = ()
    answers: bool = False
    """Answers keep naming our SSRCs in sections that rest: libwebrtc shows nothing of one that disappears and comes back."""


class _Numbers:
    """The numbers of a call: those its previous description used, which stay, and free ones for what is new."""

    def __init__(self, previous: Description | None) -> None:
        sections = previous.sections if previous else ()
        self._taken = {item for section in sections for item in section.payload_types}
        self._extensions = {uri: number for section in sections for uri, number in section.extensions.items()}
        for uri, usual in _EXTENSIONS.items():
            used = self._extensions.values()
            self._extensions.setdefault(uri, next(number for number in (usual, *range(14, 0, -1)) if number not in used))

    def extensions(self, slot: Slot) -> dict[str, int]:
        """The header extensions of a slot; a number means the same in the whole bundle (RFC 8285 5, RFC 9143 9)."""
        return {uri: self._extensions[uri] for uri in _EXTENSIONS if uri != AUDIO_LEVEL or slot is Slot.AUDIO}

    def codec(self, slot: Slot, name: str, ours: LocalSlot, before: Section | None) -> Codec:
        """The codec with the payload types it had before, else with its usual ones, else with free ones."""
        had = next((item for item in playable(before) if item.name == name), None) if before else None
        numbers = self._free(_PAYLOAD_TYPES[slot, name])
        if had is not None and before is not None:
            numbers = (had.payload_type, before.retransmissions.get(had.payload_type))
        self._taken.update(item for item in numbers if item is not None)
        rate, channels = CODECS[slot.kind][name]
        return Codec(name, numbers[0], rate, channels, _fmtp(slot, name, ours, had), numbers[1])

    def _free(self, usual: tuple[int, ...]) -> tuple[int, int | None]:
        free = (item for item in (*usual, *range(127, 95, -1)) if item not in self._taken)
        return next(free), next(free) if len(usual) > 1 else None


def build_offer(local: LocalParameters, *, previous: Description | None = None) -> Description:
    """Our offer; `previous` is our last description of the same call, whose order, mids and numbers are kept (RFC 8829 5.2.2)."""
    plans: list[_Plan] = []
    numbers = _Numbers(previous)
    known = {slot: section for slot, section in slots(previous).items() if not section.rejected} if previous else {}
    for section in previous.sections if previous else ():
        slot = next((slot for slot, found in known.items() if found is section and slot in local.slots), None)
        if local.channel is not None and is_data(section):
            plans.append(_data(section.mid, section.protocol))
        else:
            plans.append(_refusal(section) if slot is None else _offered(slot, local, section.mid or "", numbers, section))
    for slot in (slot for slot in Slot if slot in local.slots and slot not in known):
        plans.append(_offered(slot, local, _free_mid(plans, local.channel), numbers, None))
    if local.channel is not None and not any(plan.data for plan in plans):
        named = str(local.channel)
        plans.append(_data(_free_mid(plans) if any(plan.mid == named for plan in plans) else named))
    return _write(plans, local, version=previous.version + 1 if previous else 1)


def _data(mid: str | None, protocol: str = _DATA_PROTOCOL, setup: str = "actpass") -> _Plan:
    """The section of the data channel. The vendor's client finds it by its mid, which must be the channel's number."""
    return _Plan(mid=mid, kind="application", protocol=protocol, data=True, setup=setup)


def _free_mid(plans: list[_Plan], kept: int | None = None) -> str:
    used = {*(plan.mid for plan in plans), str(kept)}
    return next(str(number) for number in range(len(plans), 2 * len(plans) + 2) if str(number) not in used)


def _offered(slot: Slot, local: LocalParameters, mid: str, numbers: _Numbers, before: Section | None) -> _Plan:
    ours = local.slots[slot]
    codecs = tuple(numbers.codec(slot, name, ours, before) for name in _wanted(slot, ours))
    return _Plan(
        mid=mid,
        kind=slot.kind,
        protocol=before.protocol if before else _PROTOCOL,
        slot=slot,
        local=ours,
        direction=ours.options.direction,
        content=before.content if before and before.content else _CONTENT[slot],
        codecs=codecs,
        feedback={codec.payload_type: _FEEDBACK[slot.kind] for codec in codecs},
        extensions=numbers.extensions(slot),
    )


def _wanted(slot: Slot, ours: LocalSlot) -> tuple[str, ...]:
    """The names of the codecs to use, all we have if the options name none; a `ValueError` for one we do not have."""
    have = CODECS[slot.kind]
    unknown = [name for name in ours.options.codecs if name not in have]
    if unknown:
        raise ValueError(f"The {slot} slot cannot use the codec {unknown[0]!r}; it has {', '.join(have)}.")
    return ours.options.codecs or tuple(have)


def _fmtp(slot: Slot, name: str, ours: LocalSlot, theirs: Format | None) -> str:
    parameters = dict(_PARAMETERS[name])
    if name == "h264" and theirs is not None:
        parameters["profile-level-id"] = _profile(theirs)
    if slot is Slot.PRESENTATION or ours.full_hd:
        parameters |= _FULL_HD.get(name, {})
    return ";".join(f"{key}={value}" for key, value in parameters.items())


def _profile(theirs: Format) -> str:
    """Their profile, with our level if both sides may have their own (RFC 6184 8.2.2)."""
    offered = theirs.parameters.get("profile-level-id", "42000a")
    return f"{offered[:4]}1f" if theirs.parameters.get("level-asymmetry-allowed") == "1" and len(offered) == 6 else offered


def build_answer(offer: Description, local: LocalParameters, *, previous: Description | None = None) -> Description:
    """Our answer to an offer: same sections in the same order, with the offer's numbers; what we cannot serve is rejected.

    `previous` is our last description of the same call. `SdpError` when the offer has no bundle, rtcp-mux, ICE credentials or
    fingerprint, or nothing that we could take.
    """
    require_bundle(offer)
    setup = _role(offer.transport.setup, local.role)
    found = {section.mid: slot for slot, section in slots(offer).items()}
    plans = [_answered(section, offer, local, found.get(section.mid), setup) for section in offer.sections]
    if all(plan.slot is None for plan in plans):
        raise SdpError("The offer has no section that we could take: no audio or video with Opus, VP8 or H.264 baseline in mode 1.")
    return _write(plans, local, version=previous.version + 1 if previous else 1)


def _role(offered: str | None, role: str | None) -> str:
    if offered == "active":
        return "passive"
    return "active" if offered == "passive" else role or "active"


def _answered(section: Section, offer: Description, local: LocalParameters, slot: Slot | None, setup: str) -> _Plan:
    ours = local.slots.get(slot) if slot is not None else None
    if local.channel is not None and is_data(section) and section.mid in offer.bundle:
        return _data(section.mid, section.protocol, setup)
    takable = not section.rejected and section.mid in offer.bundle and "SAVP" in section.protocol
    codecs = tuple(_chosen(slot, section, ours)) if slot is not None and ours is not None and takable else ()
    if slot is None or ours is None or not codecs:
        return _refusal(section)
    return _Plan(
        mid=section.mid,
        kind=section.kind,
        protocol=section.protocol,
        slot=slot,
        setup=setup,
        local=ours,
        direction=ours.options.direction.limited_by(section.direction),
        content=section.content,
        codecs=codecs,
        feedback={codec.payload_type: _shared_feedback(slot, section.formats[codec.payload_type]) for codec in codecs},
        extensions={uri: number for uri, number in section.extensions.items() if uri in _EXTENSIONS},
        rtcp_rsize=section.has("rtcp-rsize"),
        answers=True,
    )


def _shared_feedback(slot: Slot, theirs: Format) -> tuple[str, ...]:
    return tuple(item for item in _FEEDBACK[slot.kind] if item in theirs.feedback)


def _chosen(slot: Slot, section: Section, ours: LocalSlot) -> Iterator[Codec]:
    """For each codec we want, in our order, the offered format that suits it best."""
    for name in _wanted(slot, ours):
        suiting = sorted((item for item in playable(section) if item.name == name), key=_unconstrained)
        for best in suiting[:1]:
            rtx = section.retransmissions.get(best.payload_type)
            yield Codec(name, best.payload_type, best.clock_rate, best.channels, _fmtp(slot, name, ours, best), rtx)


def _unconstrained(item: Format) -> bool:
    """Constrained baseline first: it is what encoders for WebRTC produce."""
    flags = item.parameters.get("profile-level-id", "42000a")[2:4].lower()
    return flags[:1] not in set("4567cdef")


def _refusal(section: Section) -> _Plan:
    formats = section.listed[:1] or ("0",)
    return _Plan(mid=section.mid, kind=section.kind, protocol=section.protocol, content=section.content, refused=formats)


def _write(plans: list[_Plan], local: LocalParameters, *, version: int) -> Description:
    accepted = [plan.mid for plan in plans if (plan.data or plan.slot is not None) and plan.mid is not None]
    lines = ["v=0", f"o=- {local.session_id} {version} IN IP4 0.0.0.0", "s=-", "t=0 0"]
    lines.append(" ".join(["a=group:BUNDLE", *accepted]))
    lines.append(f"a=msid-semantic:WMS {local.stream}")
    for plan in plans:
        if plan.data:
            lines += _data_lines(plan, local)
        else:
            lines += _accepted_lines(plan, plan.slot, plan.local, local) if plan.slot and plan.local else _refused_lines(plan)
        if accepted and plan.mid == accepted[0]:
            lines += [*(f"a={candidate}" for candidate in local.candidates), *(["a=end-of-candidates"] if local.complete else [])]
    return Description.of(lines)


def _refused_lines(plan: _Plan) -> Iterator[str]:
    yield f"m={plan.kind} 0 {plan.protocol} {' '.join(plan.refused)}"
    yield "c=IN IP4 0.0.0.0"
    yield "a=inactive"
    if plan.mid is not None:
        yield f"a=mid:{plan.mid}"
    if plan.content is not None:
        yield f"a=content:{plan.content}"


def _data_lines(plan: _Plan, local: LocalParameters) -> Iterator[str]:
    yield f"m={plan.kind} 9 {plan.protocol} webrtc-datachannel"
    yield "c=IN IP4 0.0.0.0"
    yield from _transport_lines(plan, local)
    yield f"a=mid:{plan.mid}"
    yield from _DATA


def _accepted_lines(plan: _Plan, slot: Slot, ours: LocalSlot, local: LocalParameters) -> Iterator[str]:
    listed = [pt for codec in plan.codecs for pt in (codec.payload_type, codec.rtx_payload_type) if pt is not None]
    yield f"m={plan.kind} 9 {plan.protocol} {' '.join(map(str, listed))}"
    yield "c=IN IP4 0.0.0.0"
    if local.bandwidth is not None and plan.kind == "video":
        yield f"b=AS:{local.bandwidth}"
        yield f"b=TIAS:{local.bandwidth * 1000}"
    yield "a=rtcp:9 IN IP4 0.0.0.0"
    yield from _transport_lines(plan, local)
    yield f"a=mid:{plan.mid}"
    if plan.content is not None:
        yield f"a=content:{plan.content}"
    yield from (f"a=extmap:{number} {uri}" for uri, number in plan.extensions.items())
    yield f"a={plan.direction}"
    yield "a=rtcp-mux"
    if plan.rtcp_rsize:
        yield "a=rtcp-rsize"
    for codec in plan.codecs:
        yield from _codec_lines(codec, plan.feedback[codec.payload_type])
    if plan.direction in {"sendrecv", "sendonly"}:
        yield from _stream_lines(slot, local)
    if plan.direction in {"sendrecv", "sendonly"} or plan.answers:
        yield from _source_lines(ours, local)


def _transport_lines(plan: _Plan, local: LocalParameters) -> Iterator[str]:
    yield f"a=ice-ufrag:{local.ufrag}"
    yield f"a=ice-pwd:{local.pwd}"
    yield "a=ice-options:trickle"
    yield from (f"a=fingerprint:{item.algorithm} {item.value}" for item in local.fingerprints)
    yield f"a=setup:{plan.setup}"


def _codec_lines(codec: Codec, feedback: tuple[str, ...]) -> Iterator[str]:
    name = {"opus": "opus", "vp8": "VP8", "h264": "H264"}[codec.name]
    channels = f"/{codec.channels}" if codec.channels else ""
    yield f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate}{channels}"
    yield from (f"a=rtcp-fb:{codec.payload_type} {item}" for item in feedback)
    if codec.fmtp:
        yield f"a=fmtp:{codec.payload_type} {codec.fmtp}"
    if codec.rtx_payload_type is not None:
        yield f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate}"
        yield f"a=fmtp:{codec.rtx_payload_type} apt={codec.payload_type}"


def _stream_lines(slot: Slot, local: LocalParameters) -> Iterator[str]:
    """The stream and track that we send; never `-`, which breaks a client in use."""
    stream = f"{local.stream}-slides" if slot is Slot.PRESENTATION else local.stream
    yield f"a=msid:{stream} {local.stream}-{slot}"


def _source_lines(ours: LocalSlot, local: LocalParameters) -> Iterator[str]:
    """The SSRCs that we send with."""
    if ours.rtx_ssrc is not None:
        yield f"a=ssrc-group:FID {ours.ssrc} {ours.rtx_ssrc}"
    for ssrc in (ours.ssrc, ours.rtx_ssrc):
        if ssrc is not None:
            yield f"a=ssrc:{ssrc} cname:{local.cname}"
