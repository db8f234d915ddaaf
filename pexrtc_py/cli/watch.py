"""`pexrtc watch`: a conference live, as a screen in the terminal or as JSON lines."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, is_dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.entering import STOPPED_EARLY, entered, exit_code
from pexrtc_py.cli.node import CONFIGURATION
from pexrtc_py.cli.options import conference_options, log_options, option
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import first_of, run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference


@click.command()
@conference_options("Watch")
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Leave after this long.")
@log_options("Print one JSON line for each event, on a terminal too.")
def watch(*, seconds: float | None, log_level: str, as_json: bool, **where: Any) -> int:
    """Watch a conference: who is there, who speaks, who presents, layout, chat and statistics.

    On a terminal it is a screen that follows; otherwise, one JSON line for each event. Joins for control only, without media. Ends with the
    conference, after --seconds, or by SIGINT or SIGTERM.
    """
    set_up_logging(log_level)
    lines = as_json or not sys.stdout.isatty()
    if not lines and find_spec("rich") is None:
        click.echo("Error: The live screen needs rich: pip install 'pexrtc-py[tui]'. With --json there are lines instead.", err=True)
        return CONFIGURATION
    return run_until_stopped(lambda stop: _watch(stop, seconds, lines=lines, where=where))


async def _watch(stop: asyncio.Event, seconds: float | None, *, lines: bool, where: dict[str, Any]) -> int:
    async with entered(where, stop, Progress(), media=False) as conference:
        if conference is None:
            return STOPPED_EARLY
        showing = _print(conference) if lines else _show(conference)
        await first_of(stop.wait(), showing, seconds=seconds)
    if not lines and conference.ended is not None and exit_code(conference.ended):
        click.echo(f"{where['conference']} is over for us: {conference.ended}", err=True)
    return exit_code(conference.ended)


async def _show(conference: Conference) -> None:
    from pexrtc_py.cli.screen import show

    await show(conference)


async def _print(conference: Conference) -> None:
    events = conference.events()
    try:
        async for event in events:
            click.echo(json.dumps({"ts": round(time.time(), 3), **told(event)}, default=str))
    finally:
        events.close()


def told(event: object) -> dict[str, Any]:
    """An event as JSON: its name and its payload, without tokens, for whoever has one can take somebody's place."""
    from pexrtc_py.protocol.declare import Event
    from pexrtc_py.protocol.events import encode
    from pexrtc_py.protocol.wire import encode as model
    from pexrtc_py.signaling.roster import RosterSnapshot

    if isinstance(event, Event):
        name, data = encode(event)
        return {"event": name, "data": {key: value for key, value in data.items() if key != "token"} if isinstance(data, dict) else data}
    if isinstance(event, RosterSnapshot):
        return {"event": "roster", "data": [model(person) for person in event.participants]}
    fields = asdict(event) if is_dataclass(event) and not isinstance(event, type) else {}
    fields.pop("error", None)
    return {"event": type(event).__name__.lower(), "data": fields}
