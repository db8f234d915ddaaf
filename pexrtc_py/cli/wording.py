"""People and rooms in words: tables of a roster, names that are safe to print, and the participant or room that somebody meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pexrtc_py.cli.options import usage

if TYPE_CHECKING:
    from pexrtc_py.protocol.models import ConferenceStatus, Participant, StageEntry

ME = "me"
COLUMNS = ("NAME", "ROLE", "MEDIA", "STATE")
SUGGESTED = 5


def plain(text: str) -> str:
    """What somebody else wrote, without what would move a terminal's cursor or colour it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def near(wanted: str, known: Iterable[str]) -> str:
    """A sentence with what may have been meant; empty when nothing is near."""
    by_case = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(wanted.casefold(), by_case, n=3)
    return f" Did you mean {' or '.join(by_case[one] for one in found)}?" if found else ""


def who(wanted: str, people: Mapping[str, Participant], me: str) -> str:
    """The uuid of the participant with this uuid or name, `me` is ourselves. Raises a usage error that says who is there."""
    if wanted in people:
        return wanted
    if wanted.casefold() == ME:
        return me
    return _one("participant", wanted, {uuid: person.display_name for uuid, person in people.items()})


def which_room(wanted: str, rooms: Mapping[str, str]) -> str:
    """The uuid of the breakout room with this uuid or name, of the names by uuid."""
    return wanted if wanted in rooms else _one("breakout room", wanted, rooms)


def _one(kind: str, wanted: str, names: Mapping[str, str]) -> str:
    found = [uuid for uuid, name in names.items() if name.casefold() == wanted.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise usage(f"{len(found)} of them are called {wanted!r}; say which by its uuid: {', '.join(found[:SUGGESTED])}.")
    there = ", ".join(plain(name) for name in list(names.values())[:SUGGESTED]) + (", ..." if len(names) > SUGGESTED else "")
    raise usage(f"There is no {kind} {wanted!r}.{near(wanted, map(plain, names.values()))} There: {there or 'none'}.")


def speaking(stage: Sequence[StageEntry]) -> frozenset[str]:
    """The uuids of those who speak now."""
    return frozenset(entry.participant_uuid for entry in stage if entry.vad)


def row(person: Participant, *, me: str, voices: frozenset[str] = frozenset()) -> tuple[str, str, str, str]:
    """A participant as the columns of a table."""
    name = plain(person.display_name) or person.uuid
    ours = " (this command)" if person.uuid == me else ""
    return name + ours, str(person.role).lower(), _media(person), ", ".join(_states(person, voices))


def _media(person: Participant) -> str:
    if not person.has_media:
        return "none"
    return "video" if person.is_video_call else "audio"


def _states(person: Participant, voices: frozenset[str]) -> list[str]:
    place = str(person.service_type)
    states = {
        "waiting": place == "waiting_room",
        place: place in ("connecting", "ivr"),
        "presenting": person.is_presenting,
        "speaking": person.uuid in voices,
        "hand up": bool(person.buzz_time),
        "spotlight": bool(person.spotlight),
        "muted": person.is_muted,
        "muted itself": person.is_client_muted,
        "video off": person.is_video_muted,
        "on hold": person.is_on_hold,
        "leaving": person.is_transferring,
        "recording": person.is_recording,
        "streaming": person.is_public_streaming or person.is_streaming_conference,
    }
    return [word for word, holds in states.items() if holds]


def headline(alias: str, status: ConferenceStatus, count: int) -> str:
    """The conference in one line."""
    facts = [f"{count} participant{'' if count == 1 else 's'}", "started" if status.started else "not started"]
    facts += [word for word, holds in (("locked", status.locked), ("guests muted", status.guests_muted)) if holds]
    if status.classification.current is not None:
        facts.append(plain(status.classification.levels.get(str(status.classification.current), str(status.classification.current))))
    return f"{plain(alias)}: {', '.join(facts)}"


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of text, each column as wide as its widest entry."""
    cells = [COLUMNS, *rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(COLUMNS))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
