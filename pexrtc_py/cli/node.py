"""`pexrtc node`: the conferencing node until SIGINT or SIGTERM."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.options import log_options, option
from pexrtc_py.cli.running import run_until_stopped, set_up_logging

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pexrtc_py.node.server import Node

LISTEN = "127.0.0.1:8080"
CONFIGURATION = 3
"""Exit code for what is wrong with this machine or a file on it, not with the command line."""


@click.command()
@option("--listen", metavar="HOST:PORT", help=f"Where to listen; port 0 takes a free one.  [default: {LISTEN}]")
@option("--tls", is_flag=True, help="Serve https with a certificate made for this run, and say how to trust it.")
@option(
    "--conference",
    "conferences",
    multiple=True,
    metavar="ALIAS[,host_pin=..][,guest_pin=..]",
    help="A conference that exists; may be repeated. Without any, every alias is an open conference.",
)
@option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="ADDRESS[,answers_after=..][,outcome=..]",
    help="Somebody who can be called; may be repeated. Without any, everybody answers.",
)
@option("--rtmp", metavar="HOST:PORT", help="Where to listen for calls by RTMP, which are refused without; port 0 takes a free one.")
@option("--compose", type=click.Choice(["auto", "always", "never"]), help="When pictures are composed by layouts.  [default: auto]")
@option("--max-size", metavar="WIDTHxHEIGHT", help="The largest composed picture.  [default: 1280x720]")
@option("--ui", is_flag=True, help="Serve a page at the node's address: see its conferences, control them, join from a browser here.")
@option("--impair", metavar="PROFILE", help="Lose and delay media: wifi_bad and the like, or loss=0.02,delay_ms=50.")
@option("--config", type=click.Path(path_type=Path), metavar="FILE.toml", help="Conferences ([[conference]]) and settings from a file.")
@log_options("Print one JSON object with the URL when ready, instead of text.")
def node(
    *,
    listen: str | None,
    tls: bool,
    conferences: tuple[str, ...],
    endpoints: tuple[str, ...],
    rtmp: str | None,
    compose: str | None,
    max_size: str | None,
    ui: bool,
    impair: str | None,
    config: Path | None,
    log_level: str,
    as_json: bool,
) -> int:
    """Run a conferencing node: the same API as a real one, with real media.

    Runs until SIGINT or SIGTERM, which disconnect everybody. Only this machine can reach it unless --listen says otherwise.
    """
    set_up_logging(log_level)
    more: dict[str, Any] = {"rtmp": rtmp, "compose": compose, "max_size": max_size, "ui": ui, "impair": impair}
    configured = partial(_configured, listen=listen, tls=tls, conferences=conferences, endpoints=endpoints, config=config, more=more)
    return run_until_stopped(lambda stop: _serve(stop, configured, as_json=as_json))


async def _serve(stop: asyncio.Event, configured: Callable[[], Node], *, as_json: bool) -> int:
    from pexrtc_py.errors import UsageError

    try:
        async with configured() as running:
            _tell(running, as_json=as_json)
            gc.freeze()  # what was loaded stays; looking through it again and again would keep the sound waiting
            await stop.wait()
    except UsageError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        click.echo(f"Error: {error}", err=True)
        return CONFIGURATION
    return 0


def _configured(
    *,
    listen: str | None,
    tls: bool,
    conferences: tuple[str, ...],
    endpoints: tuple[str, ...],
    config: Path | None,
    more: dict[str, Any],
) -> Node:
    from pexrtc_py.node.config import NodeConfig
    from pexrtc_py.node.reading import load, parse_endpoint
    from pexrtc_py.node.server import Node

    settings = load(config) if config is not None else NodeConfig()
    given: dict[str, Any] = {name: value for name, value in more.items() if value}
    settings = replace(settings, endpoints=(*settings.endpoints, *map(parse_endpoint, endpoints)), **given)
    return Node(*conferences, config=settings, listen=listen or settings.listen or LISTEN, tls=tls or settings.tls)


def _tell(running: Node, *, as_json: bool) -> None:
    """Print where the node is, flushed, for whoever waits for it."""
    ca_file = str(running.ca_file) if running.url.startswith("https:") else None
    rooms = [vmr.alias for vmr in running.config.conferences]
    if as_json:
        click.echo(json.dumps({"url": running.url, "ca_file": ca_file, "conferences": rooms, "page": running.page}))
        return
    click.echo(running.url)
    if running.page is not None:
        click.echo(f"Page: {running.page}")
    if ca_file is not None:
        click.echo(f"Its certificate is self-signed. Clients trust it with: --ca-file {ca_file}")
    click.echo(f"Conferences: {', '.join(rooms)}" if rooms else "Any alias is an open conference.")
    click.echo("Stop with Ctrl-C.", err=True)
