"""`pexrtc record`: the recording bot."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.entering import entered
from pexrtc_py.cli.options import call_type_option, conference_options, log_options, option, read_pin, usage
from pexrtc_py.cli.progress import Progress
from pexrtc_py.cli.recorded import report
from pexrtc_py.cli.running import run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pexrtc_py.bot.job import Job
    from pexrtc_py.bot.running import Bot, Outcome
    from pexrtc_py.bot.serving import Board

SHOW = 0.25
_SECONDS = click.FloatRange(min=0, min_open=True)


def _leaving(function: Any) -> Any:
    """The options that say when to leave and what else to do."""
    decorators: list[Callable[[Any], Any]] = [
        option("--leave-empty", type=_SECONDS, metavar="S", help="Leave after so long with nobody else there."),
        option("--leave-bots", type=_SECONDS, metavar="S", help="Leave after so long with nobody but bots there."),
        option("--leave-silence", type=_SECONDS, metavar="S", help="Leave after so long without anybody speaking."),
        option("--max-time", type=_SECONDS, metavar="S", help="Leave so long after joining."),
        option("--until", metavar="TIME", help="Leave at this time, as 17:30 or 2026-01-31T17:30."),
        option("--lobby", type=_SECONDS, metavar="S", help="Wait so long in the waiting room (default: as long as the node allows)."),
        option("--segment", type=_SECONDS, metavar="S", help="Begin another file after so long."),
        option("--segment-size", type=click.FloatRange(min=0.1), metavar="MB", help="Begin another file at this size."),
        option("--on-change", type=click.Choice(["native", "segment", "scale"]), help="Another picture size (default: native)."),
        option("--transcode", is_flag=True, help="Decode, and encode one picture of main video and slides."),
        option("--size", metavar="WxH", help="That picture's size (default: 1280x720)."),
        option("--captions", is_flag=True, help="Ask for live captions, and put them into the file (.mkv)."),
        option("--manifest/--no-manifest", default=True, show_default=True, help="Write NAME.manifest.jsonl and NAME.summary.json."),
        option("--webhook", metavar="URL", help="Tell this URL of each state by POST."),
        option("--on-finish", metavar="COMMAND", help="Run this command when the file is complete."),
        option("--debug-dir", metavar="DIR", help="Where a zip with what is known goes when it ends badly (default: beside the file)."),
        option("--metrics", metavar="HOST:PORT", help="Serve /metrics, /healthz, /readyz and /status."),
        option("--spec", type=click.Path(path_type=Path), metavar="FILE", help="Take all of this from a JSON file."),
        option("--jobs", type=click.Path(path_type=Path), metavar="FILE", help="Record several conferences: a JSON list of such."),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


@click.command()
@conference_options("Recorder", required=False)
@option("--out", metavar="FILE", help="Ending in .mkv, .webm or .mp4; {alias}, {name}, {utc}, {date}, {time}, {run} are replaced.")
@call_type_option()
@option("--seconds", type=_SECONDS, metavar="N", help="Stop after this much recording.")
@_leaving
@log_options()
def record(*, spec: Path | None, jobs: Path | None, metrics: str | None, log_level: str, as_json: bool, **options: Any) -> int:
    """Record a conference: what arrives is written as it is, nothing is decoded, unless --transcode is given.

    Ends with the conference, after --seconds, by a rule for leaving, or by SIGINT or SIGTERM, which finish the file and leave.
    A file that is there already is never written over: the new one gets a number.
    """
    set_up_logging(log_level, keep=True)
    if spec is not None or jobs is not None:
        return _from_files(spec, jobs, metrics, as_json=as_json)
    where = {name: options.pop(name) for name in _WHERE}
    if where["conference"] is None:
        raise click.MissingParameter(param_hint="'ALIAS'", param_type="argument", ctx=click.get_current_context())
    if options["out"] is None:
        raise click.MissingParameter(param_hint="'--out'", param_type="option", ctx=click.get_current_context())
    from pexrtc_py.recording import recordable

    recordable(Path(options["out"]))
    if where["node"] is None and "@" not in where["conference"]:
        raise usage(f"{where['conference']!r} does not say where the conference is: give --node URL, or write ALIAS@DOMAIN.")
    job = _job(where, options)
    return run_until_stopped(lambda stop: _record_one(stop, job, where, metrics, as_json=as_json))


_SAME = ("out", "call_type", "seconds", "captions", "transcode", "manifest", "webhook", "on_finish", "debug_dir")
_WHERE = ("conference", "node", "name", "pin", "pin_file", "extension", "idp", "sso_token", "ca_file", "insecure", "proxy")


def _job(where: dict[str, Any], options: dict[str, Any]) -> Job:
    import time

    from pexrtc_media.fileset import Limits
    from pexrtc_py.bot.job import Job, at_clock
    from pexrtc_py.bot.leaving import AutoLeave

    size = options["segment_size"]
    leave = AutoLeave(
        empty=options["leave_empty"],
        only_bots=options["leave_bots"],
        silence=options["leave_silence"],
        max_time=options["max_time"],
        until=at_clock(options["until"], time.time()) if options["until"] else None,
        lobby=options["lobby"],
    )
    limits = Limits(
        seconds=options["segment"], bytes=None if size is None else round(size * 1e6), on_change=options["on_change"] or "native"
    )
    if options["size"] is not None and not options["transcode"]:
        raise usage("--size is the size of a composed picture: it needs --transcode.")
    same = {name: options[name] for name in _SAME} | {"size": options["size"] or Job.size}
    reach = {"ca_file": where["ca_file"] and str(where["ca_file"]), "insecure": where["insecure"], "proxy": where["proxy"]}
    pin = read_pin(where["pin"], where["pin_file"])
    return Job(conference=where["conference"], node=where["node"], name=where["name"], pin=pin, leave=leave, limits=limits, **same, **reach)


async def _record_one(stop: asyncio.Event, job: Job, where: dict[str, Any], metrics: str | None, *, as_json: bool) -> int:
    from pexrtc_py.bot.job import run_id
    from pexrtc_py.bot.leaving import TAG
    from pexrtc_py.bot.running import Bot
    from pexrtc_py.recording import recordable

    progress = Progress()
    media: dict[str, Any] = {
        "codecs": recordable(Path(job.out), composed=job.transcode),
        "call_type": job.call_type,
        "call_tag": TAG,
        "lobby": job.leave.lobby,
    }
    bot = Bot(job, run=run_id(), enter=lambda: entered(where, stop, progress, on_lobby=bot.waits, **media), secrets=(where["sso_token"],))
    async with _board(metrics) as board:
        outcome = await _run(bot, stop, board, progress)
    return report(outcome, as_json=as_json, stopped=stop.is_set())


def _from_files(spec: Path | None, jobs: Path | None, metrics: str | None, *, as_json: bool) -> int:
    from pexrtc_py.bot.job import load_jobs

    if spec is not None and jobs is not None:
        raise usage("--spec and --jobs were both given; a job is in one of them.")
    todo = load_jobs(spec, several=False) if spec is not None else load_jobs(jobs or Path())
    return run_until_stopped(lambda stop: _record_all(stop, todo, metrics, as_json=as_json or jobs is not None))


async def _record_all(stop: asyncio.Event, jobs: list[Job], metrics: str | None, *, as_json: bool) -> int:
    from pexrtc_py.bot.job import run_id
    from pexrtc_py.bot.running import Bot

    progress = Progress(quiet=len(jobs) > 1)
    async with _board(metrics) as board:

        async def one(number: int, job: Job) -> int:
            bot = Bot(job, run=f"{run_id()}-{number}")
            outcome = await _run(bot, stop, board, progress)
            return report(outcome, as_json=as_json, stopped=stop.is_set(), alone=len(jobs) == 1)

        return max(await asyncio.gather(*(one(number, job) for number, job in enumerate(jobs, 1))))


async def _run(bot: Bot, stop: asyncio.Event, board: Board, progress: Progress) -> Outcome:
    """One run, shown while it goes on and counted at its end."""
    board.bots.append(bot)
    showing = asyncio.create_task(_show(bot, progress))
    try:
        outcome = await bot.run(stop)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        progress.done()
    board.ended(outcome)
    return outcome


@contextlib.asynccontextmanager
async def _board(metrics: str | None) -> AsyncIterator[Board]:
    from pexrtc_py.bot.serving import Board, Window

    board: Board = Board()
    async with contextlib.AsyncExitStack() as stack:
        if metrics is not None:
            window = await stack.enter_async_context(Window(board, metrics))
            click.echo(f"Metrics: {window.url}/metrics", err=True)
        yield board


async def _show(bot: Bot, progress: Progress) -> None:
    """Keep the status line up to date, until cancelled."""
    while True:
        await asyncio.sleep(SHOW)
        recording = bot.recording
        if recording is None or bot.conference is None or bot.state.value in {"finishing", "done"}:
            continue
        length, result, people = recording.duration, recording.result, len(bot.conference.participants)
        verb = "Recording" if bot.state.value == "recording" else "Waiting for media:"
        offset = "" if result.av_offset is None else f"  A/V {result.av_offset * 1000:+.0f} ms"
        text = f"{verb} {recording.path}  {length:6.1f} s  {result.bytes / 1e6:6.2f} MB  "
        text += f"{people} participant{'s' if people != 1 else ''}{offset}"
        gaps = sum(len(track.gaps) for track in result.tracks.values())
        progress.update(text, state=bot.state.value, conference=bot.job.conference, seconds=round(length, 1), bytes=result.bytes, gaps=gaps)
