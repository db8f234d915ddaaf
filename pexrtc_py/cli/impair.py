"""`pexrtc impair`: a bad network between two programs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pexrtc_py.cli.options import log_options, option, usage
from pexrtc_py.cli.running import first_of, run_until_stopped, set_up_logging

if TYPE_CHECKING:
    from pexrtc_py.engine.network import Achieved, Network
    from pexrtc_py.engine.passing import Relay


@click.command()
@option("--to", "target", required=True, metavar="HOST:PORT", help="Where datagrams are passed on to.")
@option("--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT", help="Where they come from; port 0 takes a free one.")
@option(
    "--network", default="clean", show_default=True, metavar="PROFILE", help="The network: wifi_bad and the like, or loss=0.02,delay_ms=50."
)
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="End after this long.")
@log_options("Print JSON: an object with the address, at the end one with what was done.")
def impair(*, target: str, listen: str, network: str, seconds: float | None, log_level: str, as_json: bool) -> int:
    """Pass UDP datagrams on to another address, and the answers back, as a bad network would."""
    set_up_logging(log_level)
    from pexrtc_py.engine.network import Network

    parsed = Network.parse(network)
    return run_until_stopped(lambda stop: _impair(stop, _address(target), _address(listen), parsed, seconds, as_json=as_json))


async def _impair(
    stop: asyncio.Event, target: tuple[str, int], listen: tuple[str, int], network: Network, seconds: float | None, *, as_json: bool
) -> int:
    from pexrtc_py.engine.passing import Relay

    relay = Relay(target, network)
    try:
        await relay.open(*listen)
    except OSError as error:
        raise usage(f"{listen[0]}:{listen[1]} cannot be listened on: {error.strerror}. Choose another address with --listen.") from error
    host, port = relay.address
    click.echo(json.dumps({"address": f"{host}:{port}"}) if as_json else f"{host}:{port}")
    await first_of(stop.wait(), seconds=seconds)
    await relay.aclose()
    _tell(relay, as_json=as_json)
    return 0


def _tell(relay: Relay, *, as_json: bool) -> None:
    for number, (sent, back) in enumerate(relay.achieved(), 1):
        if as_json:
            click.echo(json.dumps({"client": number, "sends": _of(sent), "receives": _of(back)}))
        else:
            for way, done in (("there", sent), ("back", back)):
                lost = f"{done.packets} media datagrams, {100 * done.loss:.2f} % lost"
                click.echo(f"client {number}, {way}: {lost}, {done.queue_dropped} did not fit, {done.mean_delay_ms:.1f} ms late")


def _of(done: Achieved) -> dict[str, Any]:
    return {**asdict(done), "loss": round(done.loss, 5), "mean_delay_ms": round(done.mean_delay_ms, 3)}


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise usage(f"{text!r} is not HOST:PORT, such as 127.0.0.1:5000.")
    return host.strip("[]") or "127.0.0.1", int(port)
