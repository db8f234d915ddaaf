"""The client's half of RTMP: publish a stream, or play one."""

from __future__ import annotations

import ssl
from typing import Any

from pexrtc_media.base import MediaError
from pexrtc_media.rtmp.chunks import Kind, Message
from pexrtc_media.rtmp.connection import Address, Connection

AGENT = "FMLE/3.0 (compatible; pexrtc)"
"""Some servers take streams only from what calls itself an encoder."""
BUFFER_MS = 500


async def publish(url: str, *, context: ssl.SSLContext | None = None) -> tuple[Connection, int]:
    """Connect and begin to publish; the connection, and the number of the stream for `Message`s. Raises MediaError."""
    address = Address.parse(url)
    connection = await Connection.to(address, context=context)
    try:
        await _connect(connection, address)
        connection.say("releaseStream", 0, None, address.name)
        connection.say("FCPublish", 0, None, address.name)
        stream = await _stream(connection)
        connection.say("publish", 0, None, address.name, "live", stream=stream)
        await connection.answer(_is_status, "publish")
    except BaseException:
        await connection.aclose()
        raise
    return connection, stream


async def play(url: str, *, context: ssl.SSLContext | None = None) -> Connection:
    """Connect and begin to play; media comes from `receive`. Raises MediaError."""
    address = Address.parse(url)
    connection = await Connection.to(address, context=context)
    try:
        await _connect(connection, address)
        stream = await _stream(connection)
        connection.say("play", 0, None, address.name, -2000, stream=stream)
        connection.put(Message(Kind.CONTROL, b"\x00\x03" + stream.to_bytes(4, "big") + BUFFER_MS.to_bytes(4, "big")))
        await connection.answer(_is_status, "play")
    except BaseException:
        await connection.aclose()
        raise
    return connection


async def _connect(connection: Connection, address: Address) -> None:
    connection.introduce()
    scheme, port = ("rtmps", 443) if address.tls else ("rtmp", 1935)
    host = address.host if address.port == port else f"{address.host}:{address.port}"
    about = {"app": address.app, "type": "nonprivate", "flashVer": AGENT, "tcUrl": f"{scheme}://{host}/{address.app}"}
    await connection.ask("connect", about | {"capabilities": 15, "audioCodecs": 1024, "videoCodecs": 128, "objectEncoding": 0})


async def _stream(connection: Connection) -> int:
    number = (await connection.ask("createStream", None))[-1]
    if not isinstance(number, float) or not 0 <= number < 2**32:
        raise MediaError("The RTMP server gave no number to the stream.")
    return int(number)


def _is_status(heard: list[Any]) -> bool:
    return heard[0] in ("onStatus", "_error")
