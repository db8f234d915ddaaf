"""The live screen of `pexrtc watch`: header, roster, stage, chat, statistics, fitted to the size that the terminal has now."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pexrtc_py.cli.tally import Tally
from pexrtc_py.cli.wording import COLUMNS, headline, plain, row, speaking

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from pexrtc_py.protocol.events import MessageReceived
    from pexrtc_py.protocol.models import Participant
    from pexrtc_py.signaling.roster import Roster

EVERY = 0.25
"""Seconds between two pictures, however much happens."""
CHAT_SHARE = 4
"""One line in so many is for the chat."""
FEWEST = 3
OTHER_LINES = 6
"""Header, what is shown, two empty ones, the roster's head, statistics."""
WIDTHS = (None, 5, 5, None)
"""Of the roster's columns; the others share what is left."""
_ONE_LINE: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}
STATE_STYLE = (("waiting", "yellow"), ("speaking", "green"), ("presenting", "cyan"))


async def show(conference: Conference, console: Console | None = None) -> None:
    """Draw the conference until it ends; cancel to stop."""
    console, tally = console or Console(), Tally(time.monotonic())
    events = conference.events()
    tally.hear(speaking(conference.stage), time.monotonic())

    async def follow() -> None:
        async for event in events:
            tally.see(event, time.monotonic())

    following = asyncio.create_task(follow())
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not following.done():
                seen = Seen(conference.address.conference, conference.my_uuid, conference.roster, tally)
                live.update(picture(seen, time.monotonic(), console.height), refresh=True)
                await asyncio.wait([following], timeout=EVERY)
        following.result()
    finally:
        following.cancel()
        events.close()


@dataclass(frozen=True)
class Seen:
    """What is watched: the conference's alias, ourselves in it, its picture, and what was counted."""

    alias: str
    me: str
    room: Roster
    tally: Tally


def picture(seen: Seen, now: float, height: int) -> RenderableType:
    """Everything that fits into so many lines."""
    room, tally = seen.room, seen.tally
    chat_lines = max(FEWEST, height // CHAT_SHARE)
    said = [_line(heard, message, now) for heard, message in list(tally.messages)[-chat_lines:]] or [_faint("Nothing was said.")]
    return Group(
        Text(headline(seen.alias, room.status, len(room.participants)), style="bold", **_ONE_LINE),
        Text(_shown(room), **_ONE_LINE),
        Text(),
        _people(room, seen.me, max(FEWEST, height - OTHER_LINES - len(said))),
        Text(),
        *said,
        _faint(_statistics(room, tally, now)),
    )


def _people(room: Roster, me: str, lines: int) -> Table:
    table, voices = Table(box=None, expand=True, padding=(0, 1)), speaking(room.stage)
    for title, width in zip(COLUMNS, WIDTHS, strict=True):
        table.add_column(title, no_wrap=True, overflow="ellipsis", width=width, ratio=None if width else 1, header_style="dim")
    people = _sorted(room)
    shown = people if len(people) <= lines else people[: lines - 1]
    for person in shown:
        cells = row(person, me=me, voices=voices)
        style = next((style for word, style in STATE_STYLE if word in cells[-1].split(", ")), "")
        table.add_row(*map(Text, cells), style=style)
    if len(people) > len(shown):
        table.add_row(_faint(f"... and {len(people) - len(shown)} more"))
    return table


def _faint(text: str) -> Text:
    return Text(text, style="dim", **_ONE_LINE)


def _sorted(room: Roster) -> list[Participant]:
    """Those who wait for somebody first, then the stage in its order, then the others as they came."""
    place = {entry.participant_uuid: entry.stage_index for entry in room.stage}
    return sorted(
        room.participants.values(),
        key=lambda person: (str(person.service_type) != "waiting_room", not person.buzz_time, place.get(person.uuid, len(place))),
    )


def _shown(room: Roster) -> str:
    people, layout = room.participants, room.layout
    presenting = next((plain(person.display_name) for person in people.values() if person.is_presenting), "nobody")
    voices = [plain(people[entry.participant_uuid].display_name) for entry in room.stage if entry.vad and entry.participant_uuid in people]
    asked = str(layout.requested_layout.primary_screen.chair_layout) if layout else ""
    shown = asked or (layout.view if layout else "?")
    return f"layout {shown}   presenting: {presenting}   speaking: {', '.join(voices) or 'nobody'}"


def _line(heard: float, message: MessageReceived, now: float) -> Text:
    at = time.strftime("%H:%M:%S", time.localtime(time.time() - (now - heard)))
    alone = " (alone)" if message.direct else ""
    return Text(f"{at} {plain(message.origin)}{alone}: {plain(message.payload)}", **_ONE_LINE)


def _statistics(room: Roster, tally: Tally, now: float) -> str:
    minutes, seconds = divmod(int(now - tally.began), 60)
    facts = [f"{minutes}:{seconds:02}", f"{tally.events} events, {tally.rate(now):.1f}/s"]
    if tally.breaks:
        facts.append(f"stream broke {tally.breaks} times")
    people = room.participants
    talk = [f"{plain(people[uuid].display_name)} {spoken:.0f} s" for uuid, spoken in tally.spoken(now)[:3] if uuid in people]
    return "   ".join([*facts, *(["spoke: " + ", ".join(talk)] if talk else [])])
