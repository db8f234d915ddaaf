"""What is asked of a conference, or of a breakout room at its longer address."""

from __future__ import annotations

from pexrtc_py.protocol.declare import HOST, ConferenceRequest, get, post
from pexrtc_py.protocol.models import ConferenceStatus, Participant, Theme
from pexrtc_py.protocol.wire import Done


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


@post("start_conference", by=HOST)
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


@get("theme/", since=31)
class GetTheme(ConferenceRequest[Theme | None]):
    """The splash screens of direct media; None (HTTP 204) without a theme."""
