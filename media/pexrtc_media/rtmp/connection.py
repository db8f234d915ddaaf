"""One RTMP connection, from either end: the greeting, commands with their answers, and media that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pexrtc_media.base import MediaError
from pexrtc_media.rtmp import amf
from pexrtc_media.rtmp.chunks import OURS, Kind, Message, Reader, to_bytes

logger = logging.getLogger(__name__)

SECONDS = 10.0
"""How long the other side may take for the greeting and for each answer."""
GREETING = 1536
READ = 65_536
WINDOW = 2_500_000
"""Bytes after which the other side is told that they arrived."""
WAITING = 2_000_000
"""Bytes that may wait to be sent; beyond it media is left out, and beyond twice as many the connection is given up."""
CHANNELS = {Kind.AUDIO: 4, Kind.VIDEO: 6, Kind.DATA: 5, Kind.COMMAND: 3}
PING, PONG, STREAM_BEGINS = 6, 7, 0


@dataclass(frozen=True)
class Address:
    """Where a stream is: `rtmp://host[:port]/app[/instance]/name`; the name may be a secret key, so it does not show."""

    host: str
    port: int
    app: str
    name: str
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. Raises MediaError."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError as error:
            raise MediaError("A stream's address must be rtmp://HOST[:PORT]/APP/NAME; this one cannot be read.") from error
        app, slash, name = parts.path.strip("/").rpartition("/")
        if scheme not in ("rtmp", "rtmps") or not host or not slash or not name:
            raise MediaError(f"A stream's address must be rtmp://HOST[:PORT]/APP/NAME; one for {host or 'no host'} is not.")
        name = f"{name}?{parts.query}" if parts.query else name
        return cls(host, port or (443 if scheme == "rtmps" else 1935), app, name, scheme == "rtmps")

    def __repr__(self) -> str:
        return f"{'rtmps' if self.tls else 'rtmp'}://{self.host}:{self.port}/{self.app}/..."

    __str__ = __repr__


class Connection:
    """A connection whose greeting is done. `received` and `left_out` count messages of media; no error shows the name `secret`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secret: str = "") -> None:
        self.left_out = self.received = 0
        self._reader, self._writer, self._secret = reader, writer, secret
        self._chunks = Reader()
        self._messages: deque[Message] = deque()
        self._heard = self._acknowledged = 0
        self._calls = 0
        self._wants_keyframe = False

    # Greeting

    @classmethod
    async def to(cls, address: Address, *, context: ssl.SSLContext | None = None) -> Self:
        """Connect to a server. Raises MediaError, with the reason but not the stream's name."""
        tls = (context or ssl.create_default_context()) if address.tls else None
        try:
            async with asyncio.timeout(SECONDS):
                reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
                try:
                    await _greet(reader, writer)
                except BaseException:
                    writer.close()
                    raise
        except TimeoutError as error:
            raise MediaError(f"{address.host}:{address.port} did not answer within {SECONDS:g} s; is there an RTMP server?") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            reason = getattr(error, "strerror", None) or "the connection was closed"
            raise MediaError(f"{address.host}:{address.port} cannot be reached by RTMP: {reason}.") from error
        return cls(reader, writer, secret=address.name)

    @classmethod
    async def accepted(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Self:
        """Greet a client that has connected. Raises MediaError, OSError or asyncio.IncompleteReadError."""
        async with asyncio.timeout(SECONDS):
            hello = await reader.readexactly(1 + GREETING)
            if hello[0] != 3:
                raise MediaError(f"A client greets with version {hello[0]}; RTMP is 3.")
            writer.write(b"\x03" + _random() + hello[1:])
            await reader.readexactly(GREETING)
        return cls(reader, writer)

    # Messages

    def take_at_most(self, size: int) -> None:
        """Refuse messages of more bytes from now on."""
        self._chunks.longest = size

    async def receive(self) -> Message | None:
        """The next message that matters; None when the other side is gone. Raises MediaError for what is no RTMP."""
        while not self._messages:
            try:
                data = await self._reader.read(READ)
            except OSError:
                return None
            if not data:
                return None
            self._heard += len(data)
            if self._heard - self._acknowledged >= WINDOW:
                self._acknowledged = self._heard
                self.put(Message(Kind.ACKNOWLEDGED, (self._heard & 0xFFFFFFFF).to_bytes(4, "big")))
            self._messages += [message for message in self._chunks.feed(data) if self._matters(message)]
        return self._messages.popleft()

    def _matters(self, message: Message) -> bool:
        if message.kind == Kind.CONTROL and message.data[:2] == PING.to_bytes(2, "big"):
            self.put(Message(Kind.CONTROL, PONG.to_bytes(2, "big") + message.data[2:6]))
        self.received += message.kind in (Kind.AUDIO, Kind.VIDEO)
        return message.kind in CHANNELS

    def put(self, message: Message) -> None:
        """Send a message without waiting. Raises MediaError when the other side has read nothing for long; the connection is gone then."""
        if self._writer.is_closing():
            return
        if (waiting := self._writer.transport.get_write_buffer_size()) > 2 * WAITING:
            self._writer.transport.abort()  # a close would wait until all of it is sent
            raise MediaError(f"The other side of an RTMP connection does not read: {waiting} bytes wait for it.")
        self._writer.write(to_bytes(message, CHANNELS.get(Kind(message.kind), 2)))

    def put_media(self, message: Message, *, keyframe: bool = True) -> None:
        """Send sound or a picture, or leave it out while too much waits; pictures then go on with a keyframe."""
        full = self._writer.transport.get_write_buffer_size() > WAITING
        video = message.kind == Kind.VIDEO
        if full or (video and self._wants_keyframe and not keyframe):
            self.left_out += 1
            self._wants_keyframe = self._wants_keyframe or video
            return
        self._wants_keyframe = self._wants_keyframe and not video
        self.put(message)

    def introduce(self) -> None:
        """Say how large our chunks are."""
        self.put(Message(Kind.CHUNK_SIZE, OURS.to_bytes(4, "big")))

    # Commands

    def say(self, name: str, number: float, *arguments: Any, stream: int = 0) -> None:
        """Send a command."""
        self.put(Message(Kind.COMMAND, amf.encode(name, number, *arguments), stream))

    async def ask(self, name: str, *arguments: Any) -> list[Any]:
        """Send a command to the server and wait for what it answers. Raises MediaError when it refuses."""
        self._calls += 1
        number = self._calls
        self.say(name, number, *arguments)
        return await self.answer(lambda heard: heard[0] in ("_result", "_error") and heard[1] == number, name)

    async def answer(self, fits: Any, name: str) -> list[Any]:
        """Wait for a command that fits, which answers the command `name`. Raises MediaError when it is a refusal."""
        try:
            async with asyncio.timeout(SECONDS):
                while (message := await self.receive()) is not None:
                    heard = amf.decode(message.data) if message.kind == Kind.COMMAND else []
                    if len(heard) > 1 and fits(heard):
                        _check(heard, name, self._secret)
                        return heard
        except TimeoutError as error:
            raise MediaError(f"The RTMP server did not answer {name!r} within {SECONDS:g} s.") from error
        raise MediaError(f"The RTMP server closed the connection after {name!r}.")

    async def aclose(self) -> None:
        """Close the connection; what waits is sent first, for a second at most. Again does nothing."""
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (OSError, TimeoutError, ssl.SSLError):
            self._writer.transport.abort()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    hello = _random()
    writer.write(b"\x03" + hello)
    answer = await reader.readexactly(1 + 2 * GREETING)
    if answer[0] != 3:
        raise MediaError(f"The server greets with version {answer[0]}; RTMP is 3.")
    writer.write(answer[1 : 1 + GREETING])


def _random() -> bytes:
    return bytes(8) + secrets.token_bytes(GREETING - 8)


def _check(heard: list[Any], name: str, secret: str) -> None:
    about = next((item for item in heard[2:] if isinstance(item, dict)), {})
    info = heard[-1] if isinstance(heard[-1], dict) else about
    if heard[0] == "_error" or info.get("level") == "error":
        reasons = [str(reason) for key in ("description", "code") if (reason := info.get(key)) and not _shows(str(reason), secret)]
        raise MediaError(f"The RTMP server refused {name!r}: {reasons[0] if reasons else 'it does not say why'}.")


def _shows(text: str, secret: str) -> bool:
    """Whether what a server says contains the name of the stream, or a value of its query: servers like to repeat it."""
    name, _, query = secret.partition("?")
    keys = {name, *name.split("/"), *(value for _, value in parse_qsl(query))} - {""}
    return any(key.casefold() in said.casefold() for key in keys for said in (text, unquote(text)))
