"""What the documents and other clients' habits say of single requests; that any comes through is in test_roundtrip."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol import Address, Layout, Request, Role, find, name_of, requests, wire
from pexrtc_py.protocol.models import AudioMix, FeccMovement, Participant, StreamStatistics, Token, Transforms
from pexrtc_py.protocol.requests import (
    AvailableLayouts,
    ConfigureVideoMix,
    CreateBreakout,
    Dial,
    Fecc,
    MoveParticipants,
    ParticipantRole,
    PostPresentation,
    PreferredAspectRatio,
    PresentationJpeg,
    ReceiveFromAudioMix,
    RegistrationRequestToken,
    RequestToken,
    SendToAudioMixes,
    SilentVideoDetection,
    Statistics,
    Transfer,
    TransformLayout,
)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (Dial(destination="bob@example.com", role=Role.GUEST, protocol="sip", source_display_name="Alice"),
         {"destination": "bob@example.com", "role": "GUEST", "protocol": "sip", "call_type": "video", "streaming": "no",
          "source_display_name": "Alice"}),
        (Dial(destination="rtmp://x", streaming=True, prefer_ipv6=False),
         {"destination": "rtmp://x", "role": "HOST", "protocol": "auto", "call_type": "video", "streaming": "yes", "prefer_ipv6": False}),
        (ParticipantRole(role=Role.HOST), {"role": "chair"}),
        (Transfer(conference_alias="meet", role=Role.HOST, pin="1"), {"conference_alias": "meet", "role": "host", "pin": "1"}),
        (Transfer(conference_alias="meet"), {"conference_alias": "meet", "role": "guest"}),
        (TransformLayout(), {"transforms": {}}),
        (TransformLayout(transforms=Transforms(layout=Layout.EQUAL_4, free_form_overlay_text=("a", ""))),
         {"transforms": {"layout": "2x2", "free_form_overlay_text": ["a", ""]}}),
        (SilentVideoDetection(), {"config": {"enable": True, "silent_after": 15, "require_no_faces": True, "reactivate_after": 2}}),
        (Fecc(action="start", movement=(FeccMovement(axis="pan", direction="left"),), timeout=1000),
         {"action": "start", "movement": [{"axis": "pan", "direction": "left"}], "timeout": 1000}),
        (SendToAudioMixes(), {"mixes": []}),
        (SendToAudioMixes(mixes=(AudioMix(mix_name="main.french", prominent=True),)),
         {"mixes": [{"mix_name": "main.french", "prominent": True}]}),
        (ReceiveFromAudioMix(mix_name=None), {"mix_name": None}),
        (CreateBreakout(breakout_name="One", duration=60, participants={"main": ("a", "b")}),
         {"name": "One", "duration": 60, "end_action": "transfer", "participants": {"main": ["a", "b"]}}),
        (MoveParticipants(breakout_uuid="main"), {"breakout_uuid": "main", "participants": []}),
        (Statistics(audio=StreamStatistics(rx_codec="opus", rx_bitrate=64.4)), {"audio": {"rx_codec": "opus", "rx_bitrate": 64.4}}),
        (PostPresentation(frame=b"\xff\xd8"), {}),
        (ConfigureVideoMix(mix_name="main.!personal"), {"transform_layout": {}}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_body_is_spelled_as_the_documents_have_it(request_: Request[Any], body: dict[str, Any]) -> None:
    assert wire.encode(request_) == body


@pytest.mark.parametrize("word", ["host", "HOST", "chair", "Chair"])
def test_a_role_is_read_in_any_spelling_and_written_as_each_row_has_it(word: str) -> None:
    written = [
        wire.encode(wire.decode_request(Dial, {"destination": "x", "role": word}))["role"],
        wire.encode(wire.decode_request(Transfer, {"conference_alias": "x", "role": word}))["role"],
        wire.encode(wire.decode_request(ParticipantRole, {"role": word}))["role"],
        wire.encode(wire.decode(Participant, {"uuid": "a", "role": word}))["role"],
        wire.encode(wire.decode(Token, {"token": "t", "participant_uuid": "a", "role": word}))["role"],
    ]

    assert written == ["HOST", "host", "chair", "chair", "HOST"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (SilentVideoDetection, {"config": {"silent_after": 0}}),
        (SilentVideoDetection, {"config": {"reactivate_after": 6}}),
        (PreferredAspectRatio, {"aspect_ratio": 0}),
        (PreferredAspectRatio, {"aspect_ratio": 2.5}),
        (ReceiveFromAudioMix, {}),
        (SendToAudioMixes, {"mixes": [{"mix_name": [], "prominent": True}]}),
        (Fecc, {"action": "start", "movement": [{"axis": "pan"}]}),
        (TransformLayout, {"transforms": {"enable_overlay_text": "perhaps"}}),
        (CreateBreakout, {"description": "no name"}),
        (PostPresentation, {"frame": "not a file"}),
        (ConfigureVideoMix, {"mix_name": "in the body"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_value_that_makes_no_sense_is_refused_and_not_guessed(kind: type[Request[Any]], body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        wire.decode_request(kind, body)


def test_old_spellings_of_other_clients_are_understood() -> None:
    dial = wire.decode_request(Dial, {"destination": "x", "streaming": "yes", "presentation_uri": "rtmp://y", "role": "chair"})

    assert (dial.streaming, dial.presentation_url, dial.role) == (True, "rtmp://y", Role.HOST)
    assert wire.decode_request(ReceiveFromAudioMix, {"mix_name": None}).mix_name is None


@pytest.mark.parametrize(
    ("query", "headers", "id"),
    [({"id": "a=="}, {}, "a=="), ({}, {"id": "b"}, "b"), ({"id": "a"}, {"id": "b"}, "a"), ({}, {}, None)],
)
def test_the_still_to_fetch_is_named_in_the_query_or_a_header(query: dict[str, str], headers: dict[str, str], id: str | None) -> None:
    assert wire.decode_request(PresentationJpeg, query, headers=headers).id == id


def test_a_registered_device_proves_itself_in_body_or_header() -> None:
    heard = wire.decode_request(RequestToken, {"display_name": "Ann"}, headers={"registration_token": "r"})

    assert heard.registration_token == "r"
    assert wire.encode(heard)["registration_token"] == "r"


def test_annotated_layouts_are_asked_for_in_the_query() -> None:
    assert wire.query_of(AvailableLayouts(annotate=True)) == {"annotate": "true"}
    assert wire.decode_request(AvailableLayouts, {"annotate": "true"}).annotate is True
    assert wire.decode_request(AvailableLayouts, {"annotate": "undefined"}).annotate is None


def test_credentials_of_a_device_come_through_in_either_header_and_alphabet() -> None:
    request = RegistrationRequestToken.of("ann?é", "s>cret:ÿ")
    headers = wire.headers_of(request)
    urlsafe = headers["authorization"].replace("+", "-").replace("/", "_").rstrip("=")

    heard = [
        wire.decode_request(RegistrationRequestToken, None, headers=some)
        for some in (headers, {"authorization": headers["authorization"]}, {"x-pexip-authorization": urlsafe})
    ]

    assert sorted(headers) == ["authorization", "x-pexip-authorization"]
    assert wire.encode(request) == {}
    assert [each.credentials for each in heard] == [("ann?é", "s>cret:ÿ")] * 3
    assert "s>cret" not in repr(request) and headers["authorization"] not in repr(request)


@pytest.mark.parametrize("value", [None, "", "Basic YTpi", "x-pexip-basic", "x-pexip-basic !", "x-pexip-basic YWI", "x-pexip-basic \u20ac"])
def test_other_credentials_are_none(value: str | None) -> None:
    assert RegistrationRequestToken(authorization=value).credentials is None


def test_every_path_of_the_documents_leads_to_its_request() -> None:
    paths: dict[str, type[Request[Any]]] = {
        "POST conferences/m/breakouts": CreateBreakout,
        "POST conferences/m/breakouts/message": requests.MessageBreakouts,
        "POST conferences/m/breakouts/disconnect": requests.DisconnectBreakouts,
        "POST conferences/m/breakouts/empty": requests.EmptyBreakouts,
        "POST conferences/m/breakouts/b/disconnect": requests.Disconnect,
        "POST conferences/m/breakouts/b/participants/breakout": MoveParticipants,
        "POST conferences/m/participants/breakout": MoveParticipants,
        "POST conferences/m/breakouts/b/request_guest_token": requests.RequestGuestToken,
        "POST conferences/m/breakouts/b/transform_layout": TransformLayout,
        "POST conferences/m/breakouts/b/video_mixes/main.!personal/configure": ConfigureVideoMix,
        "POST conferences/m/breakouts/b/participants/p/calls/c/ack": requests.Ack,
        "POST conferences/m/video_mixes/create": requests.CreateVideoMix,
        "POST conferences/m/video_mixes/create/delete": requests.DeleteVideoMix,
        "POST conferences/m/presentation": PostPresentation,
        "GET conferences/m/presentation.jpeg?id=a": PresentationJpeg,
        "GET conferences/m/theme/": requests.GetTheme,
        "GET conferences/m/theme/a/b.jpg?token=t": requests.ThemeResource,
        "GET conferences/m/participants/p/avatar.jpg": requests.Avatar,
        "GET registrations?q=bob": requests.Registrations,
        "POST registrations/bob@example.com/request_token": RegistrationRequestToken,
        "GET registrations/bob/events?token=t": requests.RegistrationEvents,
        "GET registrations/bob/avatar.jpg": requests.RegistrationAvatar,
        "GET status": requests.Status,
    }

    for line, kind in paths.items():
        method, path = line.split(" ")
        address, name = Address.parse(f"/api/client/v2/{path}")
        assert find(address.scope, method, name) is kind, line


def test_a_mix_stands_in_the_path_as_other_clients_write_it() -> None:
    path = Address("meet").path(name_of(ConfigureVideoMix(mix_name="main.!personal")))

    assert path == "/api/client/v2/conferences/meet/video_mixes/main.!personal/configure"
