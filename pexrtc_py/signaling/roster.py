"""Who is in a room and what the room's state is: a reducer over the events, silent while the node lists everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pexrtc_py.protocol.events import (
    ConferenceUpdate,
    Layout,
    ParticipantCreate,
    ParticipantDelete,
    ParticipantSyncBegin,
    ParticipantSyncEnd,
    ParticipantUpdate,
    Stage,
)
from pexrtc_py.protocol.models import ConferenceStatus, Participant, StageEntry


@dataclass(frozen=True, kw_only=True)
class RosterSnapshot:
    """Everybody in the room, at the start of an iteration or after the node listed them (again)."""

    participants: tuple[Participant, ...]
    joined: frozenset[str] = frozenset()
    """Who is new against what was known before, by uuid; filled when the node listed them again after a gap."""
    left: frozenset[str] = frozenset()
    """Who is gone against what was known before."""


class Roster:
    """The picture of one room: the main room, or a breakout room."""

    def __init__(self) -> None:
        self.status = ConferenceStatus()
        self.stage: tuple[StageEntry, ...] = ()
        self.layout: Layout | None = None
        self.synced = False
        """Whether the node has listed everybody at least once."""
        self._people: dict[str, Participant] = {}
        self._coming: dict[str, Participant] | None = None

    @property
    def participants(self) -> Mapping[str, Participant]:
        """Everybody, by uuid; a view that follows."""
        return MappingProxyType(self._people)

    @property
    def arriving(self) -> int:
        """How many the node has listed so far, while it does."""
        return 0 if self._coming is None else len(self._coming)

    def snapshot(self) -> RosterSnapshot:
        """What a late reader is told first."""
        return RosterSnapshot(participants=tuple(self._people.values()))

    def see(self, event: object) -> tuple[object, ...]:
        """Take an event in, and say what its followers should hear: the event itself, one snapshot after a listing, or nothing."""
        match event:
            case ParticipantSyncBegin():
                self._coming = {}
                return ()
            case ParticipantSyncEnd():
                return self._end_listing()
            case ParticipantCreate() | ParticipantUpdate():
                return self._put(event)
            case ParticipantDelete():
                return self._remove(event)
            case _:
                self._see_state(event)
                return (event,)

    def replace(self, people: Iterable[Participant]) -> tuple[RosterSnapshot]:
        """Take a complete list (the answer of GET participants) for what is there now; returns the snapshot to publish."""
        before, now = self._people, {person.uuid: person for person in people}
        self._people, self._coming, self.synced = now, None, True
        joined, left = frozenset(now.keys() - before), frozenset(before.keys() - now)
        return (RosterSnapshot(participants=tuple(now.values()), joined=joined, left=left),)

    def _end_listing(self) -> tuple[object, ...]:
        return () if self._coming is None else self.replace(self._coming.values())

    def _put(self, event: ParticipantCreate | ParticipantUpdate) -> tuple[object, ...]:
        if self._coming is not None:
            self._coming[event.participant.uuid] = event.participant
            return ()
        known = event.participant.uuid in self._people
        self._people[event.participant.uuid] = event.participant
        if isinstance(event, ParticipantUpdate) and not known:
            return (ParticipantCreate(participant=event.participant),)
        return (event,)

    def _remove(self, event: ParticipantDelete) -> tuple[object, ...]:
        if self._coming is not None:
            self._coming.pop(event.uuid, None)
            return ()
        return () if self._people.pop(event.uuid, None) is None else (event,)

    def _see_state(self, event: object) -> None:
        match event:
            case ConferenceUpdate():
                self.status = event.status
            case Stage():
                self.stage = tuple(sorted(event.entries, key=lambda entry: entry.stage_index))
            case Layout():
                self.layout = event
            case _:
                pass
