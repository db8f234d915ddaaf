"""Which events lead to which callbacks, with what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from pexrtc_py.protocol import events as told
from pexrtc_py.signaling.roster import RosterSnapshot

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference

Turn: TypeAlias = tuple[Any, ...]
"""The name of a callback, then what it is called with."""


def turns(event: object, conference: Conference) -> Iterator[Turn]:
    """The callbacks for an event of a conference, in order."""
    match event:
        case RosterSnapshot():
            yield from _listed(event, conference)
        case told.ParticipantCreate():
            yield "on_participant_create", event.participant
        case told.ParticipantUpdate():
            yield "on_participant_update", event.participant
        case told.ParticipantDelete():
            yield "on_participant_delete", event
        case told.MessageReceived():
            yield _message(event), event
        case told.PresentationStart():
            yield "on_presentation", *_presenting(event)
        case told.PresentationStop():
            yield "on_presentation", False, None, None, None
        case told.InBreakout():
            yield from _in_breakout(event)
        case _:
            yield from ((name, *values(event)) for kind, name, values in _PLAIN if isinstance(event, kind))
    if isinstance(event, (RosterSnapshot, told.ParticipantCreate, told.ParticipantUpdate, told.ParticipantDelete)):
        yield "on_roster_list", list(conference.participants.values())


def present(conference: Conference) -> Iterator[Turn]:
    """What was told before anybody could be called back."""
    yield "on_conference_update", conference.status
    yield from turns(RosterSnapshot(participants=(), joined=frozenset(conference.participants)), conference)
    if conference.roster.layout is not None:
        yield "on_layout_update", conference.roster.layout
    if conference.stage:
        yield "on_stage_update", conference.stage
    if conference.floor.presenter is not None:
        yield from turns(conference.floor.presenter, conference)


def _listed(event: RosterSnapshot, conference: Conference) -> Iterator[Turn]:
    yield ("on_sync_begin",)
    yield from (("on_participant_delete", told.ParticipantDelete(uuid=uuid)) for uuid in event.left)
    for uuid, person in conference.participants.items():
        yield "on_participant_create" if uuid in event.joined else "on_participant_update", person
    yield ("on_sync_end",)


def _message(event: told.MessageReceived) -> str:
    if event.type.partition(";")[0].strip() != "text/plain":
        return "on_application_message"
    return "on_direct_message" if event.direct else "on_chat_message"


def _presenting(event: told.PresentationStart) -> tuple[bool, str | None, str | None, str | None]:
    if event.revoked:
        return False, None, None, None
    who = f"{event.presenter_name} <{event.presenter_uri}>" if event.presenter_uri else event.presenter_name
    return True, who, event.presenter_uuid, event.source


def _in_breakout(event: told.InBreakout) -> Iterator[Turn]:
    inner = event.event
    if isinstance(inner, told.ConferenceUpdate):
        yield "on_breakout_update", event.breakout_uuid, inner.status
        if inner.status.breakoutbuzz is not None and inner.status.breakoutbuzz.value:
            yield "on_breakout_help", event.breakout_uuid, inner.status.breakoutbuzz
    elif isinstance(inner, (told.ParticipantCreate, told.ParticipantUpdate, told.ParticipantDelete)):
        yield "on_breakout_participant", event.breakout_uuid, inner
    elif isinstance(inner, told.MessageReceived):
        yield _message(inner), inner


_PLAIN: tuple[tuple[type[Any], str, Callable[[Any], tuple[object, ...]]], ...] = (
    (told.ConferenceUpdate, "on_conference_update", lambda event: (event.status,)),
    (told.Layout, "on_layout_update", lambda event: (event,)),
    (told.Stage, "on_stage_update", lambda event: (event.entries,)),
    (told.CallDisconnected, "on_call_disconnect", lambda event: (event.reason,)),
    (told.LiveCaptions, "on_live_captions", lambda event: (event,)),
    (told.OnHold, "on_hold_resume", lambda event: (event.setting,)),
    (told.BreakoutEnd, "on_breakout_end", lambda event: (event.breakout_uuid,)),
)
