"""The server's half of RTMP: one port for all streams; whoever is accepted publishes or plays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from pexrtc_media.base import MediaError
from pexrtc_media.rtmp import amf
from pexrtc_media.rtmp.chunks import LONGEST, Kind, Message
from pexrtc_media.rtmp.connection import STREAM_BEGINS, WINDOW, Connection

logger = logging.getLogger(__name__)

CONNECTIONS = 200
"""More at once are turned away."""
PATIENCE = 20.0
"""Seconds within which a client must have said what it wants."""
SMALL = 65_536
"""Bytes of the longest message until then."""
STREAM = 1
Handle = Callable[[str, str, bool, Connection], Awaitable[None]]
"""`(app, name, publishes, connection)`: serve a client for as long as it stays. Raises MediaError to turn it away before it began."""


class Server:
    """Listens for RTMP on `host` and `port` (0 for a free one); hands each client to `handle` when it has said what it wants.

    Whoever has not said it within `patience` seconds is let go.
    """

    def __init__(self, handle: Handle, *, host: str = "127.0.0.1", port: int = 0, patience: float = PATIENCE) -> None:
        self._handle, self._host, self.port, self._patience = handle, host, port, patience
        self.turned_away = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening, and let go of everybody."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS:
            self.turned_away += 1
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (MediaError, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.turned_away += 1
            logger.info("An RTMP client was let go: %s", error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._patience):
                connection = await Connection.accepted(reader, writer)
                wanted = await self._wanted(connection)
        except TimeoutError as error:
            raise MediaError(f"It did not say within {self._patience:g} s what it wants.") from error
        if wanted is not None:
            await self._begin(connection, *wanted)

    async def _wanted(self, connection: Connection) -> tuple[str, str, str] | None:
        """The application, `publish` or `play`, and the stream; None when the client has gone before it said so."""
        app = ""
        connection.take_at_most(SMALL)
        while (message := await connection.receive()) is not None:
            heard = amf.decode(message.data) if message.kind == Kind.COMMAND else []
            if len(heard) < 2:
                continue
            name, number, *arguments = heard
            if name == "connect":
                app = _welcome(connection, number, arguments)
            elif name in ("publish", "play"):
                connection.take_at_most(LONGEST)
                return app, name, str(arguments[1]) if len(arguments) > 1 else ""
            elif number:
                connection.say("_result", number, None, STREAM if name == "createStream" else None)
        return None

    async def _begin(self, connection: Connection, app: str, name: str, stream: str) -> None:
        publishes = name == "publish"
        try:
            await self._handle(app, stream, publishes, connection)
        except MediaError as error:
            code = "NetStream.Publish.BadName" if publishes else "NetStream.Play.StreamNotFound"
            _status(connection, "error", code, str(error))
        await connection.aclose()


def begins(connection: Connection, *, publishes: bool) -> None:
    """Tell a client that it may publish now, or that what it plays begins."""
    if publishes:
        _status(connection, "status", "NetStream.Publish.Start", "Publishing begins.")
        return
    connection.put(Message(Kind.CONTROL, STREAM_BEGINS.to_bytes(2, "big") + STREAM.to_bytes(4, "big")))
    _status(connection, "status", "NetStream.Play.Start", "Playing begins.")


def _status(connection: Connection, level: str, code: str, description: str) -> None:
    connection.say("onStatus", 0, None, {"level": level, "code": code, "description": description}, stream=STREAM)


def _welcome(connection: Connection, number: float, arguments: list[Any]) -> str:
    about = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
    connection.put(Message(Kind.WINDOW, WINDOW.to_bytes(4, "big")))
    connection.put(Message(Kind.BANDWIDTH, WINDOW.to_bytes(4, "big") + b"\x02"))
    connection.introduce()
    said = {"level": "status", "code": "NetConnection.Connect.Success", "description": "Connected.", "objectEncoding": 0}
    connection.say("_result", number, {"fmsVer": "FMS/3,5,7,7009", "capabilities": 31}, said)
    return str(about.get("app", "")).strip("/")
