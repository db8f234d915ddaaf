"""What is asked of one participant; more about its media is in `participant_media`."""

from __future__ import annotations

from pydantic import Field

from pexrtc_py.protocol.declare import HOST, HOST_OR_SELF, SELF, ParticipantRequest, post
from pexrtc_py.protocol.models import CallAnswer, CallType, MediaType, OpenCallType, OpenMediaType, Role, RosterRole, TransferRole
from pexrtc_py.protocol.wire import Done, Nothing


@post("disconnect", by=HOST_OR_SELF)
class ParticipantDisconnect(ParticipantRequest[Done]):
    """Remove the participant from the conference."""


@post("mute", by=HOST_OR_SELF)
class Mute(ParticipantRequest[Done]):
    """Leave the participant's audio out of everybody's mix."""


@post("unmute", by=HOST_OR_SELF)
class Unmute(ParticipantRequest[Done]):
    """Put the participant's audio back; a guest's own wish is subject to `guests_can_unmute`."""


@post("video_muted", by=HOST_OR_SELF, since=20)
class VideoMuted(ParticipantRequest[Done]):
    """Stop showing the participant's video."""


@post("video_unmuted", by=HOST_OR_SELF, since=20)
class VideoUnmuted(ParticipantRequest[Done]):
    """Show the participant's video again."""


@post("client_mute", by=SELF, since=36)
class ClientMute(ParticipantRequest[Done]):
    """Tell the others that one has muted oneself."""


@post("client_unmute", by=SELF, since=36)
class ClientUnmute(ParticipantRequest[Done]):
    """Tell the others that one has unmuted oneself."""


@post("unlock", by=HOST)
class ParticipantUnlock(ParticipantRequest[Done]):
    """Admit the participant from the waiting room."""


@post("message", since=31)
class ParticipantMessage(ParticipantRequest[Done]):
    """Say something to this participant alone."""

    payload: str
    type: str = "text/plain"


@post("overlaytext", by=HOST_OR_SELF, since=20)
class OverlayText(ParticipantRequest[Done]):
    """Change the name shown over the participant's picture."""

    text: str


@post("buzz", by=HOST_OR_SELF, since=20)
class Buzz(ParticipantRequest[Done]):
    """Raise the participant's hand."""


@post("clearbuzz", by=HOST_OR_SELF, since=20)
class ClearBuzz(ParticipantRequest[Done]):
    """Lower the participant's hand."""


@post("role", by=HOST, since=11)
class ParticipantRole(ParticipantRequest[Done]):
    """Make the participant a host or a guest."""

    role: RosterRole


@post("spotlighton", by=HOST)
class SpotlightOn(ParticipantRequest[Done]):
    """Keep the participant before whoever speaks, after those in the spotlight already."""


@post("spotlightoff", by=HOST)
class SpotlightOff(ParticipantRequest[Done]):
    """Take the participant out of the spotlight."""


@post("transfer", by=HOST, since=12)
class Transfer(ParticipantRequest[Done]):
    """Send the participant to another conference; `pin` is that of the role there, if it has one."""

    conference_alias: str
    role: TransferRole = Role.GUEST
    pin: str | None = Field(default=None, repr=False)


@post("notify_not_afk", by=SELF, since=None)
class NotifyNotAfk(ParticipantRequest[Done]):
    """Say that one is still there, although one did nothing for long."""


@post("hold", by=HOST_OR_SELF, since=None)
class Hold(ParticipantRequest[Done]):
    """Put the participant on hold."""


@post("resume", by=HOST_OR_SELF, since=None)
class Resume(ParticipantRequest[Done]):
    """Take the participant off hold."""


@post("take_floor", by=SELF, since=20)
class TakeFloor(ParticipantRequest[Nothing]):
    """Start presenting, taking the floor from whoever has it; `jpegs` announces still images instead of video."""

    jpegs: bool | None = None


@post("release_floor", by=SELF, since=20)
class ReleaseFloor(ParticipantRequest[Nothing]):
    """Stop presenting; without effect, and no error, for who does not hold the floor."""


@post("calls", by=SELF)
class Calls(ParticipantRequest[CallAnswer]):
    """Start a media call with this offer.

    `present` is "main" when slides are to replace the main video; `bandwidth` is kbit/s; the last but that are for RTMP and RTSP.
    """

    call_type: OpenCallType = CallType.WEBRTC
    sdp: str | None = None
    fecc_supported: bool = False
    media_type: OpenMediaType = MediaType.VIDEO
    present: str | None = None
    streaming: bool | None = None
    bandwidth: float | None = None
    audioonly: bool | None = None
    url: str | None = None
