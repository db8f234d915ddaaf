"""What two participants in direct media say to each other over the data channel `pexChannel`: chat, cameras, pictures; pure.

Each message is one JSON text, `{"type": .., "body": ..}`. A picture is a data URL, cut into pieces that a browser takes.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol.declare import Event, Request
from pexrtc_py.protocol.events import Fecc, MessageReceived, Unknown, decode
from pexrtc_py.protocol.requests import CallFecc, Message, ParticipantMessage, PostPresentation
from pexrtc_py.protocol.requests import Fecc as ParticipantFecc
from pexrtc_py.protocol.wire import encode, from_text, to_text

_logger = logging.getLogger(__name__)

PIECE = 64_000
"""Characters of a data URL in one message."""
MOST_PIECES = 256
"""A picture in more pieces is not put together: 12 MB."""


@dataclass(frozen=True)
class PresentationImage:
    """The other participant shows a still picture; `media_type` says how it is encoded."""

    data: bytes = field(repr=False)
    media_type: str = "image/jpeg"


def spoken(request: Request[Any], *, origin: str, uuid: str) -> list[str] | None:
    """The messages that say to the other participant what this request would tell the node; None for other requests."""
    match request:
        case Message() | ParticipantMessage():
            return [_text("message", {"type": request.type, "origin": origin, "uuid": uuid, "payload": request.payload})]
        case CallFecc() | ParticipantFecc():
            return [_text("fecc", {key: value for key, value in encode(request).items() if key in ("action", "movement", "timeout")})]
        case PostPresentation():
            return list(_picture(request.frame))
        case _:
            return None


def _picture(jpeg: bytes) -> Iterator[str]:
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    pieces = [url[start : start + PIECE] for start in range(0, len(url), PIECE)]
    for number, piece in enumerate(pieces):
        yield _text("image", {"fragment": number, "total": len(pieces), "data": piece})


def _text(kind: str, body: object) -> str:
    return to_text({"type": kind, "body": body})


class _Nonsense(Exception):
    """A message that means nothing."""


class Listener:
    """Makes events of the messages that arrive; `ignored` counts those that make no sense."""

    def __init__(self) -> None:
        self.ignored = 0
        self._pieces: list[str] = []

    def hear(self, text: str) -> Event | PresentationImage | None:
        """The event in a message; None when there is none, or not yet."""
        try:
            return self._understood(text)
        except (_Nonsense, ProtocolError):
            self.ignored += 1
            if self.ignored == 1:
                _logger.info("the data channel carried something that is no message; more of the kind is only counted")
            return None

    def _understood(self, text: str) -> Event | PresentationImage | None:
        message = from_text(text)
        body = message.get("body") if isinstance(message, Mapping) else None
        if not isinstance(body, Mapping):
            raise _Nonsense
        match message.get("type"):
            case "message":
                return _event(MessageReceived.name, {**body, "direct": False})
            case "fecc":
                return _event(Fecc.name, dict(body))
            case "image":
                return self._image(body)
            case _:
                raise _Nonsense

    def _image(self, body: Mapping[str, Any]) -> PresentationImage | None:
        number, total, piece = body.get("fragment"), body.get("total"), body.get("data")
        if not (isinstance(number, int) and isinstance(total, int) and isinstance(piece, str)) or not 0 < total <= MOST_PIECES:
            raise _Nonsense
        if number == 0:
            self._pieces = []
        if number != len(self._pieces) or len(piece) > PIECE:
            raise _Nonsense
        self._pieces.append(piece)
        if number + 1 < total:
            return None
        url, self._pieces = "".join(self._pieces), []
        return _pictured(url)


def _event(name: str, data: object) -> Event:
    event = decode(name, data)
    if isinstance(event, Unknown):
        raise _Nonsense
    return event


def _pictured(url: str) -> PresentationImage:
    head, _, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise _Nonsense
    try:
        picture = base64.b64decode(data, validate=True)
    except ValueError:
        raise _Nonsense from None
    return PresentationImage(picture, head.removeprefix("data:").removesuffix(";base64") or "image/jpeg")
