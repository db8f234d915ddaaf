"""The telephones, rooms and streaming services that a node can call: simulated, and configured like its conferences; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol.models import DialProtocol, Protocol

RTMP = ("rtmp://", "rtmps://")
_SCHEMES = {"sip": Protocol.SIP, "sips": Protocol.SIP, "h323": Protocol.H323, "mssip": Protocol.MSSIP, "teams": Protocol.TEAMS}


@dataclass(frozen=True)
class Endpoint:
    """Somebody who can be called: `Endpoint("sip:bob@example.com", answers_after=0.5)`. Raises `UsageError` for what cannot be one."""

    uri: str
    """What is dialled, with or without its scheme and in any case; `*` stands for anything, as in `sip:*@example.com`."""
    _: KW_ONLY
    name: str | None = None
    """What the roster shows unless the caller says otherwise; the address when absent."""
    outcome: Literal["answers", "rejects", "busy", "rings"] = "answers"
    """What becomes of a call; `rings` is until the node gives up."""
    answers_after: float = 0.0
    """Seconds until it answers, rejects, or says that it is busy."""
    hangs_up_after: float | None = None
    """Seconds after answering; None: it stays until it is disconnected."""
    protocol: Literal["sip", "h323", "mssip", "teams"] | None = None
    """How it is connected; by the scheme when absent, and SIP where there is none."""
    video: bool = True
    tone: float = 440.0
    """What it says: a tone of so many hertz; 0 for silence."""
    fecc: bool = True
    """Whether its camera can be moved from afar."""
    recording: bool = False
    """It is a recorder, and the roster says so."""
    transcribing: bool = False
    """It writes down what is said, and the roster says so."""

    def __post_init__(self) -> None:
        if not self.uri or self.uri != self.uri.strip() or not self.uri.isprintable():
            raise UsageError(f"{self.uri!r} cannot be called: an address is printable text without blanks around it.")
        for key in ("answers_after", "hangs_up_after"):
            if (seconds := getattr(self, key)) is not None and not 0 <= seconds < float("inf"):
                raise UsageError(f"{self.uri}: {key} must be seconds from 0 on, not {seconds}.")
        if not 0 <= self.tone < 20_000:
            raise UsageError(f"{self.uri}: tone must be from 0 to 20000 Hz, not {self.tone}.")

    def is_called(self, destination: str) -> bool:
        """Whether this destination is its address."""
        (wanted, pattern), (scheme, address) = _split(self.uri), _split(destination)
        return fnmatchcase(address, pattern) and not (scheme and wanted and scheme != wanted)


def answering(endpoints: Iterable[Endpoint], destination: str) -> Endpoint | None:
    """The first endpoint with this address; None where nobody has it."""
    return next((endpoint for endpoint in endpoints if endpoint.is_called(destination)), None)


def is_stream(destination: str) -> bool:
    """Whether this is the address of a streaming service."""
    return destination.lower().startswith(RTMP)


def protocol_of(endpoint: Endpoint, destination: str, wanted: str) -> Protocol:
    """How a destination is called: as wanted, else as the endpoint or the address says."""
    if is_stream(destination):
        return Protocol.RTMP
    if wanted != DialProtocol.AUTO:
        return Protocol(wanted)
    if endpoint.protocol is not None:
        return Protocol(endpoint.protocol)
    return _SCHEMES.get(_split(destination)[0] or _split(endpoint.uri)[0], Protocol.SIP)


def _split(uri: str) -> tuple[str, str]:
    """Scheme and address in small letters; the scheme of what has none that is known is empty."""
    scheme, colon, address = uri.casefold().partition(":")
    return (scheme, address) if colon and scheme in _SCHEMES else ("", uri.casefold())
