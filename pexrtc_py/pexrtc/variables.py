"""What is set on the object and read from it: callbacks, instance variables, fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pexrtc_py.errors import UsageError

if TYPE_CHECKING:
    from pexrtc_media.base import Source
    from pexrtc_py.conference import Conference
    from pexrtc_py.pexrtc.streams import HasSources
    from pexrtc_py.protocol.models import Participant

Callback: TypeAlias = Callable[..., object] | None
"""Called with what its row in the table says; may be asynchronous. None: nobody is called."""


class Variables:
    """Callbacks and instance variables with their defaults, and the fields; a name that is not here cannot be set."""

    on_setup: Callback = None
    on_auth: Callback = None
    on_connect: Callback = None
    on_error: Callback = None
    on_disconnect: Callback = None
    on_conference_update: Callback = None
    on_layout_update: Callback = None
    on_presentation: Callback = None
    on_presentation_reload: Callback = None
    on_presentation_connected: Callback = None
    on_presentation_disconnected: Callback = None
    on_screenshare_connected: Callback = None
    on_screenshare_stopped: Callback = None
    on_roster_list: Callback = None
    on_participant_create: Callback = None
    on_participant_update: Callback = None
    on_participant_delete: Callback = None
    on_sync_begin: Callback = None
    on_sync_end: Callback = None
    on_chat_message: Callback = None
    on_direct_message: Callback = None
    on_application_message: Callback = None
    on_stage_update: Callback = None
    on_call_transfer: Callback = None
    on_call_disconnect: Callback = None
    on_fecc: Callback = None
    on_splash_screen: Callback = None
    on_live_captions: Callback = None
    on_role_update: Callback = None
    on_hold_resume: Callback = None
    on_ice_restart: Callback = None
    on_breakout_end: Callback = None
    on_breakout_help: Callback = None
    on_breakout_update: Callback = None
    on_breakout_participant: Callback = None

    audio_source: Source[Any] | Literal[False] | None = None
    video_source: Source[Any] | Literal[False] | None = None
    user_media_stream: HasSources | None = None
    user_presentation_stream: HasSources | Source[Any] | None = None
    recv_audio: bool = True
    recv_video: bool = True
    bandwidth_in: int | None = 1280
    bandwidth_out: int | None = 1280
    screenshare_fps: float = 5
    h264_enabled: bool = True
    vp8_enabled: bool = True
    vp9_enabled: bool = True
    fecc_supported: bool = False
    presentation_in_main: bool = False
    png_presentation: bool = False
    call_tag: str = ""
    client_id: str = "PexRTC"
    default_stun: str | None = None
    turn_server: Mapping[str, Any] | None = None
    one_time_token: str | None = None
    registration_token: str | None = None
    sso_redirect_target: str | None = None
    auto_gain_control: bool = True
    echo_cancellation: bool = True
    noise_suppression: bool = True

    _conference: Conference | None = None

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse a name with a slip of the pen, which would never be heard of again."""
        if not name.startswith("_") and not hasattr(type(self), name):
            close = get_close_matches(name, dir(type(self)), 1)
            raise AttributeError(f"PexRTC has no {name!r}{f'; is it {close[0]!r}?' if close else '.'}")
        super().__setattr__(name, value)

    @property
    def conference(self) -> Conference:
        """All else that can be known and done; raises UsageError before `make_call` has led into one."""
        if self._conference is None:
            raise UsageError("There is no conference yet: make_call() first, then connect() when on_setup asks.")
        return self._conference

    # Fields, which are there after on_setup

    @property
    def uuid(self) -> str:
        """Our own participant."""
        return self.conference.my_uuid

    @property
    def role(self) -> str:
        """HOST or GUEST, as the token has it now."""
        return str(self.conference.role)

    @property
    def service_type(self) -> str:
        """What was called: conference, gateway, test_call..."""
        return str(self.conference.session.token.service_type)

    @property
    def current_service_type(self) -> str:
        """Where we are now: conference, waiting_room, gateway..."""
        return str(self.conference.me.service_type)

    @property
    def version(self) -> str:
        """The node's version, such as "37 (79019.0.0)"."""
        version = self.conference.session.token.version
        return f"{version.version_id} ({version.pseudo_version})"

    @property
    def chat_enabled(self) -> bool:
        """Whether there is chat."""
        return self.conference.session.token.chat_enabled

    @property
    def conference_name(self) -> str:
        """What the conference is called."""
        return self.conference.session.token.conference_name

    @property
    def guests_can_present(self) -> bool:
        """Whether guests may present."""
        return self.conference.session.token.guests_can_present

    @property
    def rtmp_enabled(self) -> bool:
        """Whether the node takes RTMP calls."""
        return self.conference.session.token.rtmp_enabled

    @property
    def direct_media(self) -> bool:
        """Whether media go from participant to participant."""
        return self.conference.status.direct_media

    @property
    def live_captions_available(self) -> bool:
        """Whether there are captions to show."""
        return self.conference.session.token.live_captions_available or self.conference.status.live_captions_available

    @property
    def breakout_rooms(self) -> bool:
        """Whether there can be breakout rooms."""
        return self.conference.session.token.breakout_rooms or self.conference.status.breakout_rooms

    @property
    def token(self) -> str:
        """The session's token; keep it to yourself."""
        return self.conference.session.token.token

    @property
    def call(self) -> object | None:
        """The media call, None without."""
        return self.conference.call

    @property
    def roster_list(self) -> list[Participant]:
        """Everybody in the conference."""
        return list(self.conference.participants.values())
