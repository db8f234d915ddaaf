"""One participant of a room, as the node knows it."""

from __future__ import annotations

from collections import deque
from dataclasses import KW_ONLY, dataclass, field

from pexrtc_py.node.audio_mixes import Sound
from pexrtc_py.node.farend import FarEnd, Log
from pexrtc_py.node.invitations import Referral
from pexrtc_py.node.plan import NO_MEDIA, CallMedia, Carries
from pexrtc_py.node.stillness import Stillness
from pexrtc_py.protocol.callstate import CallState, call_machine
from pexrtc_py.protocol.machine import Machine
from pexrtc_py.protocol.models import Role, VideoMix
from pexrtc_py.protocol.requests import CallStatistics

ENDED_CALLS = 16
"""How many calls that have ended are remembered of a member."""


@dataclass
class NodeCall:
    """A media call of a member."""

    uuid: str
    state: Machine[CallState] = field(default_factory=call_machine)
    media: CallMedia = NO_MEDIA
    carries: Carries = Carries.MAIN
    fecc_supported: bool = False
    direct: bool = False
    """Its media go to the other participant, not to the node."""
    statistics: CallStatistics | None = None
    """What its client last reported of direct media."""
    acked: bool = False
    """Its media flows; True from the first ack on."""


@dataclass
class Member:
    """A participant: who it is, what it may, what it does."""

    uuid: str
    display_name: str
    _: KW_ONLY
    role: Role
    alias: str
    """The alias it dialled."""
    joined: float
    """Unix seconds."""
    owner: str | None = None
    """The Host of the main room whose control participant in a breakout room this is; None with a session of its own."""
    waiting_since: float | None = None
    """Unix seconds; None once admitted."""
    played: bool = False
    """Whether the node plays its media itself."""
    call_tag: str = ""
    vendor: str = ""
    supports_direct_chat: bool = False
    idp: str = ""
    """The uuid of the identity provider it signed in with; empty when it did not."""
    direct_capable: bool = False
    """Whether its client said that it can do direct media."""
    direct: bool = False
    """Whether its calls are direct."""
    calls: dict[str, NodeCall] = field(default_factory=dict)
    ended_calls: deque[str] = field(default_factory=lambda: deque(maxlen=ENDED_CALLS))
    """Those it had, latest last: clients close the connection first and talk of the call after that."""
    overlay_text: str | None = None
    muted: bool = False
    video_muted: bool = False
    client_muted: bool = False
    on_hold: bool = False
    stillness: Stillness = field(default_factory=Stillness)
    shows_captions: bool = False
    sound: Sound = field(default_factory=Sound)
    buzzed: float = 0
    """Unix seconds when the hand went up; 0 when it is down."""
    spotlit: float = 0
    """Unix seconds when it came into the spotlight; 0 when it is not in it."""
    speaking: bool = False
    spoke: float = 0
    receives_presentation: bool = True
    previous: str | None = None
    """The room it was moved from last: "main", or a breakout room."""
    transferring: float = 0
    """Unix seconds until which it may follow where it was sent; 0 when it was sent nowhere."""
    referral: Referral | None = None
    """Where that is."""
    presentation_in_mix: bool = False
    """Whether it asked for presentations in its picture."""
    layout_group: str | None = None
    personal_mix: VideoMix | None = None
    """Its own mix of pictures; None while it receives the main one."""
    aspect_ratio: float | None = None
    """The width by height it would like its picture to have; None where it did not say."""
    far_end: FarEnd | None = None
    """The call by which the node has called it; None for whoever came by itself."""
    log: Log = field(default_factory=Log)

    @property
    def connecting(self) -> bool:
        """Whether it was called and has not answered yet."""
        return self.far_end is not None and self.far_end.connecting

    @property
    def sends(self) -> bool:
        """Whether anything can be heard or seen of it."""
        return self.has_media and not (self.far_end is not None and self.far_end.listens_only)

    @property
    def fecc_supported(self) -> bool:
        """Whether its camera can be moved from afar."""
        return any(call.fecc_supported for call in self.calls.values())

    @property
    def waiting(self) -> bool:
        """Whether it sits in the waiting room."""
        return self.waiting_since is not None

    @property
    def is_host(self) -> bool:
        """Whether it may use Host functions."""
        return self.role is Role.HOST

    @property
    def commands(self) -> bool:
        """Whether it may use them now; a Host that waits may not."""
        return self.is_host and not self.waiting

    @property
    def live_calls(self) -> list[NodeCall]:
        """Its calls whose media flows."""
        return [call for call in self.calls.values() if call.acked]

    @property
    def has_media(self) -> bool:
        """Whether any of its calls is acked."""
        return bool(self.calls) and bool(self.live_calls)  # most of a crowd have none, and that is known at once
