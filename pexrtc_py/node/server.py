"""`Node`: an embedded conferencing node, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import logging
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from pexrtc_py.errors import CallError, UsageError
from pexrtc_py.node.asked import Rule
from pexrtc_py.node.captions import Source
from pexrtc_py.node.certificate import server_context, write_certificate
from pexrtc_py.node.config import NodeConfig, Vmr, is_loopback, split_listen, split_size
from pexrtc_py.node.desk import Desk
from pexrtc_py.node.faults import Faults
from pexrtc_py.node.heard import HeardList
from pexrtc_py.node.http import application
from pexrtc_py.node.plan import (
    NO_MEDIA,
    CallEndpoint,
    CallMedia,
    Media,
    MediaFactory,
    MediaPlan,
    OnLost,
    OnVoice,
    Perceived,
    Still,
    Watched,
)
from pexrtc_py.node.reading import parse_vmr
from pexrtc_py.node.registrar import RING_SECONDS, Caller, Ring
from pexrtc_py.node.room import Room
from pexrtc_py.node.shell import Shell
from pexrtc_py.node.signs import Signs, signs
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.models import Role

_logger = logging.getLogger(__name__)
SWEEP_SECONDS = 1.0
SHUTDOWN_SECONDS = 2.0
"""How long the last events may take to reach their readers."""


class Node:
    """A conferencing node on a socket of its own: `async with Node(Vmr("meet.alice", host_pin="1234")) as node: ...`.

    Rooms are `Vmr`s, or texts as `parse_vmr` reads them; without any, every alias is an open conference. `listen` is `HOST:PORT`
    (port 0 takes a free one), with `tls` under a certificate made for this run (`ca_file`); with `ui` there is a page at `url`. `media`
    builds the media part, `pexrtc_py.node.bridge.Bridge` when absent; `NoMedia` refuses calls. `clock` gives Unix seconds.
    Raises `UsageError` for a page on an address that others can reach, and on entering when the address cannot be listened on.
    """

    def __init__(
        self,
        *vmrs: Vmr | str,
        listen: str | None = None,
        tls: bool | None = None,
        ui: bool | None = None,
        config: NodeConfig | None = None,
        media: MediaFactory | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        config = config or NodeConfig()
        rooms = tuple(vmr if isinstance(vmr, Vmr) else parse_vmr(vmr) for vmr in vmrs)
        self.config = dataclasses.replace(config, conferences=config.conferences + rooms)
        self._listen = split_listen(listen or config.listen or "127.0.0.1:0")
        self._ui = config.ui if ui is None else ui
        if self._ui and not is_loopback(self._listen[0]):
            raise UsageError(f"A node's page (ui) is for this machine alone: listen on 127.0.0.1, not {self._listen[0]}, or go without.")
        self._tls = bool(config.tls if tls is None else tls)
        self._media, self._clock = media, clock or _unset_clock()
        self._desk = Desk(self.config)
        self.faults = Faults()
        """What goes wrong on purpose: `with node.faults.unavailable(): ...`."""
        self._port = 0
        self._shell: Shell | None = None
        self._ending = contextlib.AsyncExitStack()
        self._certificate: Path | None = None

    async def __aenter__(self) -> Self:
        """Listen; from here on `url` is good."""
        async with contextlib.AsyncExitStack() as starting:
            context = self._context(starting)
            self._shell = Shell(self._desk, self._media or self._bridge(), clock=self._clock)
            runner = web.AppRunner(application(self._shell, self.faults, page=self._ui), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
            await runner.setup()
            starting.push_async_callback(runner.cleanup)
            starting.push_async_callback(self._shell.aclose)  # first: the last events go out over open connections
            await self._open(runner, context)
            await starting.enter_async_context(_swept(self._shell, min(SWEEP_SECONDS, self.config.token_seconds / 10)))
            self._ending = starting.pop_all()
        _logger.info("the node listens on %s", self.url)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Disconnect everybody and close all sockets and media."""
        await self._ending.aclose()

    # --- what users look at ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where clients reach it, such as `https://127.0.0.1:8443`."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._listen[0], self._listen[0])
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def page(self) -> str | None:
        """The address of the page; None without one."""
        return f"{self.url}/" if self._ui else None

    @property
    def ca_file(self) -> Path:
        """The certificate to trust, in a file that lives as long as the node. Raises `UsageError` without TLS."""
        if self._certificate is None:
            raise UsageError("There is no certificate: the node does not run, or runs without tls=True.")
        return self._certificate

    @property
    def heard(self) -> HeardList:
        """The requests that passed the checks, latest last; `Lock() in node.heard`."""
        return self._desk.heard

    @property
    def dropped_streams(self) -> int:
        """Event streams that were cut since their reader was too slow."""
        return self._shell.streams.dropped if self._shell else 0

    @property
    def queued(self) -> int:
        """How many events wait for the slowest reader of an event stream."""
        return self._shell.streams.waiting if self._shell else 0

    def settle(self) -> None:
        """Tell of what was changed in a room by hand."""
        if self._shell:
            self._shell.settle()

    @property
    def maintenance(self) -> bool:
        """Whether nobody may join now; may be set while the node runs. Who is in stays."""
        return self._desk.house.maintenance

    @maintenance.setter
    def maintenance(self, on: bool) -> None:
        self._desk.house.maintenance = on

    def ring(self, device: str, conference: str, *, caller: str, role: Role = Role.GUEST, seconds: float = RING_SECONDS) -> Ring | None:
        """Call a registered device into a conference, as `caller`; its `outcome` tells how that ends. None when it is not registered."""
        room, house = self.room(conference), self._desk.house
        ring = house.registrar.ring(room, device, Caller(caller, room.vmr.alias), role, self._clock(), seconds=seconds)
        if self._shell:
            self._shell.settle()
        return ring

    def room(self, alias: str) -> Room:
        """The room of an alias, to look at. Raises `UsageError` when this node has none."""
        room = self._desk.room(alias)
        if room is None:
            raise UsageError(f"This node has no conference {alias!r}.")
        return room

    def caption(self, alias: str, source: Source) -> None:
        """Have the live captions of a conference come from an async generator function of `Said`, instead of a script."""
        room = self.room(alias)
        room.captions.source = source
        room.conference_updated()
        self.settle()

    def perceived(self, participant: str) -> Perceived | None:
        """What a simulated endpoint hears and sees; None for other participants. Takes some tens of milliseconds."""
        rooms = [inner for room in self._desk.rooms for inner in room.breakouts.everywhere if participant in inner.members]
        calls = [call for room in rooms for call in room.members[participant].calls]
        return next(filter(None, map(self._shell.media.perceived, calls)), None) if self._shell else None

    def answers(self, kind: type[Request[Any]]) -> Callable[[Rule], Rule]:
        """Decorator for the rare need: on this node, answer requests of this kind otherwise."""
        return self._desk.override(kind)

    def sweep(self) -> None:
        """Remove now whoever's token has run out by the clock; a running node does it by itself."""
        if self._shell:
            self._shell.sweep()

    # --- starting --------------------------------------------------------------------------------------------------

    def _context(self, starting: contextlib.AsyncExitStack) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        folder = Path(starting.enter_context(tempfile.TemporaryDirectory(prefix="pexrtc-node-")))
        starting.callback(setattr, self, "_certificate", None)
        self._certificate, key = write_certificate(folder, self._listen[0])
        return server_context(self._certificate, key)

    def _bridge(self) -> MediaFactory:
        # Heavy, and of no use to whoever brings another media part.
        from pexrtc_py.node.bridge import Bridge
        from pexrtc_py.node.viewing import Compose

        # A node that can only be reached from this machine needs none of the machine's other addresses.
        rtmp = split_listen(self.config.rtmp) if self.config.rtmp is not None else None
        return partial(
            Bridge,
            signs=self._signs,
            loopback=is_loopback(self._listen[0]),
            rtmp=rtmp,
            impair=self.config.impair,
            compose=Compose(self.config.compose),
            max_size=split_size(self.config.max_size),
            hold_music=self.config.hold_music,
            faults=self.faults,
            adjustable=self._ui,
        )

    def _signs(self, room: str) -> Signs:
        rooms = (inner for one in self._desk.rooms for inner in one.breakouts.everywhere)
        return next((signs(one.name, one.vmr.theme) for one in rooms if one.uuid == room), Signs(""))

    async def _open(self, runner: web.AppRunner, context: ssl.SSLContext | None) -> None:
        host, port = self._listen
        try:
            await web.TCPSite(runner, host, port, ssl_context=context).start()
        except OSError as error:
            why = "the port is in use; choose another, or 0 for a free one" if error.errno == errno.EADDRINUSE else str(error)
            raise UsageError(f"The node cannot listen on {host}:{port}: {why}.") from error
        self._port = runner.addresses[0][1]


class NoMedia:
    """A media part that carries none: calls are refused (HTTP 503), all else works."""

    def __init__(self, *, on_voice: OnVoice, on_lost: OnLost) -> None: ...

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        """Refuse."""
        raise CallError("This node carries no media")

    async def open_stream(self, room: str, participant: str, call: str, *, bandwidth: int | None) -> str:
        """Refuse."""
        raise CallError("This node carries no media")

    async def update(self, call: str, sdp: str) -> str:
        """Refuse."""
        raise CallError("This node carries no media")

    def candidate(self, call: str, candidate: str, mid: str | None, ufrag: str | None) -> None:
        """Nothing to do."""

    def start(self, call: str) -> None:
        """Nothing to do."""

    async def call_endpoint(self, order: CallEndpoint) -> None:
        """Simulated endpoints need no media; a streaming service is refused."""
        if order.streams_to is not None:
            raise CallError("This node carries no media")

    async def close(self, call: str) -> None:
        """Nothing to do."""

    def apply(self, room: str, plan: MediaPlan) -> None:
        """Nothing to do."""

    def dial(self, call: str, keys: str) -> None:
        """Nothing to do."""

    def perceived(self, call: str) -> Perceived | None:
        """Nothing."""
        return None

    def capabilities(self, call: str) -> CallMedia:
        """None."""
        return NO_MEDIA

    async def look(self, room: str, participant: str) -> bytes | None:
        """None."""
        return None

    async def still(self, room: str) -> Still | None:
        """None."""
        return None

    def watched(self, room: str) -> tuple[Watched, ...]:
        """Nothing."""
        return ()

    async def picture(self, room: str, view: str) -> bytes | None:
        """None."""
        return None

    def networks(self) -> tuple[str, tuple[str, ...]]:
        """None."""
        return "", ()

    def impair(self, network: str) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""


def _unset_clock() -> Callable[[], float]:
    """Unix seconds that go on evenly when the machine's clock is set: an hour forward would end every token at once."""
    begin = time.time() - time.monotonic()
    return lambda: begin + time.monotonic()


@contextlib.asynccontextmanager
async def _swept(shell: Shell, seconds: float) -> AsyncIterator[None]:
    async def sweep() -> None:
        while True:
            await asyncio.sleep(seconds)
            shell.sweep()

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


_: type[Media] = NoMedia
