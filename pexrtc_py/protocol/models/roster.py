"""Participants and the mixes they hear and see."""

from __future__ import annotations

from pexrtc_py.protocol.layouts import OpenLayout
from pexrtc_py.protocol.models.words import (
    OpenPolicy,
    OpenProtocol,
    OpenServiceType,
    ParticipantId,
    Policy,
    Protocol,
    Role,
    RosterRole,
    ServiceType,
)
from pexrtc_py.protocol.wire import Forgiving, OnOff, UnixTime, YesNo


class AudioMix(Forgiving):
    """A named mix one speaks into."""

    mix_name: str = "main"
    prominent: bool = False


class VideoMixLayout(Forgiving):
    """The layout of a personal mix."""

    layout: OpenLayout | None = None


class VideoMixConfig(Forgiving):
    """What was configured for a personal mix."""

    transform_layout: VideoMixLayout = VideoMixLayout()


class VideoMix(Forgiving):
    """The picture one receives; `timestamp` is Unix seconds of its last change."""

    mix_name: str = "main"
    timestamp: UnixTime = 0
    mix_config: VideoMixConfig | None = None


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
