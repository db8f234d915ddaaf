"""The words of the API: identifiers, enumerations, and their open types, which keep a word of tomorrow as it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from pexrtc_py.protocol.wire import Open

ParticipantId = str
CallId = str
BreakoutId = str


class Role(StrEnum):
    """Who one is in a conference; read from any of host, chair and guest in any case."""

    HOST = "HOST"
    GUEST = "GUEST"

    @classmethod
    def _missing_(cls, value: object) -> Role | None:
        return {"host": cls.HOST, "chair": cls.HOST, "guest": cls.GUEST}.get(str(value).lower())


class ServiceType(StrEnum):
    """What kind of room a participant is in now."""

    CONNECTING = "connecting"
    WAITING_ROOM = "waiting_room"
    IVR = "ivr"
    CONFERENCE = "conference"
    LECTURE = "lecture"
    GATEWAY = "gateway"
    TEST_CALL = "test_call"
    MEDIA_PLAYBACK = "media_playback"


class CallType(StrEnum):
    """What `calls` is to set up; read in any case."""

    WEBRTC = "WEBRTC"
    RTMP = "RTMP"
    RTSP = "rtsp"
    PRESENTATION = "presentation"

    @classmethod
    def _missing_(cls, value: object) -> CallType | None:
        return next((kind for kind in cls if kind.lower() == str(value).lower()), None)


class MediaType(StrEnum):
    """Which media a call may carry; "video" is audio, video and slides, "video-only" is audio and video."""

    VIDEO = "video"
    VIDEO_ONLY = "video-only"
    AUDIO = "audio"


class Protocol(StrEnum):
    """How a participant is connected; a participant of this API is `api`."""

    API = "api"
    WEBRTC = "webrtc"
    SIP = "sip"
    H323 = "h323"
    RTMP = "rtmp"
    MSSIP = "mssip"
    TEAMS = "teams"


class Policy(StrEnum):
    """Whether a participant may receive presentations."""

    ALLOW = "ALLOW"
    DENY = "DENY"


class DialProtocol(StrEnum):
    """How to call somebody; `auto` leaves it to the node's call routing rules."""

    AUTO = "auto"
    SIP = "sip"
    H323 = "h323"
    RTMP = "rtmp"
    MSSIP = "mssip"


class KeepAlive(StrEnum):
    """Whether somebody dialled keeps the conference running when the others have left."""

    ALWAYS = "keep_conference_alive"
    IF_MULTIPLE = "keep_conference_alive_if_multiple"
    NEVER = "keep_conference_alive_never"


class EndAction(StrEnum):
    """What becomes of the participants of a breakout room that closes."""

    TRANSFER = "transfer"
    DISCONNECT = "disconnect"


class ReferTarget(StrEnum):
    """Where a participant is sent."""

    MAIN = "main"
    BREAKOUT = "breakout"
    CONFERENCE = "conference"
    DIRECT = "direct"
    TRANSCODED = "transcoded"


class SplashKey(StrEnum):
    """The screens of direct media."""

    WELCOME = "direct_media_welcome"
    WAITING_FOR_HOST = "direct_media_waiting_for_host"
    AUDIO_ONLY = "direct_media_other_participants_audio_only"
    ESCALATE = "direct_media_escalate"
    DEESCALATE = "direct_media_deescalate"


class FeccAction(StrEnum):
    """What a far-end camera shall do."""

    START = "start"
    STOP = "stop"
    CONTINUE = "continue"


class FeccAxis(StrEnum):
    """What moves of a camera."""

    PAN = "pan"
    TILT = "tilt"
    ZOOM = "zoom"


class FeccDirection(StrEnum):
    """Where it moves: left and right by pan, up and down by tilt, in and out by zoom."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    IN = "in"
    OUT = "out"


def _in_roster(role: str) -> str:
    return {Role.HOST: "chair", Role.GUEST: "guest"}[Role(role)] if role in tuple(Role) else str(role)


def _in_transfer(role: str) -> str:
    return role.lower() if role in tuple(Role) else str(role)


TokenRole = Annotated[Role | str, Open(Role)]
"""A role spelled HOST or GUEST, as in tokens and dialling."""
RosterRole = Annotated[Role | str, Open(Role), PlainSerializer(_in_roster, return_type=str)]
"""A role spelled chair or guest, as in the roster and where a role is changed."""
TransferRole = Annotated[Role | str, Open(Role), PlainSerializer(_in_transfer, return_type=str)]
"""A role spelled host or guest, as in a transfer."""
OpenServiceType = Annotated[ServiceType | str, Open(ServiceType)]
OpenCallType = Annotated[CallType | str, Open(CallType)]
OpenMediaType = Annotated[MediaType | str, Open(MediaType)]
OpenProtocol = Annotated[Protocol | str, Open(Protocol)]
OpenPolicy = Annotated[Policy | str, Open(Policy)]
OpenDialProtocol = Annotated[DialProtocol | str, Open(DialProtocol)]
OpenKeepAlive = Annotated[KeepAlive | str, Open(KeepAlive)]
OpenEndAction = Annotated[EndAction | str, Open(EndAction)]
OpenReferTarget = Annotated[ReferTarget | str, Open(ReferTarget)]
OpenSplashKey = Annotated[SplashKey | str, Open(SplashKey)]
OpenFeccAction = Annotated[FeccAction | str, Open(FeccAction)]
OpenFeccAxis = Annotated[FeccAxis | str, Open(FeccAxis)]
OpenFeccDirection = Annotated[FeccDirection | str, Open(FeccDirection)]


def _listed(value: object) -> object:
    """Read one bare string as a list of it."""
    return [value] if isinstance(value, str) else value


Strings = Annotated[tuple[str, ...], BeforeValidator(_listed)]
