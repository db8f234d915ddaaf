from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.protocol import CallType, ConferenceStatus, MediaType, Participant, Role, ServiceType, Theme, Token, wire
from pexrtc_py.protocol.models import BreakoutBuzz, Classification, IceServer, RefreshedToken, RequestedLayout, TurnServer
from pexrtc_py.protocol.requests import Calls

# the shapes of versions 14 and 37, with values of our own
PARTICIPANT_14: dict[str, Any] = {
    "api_url": "/participants/0b6a", "call_direction": "in", "display_name": "Ann", "encryption": "On", "has_media": True,
    "is_audio_only_call": "NO", "is_external": False, "is_muted": "YES", "is_presenting": "NO", "is_streaming_conference": False,
    "is_video_call": "YES", "local_alias": "meet.ann", "overlay_text": "Ann", "presentation_supported": "NO", "protocol": "api",
    "role": "chair", "rx_presentation_policy": "ALLOW", "service_type": "conference", "spotlight": 0, "start_time": 1441720992,
    "uri": "Infinity_Connect_192.0.2.7", "uuid": "0b6a", "vendor": "Browser/1",
}  # fmt: skip
PARTICIPANT_37: dict[str, Any] = PARTICIPANT_14 | {
    "buzz_time": 1700000000.25, "call_tag": "7", "disconnect_supported": "YES", "external_node_uuid": "", "fecc_supported": "NO",
    "is_client_muted": True, "is_idp_authenticated": False, "is_video_muted": False, "is_video_silent": False, "layout_group": None,
    "mute_supported": "YES", "needs_presentation_in_mix": False, "receive_from_audio_mix": "main", "role": "guest",
    "receive_from_video_mix": {"mix_name": "main", "timestamp": 0, "mix_config": {"transform_layout": {"layout": "1:0"}}},
    "send_to_audio_mixes": [{"mix_name": "main", "prominent": False}], "show_live_captions": False, "studiosound_enabled": None,
    "supports_direct_chat": True, "transfer_supported": "NO", "a_field_of_tomorrow": {"x": 1},
}  # fmt: skip
REQUIRED_BY_CLIENTS = [
    "uuid",
    "display_name",
    "overlay_text",
    "local_alias",
    "protocol",
    "role",
    "service_type",
    "call_direction",
    "encryption",
    "has_media",
    "is_audio_only_call",
    "is_video_call",
    "is_muted",
    "is_presenting",
    "presentation_supported",
    "is_video_muted",
    "is_video_silent",
    "rx_presentation_policy",
    "fecc_supported",
    "mute_supported",
    "disconnect_supported",
    "transfer_supported",
    "is_external",
    "is_streaming_conference",
    "external_node_uuid",
    "spotlight",
    "buzz_time",
    "start_time",
    "supports_direct_chat",
    "can_receive_personal_mix",
    "receive_from_video_mix",
]


def test_a_participant_of_version_14_is_read() -> None:
    read = wire.decode(Participant, PARTICIPANT_14)

    assert (read.role, read.is_muted, read.encryption, read.is_video_call) == (Role.HOST, True, True, True)
    assert (read.buzz_time, read.is_client_muted, read.start_time) == (0, False, 1441720992)


def test_a_participant_of_version_37_is_read_and_written_back_unchanged() -> None:
    read = wire.decode(Participant, PARTICIPANT_37)

    written = wire.encode(read)

    assert read.role is Role.GUEST
    assert (read.model_extra or {})["a_field_of_tomorrow"] == {"x": 1}
    assert {key: written[key] for key in PARTICIPANT_37 if PARTICIPANT_37[key] is not None} == {
        key: value for key, value in PARTICIPANT_37.items() if value is not None
    }


def test_a_written_participant_has_all_that_clients_insist_on() -> None:
    written = wire.encode(Participant(uuid="a"))

    assert [name for name in REQUIRED_BY_CLIENTS if name not in written] == []
    assert None not in written.values()
    assert written["is_muted"] == "NO"
    assert written["encryption"] == "Off"
    assert '"spotlight":0,"buzz_time":0,' in wire.to_text(written)


def test_a_raised_hand_is_written_as_a_time() -> None:
    assert wire.encode(Participant(uuid="a", buzz_time=1700000000.5))["buzz_time"] == 1700000000.5


@pytest.mark.parametrize(
    ("word", "role"),
    [("host", Role.HOST), ("HOST", Role.HOST), ("chair", Role.HOST), ("Chair", Role.HOST), ("guest", Role.GUEST), ("GUEST", Role.GUEST)],
)
def test_a_role_is_read_in_any_spelling(word: str, role: Role) -> None:
    assert wire.decode(Participant, {"uuid": "a", "role": word}).role is role
    assert wire.decode(RefreshedToken, {"token": "t", "role": word}).role is role


def test_a_role_is_spelled_as_the_row_has_it() -> None:
    roster = wire.encode(Participant(uuid="a", role=Role.HOST))
    token = wire.encode(Token(token="t", participant_uuid="a", role=Role.HOST))

    assert (roster["role"], token["role"]) == ("chair", "HOST")


def test_words_of_tomorrow_stay_words() -> None:
    read = wire.decode(Participant, {"uuid": "a", "role": "observer", "service_type": "metaverse", "protocol": "smoke"})

    assert (read.role, read.service_type, read.protocol) == ("observer", "metaverse", "smoke")
    assert wire.encode(read)["role"] == "observer"
    assert wire.encode(read)["service_type"] == "metaverse"


def test_a_call_type_is_read_in_any_case() -> None:
    assert wire.decode_request(Calls, {"call_type": "webrtc", "streaming": "true"}).call_type is CallType.WEBRTC
    assert wire.encode(Calls(sdp="v=0")) == {"call_type": "WEBRTC", "sdp": "v=0", "fecc_supported": False, "media_type": "video"}
    assert Calls(media_type="audio").media_type is MediaType.AUDIO


def test_a_token_is_written_as_the_vendors_client_validates_it() -> None:
    token = Token(
        token="t", participant_uuid="p", expires=120, role=Role.HOST, display_name="Ann", conference_name="meet.ann",
        current_service_type=ServiceType.WAITING_ROOM, stun=(IceServer(url="stun:192.0.2.1:3478"),), client_stats_update_interval=5000,
        turn=(TurnServer(urls=("turn:192.0.2.1:443?transport=tcp",), username="u", credential="c"),), pex_datachannel_id=3,
    )  # fmt: skip

    written = wire.encode(token)

    assert written["expires"] == "120"
    assert written["stun"] == [{"url": "stun:192.0.2.1:3478"}]
    assert written["turn"] == [{"urls": ["turn:192.0.2.1:443?transport=tcp"], "username": "u", "credential": "c"}]
    assert (written["pex_datachannel_id"], written["client_stats_update_interval"]) == (3, 5000)
    assert written["version"] == {"version_id": "37", "pseudo_version": "79019.0.0"}
    assert None not in written.values()
    assert wire.decode(Token, written) == token


def test_a_token_of_version_14_is_read() -> None:
    read = wire.decode(
        Token,
        {"token": "t", "expires": "120", "participant_uuid": "p", "role": "HOST", "chat_enabled": True,
         "version": {"version_id": 14, "pseudo_version": "28000.0.0"}, "service_type": "conference",
         "stun": [{"url": "stun:192.0.2.1"}], "display_name": "Ann", "turn": None},
    )  # fmt: skip

    assert (read.expires, read.version.version_id, read.role, read.turn) == (120.0, "14", Role.HOST, None)
    assert read.stun == (IceServer(url="stun:192.0.2.1"),)


def test_ice_servers_are_read_in_either_spelling() -> None:
    stun = [wire.decode(IceServer, data).url for data in ({"url": "stun:a"}, {"urls": "stun:a"}, {"urls": ["stun:a", "stun:b"]})]
    turn = [wire.decode(TurnServer, data).urls for data in ({"url": "turn:a"}, {"urls": ["turn:a"]})]

    assert stun == ["stun:a"] * 3
    assert turn == [("turn:a",)] * 2


def test_tokens_and_credentials_are_not_shown() -> None:
    shown = repr(
        (Token(token="s3cret", participant_uuid="p"), RefreshedToken(token="s3cret"), TurnServer(urls=("t",), credential="s3cret"))
    )

    assert "s3cret" not in shown


def test_a_status_of_version_14_is_read() -> None:
    read = wire.decode(ConferenceStatus, {"locked": True, "guests_muted": False})

    assert (read.locked, read.started, read.classification) == (True, True, Classification())


def test_a_main_room_says_nothing_of_breakouts() -> None:
    main = wire.encode(ConferenceStatus())
    room = wire.encode(ConferenceStatus(breakout=True, breakout_name="One", breakoutbuzz=BreakoutBuzz()))

    assert not {"breakout", "breakoutbuzz", "breakout_name", "end_time", "message_text"} & main.keys()
    assert main["classification"] == {"levels": {}, "current": None}
    assert room["breakoutbuzz"] == {"value": False, "time": 0}


def test_a_layout_asked_for_in_a_word_counts_for_both_roles() -> None:
    read = wire.decode(RequestedLayout, "2x2")

    assert wire.encode(read) == {"primary_screen": {"chair_layout": "2x2", "guest_layout": "2x2"}}


def test_a_theme_has_all_its_screens() -> None:
    screen = {
        "layout_type": "direct_media",
        "background": {"path": "b.jpg"},
        "elements": [{"type": "text", "color": 4294967295, "text": "Welcome"}],
    }
    names = ["welcome", "waiting_for_host", "other_participants_audio_only", "escalate", "deescalate"]
    theme = {f"direct_media_{name}": screen for name in names}

    assert wire.encode(wire.decode(Theme, theme)) == theme
