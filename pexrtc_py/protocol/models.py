"""The objects of the API: roles, participants, conferences, tokens, answers.

Reading, all but what identifies a thing may be missing, since versions 14 to 39 differ by some forty fields. Writing, every field with a
default is sent, since clients of newer versions insist on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, PlainSerializer, SerializerFunctionWrapHandler, model_serializer, model_validator

from pexrtc_py.protocol.wire import SEND_NULL, Forgiving, OnOff, Open, Seconds, UnixTime, Wire, YesNo

ParticipantId = str
CallId = str
BreakoutId = str

# --- words -----------------------------------------------------------------------------------------------------------


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


_ROSTER = {Role.HOST: "chair", Role.GUEST: "guest"}


def _in_roster(role: str) -> str:
    return _ROSTER[Role(role)] if role in tuple(Role) else str(role)


TokenRole = Annotated[Role | str, Open(Role)]
"""A role spelled HOST or GUEST, as in tokens and dialling."""
RosterRole = Annotated[Role | str, Open(Role), PlainSerializer(_in_roster, return_type=str)]
"""A role spelled chair or guest, as in the roster."""
OpenServiceType = Annotated[ServiceType | str, Open(ServiceType)]
OpenCallType = Annotated[CallType | str, Open(CallType)]
OpenMediaType = Annotated[MediaType | str, Open(MediaType)]
OpenProtocol = Annotated[Protocol | str, Open(Protocol)]
OpenPolicy = Annotated[Policy | str, Open(Policy)]


def _listed(value: object) -> object:
    """Read one bare string as a list of it."""
    return [value] if isinstance(value, str) else value


Strings = Annotated[tuple[str, ...], BeforeValidator(_listed)]

# --- joining ---------------------------------------------------------------------------------------------------------


class Version(Forgiving):
    """The node's version; `version_id` is text and at least "29" for all known clients to accept it."""

    version_id: str = "37"
    pseudo_version: str = "79019.0.0"


class IceServer(Forgiving):
    """A STUN server, `stun:host:port`."""

    url: str = Field(validation_alias=AliasChoices("url", "urls"))

    @model_validator(mode="before")
    @classmethod
    def _first(cls, data: Any) -> Any:
        urls = data.get("urls") if isinstance(data, Mapping) else None
        return {**data, "url": urls[0]} if isinstance(urls, (list, tuple)) and urls and "url" not in data else data


class TurnServer(Forgiving):
    """A TURN server with credentials."""

    urls: Strings = Field(validation_alias=AliasChoices("urls", "url"))
    username: str = ""
    credential: str = Field(default="", repr=False)


class Token(Forgiving):
    """What request_token grants: the right to act as `participant_uuid` for `expires` seconds, and what the conference is like.

    Bandwidths are kbit/s, absent when unlimited; `client_stats_update_interval` is milliseconds.
    """

    token: str = Field(repr=False)
    participant_uuid: ParticipantId
    expires: Seconds = 120.0
    version: Version = Version()
    role: TokenRole = Role.GUEST
    display_name: str = ""
    conference_name: str = ""
    current_service_type: OpenServiceType = ServiceType.CONFERENCE
    service_type: OpenServiceType = ServiceType.CONFERENCE
    chat_enabled: bool = True
    stun: tuple[IceServer, ...] | None = None
    turn: tuple[TurnServer, ...] | None = None
    analytics_enabled: bool = False
    fecc_enabled: bool = False
    rtmp_enabled: bool = False
    rtsp_enabled: bool = False
    vp9_enabled: bool = False
    allow_1080p: bool = False
    guests_can_present: bool = True
    call_type: OpenMediaType = MediaType.VIDEO
    call_tag: str = ""
    bandwidth_in: float | None = None
    bandwidth_out: float | None = None
    trickle_ice_enabled: bool = True
    route_via_registrar: bool | None = None
    idp_uuid: str = ""
    service_name: str | None = None
    direct_media: bool = False
    pex_datachannel_id: int | None = None
    client_stats_update_interval: float | None = None
    use_relay_candidates_only: bool = False
    breakout_rooms: bool = False
    live_captions_available: bool = False
    parent_participant_uuid: ParticipantId | None = None


class RefreshedToken(Forgiving):
    """What refresh_token grants; a new role or statistics interval arrives this way."""

    token: str = Field(repr=False)
    expires: Seconds = 120.0
    role: TokenRole | None = None
    client_stats_update_interval: float | None = None


class Idp(Forgiving):
    """An identity provider to choose."""

    uuid: str
    name: str = ""
    img: str | None = None
    disable_popup_flow: bool | None = None


# --- participants ----------------------------------------------------------------------------------------------------


class AudioMix(Forgiving):
    """A named mix one speaks into."""

    mix_name: str = "main"
    prominent: bool = False


class VideoMix(Forgiving):
    """The picture one receives; `timestamp` is Unix seconds of its last change."""

    mix_name: str = "main"
    timestamp: UnixTime = 0
    mix_config: Mapping[str, Any] | None = None


class Participant(Forgiving):
    """One line of the roster, always in full; times are Unix seconds, 0 for never. `is_muted` is what hosts did, `is_client_muted` what
    the participant says of itself.
    """

    uuid: ParticipantId
    api_url: str | None = None
    display_name: str = ""
    overlay_text: str = ""
    uri: str = ""
    vendor: str = ""
    local_alias: str = ""
    protocol: OpenProtocol = Protocol.API
    role: RosterRole = Role.GUEST
    service_type: OpenServiceType = ServiceType.CONFERENCE
    call_direction: str = "in"
    call_tag: str = ""
    encryption: OnOff = False
    has_media: bool = False
    is_audio_only_call: YesNo = False
    is_video_call: YesNo = False
    is_muted: YesNo = False
    is_presenting: YesNo = False
    presentation_supported: YesNo = False
    is_video_muted: bool = False
    is_video_silent: bool = False
    is_main_video_dropped_out: bool = False
    needs_presentation_in_mix: bool = False
    show_live_captions: bool = False
    is_client_muted: bool = False
    is_idp_authenticated: bool = False
    is_conjoined: bool = False
    is_transferring: bool = False
    rx_presentation_policy: OpenPolicy = Policy.ALLOW
    fecc_supported: YesNo = False
    mute_supported: YesNo = True
    disconnect_supported: YesNo = True
    transfer_supported: YesNo = True
    is_external: bool = False
    is_streaming_conference: bool = False
    external_node_uuid: str = ""
    spotlight: UnixTime = 0
    buzz_time: UnixTime = 0
    start_time: float = 0.0
    last_spoken_time: UnixTime = 0
    layout_group: str | None = None
    send_to_audio_mixes: tuple[AudioMix, ...] | None = None
    receive_from_audio_mix: str | None = None
    supports_direct_chat: bool = False
    can_receive_personal_mix: bool = False
    receive_from_video_mix: VideoMix = VideoMix()
    is_tx_muted: bool = False
    is_on_hold: bool = False
    is_public_streaming: bool = False
    is_recording: bool = False
    is_transcribing: bool = False
    is_ai_enabled: bool = False
    studiosound_enabled: bool | None = None


# --- conferences -----------------------------------------------------------------------------------------------------


class Classification(Forgiving):
    """The classification levels a conference knows, by number, and the one that holds."""

    levels: Mapping[str, str] = Field(default_factory=dict)
    current: Annotated[int | None, SEND_NULL] = None


class BreakoutBuzz(Forgiving):
    """Whether a breakout room asks for help, and since when (Unix seconds)."""

    value: bool = False
    time: UnixTime = 0


class ConferenceStatus(Forgiving):
    """The state of a conference or breakout room; the last fields exist in breakout rooms only, `end_time` 0 is never."""

    locked: bool = False
    guests_muted: bool = False
    started: bool = True
    all_muted: bool = False
    presentation_allowed: bool = True
    live_captions_available: bool = False
    direct_media: bool = False
    guests_can_unmute: bool = True
    guests_can_present: bool = True
    classification: Classification = Classification()
    message_text: Any = None
    pinning_config: str = ""
    breakout_rooms: bool = False
    breakout: bool | None = None
    breakout_name: str | None = None
    breakout_description: str | None = None
    end_action: str | None = None
    end_time: UnixTime | None = None
    breakout_guests_allowed_to_leave: bool | None = None
    breakoutbuzz: BreakoutBuzz | None = None


class StageEntry(Forgiving):
    """A place on the stage, 0 for who spoke last; `vad` is 100 while speaking, else 0."""

    participant_uuid: ParticipantId
    stage_index: int = 0
    vad: int = 0


class PrimaryScreen(Forgiving):
    """The layouts asked for, by role."""

    chair_layout: str = ""
    guest_layout: str = ""


class RequestedLayout(Forgiving):
    """What layout was asked for; version 37's table has a bare string, which counts for both roles."""

    primary_screen: PrimaryScreen = PrimaryScreen()

    @model_validator(mode="before")
    @classmethod
    def _both(cls, data: Any) -> Any:
        return {"primary_screen": {"chair_layout": data, "guest_layout": data}} if isinstance(data, str) else data


class ThemeBackground(Forgiving):
    """Where a screen's picture is, below `theme/`."""

    path: str


class ThemeElement(Forgiving):
    """A line of text on a screen; `color` is ARGB in one number."""

    type: str = "text"
    color: int = 0xFFFFFFFF
    text: str = ""


class ThemeScreen(Forgiving):
    """A splash screen."""

    layout_type: str = "direct_media"
    background: ThemeBackground | None = None
    elements: tuple[ThemeElement, ...] = ()


class Theme(Forgiving):
    """The five splash screens of direct media, all or none."""

    direct_media_welcome: ThemeScreen
    direct_media_waiting_for_host: ThemeScreen
    direct_media_other_participants_audio_only: ThemeScreen
    direct_media_escalate: ThemeScreen
    direct_media_deescalate: ThemeScreen


# --- calls -----------------------------------------------------------------------------------------------------------


class CallAnswer(Forgiving):
    """What `calls` answers: the new call and its SDP, empty when there is nothing to apply yet; `url` and `secure_url` for RTMP.

    A `turn` that is present, even empty, makes clients restart ICE.
    """

    call_uuid: CallId
    sdp: str = ""
    offer_ignored: bool | None = None
    turn: tuple[TurnServer, ...] | None = None
    url: str | None = None
    secure_url: str | None = None


class UpdateAnswer(Forgiving):
    """What `update` answers: an SDP, empty when there is nothing to apply.

    On the wire it is a bare string without `call_uuid` (transcoded calls), an object with it (direct media).
    """

    sdp: str = ""
    call_uuid: CallId | None = None
    offer_ignored: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"sdp": data or ""} if data is None or isinstance(data, str) else data

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> Any:
        return self.sdp if self.call_uuid is None else {key: value for key, value in handler(self).items() if value is not None}


class IceCandidate(Wire):
    """An ICE candidate as it travels; an empty `candidate` ends them."""

    candidate: str
    mid: str | None = None
    ufrag: str | None = None
    pwd: str | None = None
