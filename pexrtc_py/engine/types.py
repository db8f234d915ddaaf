"""The engine's vocabulary: slots, directions, codecs, candidates and states."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Slot(StrEnum):
    """The three media sections of a conference call; what a section is for, never where it stands in the SDP."""

    AUDIO = "audio"
    VIDEO = "video"
    PRESENTATION = "presentation"

    @property
    def kind(self) -> str:
        """The SDP media type: `"audio"` or `"video"`."""
        return "audio" if self is Slot.AUDIO else "video"


class Direction(StrEnum):
    """A section's direction attribute (RFC 8866 6.7), seen from whoever holds it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @staticmethod
    def of(*, sends: bool, receives: bool) -> Direction:
        """The direction that sends and receives as told."""
        return {
            (True, True): Direction.SENDRECV,
            (True, False): Direction.SENDONLY,
            (False, True): Direction.RECVONLY,
            (False, False): Direction.INACTIVE,
        }[sends, receives]

    @property
    def sends(self) -> bool:
        """Whether media may go out."""
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def receives(self) -> bool:
        """Whether media may come in."""
        return self in {Direction.SENDRECV, Direction.RECVONLY}

    def reversed(self) -> Direction:
        """The same direction as the other side sees it."""
        return Direction.of(sends=self.receives, receives=self.sends)

    def limited_by(self, remote: Direction) -> Direction:
        """What of this remains when the other side wants `remote` (RFC 3264 6.1)."""
        return Direction.of(sends=self.sends and remote.receives, receives=self.receives and remote.sends)


@dataclass(frozen=True)
class Codec:
    """One negotiated payload format."""

    name: str
    """`"opus"`, `"vp8"` or `"h264"`, as `AccessUnit.codec` spells it."""
    payload_type: int
    clock_rate: int
    channels: int | None = None
    fmtp: str = ""
    rtx_payload_type: int | None = None


@dataclass(frozen=True, kw_only=True)
class SlotOptions:
    """What one section shall offer: its direction, and codecs in order of preference."""

    direction: Direction = Direction.SENDRECV
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A local ICE candidate as signaling carries it: the attribute value starting with `candidate:`."""

    candidate: str
    mid: str
    ufrag: str
    pwd: str


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server (`stun:host:port`, `turn:host:port?transport=udp`)."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class PeerState(StrEnum):
    """The life of a peer connection."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"
