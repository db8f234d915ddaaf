"""`pexrtc demo`: a whole call on this machine, recorded and judged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pexrtc_py.cli.options import log_options, option
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.running import run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.demo.staging import Tell

NOT_AS_IT_SHOULD_BE = 30
STOPPED_EARLY = 130
LEAST_SECONDS = 6
"""With less the slides would be gone before they could be told from black."""


@click.command()
@option("--seconds", type=click.FloatRange(min=LEAST_SECONDS), default=20, show_default=True, metavar="N", help="How long to record.")
@option("--out", type=click.Path(path_type=Path), default=Path("out"), show_default=True, metavar="DIR", help="Where to put the files.")
@log_options("Print one JSON object with all values on stdout, nothing else.")
def demo(*, seconds: float, out: Path, log_level: str, as_json: bool) -> int:
    """Show a whole call on this machine, and judge its recording.

    Starts a conferencing node on loopback. Two participants join meet.alice with a PIN and take turns in talking: one sends
    a film, one a portrait. One of them presents slides in the middle third. A bot joins as a guest and records all of it to
    DIR/meet.alice.mkv, which is then decoded and judged; a contact sheet (PNG) lies beside it. Exits with 0, or with 30 when
    the recording is not what it should be.
    """
    set_up_logging(log_level)
    return run_until_stopped(lambda stop: _demo(stop, seconds, out, as_json=as_json))


async def _demo(stop: asyncio.Event, seconds: float, out: Path, *, as_json: bool) -> int:
    from pexrtc_py.demo.staging import ALIAS, perform

    progress = Progress()
    path = out / f"{ALIAS}.mkv"
    outcome = await perform(path, seconds, tell=_teller(progress), stop=stop)
    if stop.is_set():
        progress.done()
        why = f"Stopped early; {path} is finished, but was not judged."
        click.echo(json.dumps({"exit": STOPPED_EARLY, "ok": False, "file": str(path), "why": why}) if as_json else why, err=not as_json)
        return STOPPED_EARLY
    progress.update("Decoding and judging the recording ...", state="judging")
    from pexrtc_py.demo.verdict import reach

    verdict = await asyncio.to_thread(reach, outcome, seconds)
    progress.done()
    code = 0 if verdict.ok else NOT_AS_IT_SHOULD_BE
    if as_json:
        click.echo(json.dumps({"exit": code, **verdict.as_dict()}))
    else:
        click.echo("\n".join(verdict.lines(colour=_colour())))
    return code


def _teller(progress: Progress) -> Tell:
    """What is to be read later stays on the terminal; all else is one line that changes."""
    return lambda text, fields: (progress.say if "page" in fields else progress.update)(text, **fields)


def _colour() -> bool:
    import os
    import sys

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
