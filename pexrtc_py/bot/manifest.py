"""What goes beside a recording: one JSON line for everything that happened in the conference, on the recording's own time line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pexrtc_py.bot.lines import LinesFile
from pexrtc_py.protocol import events as told
from pexrtc_py.signaling.roster import RosterSnapshot

if TYPE_CHECKING:
    from pexrtc_media.recording import Note
    from pexrtc_py.conference import Conference
    from pexrtc_py.recording import Recording

SCHEMA = 1


def manifest_path(recording: Path) -> Path:
    """Where the manifest of a recording is."""
    return recording.with_name(f"{recording.stem}.manifest.jsonl")


class Manifest:
    """Writes `NAME.manifest.jsonl` while a recording runs; `t` in each line is seconds of the recording."""

    def __init__(self, recording: Recording, conference: Conference, *, run: str) -> None:
        self.file = LinesFile(manifest_path(recording.path))
        self.presentations: list[tuple[float, float | None, str]] = []
        """From when to when who presented."""
        self._recording, self._conference = recording, conference
        self._known: dict[str, tuple[str, str]] = {}
        self._speaking: set[str] = set()
        self._held: list[dict[str, Any]] = []
        session = conference.session.token
        self._line(
            "begin",
            schema=SCHEMA,
            run=run,
            utc=round(time.time(), 3),
            file=recording.path.name,
            conference=session.conference_name or conference.address.conference,
            me=conference.my_uuid,
        )
        recording.on_note(self._noted)
        readers: list[tuple[type[Any], Callable[[Any], None]]] = [
            (RosterSnapshot, self._listed),
            (told.ParticipantCreate, self._came),
            (told.ParticipantUpdate, self._came),
            (told.ParticipantDelete, self._left),
            (told.Stage, self._staged),
            (told.Layout, self._laid_out),
            (told.PresentationStart, self._presents),
            (told.PresentationStop, self._presents_no_more),
            (told.MessageReceived, self._said),
            (told.LiveCaptions, self._captioned),
        ]
        self._readers = readers
        for kind, callback in readers:
            conference.hub.on(kind)(callback)
        for person in conference.participants.values():
            self._person(person.uuid, person.display_name, str(person.role))
        if conference.floor.presenter is not None:
            self._begin_presentation(conference.floor.presenter.presenter_uuid, conference.floor.presenter.presenter_name)

    async def aclose(self, end: dict[str, Any]) -> None:
        """Write the last line and complete the file."""
        for _, callback in self._readers:
            self._conference.hub.off(callback)
        self._end_presentation()
        self._line("end", **end)
        self._release()
        await self.file.aclose()

    def note(self, kind: str, **fields: Any) -> None:
        """Write a line of somebody else's."""
        self._line(kind, **fields)

    def _line(self, kind: str, at: float | None = None, **fields: Any) -> None:
        """Write a line; what happens before the file has a time zero is held until it has."""
        line = {"t": round(self._recording.now() if at is None else at, 3), "kind": kind, **fields}
        if self._recording.begun is None and kind != "begin":
            self._held.append(line)
            return
        self._release()
        self.file.write(line)

    def _release(self) -> None:
        held, self._held = self._held, []
        for line in held:
            self.file.write(line)

    def _noted(self, note: Note) -> None:
        self._line(note.kind, note.seconds, **note.about)
        if note.kind == "segment" and note.seconds == 0:
            self._line("zero", 0.0, ntp=self._recording.begun, utc=round(time.time() - self._recording.now(), 6))

    # People

    def _listed(self, event: RosterSnapshot) -> None:
        for person in event.participants:
            self._person(person.uuid, person.display_name, str(person.role))
        for uuid in self._known.keys() - {person.uuid for person in event.participants}:
            self._gone(uuid)

    def _came(self, event: told.ParticipantCreate | told.ParticipantUpdate) -> None:
        person = event.participant
        self._person(person.uuid, person.display_name, str(person.role))

    def _person(self, uuid: str, name: str, role: str) -> None:
        before = self._known.get(uuid)
        if before != (name, role):
            self._known[uuid] = (name, role)
            self._line("roster", event="joined" if before is None else "changed", uuid=uuid, name=name, role=role)

    def _left(self, event: told.ParticipantDelete) -> None:
        self._gone(event.uuid)

    def _gone(self, uuid: str) -> None:
        if (known := self._known.pop(uuid, None)) is not None:
            self._line("roster", event="left", uuid=uuid, name=known[0])

    def _staged(self, event: told.Stage) -> None:
        speaking = {entry.participant_uuid for entry in event.entries if entry.vad}
        for uuid in sorted(speaking ^ self._speaking):
            name = self._known.get(uuid, ("", ""))[0]
            self._line("speaker", uuid=uuid, name=name, speaking=uuid in speaking)
        self._speaking = speaking

    def _laid_out(self, event: told.Layout) -> None:
        self._line("layout", view=str(event.view), participants=list(event.participants))

    # Presentations, words

    def _presents(self, event: told.PresentationStart) -> None:
        self._begin_presentation(event.presenter_uuid, event.presenter_name)

    def _begin_presentation(self, uuid: str | None, name: str) -> None:
        self._end_presentation()
        self.presentations.append((self._recording.now(), None, name))
        self._line("presentation", event="start", uuid=uuid or "", name=name)

    def _presents_no_more(self, event: told.PresentationStop) -> None:
        self._end_presentation()

    def _end_presentation(self) -> None:
        if self.presentations and self.presentations[-1][1] is None:
            begin, _, name = self.presentations[-1]
            self.presentations[-1] = (begin, self._recording.now(), name)
            self._line("presentation", event="stop", name=name)

    def _said(self, event: told.MessageReceived) -> None:
        self._line("chat", uuid=event.uuid, name=event.origin, type=event.type, text=event.payload, direct=event.direct)

    def _captioned(self, event: told.LiveCaptions) -> None:
        if event.is_final:
            self._line("caption", text=event.data, language=event.src_lang)
