"""Session descriptions (RFC 8866) as typed views on lines that are kept.

The lines are the truth: `Description.parse` keeps each of them in its order and `str` prints them again, known or not.
What the engine wants to know is read from them on demand, and what is malformed beyond the grammar of lines counts as absent:
browsers, clients that edit browser text and conferencing nodes all take liberties with attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pexrtc_py.engine.types import Direction

_LINE = re.compile(r"[a-z]=[^\x00\r\n]*")
_MEDIA = re.compile(r"m=(?P<kind>\S+) (?P<port>[0-9]{1,5})(?:/[0-9]{1,5})? (?P<protocol>\S+)(?P<formats>(?: +\S+)*) *")
_RTPMAP = re.compile(r"(?P<pt>[0-9]{1,3})\s+(?P<name>[^\s/]+)/(?P<rate>[0-9]{1,9})(?:/(?P<channels>[0-9]{1,2}))?")
_EXTMAP = re.compile(r"(?P<id>[0-9]{1,5})(?:/\w+)?\s+(?P<uri>\S+)(?:\s.*)?")
_FINGERPRINT = re.compile(r"(?P<algorithm>\S+)\s+(?P<value>[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)")
_FID = re.compile(r"FID\s+(?P<media>[0-9]{1,10})\s+(?P<rtx>[0-9]{1,10})")
_TO_BITS = {"AS": 1000, "TIAS": 1}
MAX_LINES, MAX_SECTIONS = 4000, 64
"""Browsers send some 500 lines in 3 sections. Reading takes sections times lines, and must not hold up all other calls."""
_DIRECTIONS = {f"a={direction}": direction for direction in Direction}


class SdpError(ValueError):
    """A session description is malformed, or asks for what we cannot do."""


@dataclass(frozen=True)
class Fingerprint:
    """The hash of a DTLS certificate (RFC 8122): `sha-256` and upper-case hex pairs with colons."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class Format:
    """A payload type of one section with its `rtpmap`, merged `fmtp` and `rtcp-fb` (those for `*` included)."""

    payload_type: int
    name: str
    """The encoding name in lower case: `"opus"`, `"vp8"`, `"h264"`, `"rtx"`, or whatever else was said."""
    clock_rate: int
    channels: int | None
    parameters: Mapping[str, str]
    feedback: tuple[str, ...]

    @property
    def fmtp(self) -> str:
        """The parameters as one `fmtp` value."""
        return ";".join(f"{key}={value}" if value else key for key, value in self.parameters.items())


@dataclass(frozen=True)
class Transport:
    """What a description says of the one transport that all its bundled sections share."""

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    setup: str | None
    lite: bool
    candidates: tuple[str, ...]
    """Attribute values, each starting with `candidate:`, every one once."""
    complete: bool
    """Whether no further candidates will come (`a=end-of-candidates`)."""


@dataclass(frozen=True)
class Block:
    """Lines of one level of a description: those of the session, or those of one media section."""

    lines: tuple[str, ...]

    def values(self, name: str) -> list[str]:
        """The values of all `a=name:value` lines."""
        prefix = f"a={name}:"
        return [line[len(prefix) :].strip() for line in self.lines if line.startswith(prefix)]

    def value(self, name: str) -> str | None:
        """The value of the first `a=name:value` line that has one."""
        return next((value for value in self.values(name) if value), None)

    def has(self, name: str) -> bool:
        """Whether there is a line `a=name`."""
        return any(line.rstrip() == f"a={name}" for line in self.lines)

    @property
    def bandwidth(self) -> int | None:
        """The smallest of `b=AS` and `b=TIAS` above zero, in bits per second (RFC 8866 5.8, RFC 3890)."""
        pairs = (line[2:].partition(":") for line in self.lines if line.startswith("b="))
        limits = ((number(value) or 0) * _TO_BITS.get(kind, 0) for kind, _, value in pairs)
        return min((limit for limit in limits if limit), default=None)

    @property
    def said_direction(self) -> Direction | None:
        """The direction attribute, `None` if there is none."""
        return next((found for line in self.lines if (found := _DIRECTIONS.get(line.rstrip()))), None)

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The certificate fingerprints given at this level."""
        matches = (_FINGERPRINT.fullmatch(value) for value in self.values("fingerprint"))
        return tuple(Fingerprint(match["algorithm"].lower(), match["value"].upper()) for match in matches if match)


@dataclass(frozen=True)
class Section(Block):
    """A media section; what may stand at session level too is looked up there when the section does not say it."""

    session: Block = field(repr=False, compare=False)

    @cached_property
    def _media(self) -> re.Match[str]:
        return _media_line(self.lines[0])

    @property
    def kind(self) -> str:
        """`"audio"`, `"video"`, `"application"` or whatever else the m-line says."""
        return self._media["kind"]

    @property
    def port(self) -> int:
        """The port of the m-line; 9 and 0 are not ports but say "see the candidates" and "rejected"."""
        return int(self._media["port"])

    @property
    def protocol(self) -> str:
        """The transport protocol, such as `UDP/TLS/RTP/SAVPF`."""
        return self._media["protocol"]

    @property
    def listed(self) -> tuple[str, ...]:
        """The formats of the m-line in their order, as text."""
        return tuple(self._media["formats"].split())

    @property
    def payload_types(self) -> tuple[int, ...]:
        """The RTP payload types of the m-line in their order, with or without an rtpmap."""
        types = (number(item) for item in self.listed)
        return tuple(dict.fromkeys(item for item in types if item is not None and item < 128))

    @property
    def rejected(self) -> bool:
        """Whether the section is refused or gone: port 0, unless it waits for its bundle (RFC 9143 6)."""
        return self.port == 0 and not self.has("bundle-only")

    @property
    def mid(self) -> str | None:
        """The identification tag (RFC 5888)."""
        return self.value("mid")

    @property
    def direction(self) -> Direction:
        """What the describing side wants to do; `sendrecv` if nothing is said (RFC 8866 6.7)."""
        return self.said_direction or self.session.said_direction or Direction.SENDRECV

    @property
    def content(self) -> str | None:
        """What the section shows (RFC 4796): `"main"`, `"slides"`, another word, or `None` if it is not said."""
        words = [word.strip().lower() for word in (self.value("content") or "").split(",") if word.strip()]
        return next((word for word in ("slides", "main") if word in words), words[0] if words else None)

    @cached_property
    def formats(self) -> dict[int, Format]:
        """The payload types that have an rtpmap, in the order of the m-line."""
        maps = {int(match["pt"]): match for match in map(_RTPMAP.fullmatch, self.values("rtpmap")) if match}
        return {item: self._format(item, maps[item]) for item in self.payload_types if item in maps}

    def _format(self, payload_type: int, rtpmap: re.Match[str]) -> Format:
        channels = rtpmap["channels"]
        return Format(
            payload_type=payload_type,
            name=rtpmap["name"].lower(),
            clock_rate=int(rtpmap["rate"]),
            channels=int(channels) if channels else None,
            parameters=_parameters(self._of_type("fmtp", payload_type)),
            feedback=tuple(dict.fromkeys(" ".join(value.split()) for value in self._of_type("rtcp-fb", payload_type))),
        )

    def _of_type(self, name: str, payload_type: int) -> Iterator[str]:
        wanted = {str(payload_type), "*"} if name == "rtcp-fb" else {str(payload_type)}
        for value in self.values(name):
            owner, _, rest = value.partition(" ")
            if owner in wanted and rest.strip():
                yield rest.strip()

    @property
    def retransmissions(self) -> dict[int, int]:
        """The rtx payload type of each payload type that has one (RFC 4588)."""
        pairs = ((number(item.parameters.get("apt", "")), item.payload_type) for item in self.formats.values() if item.name == "rtx")
        return {media: rtx for media, rtx in pairs if media is not None}

    @property
    def extensions(self) -> dict[str, int]:
        """The header extensions by URI (RFC 8285); numbers beyond the one-byte form (1 to 14) are left out."""
        matches = (_EXTMAP.fullmatch(value) for value in (*self.session.values("extmap"), *self.values("extmap")))
        return {match["uri"]: int(match["id"]) for match in matches if match and 1 <= int(match["id"]) <= 14}

    @property
    def ufrag(self) -> str | None:
        """The ICE user name fragment."""
        return self.value("ice-ufrag") or self.session.value("ice-ufrag")

    @property
    def pwd(self) -> str | None:
        """The ICE password."""
        return self.value("ice-pwd") or self.session.value("ice-pwd")

    @property
    def setup(self) -> str | None:
        """The DTLS role: `actpass`, `active` or `passive` (RFC 8842)."""
        return self.value("setup") or self.session.value("setup")

    @property
    def candidates(self) -> tuple[str, ...]:
        """The candidates, each as `candidate:...`."""
        return tuple(f"candidate:{value}" for value in self.values("candidate") if value)

    @property
    def rtx_ssrcs(self) -> dict[int, int]:
        """The SSRC that repairs each SSRC, as the FID groups say (RFC 5576)."""
        matches = (_FID.fullmatch(value) for value in self.values("ssrc-group"))
        return {int(match["media"]): int(match["rtx"]) for match in matches if match}

    @property
    def ssrcs(self) -> tuple[int, ...]:
        """The announced SSRCs of media, those of retransmission left out."""
        numbers = (number(value.split(" ")[0]) for value in self.values("ssrc"))
        repairs = set(self.rtx_ssrcs.values())
        return tuple(dict.fromkeys(item for item in numbers if item is not None and item < 2**32 and item not in repairs))


@dataclass(frozen=True)
class Description:
    """A session description: the lines of the session and the media sections."""

    session: Block
    sections: tuple[Section, ...]

    @staticmethod
    def parse(text: str) -> Description:
        """Read a description; lines may end in CRLF or LF. `SdpError` names the line that is no SDP."""
        return Description.of(line.removesuffix("\r") for line in text.split("\n"))

    @staticmethod
    def of(lines: Iterable[str]) -> Description:
        """A description of these lines, without their ends; empty ones are passed over. `SdpError` as in `parse`."""
        numbered = [(index, line) for index, line in enumerate(lines, 1) if line]
        _measure([line for _, line in numbered])
        for index, line in numbered:
            _check(index, line)
        kept = [line for _, line in numbered]
        if kept[:1] != ["v=0"]:
            first = _shown(kept[0]) if kept else "nothing"
            raise SdpError(f"A session description starts with 'v=0', this one with {first}; the other side sent no SDP.")
        return _unambiguous(_assemble(kept))

    def __str__(self) -> str:
        lines = (*self.session.lines, *(line for section in self.sections for line in section.lines))
        return "".join(f"{line}\r\n" for line in lines)

    def section(self, mid: str) -> Section | None:
        """The section with this identification tag."""
        return next((section for section in self.sections if section.mid == mid), None)

    @property
    def bundle(self) -> tuple[str, ...]:
        """The identification tags of the first BUNDLE group (RFC 9143), empty if there is none."""
        groups = (value.split() for value in self.session.values("group"))
        return next((tuple(words[1:]) for words in groups if words[:1] == ["BUNDLE"]), ())

    @property
    def version(self) -> int:
        """The version number of the o-line, 0 if it cannot be read."""
        fields = next((line.split() for line in self.session.lines if line.startswith("o=")), [])
        return (number(fields[2]) if len(fields) > 2 else None) or 0

    @property
    def transport(self) -> Transport:
        """The transport of the bundle. `SdpError` when ICE credentials or fingerprint are missing."""
        sections = self._bundled()
        described = next((section for section in sections if section.ufrag and section.pwd), None)
        fingerprints = next((found for section in sections if (found := section.fingerprints or self.session.fingerprints)), ())
        if described is None or not described.ufrag or not described.pwd:
            raise SdpError("The session description has no ICE credentials (a=ice-ufrag and a=ice-pwd); the other side must speak WebRTC.")
        if not fingerprints:
            raise SdpError("The session description has no a=fingerprint; the other side must speak DTLS-SRTP.")
        same = [section for section in sections if section.ufrag in {described.ufrag, None}]
        return Transport(
            ufrag=described.ufrag,
            pwd=described.pwd,
            fingerprints=fingerprints,
            setup=described.setup,
            lite=any(block.has("ice-lite") for block in (self.session, *sections)),
            candidates=tuple(dict.fromkeys(item for section in same for item in section.candidates)),
            complete=any(block.has("end-of-candidates") for block in (self.session, *same)),
        )

    def _bundled(self) -> Sequence[Section]:
        """The living sections of the bundle, the one that speaks for it first; all living ones if there is no bundle."""
        living = [section for section in self.sections if not section.rejected]
        tagged = [section for mid in self.bundle if (section := self.section(mid)) is not None and not section.rejected]
        return tagged or living


def number(text: str) -> int | None:
    """A plain decimal number of at most ten digits, or `None`."""
    return int(text) if 0 < len(text) <= 10 and text.isascii() and text.isdigit() else None


def _parameters(values: Iterable[str]) -> dict[str, str]:
    pairs = (item.partition("=") for value in values for item in value.split(";") if item.strip())
    return {key.strip().lower(): setting.strip() for key, _, setting in pairs}


def _media_line(line: str) -> re.Match[str]:
    match = _MEDIA.fullmatch(line)
    if match is None or int(match["port"]) > 65535:
        raise SdpError(f"The line {_shown(line)} is no media line (m=kind port protocol formats); the other side sent malformed SDP.")
    return match


def _measure(lines: Sequence[str]) -> None:
    sections = sum(line.startswith("m=") for line in lines)
    if len(lines) > MAX_LINES or sections > MAX_SECTIONS:
        raise SdpError(
            f"The session description has {len(lines)} lines and {sections} sections; "
            f"{MAX_LINES} and {MAX_SECTIONS} are the most that is read here. The other side must leave out what it does not use."
        )


def _check(index: int, line: str) -> None:
    if not _LINE.fullmatch(line):
        raise SdpError(f"Line {index} is not of the form letter=value: {_shown(line)}; the other side sent malformed SDP.")
    if line.startswith("m="):
        _media_line(line)


def _assemble(lines: Sequence[str]) -> Description:
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    session = Block(tuple(lines[: starts[0]] if starts else lines))
    ends = [*starts[1:], len(lines)]
    return Description(session, tuple(Section(tuple(lines[start:end]), session) for start, end in zip(starts, ends, strict=bool(starts))))


def _unambiguous(description: Description) -> Description:
    mids = [section.mid for section in description.sections if section.mid is not None]
    twice = next((mid for mid in mids if mids.count(mid) > 1), None)
    if twice is not None:
        raise SdpError(f"Two sections have the line {_shown('a=mid:' + twice)}; the other side must give each its own.")
    return description


def _shown(line: str) -> str:
    return repr(line if len(line) <= 80 else f"{line[:77]}...")
