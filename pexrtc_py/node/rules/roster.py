"""The participants: listing them, their hands and names, removing one."""

from __future__ import annotations

from pexrtc_py.node import views
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.models import Participant
from pexrtc_py.protocol.requests import Buzz, ClearBuzz, OverlayText, ParticipantDisconnect, Participants

REMOVED_BY_API = "API initiated participant disconnect"
TEXT_LENGTH = 1000


@answers(Participants)
def participants(asked: Asked, _: Participants) -> list[Participant]:
    """The roster as the asking participant sees it."""
    return views.participants(asked.room, asked.sender)


@answers(Buzz)
def buzz(asked: Asked, _: Buzz) -> bool:
    """The hand goes up."""
    return _set_buzz(asked, asked.target.buzzed or asked.now)


@answers(ClearBuzz)
def clear_buzz(asked: Asked, _: ClearBuzz) -> bool:
    """The hand goes down."""
    return _set_buzz(asked, 0)


def _set_buzz(asked: Asked, time: float) -> bool:
    if asked.target.buzzed != time:
        asked.target.buzzed = time
        asked.room.updated(asked.target)
    return True


@answers(OverlayText)
def overlay_text(asked: Asked, request: OverlayText) -> bool:
    """Another name over the picture."""
    asked.target.overlay_text = request.text[:TEXT_LENGTH]
    asked.room.updated(asked.target)
    return True


@answers(ParticipantDisconnect)
def disconnect(asked: Asked, _: ParticipantDisconnect) -> bool:
    """The participant is removed, and told so."""
    asked.room.leave(asked.target, asked.now, REMOVED_BY_API)
    return True
