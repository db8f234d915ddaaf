"""What a node of an older version says: which requests it knows, which events and fields it has, and how it spells them; pure.

The documents date most requests and a few fields; what is missing from the document of version 19 and dated by no changelog counts as 20.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pexrtc_py.protocol import events as told
from pexrtc_py.protocol.declare import Event, Request
from pexrtc_py.protocol.layouts import old_name
from pexrtc_py.protocol.requests import (
    Ack,
    AvailableLayouts,
    CallDisconnect,
    Calls,
    DisconnectBreakouts,
    GetConferenceStatus,
    MessageBreakouts,
    Participants,
    RefreshToken,
    RequestGuestToken,
    RequestToken,
)

UNDATED = 20
DOCUMENTED = 37
"""The version of the newest document; clients that it describes ask for what came later too."""
NEW_LAYOUT_NAMES = 34
"""From this version on `2x2` is said instead of `4:0`."""
ACK_SAYS_TRUE = 20
"""Older nodes answer an ack with an empty body."""
DISCONNECT_SAYS_NULL = 20
"""Older nodes answer the end of a call with true. So do newer ones by their documents, but the vendor's own client wants null."""
DIRECT_MEDIA = 29
ANNOTATED_LAYOUTS = 37
"""Older nodes know layouts by name only."""

_AUDIO_MIXES = ("layout_group", "send_to_audio_mixes", "receive_from_audio_mix")
_MIXES = ("supports_direct_chat", "can_receive_personal_mix", "receive_from_video_mix", "is_tx_muted", "is_on_hold", "studiosound_enabled")
_CAPTURED = ("is_public_streaming", "is_recording", "is_transcribing", "is_ai_enabled")
_LATER = (
    "call_tag",
    "is_video_muted",
    "is_video_silent",
    "is_main_video_dropped_out",
    "needs_presentation_in_mix",
    "show_live_captions",
    "fecc_supported",
    "mute_supported",
    "disconnect_supported",
    "transfer_supported",
    "buzz_time",
)
PARTICIPANT: Mapping[str, int] = {
    "external_node_uuid": 18,
    **dict.fromkeys(_LATER, 20),
    "is_idp_authenticated": 32,
    "is_conjoined": 33,
    "is_transferring": 33,
    **dict.fromkeys(_AUDIO_MIXES, 35),
    "is_client_muted": 36,
    "last_spoken_time": 36,
    **dict.fromkeys((*_MIXES, *_CAPTURED), 37),
}
"""The version that brought a field of the roster; the others were always there. Clients of 37 want what belongs to personal mixes."""
STATUS: Mapping[str, int] = {
    **dict.fromkeys(("started", "all_muted", "presentation_allowed", "live_captions_available", "direct_media"), 20),
    "classification": 33,
    **dict.fromkeys(("breakout_rooms", "breakout", "breakout_name", "breakout_description", "end_action", "end_time"), 33),
    **dict.fromkeys(("breakoutbuzz", "breakout_guests_allowed_to_leave"), 34),
    **dict.fromkeys(("message_text", "pinning_config"), 35),
    **dict.fromkeys(("guests_can_unmute", "guests_can_present"), 36),
}
TOKEN: Mapping[str, int] = {
    **dict.fromkeys(("turn", "fecc_enabled", "rtmp_enabled", "rtsp_enabled", "vp9_enabled", "allow_1080p", "call_type", "call_tag"), 20),
    **dict.fromkeys(("bandwidth_in", "bandwidth_out", "trickle_ice_enabled", "route_via_registrar", "service_name"), 20),
    **dict.fromkeys(("conference_name", "guests_can_present"), 20),
    **dict.fromkeys(("direct_media", "pex_datachannel_id", "client_stats_update_interval", "idp_uuid"), DIRECT_MEDIA),
    **dict.fromkeys(("use_relay_candidates_only", "live_captions_available"), 29),
    "breakout_rooms": 33,
    "parent_participant_uuid": 36,
}
REFRESHED: Mapping[str, int] = {"role": 20, "client_stats_update_interval": DIRECT_MEDIA}
CALL: Mapping[str, int] = {"turn": 20, "offer_ignored": DIRECT_MEDIA}
EVENTS: Mapping[type[Event], int] = {
    **dict.fromkeys((told.LiveCaptions, told.Fecc, told.RefreshToken, told.Refer, told.CancelRefer, told.Bye), UNDATED),
    **dict.fromkeys((told.NewOffer, told.UpdateSdp, told.NewCandidate, told.PeerDisconnect), DIRECT_MEDIA),
    told.SplashScreen: 31,
    **dict.fromkeys((told.BreakoutBegin, told.BreakoutEnd, told.InBreakout, told.BreakoutRefer), 33),
}
"""The version that brought an event."""
_IMPLIED: Mapping[type[Request[Any]], int] = dict.fromkeys((MessageBreakouts, DisconnectBreakouts, RequestGuestToken), 33)
"""Undated requests that mean nothing without what a later version brought: breakout rooms."""
_IN_ANSWERS: Mapping[type[Request[Any]], Mapping[str, int]] = {
    RequestToken: TOKEN,
    RefreshToken: REFRESHED,
    GetConferenceStatus: STATUS,
    Calls: CALL,
}
_IN_EVENTS: Mapping[type[Event], Mapping[str, int]] = {
    told.ParticipantCreate: PARTICIPANT,
    told.ParticipantUpdate: PARTICIPANT,
    told.ConferenceUpdate: STATUS,
    told.Layout: dict.fromkeys(("requested_layout", "overlay_text_enabled", "pres_slot_coords"), 20),
    told.PresentationStart: dict.fromkeys(("presenter_uuid", "source", "presenter_source"), 20),
    told.MessageReceived: {"direct": 20},
}
_OLD_EVENTS: Mapping[type[Event], tuple[str, int]] = {told.MessageReceived: ("message", 19)}
"""What an event was called, and the version that changed it."""


def knows(kind: type[Request[Any]], version: int) -> bool:
    """Whether a node of this version has the request."""
    return version >= min(_IMPLIED.get(kind, UNDATED) if kind.since is None else kind.since, DOCUMENTED)


def answer(kind: type[Request[Any]], result: Any, version: int) -> Any:
    """The JSON result of a request, as a node of this version has it."""
    if kind in _IN_ANSWERS:
        return _of(version, result, _IN_ANSWERS[kind])
    if kind is Participants:
        return [_of(version, line, PARTICIPANT) for line in result]
    if kind is AvailableLayouts:
        return [_available(line, version) for line in result]
    return True if kind is CallDisconnect and version < DISCONNECT_SAYS_NULL else result


def answers_nothing(kind: type[Request[Any]], version: int) -> bool:
    """Whether a node of this version answers the request with an empty body."""
    return kind is Ack and version < ACK_SAYS_TRUE


def event(said: Event, version: int) -> tuple[str, Any] | None:
    """Name and payload of an event, as a node of this version tells it; None when it does not."""
    kind = type(said)
    if version < EVENTS.get(kind, 0):
        return None
    name, changed = _OLD_EVENTS.get(kind, (said.name, 0))
    if isinstance(said, told.InBreakout):
        inner = event(said.event, version)
        return (said.name, {**said.to_wire(), "event": inner[0], "data": inner[1]}) if inner is not None else None
    return (name if version < changed else said.name), _layouts(kind, _of(version, said.to_wire(), _IN_EVENTS.get(kind, {})), version)


def _of(version: int, value: Any, since: Mapping[str, int]) -> Any:
    return {key: item for key, item in value.items() if since.get(key, 0) <= version} if isinstance(value, dict) and since else value


def _available(layout: Any, version: int) -> Any:
    if version >= ANNOTATED_LAYOUTS:
        return layout
    name = layout["name"] if isinstance(layout, dict) else layout
    return old_name(name) if version < NEW_LAYOUT_NAMES else name


def _layouts(kind: type[Event], payload: Any, version: int) -> Any:
    if kind is not told.Layout or version >= NEW_LAYOUT_NAMES or "requested_layout" not in payload:
        return payload
    screen = payload["requested_layout"]["primary_screen"]
    return {**payload, "requested_layout": {"primary_screen": {place: old_name(name) for place, name in screen.items()}}}
