"""A WebRTC media endpoint for Pexip Infinity conferences, with a conferencing node of its own.

```python
async with pexrtc_py.join("meet.alice@example.com", display_name="Recorder") as conference:
    recording = await conference.record("meeting.mkv")
    await conference.wait_for(pexrtc_py.Ended)
```

Nothing is loaded before it is used: importing this package costs next to nothing. Beside the names below, every error of
`pexrtc_py.errors` is here; requests, events and what they hold keep their modules (`requests.Lock`, `events.Layout`,
`models.Transforms`), since names repeat.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pexrtc_py.browser_sso import BrowserSso as BrowserSso
    from pexrtc_py.call import Call as Call
    from pexrtc_py.channel import PresentationImage as PresentationImage
    from pexrtc_py.conference import Conference as Conference
    from pexrtc_py.direct import PeerConnected as PeerConnected
    from pexrtc_py.engine.network import Network as Network
    from pexrtc_py.engine.types import Slot as Slot
    from pexrtc_py.errors import CallError as CallError
    from pexrtc_py.errors import ConferenceNotFound as ConferenceNotFound
    from pexrtc_py.errors import CredentialsRefused as CredentialsRefused
    from pexrtc_py.errors import DeviceError as DeviceError
    from pexrtc_py.errors import Disconnected as Disconnected
    from pexrtc_py.errors import DnsFailed as DnsFailed
    from pexrtc_py.errors import ExtensionRequired as ExtensionRequired
    from pexrtc_py.errors import FloorRefused as FloorRefused
    from pexrtc_py.errors import IceFailed as IceFailed
    from pexrtc_py.errors import IdpRequired as IdpRequired
    from pexrtc_py.errors import InvalidTransition as InvalidTransition
    from pexrtc_py.errors import JoinNeedsMore as JoinNeedsMore
    from pexrtc_py.errors import LobbyTimeout as LobbyTimeout
    from pexrtc_py.errors import MediaLost as MediaLost
    from pexrtc_py.errors import NegotiationFailed as NegotiationFailed
    from pexrtc_py.errors import NodeError as NodeError
    from pexrtc_py.errors import NodeUnreachable as NodeUnreachable
    from pexrtc_py.errors import NotAllowed as NotAllowed
    from pexrtc_py.errors import NotANode as NotANode
    from pexrtc_py.errors import OutOfCapacity as OutOfCapacity
    from pexrtc_py.errors import PexRTCError as PexRTCError
    from pexrtc_py.errors import PinIncorrect as PinIncorrect
    from pexrtc_py.errors import PinRequired as PinRequired
    from pexrtc_py.errors import ProtocolError as ProtocolError
    from pexrtc_py.errors import RecordingError as RecordingError
    from pexrtc_py.errors import ReferWithdrawn as ReferWithdrawn
    from pexrtc_py.errors import RequestRefused as RequestRefused
    from pexrtc_py.errors import SignInFailed as SignInFailed
    from pexrtc_py.errors import SsoRedirect as SsoRedirect
    from pexrtc_py.errors import TlsNotTrusted as TlsNotTrusted
    from pexrtc_py.errors import TokenExpired as TokenExpired
    from pexrtc_py.errors import UsageError as UsageError
    from pexrtc_py.following import Joining as Joining
    from pexrtc_py.hub import Events as Events
    from pexrtc_py.hub import Hub as Hub
    from pexrtc_py.joining import join as join
    from pexrtc_py.node.config import Vmr as Vmr
    from pexrtc_py.node.server import Node as Node
    from pexrtc_py.pexrtc import MediaStream as MediaStream
    from pexrtc_py.pexrtc import PexRTC as PexRTC
    from pexrtc_py.pexrtc import RemoteStream as RemoteStream
    from pexrtc_py.protocol import events as events
    from pexrtc_py.protocol import models as models
    from pexrtc_py.protocol import requests as requests
    from pexrtc_py.protocol.declare import Event as Event
    from pexrtc_py.protocol.events import BreakoutBegin as BreakoutBegin
    from pexrtc_py.protocol.events import BreakoutEnd as BreakoutEnd
    from pexrtc_py.protocol.events import BreakoutRefer as BreakoutRefer
    from pexrtc_py.protocol.events import Bye as Bye
    from pexrtc_py.protocol.events import CallDisconnected as CallDisconnected
    from pexrtc_py.protocol.events import CancelRefer as CancelRefer
    from pexrtc_py.protocol.events import ConferenceUpdate as ConferenceUpdate
    from pexrtc_py.protocol.events import Fecc as Fecc
    from pexrtc_py.protocol.events import InBreakout as InBreakout
    from pexrtc_py.protocol.events import Layout as Layout
    from pexrtc_py.protocol.events import LiveCaptions as LiveCaptions
    from pexrtc_py.protocol.events import MessageReceived as MessageReceived
    from pexrtc_py.protocol.events import NewOffer as NewOffer
    from pexrtc_py.protocol.events import OnHold as OnHold
    from pexrtc_py.protocol.events import ParticipantCreate as ParticipantCreate
    from pexrtc_py.protocol.events import ParticipantDelete as ParticipantDelete
    from pexrtc_py.protocol.events import ParticipantSyncBegin as ParticipantSyncBegin
    from pexrtc_py.protocol.events import ParticipantSyncEnd as ParticipantSyncEnd
    from pexrtc_py.protocol.events import ParticipantUpdate as ParticipantUpdate
    from pexrtc_py.protocol.events import PeerDisconnect as PeerDisconnect
    from pexrtc_py.protocol.events import PresentationFrame as PresentationFrame
    from pexrtc_py.protocol.events import PresentationStart as PresentationStart
    from pexrtc_py.protocol.events import PresentationStop as PresentationStop
    from pexrtc_py.protocol.events import Refer as Refer
    from pexrtc_py.protocol.events import SplashScreen as SplashScreen
    from pexrtc_py.protocol.events import Stage as Stage
    from pexrtc_py.protocol.events import Unknown as Unknown
    from pexrtc_py.protocol.events import UpdateSdp as UpdateSdp
    from pexrtc_py.protocol.models import ConferenceStatus as ConferenceStatus
    from pexrtc_py.protocol.models import Participant as Participant
    from pexrtc_py.protocol.models import Role as Role
    from pexrtc_py.protocol.models import ServiceType as ServiceType
    from pexrtc_py.protocol.models import StageEntry as StageEntry
    from pexrtc_py.protocol.models import Token as Token
    from pexrtc_py.recording import Recording as Recording
    from pexrtc_py.recording import RecordingFailed as RecordingFailed
    from pexrtc_py.registering import IncomingCall as IncomingCall
    from pexrtc_py.registering import Registration as Registration
    from pexrtc_py.registering import register as register
    from pexrtc_py.signaling.ending import Ended as Ended
    from pexrtc_py.signaling.ending import EndReason as EndReason
    from pexrtc_py.signaling.floor import PresentationLost as PresentationLost
    from pexrtc_py.signaling.roster import RosterSnapshot as RosterSnapshot
    from pexrtc_py.signaling.stream import Reconnected as Reconnected
    from pexrtc_py.signaling.stream import Reconnecting as Reconnecting

_NAMES = {
    "pexrtc_py.browser_sso": ("BrowserSso",),
    "pexrtc_py.call": ("Call",),
    "pexrtc_py.channel": ("PresentationImage",),
    "pexrtc_py.conference": ("Conference",),
    "pexrtc_py.direct": ("PeerConnected",),
    "pexrtc_py.engine.network": ("Network",),
    "pexrtc_py.engine.types": ("Slot",),
    "pexrtc_py.errors": (
        "CallError",
        "ConferenceNotFound",
        "CredentialsRefused",
        "DeviceError",
        "Disconnected",
        "DnsFailed",
        "ExtensionRequired",
        "FloorRefused",
        "IceFailed",
        "IdpRequired",
        "InvalidTransition",
        "JoinNeedsMore",
        "LobbyTimeout",
        "ReferWithdrawn",
        "MediaLost",
        "NegotiationFailed",
        "NodeError",
        "NodeUnreachable",
        "NotANode",
        "NotAllowed",
        "OutOfCapacity",
        "PexRTCError",
        "PinIncorrect",
        "PinRequired",
        "ProtocolError",
        "RecordingError",
        "RequestRefused",
        "SignInFailed",
        "SsoRedirect",
        "TlsNotTrusted",
        "TokenExpired",
        "UsageError",
    ),
    "pexrtc_py.following": ("Joining",),
    "pexrtc_py.hub": (
        "Events",
        "Hub",
    ),
    "pexrtc_py.joining": ("join",),
    "pexrtc_py.node.config": ("Vmr",),
    "pexrtc_py.node.server": ("Node",),
    "pexrtc_py.pexrtc": ("MediaStream", "PexRTC", "RemoteStream"),
    "pexrtc_py.protocol.declare": ("Event",),
    "pexrtc_py.protocol.events": (
        "BreakoutBegin",
        "BreakoutEnd",
        "BreakoutRefer",
        "Bye",
        "CallDisconnected",
        "CancelRefer",
        "ConferenceUpdate",
        "Fecc",
        "InBreakout",
        "Layout",
        "LiveCaptions",
        "MessageReceived",
        "NewOffer",
        "OnHold",
        "ParticipantCreate",
        "ParticipantDelete",
        "ParticipantSyncBegin",
        "ParticipantSyncEnd",
        "ParticipantUpdate",
        "PeerDisconnect",
        "PresentationFrame",
        "PresentationStart",
        "PresentationStop",
        "Refer",
        "SplashScreen",
        "Stage",
        "Unknown",
        "UpdateSdp",
    ),
    "pexrtc_py.protocol.models": (
        "ConferenceStatus",
        "Participant",
        "Role",
        "ServiceType",
        "StageEntry",
        "Token",
    ),
    "pexrtc_py.recording": (
        "Recording",
        "RecordingFailed",
    ),
    "pexrtc_py.registering": (
        "IncomingCall",
        "Registration",
        "register",
    ),
    "pexrtc_py.signaling.ending": (
        "Ended",
        "EndReason",
    ),
    "pexrtc_py.signaling.floor": ("PresentationLost",),
    "pexrtc_py.signaling.roster": ("RosterSnapshot",),
    "pexrtc_py.signaling.stream": (
        "Reconnected",
        "Reconnecting",
    ),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
_MODULES = {"events": "pexrtc_py.protocol.events", "models": "pexrtc_py.protocol.models", "requests": "pexrtc_py.protocol.requests"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
