"""`pexrtc roster`: who is in a conference, once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.bot.stopping import unless
from pexrtc_py.cli.entering import STOPPED_EARLY, entered
from pexrtc_py.cli.options import conference_options, log_options
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import run_until_stopped, set_up_logging
from pexrtc_py.cli.wording import aligned, headline, row

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference


@click.command()
@conference_options("Roster")
@log_options("Print one JSON object with every field instead of text.")
def roster(*, log_level: str, as_json: bool, **where: Any) -> int:
    """Show who is in a conference, and what state it is in.

    Joins for control only, without media, prints the roster, and leaves; so it is in the roster itself, marked.
    """
    set_up_logging(log_level)
    return run_until_stopped(lambda stop: _roster(stop, as_json=as_json, where=where))


async def _roster(stop: asyncio.Event, *, as_json: bool, where: dict[str, Any]) -> int:
    async with entered(where, stop, Progress(), media=False) as conference:
        text = await unless(stop, _told(conference, as_json=as_json)) if conference is not None else None
    if text is None:
        return STOPPED_EARLY
    click.echo(text)
    return 0


async def _told(conference: Conference, *, as_json: bool) -> str:
    from pexrtc_py.protocol.wire import encode

    status = await conference.get_conference_status()
    people = conference.participants.values()
    alias = conference.address.conference
    if as_json:
        lines = [encode(person) for person in people]
        return json.dumps({"conference": alias, "me": conference.my_uuid, "status": encode(status), "participants": lines})
    rows = [row(person, me=conference.my_uuid) for person in people]
    return "\n".join([headline(alias, status, len(rows)), *aligned(rows)])
