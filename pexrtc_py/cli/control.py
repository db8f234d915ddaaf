"""`pexrtc control`: any request of the API from the shell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.bot.stopping import unless
from pexrtc_py.cli.entering import STOPPED_EARLY, entered
from pexrtc_py.cli.options import conference_options, log_options, option, usage
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.cli.verbs import Verb
    from pexrtc_py.conference import Conference
    from pexrtc_py.protocol.address import Address
    from pexrtc_py.protocol.declare import Request

REFUSED = 10
"""Exit code when the node answers that it did not do it."""
ROOMS_SECONDS = 3.0
"""How long a host may take to hear of the breakout rooms."""


class _Control(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List every request, from the registry."""
        from pexrtc_py.cli.verbs import PLACES, VERBS

        for scope, place in PLACES.items():
            with formatter.section(f"Asked of {place}"):
                verbs = [verb for verb in VERBS if verb.kind.scope is scope]
                formatter.write_dl([(verb.name, f"{verb.sentence}{' ' + verb.arguments if verb.arguments else ''}") for verb in verbs])


@click.command(cls=_Control)
@conference_options("Control")
@click.argument("verb", metavar="VERB")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@option("--participant", metavar="NAME|UUID|me", help="The participant that is meant.")
@option("--breakout", metavar="NAME|UUID", help="The breakout room that is meant, instead of the main room.")
@option("--call", metavar="UUID", help="The media call of the participant that is meant.")
@option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where to put an answer that is a picture (default: stdout).")
@log_options("Print one JSON object with the answer instead of text.")
def control(
    *,
    verb: str,
    words: tuple[str, ...],
    participant: str | None,
    breakout: str | None,
    call: str | None,
    out: Path | None,
    log_level: str,
    as_json: bool,
    **where: Any,
) -> int:
    """Send any request of the API, such as `lock`, or `mute --participant Bob`.

    VERB is the name of a client's method, or the request's on the wire; dashes and underscores are alike. A VALUE is text, a
    number, true, false, null or JSON, as the request declares it; `transforms.layout=1:7` reaches into an object and `frame=@FILE`
    names a file. Joins for control only, asks, prints the answer, and leaves. Exits with 10 when the node says that it did not do it.
    """
    set_up_logging(log_level)
    from pexrtc_py.cli.values import built
    from pexrtc_py.cli.verbs import find
    from pexrtc_py.protocol.declare import Scope

    if call is not None and participant is None:
        raise usage("A call is reached through its participant: add --participant.")
    scope = Scope.CALL if call is not None else Scope.PARTICIPANT if participant is not None else Scope.CONFERENCE
    asked = find(verb, scope, told=participant is not None or breakout is not None)
    request = built(asked, words)
    if request.scope is Scope.PARTICIPANT and participant is None:
        participant = "me"
    meant = (participant, breakout, call)
    return run_until_stopped(lambda stop: _control(stop, asked, request, meant, out, as_json=as_json, where=where))


async def _control(
    stop: asyncio.Event,
    verb: Verb,
    request: Request[Any],
    meant: tuple[str | None, str | None, str | None],
    out: Path | None,
    *,
    as_json: bool,
    where: dict[str, Any],
) -> int:
    async def ask(conference: Conference) -> tuple[Any]:
        return (await conference.carry(await _address(conference, request, *meant), request),)

    async with entered(where, stop, Progress(), media=False) as conference:
        answer = await unless(stop, ask(conference)) if conference is not None else None
    if answer is None:
        return STOPPED_EARLY
    return _report(verb, request, answer[0], out, as_json=as_json)


async def _address(
    conference: Conference, request: Request[Any], participant: str | None, breakout: str | None, call: str | None
) -> Address:
    """Where the request goes, names looked up in the rosters."""
    from dataclasses import replace

    from pexrtc_py.cli.wording import which_room, who
    from pexrtc_py.protocol.address import Address
    from pexrtc_py.protocol.declare import Scope

    if request.scope is Scope.NODE:
        return Address()
    address, people = conference.address, conference.participants
    if breakout is not None:
        address = replace(address, breakout=which_room(breakout, await _rooms(conference, breakout)))
        if participant is not None:
            people = {one.uuid: one for one in await conference.breakout(address.breakout or "").get_participants()}
    if participant is None:
        return address
    return replace(address, participant=who(participant, people, conference.my_uuid), call=call)


async def _rooms(conference: Conference, wanted: str) -> dict[str, str]:
    """The names of the breakout rooms by uuid; those are told after the roster, so the one that is wanted may take its time."""
    from pexrtc_py.errors import Disconnected

    def rooms() -> dict[str, str]:
        return {uuid: room.status.breakout_name or "" for uuid, room in conference.breakouts.items()}

    def there(_: object = None) -> bool:
        return any(wanted.casefold() in (uuid.casefold(), name.casefold()) for uuid, name in rooms().items())

    if not there():
        with contextlib.suppress(TimeoutError, Disconnected):
            await conference.wait_for(object, where=there, timeout=ROOMS_SECONDS)
    return rooms()


def _report(verb: Verb, request: Request[Any], answer: Any, out: Path | None, *, as_json: bool) -> int:
    from pexrtc_py.protocol.wire import encode_answer

    code = REFUSED if answer is False else 0
    if isinstance(answer, bytes):
        _write(verb, answer, out)
        answer = {"bytes": len(answer), "file": str(out)} if out else None
        if out is None:
            return code
    elif request.answer is not bytes:
        answer = encode_answer(request.answer, answer)
    if as_json:
        click.echo(json.dumps({"exit": code, "verb": verb.name, "result": answer}))
    elif answer is False:
        click.echo(f"Error: The node did not do {verb.name}.", err=True)
    else:
        click.echo("done" if answer is True or answer is None else json.dumps(answer, indent=2))
    return code


def _write(verb: Verb, picture: bytes, out: Path | None) -> None:
    if out is None:
        if sys.stdout.isatty():
            raise usage(f"{verb.name} is answered with a picture: add --out FILE, or send it on with a pipe.")
        sys.stdout.buffer.write(picture)
        return
    try:
        out.write_bytes(picture)
    except OSError as error:
        raise usage(f"--out {out} cannot be written: {error.strerror}.") from error
