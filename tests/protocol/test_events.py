from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_py.protocol import EVENTS, ConferenceStatus, Event, InBreakout, Participant, Role, StageEntry, Unknown, events, wire
from pexrtc_py.protocol.events import (
    Bye,
    CallDisconnected,
    ConferenceUpdate,
    Disconnect,
    Layout,
    MessageReceived,
    NewCandidate,
    OnHold,
    ParticipantCreate,
    ParticipantDelete,
    ParticipantSyncBegin,
    ParticipantSyncEnd,
    ParticipantUpdate,
    PeerDisconnect,
    PresentationFrame,
    PresentationStart,
    PresentationStop,
    Refer,
    RefreshToken,
    SplashScreen,
    Stage,
    UpdateSdp,
    decode,
    encode,
)  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.just("uuid"), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(autouse=True)
def complain_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_complained", set())


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (ParticipantSyncBegin(), "null"),
        (ParticipantSyncEnd(), "null"),
        (PeerDisconnect(), "null"),
        (RefreshToken(), "null"),
        (Bye(), "null"),
        (SplashScreen(), "null"),
        (SplashScreen(screen_key="direct_media_welcome"), '{"screen_key":"direct_media_welcome"}'),
        (PresentationStop(), "{}"),
        (PresentationFrame(id="MTJfNw=="), "{}"),
        (ParticipantDelete(uuid="a"), '{"uuid":"a"}'),
        (Stage(entries=()), "[]"),
        (Stage(entries=(StageEntry(participant_uuid="a", vad=100),)), '[{"participant_uuid":"a","stage_index":0,"vad":100}]'),
        (Disconnect(reason="Call rejected"), '{"reason":"Call rejected"}'),
        (Refer(alias="meet.bob", token="t"), '{"alias":"meet.bob","token":"t"}'),
        (NewCandidate(candidate="", mid="0"), '{"candidate":"","mid":"0"}'),
        (OnHold(setting=True), '{"setting":true}'),
        (CallDisconnected(call_uuid="c"), '{"call_uuid":"c","reason":""}'),
        (PresentationStart(),
         '{"presenter_name":"","presenter_uri":"","presenter_uuid":"","source":"video","presenter_source":"video"}'),
        (MessageReceived(origin="Ann", uuid="a", payload="hi"),
         '{"origin":"Ann","uuid":"a","type":"text/plain","payload":"hi","direct":false}'),
    ],
)  # fmt: skip
def test_an_event_has_exactly_the_payload_clients_need(event: Event, data: str) -> None:
    name, payload = encode(event)

    assert wire.to_text(payload) == data
    assert decode(name, data, id="MTJfNw==") == event


def test_a_participant_is_the_payload_itself() -> None:
    name, payload = encode(ParticipantCreate(participant=Participant(uuid="a", role=Role.HOST)))

    assert (name, payload["uuid"], payload["role"]) == ("participant_create", "a", "chair")
    assert decode("participant_update", payload) == ParticipantUpdate(participant=Participant(uuid="a", role=Role.HOST))


def test_a_participant_needs_no_more_than_its_uuid() -> None:
    assert decode("participant_create", '{"uuid": "a"}') == ParticipantCreate(participant=Participant(uuid="a"))
    assert isinstance(decode("participant_create", '{"display_name": "Ann"}'), Unknown)


def test_a_conference_update_of_version_14_is_read() -> None:
    assert decode("conference_update", {"locked": True, "guests_muted": True}) == ConferenceUpdate(
        status=ConferenceStatus(locked=True, guests_muted=True)
    )
    assert isinstance(decode("conference_update", "null"), Unknown)


def test_a_layout_of_any_version_is_read_and_a_whole_one_written() -> None:
    old, direct = decode("layout", {"view": "1:7", "participants": ["a", "b"]}), decode("layout", {"view": "1:0", "participants": "a"})
    new = decode(
        "layout", {"view": "4:0", "participants": [], "requested_layout": {"primary_screen": {"chair_layout": "2x2", "guest_layout": "ac"}}}
    )

    assert isinstance(old, Layout)
    assert isinstance(new, Layout)
    assert (old.participants, direct) == (("a", "b"), Layout(view="1:0", participants=("a",)))
    assert new.requested_layout.primary_screen.guest_layout == "ac"
    assert encode(old)[1] == {
        "view": "1:7", "participants": ["a", "b"], "requested_layout": {"primary_screen": {"chair_layout": "", "guest_layout": ""}},
        "overlay_text_enabled": False,
    }  # fmt: skip


def test_the_old_name_of_a_chat_message_is_understood() -> None:
    data = {"origin": "Ann", "uuid": "a", "type": "text/plain", "payload": "hi"}

    assert decode("message", data) == decode("message_received", data) == MessageReceived(origin="Ann", uuid="a", payload="hi")
    assert encode(decode("message", data))[0] == "message_received"


def test_a_presentation_says_its_source_in_both_spellings() -> None:
    documented, spoken = (
        decode("presentation_start", {"presenter_name": "A", "source": "static"}),
        PresentationStart(presenter_source="static"),
    )

    assert isinstance(documented, PresentationStart)
    assert documented.presenter_source == spoken.source == "static"
    assert not documented.revoked
    assert PresentationStart().revoked


def test_a_still_image_is_known_by_the_id_of_its_event() -> None:
    assert decode("presentation_frame", "{}", id="x") == PresentationFrame(id="x")
    assert decode("presentation_frame", "null") == PresentationFrame()


@pytest.mark.parametrize("data", ["null", "", "{}", "true", '"gone"', "[]"])
def test_a_disconnect_is_a_disconnect_whatever_it_carries(data: str) -> None:
    assert decode("disconnect", data) == Disconnect()


@pytest.mark.parametrize("data", [True, {"setting": True}])
def test_hold_is_read_in_both_shapes(data: object) -> None:
    assert decode("on_hold", data) == OnHold(setting=True)


def test_keys_of_tomorrow_are_kept_and_passed_on() -> None:
    seen = decode("refer", {"alias": "m", "token": "t", "flavour": "new"})

    assert encode(seen) == ("refer", {"alias": "m", "token": "t", "flavour": "new"})


def test_an_unknown_event_passes_through_as_it_came() -> None:
    seen = decode("earthquake", '{"strength": 5}', id="7")

    assert seen == Unknown(name="earthquake", data={"strength": 5}, id="7")
    assert encode(seen) == ("earthquake", {"strength": 5})


def test_what_is_not_json_passes_through_as_text() -> None:
    assert decode("stage", "{oops") == Unknown(name="stage", data="{oops")


def test_each_surprise_is_logged_once_and_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pexrtc_py.protocol.events"):
        for number in range(300):
            decode("earthquake", {"secret": "s3cret"})
            decode("participant_delete", {"secret": "s3cret"})
            decode(f"kind{number}", "s3cret")

    assert len(caplog.records) == 100
    assert sum("earthquake" in record.getMessage() for record in caplog.records) == 1
    assert "s3cret" not in caplog.text


def test_an_event_in_a_breakout_room_is_an_event() -> None:
    data = {"breakout_uuid": "b", "event": "participant_delete", "id": "3", "data": {"uuid": "a"}}

    seen = decode("breakout_event", data)

    assert seen == InBreakout(breakout_uuid="b", event=ParticipantDelete(uuid="a"), id="3")
    assert encode(seen) == ("breakout_event", data)


@pytest.mark.parametrize(("inner", "data"), [(ParticipantSyncBegin(), None), (PresentationStop(), {}), (Stage(entries=()), [])])
def test_an_event_in_a_breakout_room_keeps_its_own_empty_payload(inner: Event, data: object) -> None:
    name, payload = encode(InBreakout(breakout_uuid="b", event=inner))

    assert payload == {"breakout_uuid": "b", "event": inner.name, "data": data}
    assert decode(name, payload) == InBreakout(breakout_uuid="b", event=inner)


def test_breakout_events_do_not_nest() -> None:
    data: Any = {"breakout_uuid": "b", "event": "bye"}
    for _ in range(60):
        data = {"breakout_uuid": "b", "event": "breakout_event", "data": data}

    seen = decode("breakout_event", wire.to_text(data))

    assert isinstance(seen, InBreakout)
    assert isinstance(seen.event, Unknown)


def test_a_breakout_event_without_its_room_is_unknown() -> None:
    assert isinstance(decode("breakout_event", {"event": "bye"}), Unknown)


def test_the_sdp_of_a_peer_is_not_optional() -> None:
    assert decode("update_sdp", {"sdp": "v=0"}) == UpdateSdp(sdp="v=0")
    assert isinstance(decode("new_offer", {}), Unknown)


def test_secrets_and_what_people_said_do_not_show_in_logs() -> None:
    shown = repr([Refer(alias="m", token="s3cret"), MessageReceived(payload="s3cret"), Unknown(name="x", data="s3cret")])

    assert "s3cret" not in shown


def test_every_event_says_what_it_means() -> None:
    for kind in EVENTS.values():
        assert (kind.__doc__ or "").rstrip().endswith(".")


names = st.sampled_from(sorted(EVENTS)) | st.text(max_size=12)


@settings(max_examples=300, deadline=None)
@given(names, json_values | st.binary(), st.none() | st.text())
def test_any_event_is_read_and_can_be_written(name: str, data: Any, id: str | None) -> None:
    seen = decode(name, data, id=id)

    wire.to_text(encode(seen)[1])
    hash(seen)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), st.data())
def test_any_values_in_known_keys_are_survived(name: str, data: st.DataObject) -> None:
    fields = sorted({*EVENTS[name].model_fields, *Participant.model_fields, "event", "data"})
    payload = data.draw(st.dictionaries(st.sampled_from(fields), json_values | st.sampled_from(sorted(EVENTS)), max_size=6))

    seen = decode(name, payload)
    known, body = encode(seen)

    assert encode(decode(known, wire.from_text(wire.to_text(body))))[0] == known
