from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.errors import ConferenceNotFound, NotAllowed, RequestRefused, TokenExpired
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address

REQUIRED = {
    "token": str,
    "expires": str,
    "participant_uuid": str,
    "version": dict,
    "role": str,
    "display_name": str,
    "current_service_type": str,
    "conference_name": str,
    "chat_enabled": bool,
    "service_type": str,
    "direct_media": bool,
    "fecc_enabled": bool,
    "vp9_enabled": bool,
    "guests_can_present": bool,
    "call_type": str,
}
"""What clients insist on in the answer, and its exact JSON type."""
LINE = {
    "uuid": str,
    "display_name": str,
    "overlay_text": str,
    "local_alias": str,
    "protocol": str,
    "role": str,
    "call_direction": str,
    "encryption": str,
    "has_media": bool,
    "is_audio_only_call": str,
    "is_video_call": str,
    "is_muted": str,
    "is_presenting": str,
    "is_video_muted": bool,
    "is_video_silent": bool,
    "rx_presentation_policy": str,
    "fecc_supported": str,
    "mute_supported": str,
    "disconnect_supported": str,
    "transfer_supported": str,
    "is_external": bool,
    "is_streaming_conference": bool,
    "external_node_uuid": str,
    "spotlight": int,
    "buzz_time": int,
    "start_time": float,
    "supports_direct_chat": bool,
    "can_receive_personal_mix": bool,
    "receive_from_video_mix": dict,
    "service_type": str,
}
"""What clients insist on in a roster line."""


def types(value: dict[str, Any], wanted: dict[str, type]) -> dict[str, type]:
    return {key: type(value[key]) for key in wanted}


def ask(node: InProcess, **headers: str) -> Reply:
    path = Address("meet").path("request_token")
    flow = node.desk.answer(Incoming(method="POST", path=path, body={"display_name": "A"}, headers=headers), node.now)
    with pytest.raises(StopIteration) as done:
        next(flow)
    reply = done.value.value
    assert isinstance(reply, Reply)
    return reply


def test_the_answer_of_request_token_has_the_types_clients_insist_on() -> None:
    reply = ask(InProcess(Vmr("meet", name="The room")))

    result = reply.json["result"]
    assert (reply.status, reply.json["status"]) == (200, "success")
    assert types(result, REQUIRED) == REQUIRED
    assert (result["expires"], result["role"], result["conference_name"]) == ("120", "HOST", "The room")
    assert result["version"] == {"version_id": "37", "pseudo_version": "79019.0.0"}
    assert "turn" not in result
    assert None not in result.values()


def test_without_servers_to_name_the_token_leaves_them_out() -> None:
    """Of an empty list a client in use makes a server without address, which no browser takes."""
    node = InProcess(Vmr("meet"))

    result = ask(node).json["result"]

    assert not {"stun", "turn"} & set(result)


def test_a_roster_line_has_the_types_clients_insist_on() -> None:
    (line,) = InProcess(Vmr("meet")).join("Alice").send(requests.Participants())

    assert types(line, LINE) == LINE
    assert (line["role"], line["service_type"], line["protocol"], line["encryption"]) == ("chair", "conference", "api", "Off")
    assert line["receive_from_video_mix"] == {"mix_name": "main", "timestamp": 0}


@pytest.mark.parametrize(
    ("vmr", "guest_pin"), [(Vmr("meet", host_pin="1"), "none"), (Vmr("meet", host_pin="1", guest_pin="2"), "required")]
)
def test_a_pin_challenge_is_processed_and_an_object(vmr: Vmr, guest_pin: str) -> None:
    reply = ask(InProcess(vmr))

    assert reply.status == 403
    assert reply.json == {
        "status": "success",
        "result": {"pin": "required", "guest_pin": guest_pin, "version": {"version_id": "37", "pseudo_version": "79019.0.0"}},
    }


def test_a_wrong_pin_is_a_failure_and_a_string() -> None:
    reply = ask(InProcess(Vmr("meet", host_pin="1")), pin="9")

    assert reply == Reply(403, {"status": "failed", "result": "Invalid PIN"})


def test_a_guest_is_told_to_wait() -> None:
    result = ask(InProcess(Vmr("meet", host_pin="1")), pin="none").json["result"]

    assert (result["role"], result["current_service_type"], result["service_type"]) == ("GUEST", "waiting_room", "conference")


def test_a_token_that_was_never_given_out_is_refused() -> None:
    node = InProcess(Vmr("meet"))

    with pytest.raises(TokenExpired):
        node.join("A").send(requests.RequestToken(display_name="B", token="stolen"))


def test_an_unknown_alias_is_not_found_and_a_known_one_has_no_case() -> None:
    node = InProcess(Vmr("meet", aliases=("other@example.com",)))
    alice = node.join("Alice", "MEET")

    bob = node.join("Bob", "other@example.com")

    assert {line["uuid"] for line in bob.send(requests.Participants())} == {alice.uuid, bob.uuid}
    with pytest.raises(ConferenceNotFound, match="Neither conference nor gateway found"):
        node.join("Carol", "elsewhere")


def test_without_configured_rooms_any_alias_is_an_open_conference() -> None:
    node = InProcess()

    assert node.join("Alice", "whatever@x").send(requests.GetConferenceStatus())["started"] is True


def test_in_maintenance_nobody_joins() -> None:
    node = InProcess(config=NodeConfig(maintenance=True))

    with pytest.raises(RequestRefused, match="System in maintenance mode") as refused:
        node.join("Alice")

    assert refused.value.status == 503
    assert node.ask(requests.Status(), Address()) == Reply(503, {"status": "failed", "result": "Maintenance mode"})


def test_a_node_that_works_says_ok() -> None:
    assert InProcess().ask(requests.Status(), Address()) == Reply(200, {"status": "success", "result": "OK"})


def test_a_refresh_gives_a_new_token_with_the_role() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    result = alice.send(requests.RefreshToken())

    assert result["token"] != alice.token
    assert (result["expires"], result["role"]) == ("120", "HOST")


def test_a_host_may_start_the_conference_with_its_token() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    request = requests.RequestToken(display_name="Host", pin="1", start_conference_if_host=True)

    node.ask(request, Address("meet"))

    assert node.room().started


def test_there_is_no_theme() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    assert node.ask(requests.GetTheme(), Address("meet"), token=alice.token) == Reply(204)


def test_tokens_of_one_conference_are_worth_nothing_in_another() -> None:
    node = InProcess(Vmr("meet"), Vmr("other"))
    alice = node.join("Alice")
    alice.alias = "other"

    with pytest.raises(TokenExpired, match="Invalid token"):
        alice.send(requests.Participants())


HOST_ONLY = [requests.Lock(), requests.Unlock(), requests.StartConference(), requests.MuteGuests(), requests.UnmuteGuests()]
ABOUT_OTHERS = [
    requests.ParticipantDisconnect(),
    requests.Mute(),
    requests.Unmute(),
    requests.VideoMuted(),
    requests.VideoUnmuted(),
    requests.Buzz(),
    requests.ClearBuzz(),
    requests.OverlayText(text="x"),
]
SELF_ONLY = [requests.TakeFloor(), requests.ReleaseFloor(), requests.ClientMute(), requests.ClientUnmute(), requests.Calls(sdp="x")]


def started() -> tuple[InProcess, Any, Any]:
    node = InProcess(Vmr("meet", host_pin="1"))
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    return node, host, node.join("Guest", pin="none")


@pytest.mark.parametrize("request_", [*HOST_ONLY, requests.Disconnect()], ids=lambda request: str(request.name))
def test_guests_cannot_do_what_hosts_do(request_: Any) -> None:
    _, host, guest = started()

    with pytest.raises(NotAllowed, match="Invalid role"):
        guest.send(request_)

    assert host.send(request_) is True


@pytest.mark.parametrize("request_", [*ABOUT_OTHERS, requests.ParticipantUnlock()], ids=lambda request: str(request.name))
def test_guests_cannot_act_on_others_and_hosts_can(request_: Any) -> None:
    _, host, guest = started()

    with pytest.raises(NotAllowed, match="Invalid role"):
        guest.send(request_, to=host)

    assert host.send(request_, to=guest) is True


@pytest.mark.parametrize("request_", ABOUT_OTHERS, ids=lambda request: str(request.name))
def test_guests_can_act_on_themselves(request_: Any) -> None:
    _, _, guest = started()

    assert guest.send(request_) is True


@pytest.mark.parametrize("request_", SELF_ONLY, ids=lambda request: str(request.name))
def test_not_even_hosts_do_for_others_what_only_they_can(request_: Any) -> None:
    _, host, guest = started()

    with pytest.raises(NotAllowed, match="Invalid role"):
        host.send(request_, to=guest)

    guest.send(request_)


def test_an_unknown_participant_or_call_is_not_found() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    bob.send(requests.ReleaseToken())

    with pytest.raises(ConferenceNotFound):
        alice.send(requests.Mute(), to=bob)
    with pytest.raises(ConferenceNotFound):
        alice.send(requests.Ack(), call="0")


METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", ""])
PARTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["conferences", "meet", "participants", "calls", "breakouts", "request_token", "theme", "status", "events", "%zz", ""]
        ),
        st.text(max_size=6),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(METHODS, PARTS, st.binary(max_size=20))
def test_any_path_and_body_gets_an_answer(method: str, parts: list[str], body: bytes) -> None:
    node = InProcess()
    path = "/api/client/v2/" + "/".join(parts)

    flow = node.desk.answer(Incoming(method=method, path=path, body=body), node.now)

    with pytest.raises(StopIteration) as done:
        next(flow)
    assert 200 <= done.value.value.status < 500


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["display_name", "sdp", "bandwidth", "type"]), inner)
    ),
    max_leaves=6,
)
POSTS: list[Any] = [requests.RequestToken, requests.Message, requests.ReleaseToken, requests.Lock]
PARTICIPANT_POSTS: list[Any] = [requests.Calls, requests.OverlayText, requests.TakeFloor, requests.ParticipantMessage]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(POSTS + PARTICIPANT_POSTS), JSON)
def test_any_json_gets_an_answer(kind: Any, body: object) -> None:
    node = InProcess()
    alice = node.join("Alice")
    address = Address("meet", participant=alice.uuid if kind in PARTICIPANT_POSTS else None)
    token = "" if kind is requests.RequestToken else alice.token

    flow = node.desk.answer(Incoming(method="POST", path=address.path(kind.name), body=body, token=token), node.now)

    try:
        node.media(next(flow))
        flow.close()
    except StopIteration as done:
        assert 200 <= done.value.status < 500


def test_maintenance_is_said_before_whether_the_alias_is_known() -> None:
    node = InProcess(config=NodeConfig(maintenance=True, conferences=(Vmr("meet"),)))

    with pytest.raises(RequestRefused) as refused:
        node.join("Alice", "elsewhere")

    assert refused.value.status == 503
