"""What the vendor's documents and clients state of answers and events: fields, their types on the wire, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pexrtc_py.protocol import requests

if TYPE_CHECKING:
    from pexrtc_py.protocol.declare import Request

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def truth(value: Any) -> bool:
    return isinstance(value, bool)


def nothing(value: Any) -> bool:
    return value is None


def number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def anything(value: Any) -> bool:
    return True


def one_of(*words: str) -> Check:
    return lambda value: value in words


def either(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def mapping(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(check(item) for item in value.values())


YES_NO = one_of("YES", "NO")
MIX = {"mix_name": text, "timestamp": number}


def seconds(value: Any) -> bool:
    return isinstance(value, str) and value.isdigit()


@dataclass(frozen=True)
class Shape:
    """An object: what is always there, what is there from a version on, and what may be there, always or from a version on."""

    always: dict[str, Check]
    since: dict[str, tuple[int, Check]] = field(default_factory=dict)
    maybe: dict[str, Check] = field(default_factory=dict)
    maybe_since: dict[str, tuple[int, Check]] = field(default_factory=dict)

    def faults(self, value: Any, version: int) -> list[str]:
        """What is wrong with it, for a node of this version."""
        if not isinstance(value, dict):
            return [f"{value!r} is no object"]
        due = self.always | {name: check for name, (first, check) in self.since.items() if version >= first}
        known = due | self.maybe | {name: check for name, (first, check) in self.maybe_since.items() if version >= first}
        faults = [f"{name} is missing" for name in due.keys() - value.keys()]
        faults += [f"{name} is not documented, or later" for name in value.keys() - known.keys()]
        return faults + [f"{name} is {value[name]!r}" for name in value.keys() & known.keys() if not known[name](value[name])]


def _later(first: int, check: Check, *names: str) -> dict[str, tuple[int, Check]]:
    return dict.fromkeys(names, (first, check))


PARTICIPANT = Shape(
    {
        **dict.fromkeys(("uuid", "api_url", "display_name", "overlay_text", "uri", "vendor", "local_alias"), text),
        "protocol": one_of("api", "webrtc", "sip", "rtmp", "h323", "mssip", "teams", ""),
        "role": one_of("chair", "guest"),
        "service_type": one_of("connecting", "waiting_room", "ivr", "conference", "lecture", "gateway", "test_call"),
        "call_direction": one_of("in", "out"),
        "encryption": one_of("On", "Off"),
        **dict.fromkeys(("has_media", "is_external", "is_streaming_conference"), truth),
        **dict.fromkeys(("is_audio_only_call", "is_video_call", "is_muted", "is_presenting", "presentation_supported"), YES_NO),
        "rx_presentation_policy": one_of("ALLOW", "DENY"),
        **dict.fromkeys(("spotlight", "start_time"), number),
    },
    _later(18, text, "external_node_uuid")
    | _later(20, text, "call_tag")
    | _later(20, truth, "is_video_muted", "is_video_silent", "is_main_video_dropped_out", "needs_presentation_in_mix", "show_live_captions")
    | _later(20, YES_NO, "fecc_supported", "mute_supported", "disconnect_supported", "transfer_supported")
    | _later(20, number, "buzz_time")
    | _later(32, truth, "is_idp_authenticated")
    | _later(33, truth, "is_conjoined", "is_transferring")
    | _later(35, each(lambda mix: set(mix) == {"mix_name", "prominent"}), "send_to_audio_mixes")
    | _later(36, truth, "is_client_muted")
    | _later(36, number, "last_spoken_time")
    | _later(37, truth, "supports_direct_chat", "can_receive_personal_mix", "is_tx_muted", "is_on_hold", "is_public_streaming")
    | _later(37, truth, "is_recording", "is_transcribing", "is_ai_enabled")
    | _later(37, lambda mix: set(MIX) <= set(mix) <= {*MIX, "mix_config"}, "receive_from_video_mix"),
    # Who hears no mix at all has none.
    maybe_since=_later(35, either(text, nothing), "layout_group", "receive_from_audio_mix")
    | _later(37, either(truth, nothing), "studiosound_enabled"),
)
BUZZ = Shape({"value": truth}, maybe={"time": number})
STATUS = Shape(
    dict.fromkeys(("locked", "guests_muted"), truth),
    _later(20, truth, "started", "all_muted", "presentation_allowed", "live_captions_available", "direct_media")
    | _later(33, lambda value: set(value) == {"levels", "current"}, "classification")
    | _later(33, truth, "breakout_rooms")
    | _later(35, text, "pinning_config")
    | _later(36, truth, "guests_can_unmute", "guests_can_present"),
    maybe_since=_later(33, truth, "breakout")
    | _later(33, text, "breakout_name", "breakout_description", "end_action")
    | _later(33, number, "end_time")
    | _later(34, lambda value: not BUZZ.faults(value, 37), "breakoutbuzz")
    | _later(34, truth, "breakout_guests_allowed_to_leave")
    | _later(35, either(text, nothing, lambda value: set(value) == {"text", "set_time"}), "message_text"),
)
TURN = Shape({"urls": each(text), "username": text, "credential": text})
TOKEN = Shape(
    {
        **dict.fromkeys(("token", "participant_uuid", "display_name"), text),
        "expires": seconds,
        "version": lambda value: set(value) == {"version_id", "pseudo_version"} and all(map(text, value.values())),
        "role": one_of("HOST", "GUEST"),
        "current_service_type": one_of("conference", "gateway", "test_call", "waiting_room", "ivr", "lecture", "media_playback"),
        "service_type": one_of("conference", "gateway", "test_call", "lecture", "media_playback"),
        **dict.fromkeys(("chat_enabled", "analytics_enabled"), truth),
    },
    _later(20, text, "conference_name")
    | _later(20, truth, "rtmp_enabled", "fecc_enabled", "rtsp_enabled", "vp9_enabled", "allow_1080p", "trickle_ice_enabled")
    | _later(20, truth, "guests_can_present")  # the example of an answer has it, and that is of version 29
    | _later(29, truth, "direct_media", "use_relay_candidates_only", "live_captions_available")
    | _later(33, truth, "breakout_rooms"),
    {"stun": each(lambda server: set(server) == {"url"})},
    _later(20, each(lambda server: not TURN.faults(server, 37)), "turn")
    | _later(20, one_of("video", "video-only", "audio"), "call_type")
    | _later(20, text, "call_tag", "service_name")
    | _later(20, number, "bandwidth_in", "bandwidth_out")
    | _later(20, truth, "route_via_registrar")
    | _later(29, text, "idp_uuid")
    | _later(29, number, "client_stats_update_interval")
    | _later(36, text, "parent_participant_uuid")
    | _later(29, lambda value: number(value) and value >= 1, "pex_datachannel_id"),
)
REFRESHED = Shape(
    {"token": text, "expires": seconds},
    # Nobody documents it, but one of the vendor's clients reads a missing role as a changed one.
    _later(20, one_of("HOST", "GUEST"), "role"),
    maybe_since=_later(29, number, "client_stats_update_interval"),
)
ROOM = {"breakout_uuid": text, "participant_uuid": text}
STAGE = each(lambda entry: not Shape({"stage_index": number, "participant_uuid": text, "vad": number}).faults(entry, 0))
LAYOUT = Shape(
    {"view": text, "participants": each(text)},
    _later(20, truth, "overlay_text_enabled")
    | _later(20, lambda value: set(value["primary_screen"]) == {"chair_layout", "guest_layout"}, "requested_layout"),
    {"pres_slot_coords": anything},
)
MESSAGE = Shape({"origin": text, "uuid": text, "type": text, "payload": text}, _later(20, truth, "direct"))
PRESENTATION = Shape({"presenter_name": text, "presenter_uri": text}, _later(20, text, "presenter_uuid", "source", "presenter_source"))
SPLASH = Shape({"screen_key": text}, maybe={"display_duration": number})
FRAMES: dict[str, Shape | Check] = {
    "participant_sync_begin": nothing,
    "participant_sync_end": nothing,
    "participant_create": PARTICIPANT,
    "participant_update": PARTICIPANT,
    "participant_delete": Shape({"uuid": text}),
    "conference_update": STATUS,
    "layout": LAYOUT,
    "stage": STAGE,
    "presentation_start": PRESENTATION,
    "presentation_stop": Shape({}),
    "presentation_frame": Shape({}),
    "message_received": MESSAGE,
    "message": MESSAGE,
    "live_captions": Shape(
        {"data": text, "is_final": truth}, maybe=dict.fromkeys(("sent_time", "src_lang", "tgt_lang", "sources"), anything)
    ),
    "fecc": Shape({"action": text, "movement": each(mapping(text)), "timeout": number}),
    "call_disconnected": Shape({"call_uuid": text, "reason": text}),
    "disconnect": Shape({"reason": text}),
    "bye": nothing,
    "refer": Shape({"alias": text, "token": text}, maybe={"breakout_name": text, "target": text}),
    "cancel_refer": mapping(text),
    "refresh_token": nothing,
    "splash_screen": either(nothing, lambda data: not SPLASH.faults(data, 0)),
    "new_offer": Shape({"sdp": text}),
    "update_sdp": Shape({"sdp": text}),
    "new_candidate": Shape({"candidate": text, "mid": text}, maybe={"ufrag": text, "pwd": text}),
    "peer_disconnect": nothing,
    "breakout_begin": Shape(dict(ROOM)),
    "breakout_end": Shape(dict(ROOM)),
    "breakout_refer": Shape({"breakout_uuid": text, "breakout_name": text, "requester_uuid": text}),
    "incoming": Shape(
        dict.fromkeys(("conference_alias", "remote_display_name", "remote_alias", "local_alias", "token"), text)
        | {"service_type": one_of("conference", "gateway", "test_call", "lecture")}
    ),
    "incoming_cancelled": Shape({"token": text}),
}
"""What the data of an event is; that of `breakout_event` is another event's."""
UNTOLD = {
    "on_hold": "clients read it in two ways, and it is never told",
    "presentation_ended": "an older word for presentation_stop that one client still knows, and no document has",
}
"""Events that the node never tells, and why."""
SINCE = {
    **dict.fromkeys(("new_offer", "update_sdp", "new_candidate", "peer_disconnect"), 29),
    **dict.fromkeys(("breakout_begin", "breakout_end", "breakout_refer"), 33),
    "splash_screen": 31,
    "message": 0,
    "message_received": 19,
    "refer": 20,
    "refresh_token": 20,
    "fecc": 20,
    "live_captions": 20,
    "bye": 20,
    "cancel_refer": 20,
    "incoming": 20,
    "incoming_cancelled": 20,
}


def faults(name: str, data: Any, version: int) -> list[str]:
    """What is wrong with an event of this name, told by a node of this version."""
    if name == "breakout_event":
        wrapped = Shape({"breakout_uuid": text, "event": text, "id": text, "data": anything})
        return wrapped.faults(data, version) + faults(data["event"], data["data"], version)
    stated = FRAMES.get(name)
    if stated is None:
        return [f"{name} is not documented"]
    if version < SINCE.get(name, 0) or (name == "message" and version >= SINCE["message_received"]):
        return [f"{name} is not told by version {version}"]
    if isinstance(stated, Shape):
        return stated.faults(data, version)
    return [] if stated(data) else [f"the data of {name} is {data!r}"]


@dataclass(frozen=True)
class Dated:
    """What is stated otherwise from version to version."""

    at: Callable[[int], Shape | Check]


Stated = Shape | Check | Dated


def jpeg(value: Any) -> bool:
    return isinstance(value, bytes) and value.startswith(b"\xff\xd8\xff")


def png(value: Any) -> bool:
    return isinstance(value, bytes) and value.startswith(b"\x89PNG")


def object_of(stated: Shape, version: int = 99) -> Check:
    return lambda value: not stated.faults(value, version)


def before(version: int, old: Shape | Check, new: Shape | Check) -> Dated:
    return Dated(lambda emulated: old if emulated < version else new)


EQUAL = {"4:0": "2x2", "9:0": "3x3", "16:0": "4x4", "25:0": "5x5"}
"""The old names of the equal layouts, which had new ones from version 34 on."""
TAGGED = object_of(Shape({"name": text, "tags": each(text)}))


def _layouts(version: int) -> Check:
    wrong = set(EQUAL if version >= 34 else EQUAL.values())

    def named(value: Any) -> bool:
        return text(value) and value not in wrong

    # With tags if that is asked for, and then each with its tags.
    return either(each(named), each(TAGGED)) if version >= 37 else each(named)


SCREENS = ("welcome", "waiting_for_host", "other_participants_audio_only", "escalate", "deescalate")
ELEMENT = object_of(Shape({"type": text, "color": number, "text": text}))
SCREEN = object_of(
    Shape({"layout_type": text, "elements": each(ELEMENT)}, maybe={"background": either(nothing, object_of(Shape({"path": text})))})
)
VERSION = object_of(Shape({"version_id": text, "pseudo_version": text}))
PLACED = Shape(
    {"call_uuid": text, "sdp": text},
    maybe_since=_later(20, each(object_of(TURN)), "turn") | _later(29, truth, "offer_ignored"),
)
STREAM = Shape({"call_uuid": text, "url": text, "secure_url": text})
UPDATED = Shape({"call_uuid": text, "sdp": text}, maybe={"offer_ignored": truth})
REGISTERED = Shape(
    {
        "token": text,
        "expires": seconds,
        "registration_uuid": text,
        "directory_enabled": truth,
        "route_via_registrar": truth,
        "version": VERSION,
    }
)
IDP = object_of(Shape({"name": text, "uuid": text}, maybe={"img": text, "disable_popup_flow": truth}))
KIND = one_of("standard", "mssip")
NEED = one_of("required", "none")
CHALLENGES = (
    Shape({"pin": NEED, "guest_pin": NEED, "version": VERSION}, maybe={"conference_extension": KIND}),
    Shape({"idp": each(IDP), "version": VERSION}),
    Shape({"redirect_url": text, "redirect_idp": IDP, "version": VERSION}, maybe={"disable_popup_flow": truth}),
    # The documents have the kind in place of "required"; no client of the vendor does.
    Shape({"conference_extension": one_of("required"), "conference_extension_type": KIND, "version": VERSION}),
)
"""With which of these a 403 says what is still needed for a token."""


def _kinds(names: str) -> list[type[Request[Any]]]:
    return [getattr(requests, name) for name in names.split()]


_TRUTHS = _kinds(
    "EmptyBreakouts MoveParticipants BreakoutBuzz ClearBreakoutBuzz LeaveBreakout CallDtmf CallFecc "
    "Lock Unlock StartConference MuteGuests UnmuteGuests Disconnect Message SetGuestsCanUnmute ClearAllBuzz ClearSpotlights "
    "SetClassificationLevel TransformLayout SilentVideoDetection PresInMix PreferredAspectRatio LayoutGroup "
    "Mute Unmute VideoMuted VideoUnmuted ClientMute ClientUnmute ParticipantUnlock ParticipantMessage OverlayText Buzz ClearBuzz "
    "ParticipantRole SpotlightOn SpotlightOff Transfer AllowRxPresentation DenyRxPresentation Dtmf Fecc ParticipantDisconnect"
)
_TRUTHS_OF_CLIENTS = _kinds(
    "MessageBreakouts CreateVideoMix ConfigureVideoMix DeleteVideoMix NotifyNotAfk RegistrationReleaseToken ReleaseToken"
)
"""No document states the answer, but the vendor's clients insist on it, or on a truth of this kind."""
ASSUMED = _kinds(
    "SetMessageText SetPinningConfig SendToAudioMixes ReceiveFromAudioMix OverrideLayout PostPresentation "
    "Studiosound Hold Resume TxMute TxUnmute"
)
"""Neither document nor client states the answer; it is held against that of the requests like them, which is a truth."""
_NOTHINGS = _kinds("DisconnectBreakouts NewCandidate CallStatistics TakeFloor ReleaseFloor Statistics ShowLiveCaptions HideLiveCaptions")
"""Where the newest document has true for some of these, the vendor's own client takes nothing but null."""
ANSWERS: dict[type[Request[Any]], Stated] = {
    **dict.fromkeys((*_TRUTHS, *_TRUTHS_OF_CLIENTS, *ASSUMED), truth),
    **dict.fromkeys(_NOTHINGS, nothing),
    **dict.fromkeys(_kinds("PresentationJpeg PresentationHighJpeg Avatar RegistrationAvatar"), jpeg),
    requests.Ack: before(20, nothing, truth),
    requests.AvailableLayouts: Dated(_layouts),
    requests.CallDisconnect: before(20, truth, nothing),  # later the same holds as for _NOTHINGS
    requests.Calls: Dated(lambda version: either(object_of(PLACED, version), object_of(STREAM))),
    requests.CreateBreakout: Shape({"breakout_uuid": text}),
    requests.Dial: each(text),
    requests.GetClassificationLevel: Shape({"levels": mapping(text), "current": either(number, nothing)}),
    requests.GetConferenceStatus: STATUS,
    requests.GetMessageText: Shape({"text": text}, maybe={"set_time": text}),
    requests.GetPinningConfig: Shape({"pinning_config": text}),
    requests.GetTheme: either(nothing, object_of(Shape({f"direct_media_{name}": SCREEN for name in SCREENS}))),
    requests.LayoutSvgs: mapping(lambda drawing: isinstance(drawing, str) and drawing.startswith("<svg")),
    requests.Participants: each(lambda line: isinstance(line, dict)),  # each line by the version, in `answer_faults`
    requests.PresentationPng: png,
    requests.RefreshToken: REFRESHED,
    requests.RegistrationRefreshToken: Shape({"token": text, "expires": seconds}),
    requests.RegistrationRequestToken: REGISTERED,
    requests.Registrations: each(object_of(Shape({"alias": text, "description": text, "username": text}))),
    requests.RequestGuestToken: text,
    requests.RequestToken: TOKEN,
    requests.Status: one_of("OK"),
    requests.ThemeResource: either(jpeg, png),
    requests.Update: Dated(lambda version: either(text, object_of(UPDATED)) if version >= 29 else text),
}
"""What a request is answered with on success."""
STREAMED: dict[type[Request[Any]], str] = {
    requests.Events: "what the stream tells is held against FRAMES",
    requests.RegistrationEvents: "what the stream tells is held against FRAMES",
}
"""Requests without an answer of that kind, and why."""


def answer_faults(kind: type[Request[Any]], result: Any, version: int) -> list[str]:
    """What is wrong with the result of a request, for a node of this version."""
    stated = ANSWERS[kind]
    stated = stated.at(version) if isinstance(stated, Dated) else stated
    faults = stated.faults(result, version) if isinstance(stated, Shape) else [] if stated(result) else [f"it is {result!r}"]
    if kind is requests.Participants and not faults:
        faults = [fault for line in result for fault in PARTICIPANT.faults(line, version)]
    return [f"{kind.name}: {fault}" for fault in faults]


def refusal_faults(kind: type[Request[Any]] | None, status: int, body: Any) -> list[str]:
    """What is wrong with the JSON of a refusal: a sentence, but for what is still needed for a token."""
    if not isinstance(body, dict) or set(body) != {"status", "result"}:
        return [f"the refusal is {body!r}"]
    challenged = kind is requests.RequestToken and status == 403 and not text(body["result"])
    fine = any(object_of(one)(body["result"]) for one in CHALLENGES) if challenged else text(body["result"])
    return [] if fine and body["status"] == ("success" if challenged else "failed") else [f"the refusal is {body!r}"]
