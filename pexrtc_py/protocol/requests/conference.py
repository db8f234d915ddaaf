"""What is asked of a conference, or of a breakout room at its longer address."""

from __future__ import annotations

from pydantic import AliasChoices, Field, JsonValue

from pexrtc_py.protocol.declare import HOST, ConferenceRequest, get, post
from pexrtc_py.protocol.models import (
    Classification,
    ConferenceStatus,
    DialProtocol,
    MediaType,
    MessageText,
    OpenDialProtocol,
    OpenKeepAlive,
    OpenMediaType,
    Participant,
    ParticipantId,
    Role,
    TokenRole,
)
from pexrtc_py.protocol.wire import Done, Yes


@get("conference_status")
class GetConferenceStatus(ConferenceRequest[ConferenceStatus]):
    """The state of the conference."""


@get("participants")
class Participants(ConferenceRequest[list[Participant]]):
    """The roster."""


@post("lock", by=HOST)
class Lock(ConferenceRequest[Done]):
    """Keep newcomers in the waiting room."""


@post("unlock", by=HOST)
class Unlock(ConferenceRequest[Done]):
    """Let newcomers in again, and those who wait because of the lock."""


@post("start_conference", by=HOST, since=12)
class StartConference(ConferenceRequest[Done]):
    """Let the waiting guests in although no host has media."""


@post("muteguests", by=HOST)
class MuteGuests(ConferenceRequest[Done]):
    """Mute all guests."""


@post("unmuteguests", by=HOST)
class UnmuteGuests(ConferenceRequest[Done]):
    """Unmute all guests."""


@post("disconnect", by=HOST)
class Disconnect(ConferenceRequest[Done]):
    """End the conference for everybody, the asking host included; a breakout room closes."""


@post("message")
class Message(ConferenceRequest[Done]):
    """Say something to everybody else in the room."""

    payload: str
    type: str = "text/plain"


@post("dial", by=HOST)
class Dial(ConferenceRequest[list[ParticipantId]]):
    """Call somebody into the conference; the answer names the new participants, which are connecting.

    `presentation_url` is where the slides of an RTMP call go, `text` what stands over the picture instead of `remote_display_name`. Whether
    the conference goes on for somebody dialled (`keep_conference_alive`) depends on `streaming` where nothing is said.
    """

    destination: str
    protocol: OpenDialProtocol = DialProtocol.AUTO
    role: TokenRole = Role.HOST
    call_type: OpenMediaType = MediaType.VIDEO
    streaming: Yes = False
    presentation_url: str | None = Field(default=None, validation_alias=AliasChoices("presentation_url", "presentation_uri"))
    dtmf_sequence: str | None = None
    source: str | None = None
    source_display_name: str | None = None
    remote_display_name: str | None = None
    text: str | None = None
    keep_conference_alive: OpenKeepAlive | None = None
    prefer_ipv6: JsonValue = None
    custom_sip_headers: JsonValue = None


@post("set_guests_can_unmute", by=HOST, since=36)
class SetGuestsCanUnmute(ConferenceRequest[Done]):
    """Let guests whom a host has muted unmute themselves, or not."""

    setting: bool


@post("clearallbuzz", by=HOST, since=20)
class ClearAllBuzz(ConferenceRequest[Done]):
    """Lower all raised hands."""


@post("clearspotlights", by=HOST, since=36)
class ClearSpotlights(ConferenceRequest[Done]):
    """Take everybody out of the spotlight."""


@post("set_classification_level", by=HOST, since=33)
class SetClassificationLevel(ConferenceRequest[Done]):
    """Say how secret the conference is, by the number of one of its theme's levels."""

    level: int


@get("get_classification_level", since=33)
class GetClassificationLevel(ConferenceRequest[Classification]):
    """The levels the conference knows, and the one that holds."""


@post("set_message_text", by=HOST, since=35)
class SetMessageText(ConferenceRequest[Done]):
    """Put a banner over everybody's picture, of several lines if need be; an empty text takes it away."""

    text: str


@get("get_message_text", since=35)
class GetMessageText(ConferenceRequest[MessageText]):
    """The banner, and when it was set."""
