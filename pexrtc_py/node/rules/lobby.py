"""The conference as a whole: its lock, its start, its end; and the waiting room."""

from __future__ import annotations

from pexrtc_py.node import views
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.models import ConferenceStatus
from pexrtc_py.protocol.requests import Disconnect, GetConferenceStatus, Lock, ParticipantUnlock, StartConference, Unlock

ENDED_BY_API = "API initiated conference termination"


@answers(GetConferenceStatus)
def conference_status(asked: Asked, _: GetConferenceStatus) -> ConferenceStatus:
    """The state of the conference."""
    return views.status(asked.room)


@answers(Lock)
def lock(asked: Asked, _: Lock) -> bool:
    """From now on newcomers wait."""
    return _set_locked(asked, True)


@answers(Unlock)
def unlock(asked: Asked, _: Unlock) -> bool:
    """Newcomers enter again, and so do those who waited only because of the lock."""
    return _set_locked(asked, False)


def _set_locked(asked: Asked, locked: bool) -> bool:
    room = asked.room
    if room.locked is not locked:
        room.locked = locked
        room.conference_updated()
        room.admit_entitled()
    return True


@answers(StartConference)
def start_conference(asked: Asked, _: StartConference) -> bool:
    """The waiting Guests come in although no Host has media."""
    asked.room.start()
    return True


@answers(ParticipantUnlock)
def admit(asked: Asked, _: ParticipantUnlock) -> bool:
    """One participant comes in from the waiting room."""
    asked.room.admit([asked.target])
    return True


@answers(Disconnect)
def disconnect_all(asked: Asked, _: Disconnect) -> bool:
    """The conference ends for everybody, the caller included; a breakout room is closed as it was said when it was opened."""
    if asked.room.breakout is None:
        asked.room.end(ENDED_BY_API)
    else:
        asked.room.main.breakouts.close(asked.room, asked.now, by=asked.sender.owner or asked.sender.uuid)
    return True
