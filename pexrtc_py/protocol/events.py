"""What the node tells over the event stream, one class per event.

Reading never fails: what is not known, or lacks what identifies it, becomes `Unknown`. Writing gives every event the payload clients need,
`null` or `{}` where there is nothing to say (a browser drops an event without data).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, SerializeAsAny, ValidationError, model_validator

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol.declare import EVENTS, Event, event
from pexrtc_py.protocol.models import (
    BreakoutId,
    CallId,
    CaptionSource,
    ConferenceStatus,
    FeccMovement,
    OpenFeccAction,
    OpenReferTarget,
    OpenServiceType,
    OpenSplashKey,
    Participant,
    ParticipantId,
    RequestedLayout,
    ServiceType,
    StageEntry,
    Strings,
)
from pexrtc_py.protocol.wire import WHOLE, from_text

_log = logging.getLogger(__name__)

# --- the roster and the room -----------------------------------------------------------------------------------------


@event("participant_sync_begin")
class ParticipantSyncBegin(Event):
    """The roster follows, one ParticipantCreate each."""


@event("participant_sync_end")
class ParticipantSyncEnd(Event):
    """The roster is complete."""


@event("participant_create")
class ParticipantCreate(Event):
    """Somebody joined, or is part of the roster that is being sent."""

    participant: Annotated[Participant, WHOLE]


@event("participant_update")
class ParticipantUpdate(Event):
    """Somebody changed; the participant is given in full."""

    participant: Annotated[Participant, WHOLE]


@event("participant_delete")
class ParticipantDelete(Event):
    """Somebody left."""

    uuid: ParticipantId


@event("conference_update")
class ConferenceUpdate(Event):
    """The conference's state changed; it is given in full."""

    status: Annotated[ConferenceStatus, WHOLE]


@event("layout")
class Layout(Event):
    """What this participant's picture shows: the layout by its old name (`4:0`; see `layouts.named`), and who is in it, in order of places.

    `pres_slot_coords` are the four corners of the presentation in the picture, where there is one.
    """

    view: str = ""
    participants: Strings = ()
    requested_layout: RequestedLayout = RequestedLayout()
    overlay_text_enabled: bool = False
    pres_slot_coords: tuple[tuple[float, float], ...] | None = None


@event("stage")
class Stage(Event):
    """Who spoke last, in order, and who is speaking."""

    entries: Annotated[tuple[StageEntry, ...], WHOLE]


@event("message_received", "message")
class MessageReceived(Event):
    """Somebody said something, to everybody or (`direct`) to this participant alone."""

    origin: str = ""
    uuid: ParticipantId = ""
    type: str = "text/plain"
    payload: str = Field(default="", repr=False)
    direct: bool = False


@event("live_captions")
class LiveCaptions(Event):
    """What was said, as text; replaced until `is_final`. Languages are codes such as "en"; `sent_time` is Unix seconds."""

    data: str = Field(default="", repr=False)
    is_final: bool = False
    sent_time: float | None = None
    src_lang: str | None = None
    tgt_lang: str | None = None
    sources: tuple[CaptionSource, ...] | None = None


# --- presenting ------------------------------------------------------------------------------------------------------


@event("presentation_start")
class PresentationStart(Event):
    """Somebody presents; `source` is "video" or "static". With three empty strings: this participant must stop presenting.

    Never sent to a participant about itself, since clients stop their own presentation on it.
    """

    presenter_name: str = ""
    presenter_uri: str = ""
    presenter_uuid: ParticipantId = ""
    source: str = "video"
    presenter_source: str = "video"

    @model_validator(mode="before")
    @classmethod
    def _same_source(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        source = data.get("source") or data.get("presenter_source") or "video"
        return {**data, "source": source, "presenter_source": source}

    @property
    def revoked(self) -> bool:
        """Whether it takes the floor away instead of announcing a presenter."""
        return not (self.presenter_name or self.presenter_uri or self.presenter_uuid)


@event("presentation_stop", "presentation_ended", empty={})
class PresentationStop(Event):
    """Nobody presents any more."""


@event("presentation_frame", empty={})
class PresentationFrame(Event):
    """A new still image of the presentation can be fetched; `id` (the event's id in the stream) says which."""

    id: str | None = Field(default=None, exclude=True)


# --- this participant and its calls ----------------------------------------------------------------------------------


@event("call_disconnected")
class CallDisconnected(Event):
    """The node ended a call; the participant stays."""

    call_uuid: CallId
    reason: str = ""


@event("disconnect")
class Disconnect(Event):
    """This participant was removed; the last event of its stream."""

    reason: str = ""


@event("bye")
class Bye(Event):
    """The node closes the stream."""


@event("refer")
class Refer(Event):
    """Join `alias` with the one-time `token` instead: a transfer, a move between rooms, or a change of media from direct to transcoded."""

    alias: str
    token: str | None = Field(default=None, repr=False)
    breakout_name: str | None = None
    target: OpenReferTarget | None = None


@event("cancel_refer", empty={})
class CancelRefer(Event):
    """Where the last `Refer` sent us, we cannot go any more: another place was found, the room has closed, or it took too long."""


@event("on_hold")
class OnHold(Event):
    """This participant is put on hold, or back."""

    setting: bool = False

    @classmethod
    def from_wire(cls, data: Any, *, id: str | None = None) -> Self:
        """Read a bare truth too."""
        return super().from_wire({"setting": data} if isinstance(data, bool) else data)


@event("refresh_token")
class RefreshToken(Event):
    """The token must be refreshed now: the role or the statistics interval changed."""


@event("fecc")
class Fecc(Event):
    """Move this participant's camera; `timeout` in milliseconds."""

    action: OpenFeccAction
    movement: tuple[FeccMovement, ...] = ()
    timeout: float | None = None


# --- direct media ----------------------------------------------------------------------------------------------------


@event("splash_screen")
class SplashScreen(Event):
    """Show this screen of the theme, for so many seconds; none to remove it."""

    screen_key: OpenSplashKey | None = None
    display_duration: float | None = None


@event("new_offer")
class NewOffer(Event):
    """The peer offers; answer with an ack."""

    sdp: str


@event("update_sdp")
class UpdateSdp(Event):
    """The peer renegotiates; answer with an ack."""

    sdp: str


@event("new_candidate")
class NewCandidate(Event):
    """An ICE candidate of the peer; an empty one ends them."""

    candidate: str
    mid: str | None = None
    ufrag: str | None = None
    pwd: str | None = None


@event("peer_disconnect")
class PeerDisconnect(Event):
    """The peer is gone; another may offer."""


# --- breakout rooms --------------------------------------------------------------------------------------------------


@event("breakout_begin")
class BreakoutBegin(Event):
    """A breakout room opened; `participant_uuid` is the receiving host's own in it."""

    breakout_uuid: BreakoutId
    participant_uuid: ParticipantId | None = None


@event("breakout_end")
class BreakoutEnd(Event):
    """A breakout room closed."""

    breakout_uuid: BreakoutId
    participant_uuid: ParticipantId | None = None


@event("breakout_refer")
class BreakoutRefer(Event):
    """Move media into this breakout room, keeping the token; "main" is back."""

    breakout_uuid: BreakoutId
    breakout_name: str = ""
    requester_uuid: ParticipantId = ""


@event("breakout_event")
class InBreakout(Event):
    """Something happened in a breakout room; told to hosts."""

    breakout_uuid: BreakoutId
    event: SerializeAsAny[Event]
    id: str | None = None

    @classmethod
    def from_wire(cls, data: Any, *, id: str | None = None) -> Self:
        """Read the event inside with the same rules as one outside."""
        inside = dict(data) if isinstance(data, Mapping) else {}
        name, payload = str(inside.pop("event", "")), inside.pop("data", None)
        inner_id = inside.get("id")
        read = _decode if name != cls.name else _unknown_nested  # rooms do not nest, and a payload that does must not exhaust the stack
        inside["event"] = read(name, payload, id=inner_id if isinstance(inner_id, str) else None)
        return super().from_wire(inside)

    def to_wire(self) -> dict[str, Any]:
        """The payload, with name and data of the event inside."""
        name, data = encode(self.event)
        known = {"breakout_uuid": self.breakout_uuid, "event": name, "data": data}
        return known | ({"id": self.id} if self.id is not None else {}) | (self.__pydantic_extra__ or {})


# --- registrations ---------------------------------------------------------------------------------------------------


@event("incoming")
class Incoming(Event):
    """Somebody calls this registered device; join `conference_alias` with the one-time `token`, or release that to reject."""

    conference_alias: str
    token: str = Field(repr=False)
    remote_display_name: str = ""
    remote_alias: str = ""
    local_alias: str = ""
    service_type: OpenServiceType = ServiceType.GATEWAY


@event("incoming_cancelled")
class IncomingCancelled(Event):
    """The call announced with this token is over before it was answered."""

    token: str = Field(repr=False)


# --- the rest --------------------------------------------------------------------------------------------------------


class Unknown(Event):
    """An event this version does not know, or one that lacks what identifies it; `data` is its payload as it came."""

    name: str  # type: ignore[misc]  # pyright: ignore[reportIncompatibleVariableOverride]  # its name is told, not declared
    data: Any = Field(default=None, repr=False)
    id: str | None = None

    def to_wire(self) -> Any:
        """The payload as it came."""
        return self.data


_COMPLAINTS_KEPT = 100
_complained: set[str] = set()


def decode(name: str, data: Any, *, id: str | None = None) -> Event:
    """The event `name` with this payload, JSON text or already parsed; never raises. `id` is the event's id in the stream."""
    if isinstance(data, (str, bytes)):
        try:
            data = from_text(data)
        except ProtocolError:
            text = data.decode(errors="replace") if isinstance(data, bytes) else data
            return _unknown(name, text, id, "its data is not JSON")
    return _decode(name, data, id=id)


def encode(event: Event) -> tuple[str, Any]:
    """The event's name and payload, the latter for `wire.to_text`."""
    return event.name, event.to_wire()


def _decode(name: str, data: Any, *, id: str | None) -> Event:
    kind = EVENTS.get(name)
    if kind is None:
        return _unknown(name, data, id, "it is not known to this version")
    try:
        return kind.from_wire(data, id=id)
    except ValidationError as error:
        return _unknown(name, data, id, f"it makes no sense ({error.errors(include_url=False, include_input=False)[0]['msg']})")


def _unknown_nested(name: str, data: Any, *, id: str | None) -> Unknown:
    return _unknown(name, data, id, "a breakout room has no breakout rooms")


def _unknown(name: str, data: Any, id: str | None, why: str) -> Unknown:
    if name not in _complained and len(_complained) < _COMPLAINTS_KEPT:
        _complained.add(name)
        _log.warning("event %r is passed on as it came, for %s", name, why)
    return Unknown(name=name, data=data, id=id)
