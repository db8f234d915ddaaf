"""Live captions: where they come from, and what participants are told of them.

A source is an async generator of `Said`; it begins when the first participant wants captions and is closed when nobody does any more.
`recite` makes one of a script. A node recognises no speech.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pexrtc_py.protocol.events import LiveCaptions
from pexrtc_py.protocol.models import CaptionSource

if TYPE_CHECKING:
    from pexrtc_py.node.room import Room

WORD_SECONDS = 0.2
"""Between two partial captions of a script."""


@dataclass(frozen=True)
class Said:
    """What somebody says, so far or (`final`) for good; `speaker` is a display name or the uuid of a participant."""

    speaker: str
    text: str
    final: bool = True


@dataclass(frozen=True)
class Caption:
    """A line of a script: `at` seconds after captions began, `speaker` begins to say `text`."""

    at: float
    speaker: str
    text: str


Source = Callable[[], AsyncIterator[Said]]
"""Makes the captions of a conference, each time somebody wants them again."""


@dataclass
class Captions:
    """The captions of one conference; without a source they are not available."""

    source: Source | None = None

    @property
    def available(self) -> bool:
        """Whether participants can have them shown."""
        return self.source is not None


def scripted(script: Sequence[Caption]) -> Captions:
    """Captions by a script; an empty one is none."""
    return Captions((lambda: recite(script)) if script else None)


async def recite(script: Iterable[Caption]) -> AsyncIterator[Said]:
    """Say the lines of a script at their times, word by word."""
    begun = asyncio.get_running_loop().time()
    for line in sorted(script, key=lambda line: line.at):
        for number, said in enumerate(spoken(line)):
            due = begun + line.at + number * WORD_SECONDS
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            yield said


def spoken(line: Caption) -> list[Said]:
    """A line as it becomes known: word after word without capitals and punctuation, then as it is."""
    words = ["".join(letter for letter in word if letter.isalnum() or letter in "'-").lower() for word in line.text.split()]
    partly = [Said(line.speaker, f"{' '.join(words[:end])} ", final=False) for end in range(1, len(words) + 1)]
    return [*partly, Said(line.speaker, line.text)]


def wanted(room: Room) -> bool:
    """Whether anybody wants captions."""
    return any(member.shows_captions for member in room.members.values())


def tell(room: Room, said: Said, now: float) -> None:
    """Tell those who want captions, and are not waiting, what is said."""
    event = LiveCaptions(data=said.text, is_final=said.final, sent_time=now, sources=_sources(room, said))
    for member in room.admitted:
        if member.shows_captions:
            room.tell(member, event)


def _sources(room: Room, said: Said) -> tuple[CaptionSource, ...] | None:
    speaker = next((one for one in room.members.values() if said.speaker in (one.uuid, one.display_name)), None)
    return None if speaker is None else (CaptionSource(participant_uuid=speaker.uuid, indices=tuple(range(len(said.text.split())))),)
