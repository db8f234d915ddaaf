"""Calls by RTMP: one port for all of them; each call is a leg that one client publishes to and plays from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.rtmp.chunks import Kind, Message
from pexrtc_media.rtmp.connection import Connection
from pexrtc_media.rtmp.server import STREAM, Server, begins
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.rtmp import Feed, Played, Timing
from pexrtc_py.engine.types import Slot
from pexrtc_py.errors import CallError
from pexrtc_py.node.legs import LocalPort
from pexrtc_py.node.streaming import PICTURES

APP = "pexip"
UUID = 36
"""The name of a stream begins with the uuid of the call."""
PLAYED = {"": Slot.VIDEO, "-stream": Slot.VIDEO, "-presentation": Slot.PRESENTATION}
"""What is played by the name's ending: the mix with the main picture, or the slides."""
PLAYERS = 4
SECONDS = 30.0
"""How long a client may take to come."""
GONE = "The RTMP client closed the connection."
NEVER_CAME = f"No RTMP client came within {SECONDS:g} s."


class RtmpCalls:
    """The RTMP server of a node; it listens from the first call on."""

    def __init__(self, host: str, port: int, *, executor: Executor) -> None:
        self._host, self._executor = host, executor
        self._calls: dict[str, RtmpCall] = {}
        self._server = Server(self._handle, host=host, port=port)
        self._starting = asyncio.Lock()
        self._listens = False

    async def open(self, call: str, *, bitrate: int | None, lost: Callable[[str], None]) -> tuple[RtmpCall, str]:
        """A new call, and the URL for its client. Raises `CallError` when the port cannot be listened on."""
        async with self._starting:
            if not self._listens:
                try:
                    await self._server.start()
                except OSError as error:
                    raise CallError(f"The node cannot listen for RTMP on {self._host}:{self._server.port}: {error.strerror}.") from error
                self._listens = True
        forget = partial(self._calls.pop, call, None)
        self._calls[call] = opened = RtmpCall(executor=self._executor, bitrate=bitrate, lost=lost, forget=forget)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return opened, f"rtmp://{f'[{host}]' if ':' in host else host}:{self._server.port}/{APP}/{call}"

    async def aclose(self) -> None:
        """Stop listening."""
        await self._server.aclose()

    async def _handle(self, app: str, name: str, publishes: bool, connection: Connection) -> None:
        call, ending = self._calls.get(name[:UUID]), name[UUID:]
        if app != APP or call is None or ending not in PLAYED or (publishes and ending):
            raise MediaError("There is no such call.")
        if publishes:
            await call.take(connection)
        else:
            await call.show(connection, PLAYED[ending])


class RtmpCall:
    """One call: what its client publishes is said in the room, and what the room has is played to it."""

    def __init__(self, *, executor: Executor, bitrate: int | None, lost: Callable[[str], None], forget: Callable[[], object]) -> None:
        self._executor, self._bitrate, self._lost, self._forget = executor, bitrate, lost, forget
        self._feeds: dict[Slot, list[Feed]] = {Slot.VIDEO: [], Slot.PRESENTATION: []}
        self._connections: set[Connection] = set()
        self._publishing = self._closed = False
        self._published, self._timing = Played(), Timing()
        self.transceivers: dict[Slot, LocalPort] = {
            Slot.AUDIO: LocalPort(("opus",), self._player(Slot.VIDEO)),
            Slot.VIDEO: LocalPort(PICTURES, self._player(Slot.VIDEO)),
            Slot.PRESENTATION: LocalPort(PICTURES, self._player(Slot.PRESENTATION)),
        }
        self.transceivers[Slot.VIDEO].wants_keyframe = self._begin_anew
        self._patience = asyncio.get_running_loop().call_later(SECONDS, self._left, NEVER_CAME)

    async def take(self, connection: Connection) -> None:
        """Say in the room what a client publishes, until it goes."""
        if self._publishing:
            raise MediaError("Somebody publishes to this call already.")
        self._publishing = True
        self._came(connection)
        begins(connection, publishes=True)
        loop = asyncio.get_running_loop()
        try:
            while (message := await connection.receive()) is not None:
                if message.kind in (Kind.AUDIO, Kind.VIDEO):
                    for unit, captured in await loop.run_in_executor(self._executor, self._units, message):
                        slot = Slot.AUDIO if unit.codec == "opus" else Slot.VIDEO
                        self.transceivers[slot].say(unit.data, unit.codec, captured, keyframe=unit.keyframe)
        finally:
            self._publishing = False
            self._went(connection)

    async def show(self, connection: Connection, slot: Slot) -> None:
        """Play to a client until it goes."""
        feeds = self._feeds[slot]
        if len(feeds) >= PLAYERS:
            raise MediaError(f"{PLAYERS} clients play this call already.")
        self._came(connection)
        begins(connection, publishes=False)
        port = self.transceivers[slot]
        feed = Feed(connection, STREAM, executor=self._executor, need_keyframe=port.need_keyframe, bitrate=self._bitrate)
        feeds.append(feed)
        port.need_keyframe()
        try:
            while await connection.receive() is not None:
                pass
        finally:
            feeds.remove(feed)
            await feed.aclose()
            self._went(connection)

    async def close(self) -> None:
        """End the call."""
        self._closed = True
        self._patience.cancel()
        self._forget()
        for connection in list(self._connections):
            await connection.aclose()

    def _player(self, slot: Slot) -> Callable[[AccessUnit, float], bool]:
        def put(unit: AccessUnit, captured: float) -> bool:
            return any([feed.put(unit, captured) for feed in self._feeds[slot]])

        return put

    def _units(self, message: Message) -> list[tuple[AccessUnit, float]]:
        self._timing.see(message, unix_time())
        return [(unit, self._timing.captured(seconds)) for unit, seconds in self._published.units(message, "vp8")]

    def _begin_anew(self) -> None:
        self._published.keyframe = True

    def _came(self, connection: Connection) -> None:
        self._patience.cancel()
        self._connections.add(connection)

    def _went(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._left(GONE)

    def _left(self, reason: str) -> None:
        if not self._closed:
            self._lost(reason)
