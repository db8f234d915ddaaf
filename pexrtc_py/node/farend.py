"""Somebody whom the node has called: how the call stands, and what the far end was told; and what any participant was sent beside media."""

from __future__ import annotations

from collections import deque
from dataclasses import KW_ONLY, dataclass, field
from math import inf

from pexrtc_py.node.endpoints import Endpoint, answering, is_stream, protocol_of
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.models import DialProtocol, KeepAlive, Protocol

KEPT = 100
"""So many of the latest camera movements of each participant are kept."""
KEPT_DIGITS = 1000
RINGING_SECONDS = 30.0
"""The node gives up a call that nobody takes."""


@dataclass
class FarEnd:
    """A call from the node to an endpoint."""

    endpoint: Endpoint
    destination: str = field(repr=False)
    """As it was dialled; of a streaming service with the key."""
    _: KW_ONLY
    protocol: Protocol
    due: float = inf
    """Unix seconds when it will answer, reject or hang up, or the node gives up."""
    connecting: bool = True
    streams: bool = False
    """Whether it is a real streaming service, and no simulated endpoint."""
    video: bool = True
    public: bool = False
    """It shows the conference to the public, and the roster says so."""
    keeps_alive: KeepAlive | str = KeepAlive.ALWAYS
    caller_name: str = ""
    """Who calls, as it is shown at the far end."""
    caller: str = ""
    """The alias from which it is called."""
    dtmf_sequence: str = ""
    presentation_url: str | None = field(default=None, repr=False)
    """Where the slides of a stream go."""

    @property
    def name(self) -> str:
        """What the roster shows, unless the caller said otherwise."""
        return self.endpoint.name or (self.endpoint.uri if self.streams else self.destination)

    @property
    def listens_only(self) -> bool:
        """Whether it sends nothing, as streaming services do."""
        return self.protocol is Protocol.RTMP


def far_end_for(endpoints: tuple[Endpoint, ...], destination: str, protocol: str = DialProtocol.AUTO) -> FarEnd:
    """The far end of a call to this destination, not called yet.

    Without configured endpoints every destination answers at once, as every alias is a conference of a node without conferences; with
    them, whoever is not there rejects. A streaming service that is not configured is no simulated endpoint.
    """
    endpoint = answering(endpoints, destination)
    streams = endpoint is None and is_stream(destination)
    if streams:
        endpoint = Endpoint("/".join(destination.split("/")[:3]))  # the rest is a key that not everybody should see
    elif endpoint is None:
        endpoint = Endpoint(destination, outcome="rejects" if endpoints else "answers")
    assert endpoint is not None
    return FarEnd(endpoint, destination, protocol=protocol_of(endpoint, destination, protocol), streams=streams, video=endpoint.video)


@dataclass
class Log:
    """What a participant was sent beside media, the latest of it, for whoever looks."""

    digits: str = ""
    """The tones it was sent."""
    camera: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    """The `Fecc` events about its camera, whether or not it was told of them."""

    def dial(self, digits: str) -> None:
        """Add tones."""
        self.digits = (self.digits + digits)[-KEPT_DIGITS:]
