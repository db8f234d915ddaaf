"""`pexrtc chat`: say something to a conference or to one of its participants, or follow what is said."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.bot.stopping import unless
from pexrtc_py.cli.entering import STOPPED_EARLY, entered, exit_code
from pexrtc_py.cli.options import conference_options, log_options, option
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import first_of, run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from pexrtc_py.protocol.events import MessageReceived

NOT_SENT = 10


@click.command()
@conference_options("Chat")
@click.argument("text", required=False, metavar="[TEXT]")
@option("--to", metavar="NAME|UUID", help="Say it to this participant alone.")
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Follow for this long, whatever is typed.")
@log_options("Print JSON instead of text: an object at the end, or one line for each message that comes.")
def chat(*, text: str | None, to: str | None, seconds: float | None, log_level: str, as_json: bool, **where: Any) -> int:
    """Say TEXT to a conference and leave; or, without TEXT, print what is said and say what is typed.

    Each line on stdin is a message. Ends with the conference, at the end of stdin, by SIGINT or SIGTERM, and with --seconds after that time
    only. Joins for control only, without media.
    """
    set_up_logging(log_level)
    return run_until_stopped(lambda stop: _chat(stop, text, to, seconds, as_json=as_json, where=where))


async def _chat(
    stop: asyncio.Event, text: str | None, to: str | None, seconds: float | None, *, as_json: bool, where: dict[str, Any]
) -> int:
    code = None
    async with entered(where, stop, Progress(), media=False) as conference:
        if conference is not None and text is not None:
            code = await unless(stop, _say(conference, text, to))
        elif conference is not None:
            return await _follow(conference, stop, to, seconds, as_json=as_json)
    if code is None:
        return STOPPED_EARLY
    if as_json:
        click.echo(json.dumps({"exit": code, "sent": not code}))
    return code


async def _say(conference: Conference, text: str, to: str | None) -> int:
    """Send one message; the exit code."""
    from pexrtc_py.cli.wording import who

    about = conference if to is None else conference.participant(who(to, conference.participants, conference.my_uuid))
    if await about.message(payload=text):
        return 0
    click.echo("Error: The node did not pass the message on; chat may be switched off in this conference.", err=True)
    return NOT_SENT


async def _follow(conference: Conference, stop: asyncio.Event, to: str | None, seconds: float | None, *, as_json: bool) -> int:
    from pexrtc_py.protocol.events import MessageReceived

    messages = conference.events(MessageReceived)

    async def listen() -> None:
        async for message in messages:
            click.echo(_told(conference, message, as_json=as_json))

    async def speak() -> None:
        from pexrtc_py.cli.typed import typed

        async for line in typed():
            if line.strip():
                await _say(conference, line, to)
        if seconds is not None:
            await asyncio.Event().wait()

    try:
        await first_of(stop.wait(), listen(), speak(), seconds=seconds)
    finally:
        messages.close()
    return exit_code(conference.ended)


def _told(conference: Conference, message: MessageReceived, *, as_json: bool) -> str:
    from pexrtc_py.cli.wording import plain
    from pexrtc_py.protocol.wire import encode

    if as_json:
        return json.dumps({"ts": round(time.time(), 3), **encode(message)})
    person = conference.participants.get(message.uuid)
    name = plain(message.origin or (person.display_name if person else "") or message.uuid)
    alone = " (to you alone)" if message.direct else ""
    return f"{time.strftime('%H:%M:%S')} {name}{alone}: {plain(message.payload)}"
