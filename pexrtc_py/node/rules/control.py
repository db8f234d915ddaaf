"""What Hosts set for the whole conference: who may unmute, the banner, the classification level; and hands lowered all at once."""

from __future__ import annotations

from datetime import UTC, datetime

from pexrtc_py.node import views
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.models import Classification, MessageText
from pexrtc_py.protocol.requests import (
    ClearAllBuzz,
    GetClassificationLevel,
    GetMessageText,
    SetClassificationLevel,
    SetGuestsCanUnmute,
    SetMessageText,
)

TEXT_LENGTH = 1000


@answers(SetGuestsCanUnmute)
def set_guests_can_unmute(asked: Asked, request: SetGuestsCanUnmute) -> bool:
    """Whether muted Guests may unmute themselves from now on."""
    asked.room.settings.guests_can_unmute = request.setting
    asked.room.conference_updated()
    return True


@answers(ClearAllBuzz)
def clear_all_buzz(asked: Asked, _: ClearAllBuzz) -> bool:
    """All hands go down."""
    raised = [member for member in asked.room.members.values() if member.buzzed]
    for member in raised:
        member.buzzed = 0
    asked.room.updated(*raised)
    return True


@answers(SetMessageText)
def set_message_text(asked: Asked, request: SetMessageText) -> bool:
    """The banner says something else, or nothing any more."""
    settings, text = asked.room.settings, request.text[:TEXT_LENGTH]
    if text != (settings.message.text if settings.message else ""):
        settings.message = MessageText(text=text, set_time=datetime.fromtimestamp(asked.now, UTC).isoformat())
        asked.room.conference_updated()
    return True


@answers(GetMessageText)
def message_text(asked: Asked, _: GetMessageText) -> MessageText:
    """The banner, with an empty text where there is none."""
    return asked.room.settings.message or MessageText()


@answers(SetClassificationLevel)
def set_classification_level(asked: Asked, request: SetClassificationLevel) -> bool:
    """Another of the levels the conference is configured with holds; an unknown one is an illegal value."""
    room = asked.room
    if str(request.level) not in views.classification(room).levels:
        count = len(room.vmr.classification_levels)
        raise Refused(400, f"Illegal value: {request.level} is none of the {count} classification levels of this conference")
    room.settings.classification = request.level
    room.conference_updated()
    return True


@answers(GetClassificationLevel)
def classification_level(asked: Asked, _: GetClassificationLevel) -> Classification:
    """The levels of the conference, and the one that holds."""
    return views.classification(asked.room)
