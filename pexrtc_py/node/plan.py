"""What the media part of the node must do for a room, as a value; and the face every media part shows.

A `MediaPlan` is computed from the room after each change and compared by value; applying the same plan twice
changes nothing. Facts travel back by the two callbacks of `MediaFactory`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.scenes import Scene

if TYPE_CHECKING:
    from pexrtc_py.node.bots import Bot

MAIN = "main"
"""The audio mix that everybody speaks into and hears, unless set otherwise."""
IN_MAIN = frozenset({MAIN})
OnVoice = Callable[[str, str, bool], None]
"""`(room, participant, speaking)`: somebody began or stopped to speak."""
OnLost = Callable[[str, str], None]
"""`(call, reason)`: the packets of a call stopped for good; the reason is a sentence shown to users."""


class Carries(StrEnum):
    """What flows in the main video section of a call."""

    MAIN = ""
    """The main video, both ways; slides have a section of their own."""
    ALL = "main"
    """The main video; slides in place of it while somebody presents."""
    SLIDES_OUT = "send"
    """What its participant presents; nothing comes back."""
    SLIDES_IN = "receive"
    """What others present; nothing is sent."""

    @property
    def is_child(self) -> bool:
        """Whether its participant has its sound and main video in another call."""
        return self in {Carries.SLIDES_OUT, Carries.SLIDES_IN}


@dataclass(frozen=True)
class Seat:
    """One call with media, and what the room does with it."""

    participant: str
    call: str
    audible: bool
    """Its audio goes into the others' mix: admitted and not muted."""
    visible: bool
    """Its video may be shown to the others: admitted and not video-muted."""
    admitted: bool
    """False in the waiting room: gets a splash picture and silence."""
    sees_presentation: bool
    """Slides may be sent to it: admitted, receiving allowed, and not itself the presenter."""
    held: bool = False
    """On hold: gets a splash picture and silence, and is neither seen nor heard."""
    unprocessed: bool = False
    """Its sound goes into the mix as it is, however quiet."""
    speaks_in: frozenset[str] = IN_MAIN
    """The audio mixes it speaks into."""
    prominent_in: frozenset[str] = frozenset()
    """Those of them in which the others give way while it speaks."""
    hears: str | None = MAIN
    """The audio mix it hears; None for silence."""
    carries: Carries = Carries.MAIN
    scene: Scene | None = None
    """The picture it is to see in its main section; None where there is nobody to show."""
    echoes: bool = False
    """Nobody has called: the media part itself sits here and sends back what it gets."""


@dataclass(frozen=True)
class MediaPlan:
    """All the media of a room; equal plans mean nothing to do."""

    seats: tuple[Seat, ...] = ()
    presenter: str | None = None
    """Participant that holds the floor."""
    stage: tuple[str, ...] = ()
    """Participants by their places in the picture: those placed by hand, the spotlit and the pinned ones, then the latest speaker."""


LOOK = (32, 18)
"""Points across and down of a look at a picture."""


@dataclass(frozen=True)
class Still:
    """A picture of the presentation: small and full-size JPEG, and PNG where there is one."""

    low: bytes = field(repr=False)
    high: bytes = field(repr=False)
    png: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Watched:
    """A picture that participants of a room see now."""

    id: str
    kind: Literal["composed", "forwarded", "splash", "slides"]
    _: KW_ONLY
    of: str = ""
    """The participant whose picture is forwarded, or the words of a splash."""
    size: tuple[int, int] | None = None
    """Width and height of what is composed."""
    viewers: tuple[str, ...] = ()
    """The participants who see it."""


@dataclass(frozen=True)
class CallMedia:
    """Which media a call negotiated."""

    audio: bool
    video: bool
    presentation: bool


NO_MEDIA = CallMedia(audio=False, video=False, presentation=False)


@dataclass(frozen=True)
class CallEndpoint:
    """An order: bring up the media of somebody who was called."""

    room: str
    participant: str
    call: str
    endpoint: Endpoint
    video: bool
    streams_to: str | None = field(default=None, repr=False)
    """The streaming service that everything goes to, in place of a simulated endpoint."""
    slides_to: str | None = field(default=None, repr=False)
    """The one for the slides."""
    bot: Bot | None = None
    """The scripted participant whose media they are."""


@dataclass(frozen=True)
class Perceived:
    """What a simulated endpoint hears and sees now: the latest second of sound, the latest picture."""

    hz: float = 0.0
    """The loudest frequency."""
    level: float = -120.0
    """dB below full scale."""
    packets: int = 0
    """Packets of sound that it was sent so far."""
    size: tuple[int, int] | None = None
    """Width and height of the picture; None where it was sent none."""
    light: float = 0.0
    """The mean of the picture's luma, 0 to 255."""
    stream: int | None = None
    """The stream number of the picture's stamp, if it has one."""
    pictures: int = 0


class Media(Protocol):
    """Carries the calls of all rooms. A room is named by its uuid; calls and participants by theirs."""

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        """Answer the first offer of a call; `bandwidth` in kbps. Raises `NegotiationFailed`."""
        ...

    async def open_stream(self, room: str, participant: str, call: str, *, bandwidth: int | None) -> str:
        """The URL at which a client may publish and play this call by RTMP; `bandwidth` in kbps. Raises `CallError`."""
        ...

    async def update(self, call: str, sdp: str) -> str:
        """Answer a further offer of the call. Raises `NegotiationFailed`."""
        ...

    def candidate(self, call: str, candidate: str, mid: str | None, ufrag: str | None) -> None:
        """Take a trickled candidate (RFC 8838); `""` ends them. Junk and unknown calls are ignored."""
        ...

    def start(self, call: str) -> None:
        """Let media flow: the caller acknowledged the answer. A second time it does nothing."""
        ...

    async def call_endpoint(self, order: CallEndpoint) -> None:
        """Bring up the media of a simulated endpoint, or reach a streaming service. Raises `CallError` where there is none."""
        ...

    async def close(self, call: str) -> None:
        """End the call; an unknown one is no error."""
        ...

    def apply(self, room: str, plan: MediaPlan) -> None:
        """Make the room's media as planned; idempotent."""
        ...

    def dial(self, call: str, keys: str) -> None:
        """Have whoever is on this call hear the tones of telephone keys; an unknown call is ignored."""
        ...

    def perceived(self, call: str) -> Perceived | None:
        """What the simulated endpoint of this call hears and sees; None for other calls."""
        ...

    def capabilities(self, call: str) -> CallMedia:
        """What the last answer of the call carries; all False for an unknown call."""
        ...

    async def look(self, room: str, participant: str) -> bytes | None:
        """The brightness of `LOOK` points of a participant's main video, row by row; None when no picture arrives within some seconds."""
        ...

    async def still(self, room: str) -> Still | None:
        """A picture of what is presented now; None when there is no video of it within some seconds."""
        ...

    def watched(self, room: str) -> tuple[Watched, ...]:
        """The pictures that participants of a room see now, each once."""
        ...

    async def picture(self, room: str, view: str) -> bytes | None:
        """A JPEG of one of them by its id; None when there is none."""
        ...

    def networks(self) -> tuple[str, tuple[str, ...]]:
        """What the network does to media now, and what it can do, by name."""
        ...

    def impair(self, network: str) -> None:
        """Have the network do something else from now on. Raises `UsageError` for one that there is not."""
        ...

    async def aclose(self) -> None:
        """End every call and room; calling it again does nothing."""
        ...


class MediaFactory(Protocol):
    """Builds the media part of a node; the `Bridge` class is one."""

    def __call__(self, *, on_voice: OnVoice, on_lost: OnLost) -> Media:
        """Make a media part that reports voice and lost calls to the two callbacks, on the event loop."""
        ...
