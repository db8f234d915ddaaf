"""A node that emulates an older version answers and tells what the documents of that version have, and our client works against it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

import pexrtc_py
from pexrtc_py.errors import UsageError
from pexrtc_py.node import Node, NoMedia
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.streams import frame
from pexrtc_py.protocol import events, history, requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import REQUESTS, Scope
from pexrtc_py.protocol.models import CallAnswer, ConferenceStatus, Participant, PrimaryScreen, RefreshedToken, RequestedLayout, Token
from pexrtc_py.protocol.wire import encode

VERSIONS = [14, 15, 19, 37, 40]
V14_LINE = {
    "uuid", "api_url", "display_name", "overlay_text", "uri", "vendor", "local_alias", "protocol", "role", "service_type", "call_direction",
    "encryption", "has_media", "is_audio_only_call", "is_video_call", "is_muted", "is_presenting", "presentation_supported",
    "rx_presentation_policy", "is_external", "is_streaming_conference", "spotlight", "start_time",
}  # fmt: skip
V14_TOKEN = {
    "token", "participant_uuid", "expires", "version", "role", "display_name", "current_service_type", "service_type",
    "chat_enabled", "analytics_enabled",
}  # fmt: skip


def node_of(version: int) -> InProcess:
    return InProcess(config=NodeConfig(conferences=(Vmr("meet"),), version=str(version)))


def heard(event: Any, version: int) -> tuple[str, Any] | None:
    data = frame(event, "1", version=version).decode()
    if not data:
        return None
    lines = dict(line.split(": ", 1) for line in data.strip().split("\n"))
    return lines["event"], json.loads(lines["data"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_is_not_found_before_its_version(version: int) -> None:
    node = node_of(version)
    places = {
        Scope.NODE: Address(),
        Scope.CONFERENCE: Address("meet"),
        Scope.PARTICIPANT: Address("meet", participant="p"),
        Scope.CALL: Address("meet", participant="p", call="c"),
        Scope.REGISTRATION: Address(registration="bob"),
    }

    paths = {kind: places[kind.scope].path(re.sub("<.*?>", "x", kind.name)) for kind in REQUESTS.values()}
    replies = {kind: node.carry(Incoming(method=kind.method, path=path, body={})) for kind, path in paths.items()}

    missing = {kind for kind, reply in replies.items() if reply.status == 404 and "There is no request" in str(reply.json)}
    assert missing == {kind for kind in replies if version < min(20 if kind.since is None else kind.since, 37)}
    assert replies[requests.RequestToken].status != 404


def test_version_14_has_the_fields_of_its_document() -> None:
    node = node_of(14)
    alice = node.join("Alice")

    granted = node.ask(requests.RequestToken(display_name="Bob"), Address("meet")).json["result"]
    (line, _) = alice.send(requests.Participants())

    assert set(granted) == V14_TOKEN
    assert set(line) == V14_LINE
    assert alice.send(requests.GetConferenceStatus()) == {"locked": False, "guests_muted": False}


def test_the_newest_version_leaves_nothing_out() -> None:
    line, status = encode(Participant(uuid="u")), encode(ConferenceStatus())

    assert history.answer(requests.Participants, [line], 37) == [line]
    assert history.answer(requests.GetConferenceStatus, status, 37) == status


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_is_called_as_its_document_has_it(version: int) -> None:
    said = heard(events.MessageReceived(origin="A", uuid="u", type="text/plain", payload="hi", direct=False), version)

    assert said is not None
    assert (said[0], "direct" in said[1]) == ("message" if version < 19 else "message_received", version >= 20)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_layout_says_what_its_version_knows(version: int) -> None:
    screen = PrimaryScreen(chair_layout="2x2", guest_layout="2x2")

    said = heard(events.Layout(view="4:0", participants=("u",), requested_layout=RequestedLayout(primary_screen=screen)), version)

    assert said is not None
    assert ("requested_layout" in said[1]) is (version >= 20)
    assert {"view", "participants"} <= set(said[1])


def test_before_version_34_layouts_are_asked_for_by_their_old_names() -> None:
    screen = PrimaryScreen(chair_layout="2x2", guest_layout="ac")

    said = heard(events.Layout(requested_layout=RequestedLayout(primary_screen=screen)), 33)

    assert said is not None
    assert said[1]["requested_layout"]["primary_screen"]["chair_layout"] == "4:0"


@pytest.mark.parametrize(
    ("event", "since"),
    [
        (events.SplashScreen(), 31),
        (events.NewOffer(sdp="v=0"), 29),
        (events.BreakoutBegin(breakout_uuid="b", participant_uuid="p"), 33),
        (events.InBreakout(breakout_uuid="b", event=events.ParticipantDelete(uuid="u")), 33),
        (events.Refer(alias="a", token="t"), 20),
        (events.CancelRefer(), 20),
        (events.Bye(), 20),
        (events.ParticipantSyncEnd(), 0),
    ],
)
def test_an_event_is_told_from_its_version_on(event: Any, since: int) -> None:
    assert [version for version in VERSIONS if heard(event, version) is None] == [version for version in VERSIONS if version < since]


@pytest.mark.parametrize(
    ("dated", "model"),
    [
        (history.PARTICIPANT, Participant),
        (history.STATUS, ConferenceStatus),
        (history.TOKEN, Token),
        (history.REFRESHED, RefreshedToken),
        (history.CALL, CallAnswer),
    ],
)
def test_every_dated_field_exists(dated: Mapping[str, int], model: type[BaseModel]) -> None:
    assert set(dated) <= set(model.model_fields)


@pytest.mark.parametrize(("version", "text"), [(14, ""), (19, ""), (37, None)])
def test_an_ack_is_answered_with_nothing_by_old_nodes(version: int, text: str | None) -> None:
    node = node_of(version)
    alice = node.join("Alice")
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]

    reply = node.ask(requests.Ack(), Address("meet", participant=alice.uuid, call=call), token=alice.token)

    assert (reply.status, reply.text, reply.json) == (200, text, None if text is not None else {"status": "success", "result": True})


@pytest.mark.parametrize("version", [14, 19, 20, 37])
def test_old_nodes_say_true_at_the_end_of_a_call_and_no_role_with_a_new_token(version: int) -> None:
    alice = node_of(version).join("Alice")
    call = alice.send(requests.Calls(sdp="offer"))["call_uuid"]

    assert alice.send(requests.CallDisconnect(), call=call) is (True if version < 20 else None)
    assert ("role" in alice.send(requests.RefreshToken())) is (version >= 20)


@pytest.mark.parametrize(("version", "equal"), [(33, "4:0"), (34, "2x2"), (37, {"name": "2x2", "tags": ["equal"]})])
def test_layouts_are_listed_as_the_version_calls_them(version: int, equal: Any) -> None:
    assert equal in node_of(version).join("Alice").send(requests.AvailableLayouts(annotate=True))


@pytest.mark.parametrize(("version", "said", "answer"), [(19, None, "answer to offer"), (28, False, "answer to offer"), (29, True, "")])
def test_media_are_direct_from_the_version_on_that_has_the_events_for_it(version: int, said: bool | None, answer: str) -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet", direct_media=True),), version=str(version)))
    anne = node.join("Anne", direct_media=True)

    assert anne.send(requests.GetConferenceStatus()).get("direct_media") is said
    assert anne.send(requests.Calls(sdp="offer"))["sdp"] == answer


@pytest.mark.parametrize("version", [20, 32, 33])
def test_nothing_about_breakout_rooms_is_known_before_there_are_any(version: int) -> None:
    node = node_of(version)
    alice = node.join("Alice")
    kinds = (requests.MessageBreakouts(payload="hi"), requests.DisconnectBreakouts(), requests.RequestGuestToken())

    statuses = {node.ask(kind, Address("meet"), token=alice.token).status for kind in kinds}

    assert statuses == ({404} if version < 33 else {200, 400})


@pytest.mark.parametrize("version", ["", "x", "-1", "1.5"])
def test_a_version_is_a_number(version: str) -> None:
    with pytest.raises(UsageError, match="version must be digits"):
        NodeConfig(version=version)


@pytest.fixture
async def old(request: pytest.FixtureRequest) -> AsyncGenerator[Node, None]:
    async with Node(Vmr("meet", host_pin="1"), config=NodeConfig(version=str(request.param)), media=NoMedia) as node:
        yield node


@pytest.mark.parametrize("old", VERSIONS, indirect=True)
async def test_our_client_works_against_each_version(old: Node) -> None:
    async with (
        pexrtc_py.join("meet", node=old.url, display_name="Host", pin="1", media=False) as host,
        pexrtc_py.join("meet", node=old.url, display_name="Guest", pin="none", media=False) as guest,
    ):
        await host.start_conference()
        await guest.admitted(timeout=20)
        said = guest.wait_for(pexrtc_py.MessageReceived, timeout=20)
        await host.message(payload="Hello")
        muted = guest.wait_for(pexrtc_py.ParticipantUpdate, where=lambda event: event.participant.is_muted, timeout=20)
        await host.mute_guests()
        presented = guest.wait_for(pexrtc_py.PresentationStart, timeout=20)
        if int(old.config.version) >= 20:
            await host.participant(host.my_uuid).take_floor()
            assert (await presented).presenter_name == "Host"
        else:
            presented.close()

        assert ((await said).payload, (await muted).participant.uuid) == ("Hello", guest.my_uuid)
        assert {person.display_name for person in guest.participants.values()} == {"Host", "Guest"}
        await host.lock()
        await host.disconnect_all()
        assert await guest.wait_for(pexrtc_py.Ended, timeout=20)
