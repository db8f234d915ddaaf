"""The object from `make_call` to the end: what is asked on the way, which callbacks are called, and with what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from av import VideoFrame

from pexrtc_media import Pattern, Tone, stamp
from pexrtc_py.engine.types import Direction, Slot
from pexrtc_py.errors import PexRTCError, UsageError
from pexrtc_py.node import Node, NoMedia, Vmr
from pexrtc_py.pexrtc import MediaStream, PexRTC, RemoteStream
from pexrtc_py.pexrtc.calltypes import directions
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.models import MediaType, Role
from tests.conftest import Join
from tests.pexrtc.followed import SOON, Followed

BOTH = {Slot.AUDIO: True, Slot.VIDEO: True}
NEITHER = {Slot.AUDIO: False, Slot.VIDEO: False}
A, V, P = Slot.AUDIO, Slot.VIDEO, Slot.PRESENTATION
BOTH_WAYS, RECEIVES, SENDS = Direction.SENDRECV, Direction.RECVONLY, Direction.SENDONLY


@pytest.fixture
async def quiet() -> AsyncIterator[Node]:
    """A node without media."""
    rooms = Vmr("open"), Vmr("host", host_pin="1234"), Vmr("both", host_pin="1", guest_pin="2"), Vmr("other", host_pin="9")
    async with Node(*rooms, media=NoMedia) as node:
        yield node


# --- joining -------------------------------------------------------------------------------------------------------------------


async def test_without_a_pin_setup_is_called_once_and_then_connect(quiet: Node) -> None:
    ann = Followed(quiet)

    await ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")

    assert await ann.wait("on_setup") == (None, "none", None, None)
    assert await ann.wait("on_connect") == (None,)
    assert (ann.rtc.role, ann.rtc.uuid, ann.rtc.version) == ("HOST", ann.rtc.conference.my_uuid, "37 (79019.0.0)")
    assert (ann.rtc.service_type, ann.rtc.current_service_type, ann.rtc.chat_enabled) == ("conference", "conference", True)
    await ann.rtc.disconnect()
    assert not quiet.room("open").members


@pytest.mark.parametrize(
    ("alias", "pin", "status", "role"),
    [
        ("host", "1234", "optional", "HOST"),
        ("host", None, "optional", "GUEST"),
        ("both", "1", "required", "HOST"),
        ("both", "2", "required", "GUEST"),
    ],
)
async def test_the_pin_is_asked_for_and_makes_the_role(quiet: Node, alias: str, pin: str | None, status: str, role: str) -> None:
    ann = Followed(quiet, {"pin": pin})

    await ann.rtc.make_call(quiet.url, alias, "Ann", call_type="none")

    assert await ann.wait("on_setup") == (None, status, None, None)
    assert "on_setup" not in ann.names
    assert ann.rtc.role == role
    await ann.rtc.disconnect()


async def test_a_wrong_pin_is_asked_for_again(quiet: Node) -> None:
    ann = Followed(quiet, {"pin": "7"}, {"pin": "1"})

    await ann.rtc.make_call(quiet.url, "both", "Ann", call_type="none")

    assert [turn for turn in ann.heard if turn[0] == "on_setup"] == [("on_setup", None, "required", None, None)] * 2
    await ann.rtc.disconnect()


async def test_an_unknown_conference_is_an_error_and_another_call_can_be_made(quiet: Node) -> None:
    ann = Followed(quiet)

    ann.rtc.make_call(quiet.url, "nowhere", "Ann", call_type="none")
    (said,) = await ann.wait("on_error")
    await ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")

    assert "nowhere" in said
    await ann.rtc.disconnect()


async def test_a_call_without_media_on_the_node_fails_and_leaves_nobody(quiet: Node) -> None:
    ann = Followed(quiet)

    ann.rtc.make_call(quiet.url, "open", "Ann")
    await ann.wait("on_error")

    assert not quiet.room("open").members


async def test_connect_answers_only_what_was_asked(quiet: Node) -> None:
    with pytest.raises(UsageError, match="Nobody asks"):
        PexRTC().connect()


async def test_a_second_call_waits_for_the_end_of_the_first(quiet: Node) -> None:
    ann = Followed(quiet, None)
    ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")

    with pytest.raises(UsageError, match=r"disconnect\(\) first"):
        ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")

    await ann.wait("on_setup")
    await ann.rtc.disconnect()
    assert not quiet.room("open").members


async def test_what_goes_wrong_in_a_method_goes_to_who_awaits_it_or_to_on_error(quiet: Node) -> None:
    guest = Followed(quiet, {"pin": "2"})
    await guest.rtc.make_call(quiet.url, "both", "Gus", call_type="none")

    with pytest.raises(PexRTCError, match="lock"):
        await guest.rtc.set_conference_lock(True)
    assert "on_error" not in guest.names
    guest.rtc.set_mute_all_guests(True)
    assert "muteguests" in (await guest.wait("on_error"))[0]
    await guest.rtc.disconnect()


# --- what is told --------------------------------------------------------------------------------------------------------------


async def test_people_messages_and_the_conference_are_told(quiet: Node) -> None:
    ann, bob = Followed(quiet), Followed(quiet)
    await ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")
    assert [person.display_name for person in (await ann.wait("on_roster_list"))[0]] == ["Ann"]
    await bob.rtc.make_call(quiet.url, "open", "Bob", call_type="none")

    assert (await ann.wait("on_participant_create"))[0].display_name == "Bob"
    await bob.rtc.send_chat_message("hello")
    assert (await ann.wait("on_chat_message"))[0].payload == "hello"
    await bob.rtc.send_chat_message("psst", ann.rtc.uuid)
    assert (await ann.wait("on_direct_message"))[0].origin == "Bob"
    await bob.rtc.send_application_message({"page": 3})
    assert (await ann.wait("on_application_message"))[0].payload == '{"page": 3}'
    await bob.rtc.set_conference_lock(True)
    assert (await ann.wait("on_conference_update"))[0].locked
    await bob.rtc.set_buzz()
    assert (await ann.wait("on_participant_update"))[0].buzz_time > 0
    await bob.rtc.disconnect()
    assert (await ann.wait("on_participant_delete"))[0].uuid == bob.rtc.uuid
    await ann.rtc.disconnect()


async def test_being_removed_is_a_disconnect_with_the_nodes_reason(quiet: Node) -> None:
    ann, bob = Followed(quiet), Followed(quiet)
    await ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")
    await bob.rtc.make_call(quiet.url, "open", "Bob", call_type="none")

    ann.rtc.disconnect_participant(bob.rtc.uuid)

    assert await bob.wait("on_disconnect") == ("API initiated participant disconnect",)
    await ann.rtc.disconnect()


async def test_a_new_role_is_told(quiet: Node) -> None:
    host, guest = Followed(quiet, {"pin": "1"}), Followed(quiet, {"pin": "2"})
    await host.rtc.make_call(quiet.url, "both", "Ann", call_type="none")
    await guest.rtc.make_call(quiet.url, "both", "Gus", call_type="none")

    await host.rtc.set_role(guest.rtc.uuid, "chair")

    assert await guest.wait("on_role_update") == (Role.HOST,)
    await guest.rtc.disconnect()
    await host.rtc.disconnect()


async def test_who_is_transferred_goes_along(quiet: Node) -> None:
    ann, bob = Followed(quiet), Followed(quiet, {}, {})
    await ann.rtc.make_call(quiet.url, "open", "Ann", call_type="none")
    await bob.rtc.make_call(quiet.url, "open", "Bob", call_type="none")
    await bob.wait("on_connect")

    await ann.rtc.transfer_participant(bob.rtc.uuid, "other", "guest", None)

    assert await bob.wait("on_call_transfer") == ("other",)
    await bob.wait("on_connect")
    assert [member.display_name for member in quiet.room("other").members.values()] == ["Bob"]
    await bob.rtc.disconnect()
    await ann.rtc.disconnect()


async def test_an_asynchronous_callback_may_use_the_object(quiet: Node) -> None:
    rtc, done = PexRTC(), asyncio.Event()

    async def connected(stream: object) -> None:
        await rtc.set_conference_lock(True)
        done.set()

    rtc.on_setup = lambda *_: rtc.connect()
    rtc.on_connect = connected
    rtc.make_call(quiet.url, "open", "Ann", call_type="none")
    async with asyncio.timeout(SOON):
        await done.wait()

    assert quiet.room("open").locked
    await rtc.disconnect()


# --- calls ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call_type", "wanted"),
    [
        (None, {A: BOTH_WAYS, V: BOTH_WAYS, P: BOTH_WAYS}),
        ("audioonly", {A: BOTH_WAYS, P: BOTH_WAYS}),
        ("recvonly", {A: RECEIVES, V: RECEIVES, P: BOTH_WAYS}),
        ("recvonlyvideo", {V: RECEIVES, P: BOTH_WAYS}),
        ("presentation", {P: BOTH_WAYS}),
        ("screen", {P: BOTH_WAYS}),
    ],
)
def test_a_call_type_says_what_flows(call_type: str | None, wanted: dict[Slot, Direction]) -> None:
    assert directions(call_type, send=BOTH, receive=BOTH) == wanted


def test_what_the_user_refuses_does_not_flow() -> None:
    assert directions(None, send=NEITHER, receive=BOTH) == {A: RECEIVES, V: RECEIVES, P: BOTH_WAYS}
    assert directions(None, send=BOTH, receive=NEITHER, in_main=True) == {A: SENDS, V: SENDS, P: SENDS}
    assert directions(None, send=NEITHER, receive=NEITHER) == {P: BOTH_WAYS}


@pytest.mark.parametrize("call_type", ["RTMP", "hologram"])
async def test_a_call_type_that_there_is_not_is_refused_at_once(quiet: Node, call_type: str) -> None:
    with pytest.raises(UsageError, match=call_type):
        PexRTC().make_call(quiet.url, "open", "Ann", call_type=call_type)

    assert not quiet.heard.of(requests.RequestToken)


async def test_no_codec_at_all_is_a_mistake() -> None:
    rtc = PexRTC()
    rtc.vp8_enabled = rtc.h264_enabled = False

    with pytest.raises(UsageError, match="no other codec"):
        rtc.make_call("127.0.0.1", "open", "Ann")


async def test_a_call_carries_media_both_ways_and_slides(node: Node, join: Join) -> None:
    other = await join("Bob", video=Pattern((640, 360), stamp=2), audio=Tone(500))
    ann = Followed(node)
    ann.rtc.user_media_stream = MediaStream(audio=Tone(400), video=Pattern((640, 360), stamp=1))
    ann.rtc.user_presentation_stream = Pattern((640, 360), stamp=5)
    ann.rtc.fecc_supported = True

    ann.rtc.make_call(node.url, "meet.alice", "Ann", 900)
    (stream,) = await ann.wait("on_connect")

    assert isinstance(stream, RemoteStream)
    await _sees(stream.video, 2)
    assert other.call is not None
    await _sees(other.call.video, 1)
    slides = asyncio.create_task(_sees(other.call.presentation, 5))
    await ann.rtc.present("screen")
    await ann.wait("on_screenshare_connected")
    await slides
    statistics = ann.rtc.get_media_statistics()
    assert statistics["incoming"]["video"]["resolution"] == "640x360"
    assert statistics["outgoing"]["presentation"]["packets_sent"] > 0
    assert ann.rtc.get_secure_check_code() == "INVALID"
    (placed,) = [call for call in node.heard.of(requests.Calls) if call.fecc_supported]
    assert (placed.media_type, (placed.sdp or "").count("a=sendrecv"), (placed.sdp or "").count("b=AS:900")) == (MediaType.VIDEO, 3, 2)
    assert requests.VideoUnmuted() in node.heard
    taking = other.present(Pattern((640, 360), fps=5, stamp=6))
    async with taking:
        assert await ann.wait("on_screenshare_stopped") == ("Presentation ended",)
        ann.rtc.get_presentation()
        (shown,) = await ann.wait("on_presentation_connected")
        await _sees(shown.video, 6)
    assert await ann.wait("on_presentation_disconnected") == ("Presentation ended",)
    await ann.rtc.disconnectcall()
    assert ann.rtc.conference.call is None
    await ann.rtc.disconnect()


async def _sees(slot: Any, stream: int) -> None:
    async with asyncio.timeout(SOON), slot.frames() as frames:
        async for frame in frames:
            if isinstance(frame, VideoFrame) and (mark := stamp.read_at(frame)) is not None and mark.stream == stream:
                return


async def test_a_control_only_call_is_extended_and_muted(node: Node) -> None:
    ann = Followed(node, {}, {})
    await ann.rtc.make_call(node.url, "meet.alice", "Ann", call_type="none")
    assert ann.rtc.mute_video(True) is True
    ann.rtc.audio_source, ann.rtc.video_source = Tone(400), Pattern((320, 180))

    await ann.rtc.add_call()
    call = ann.rtc.conference.call
    assert call is not None
    assert (call.video.muted, call.audio.muted) == (True, False)
    assert ann.rtc.mute_audio(True) is True
    ann.rtc.video_source = other = Pattern((640, 360))
    ann.rtc.recv_audio = False
    await ann.rtc.renegotiate()
    ann.rtc.bandwidth_in = 500
    await ann.rtc.renegotiate(True)

    assert call.audio.muted
    assert call.video.outbound.source is other
    first, *_, last = node.heard.of(requests.Update)
    assert "a=sendonly" in first.sdp
    assert "b=AS:500" in last.sdp
    await ann.rtc.disconnect()


class Said(Tone):
    """A tone that remembers whether it was closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


async def test_the_users_sources_are_closed_at_the_end_and_not_by_hanging_up_or_a_transfer() -> None:
    async with Node(Vmr("here"), Vmr("there")) as node:
        ann, said = Followed(node, {}, {}, {}), Said(400)
        ann.rtc.audio_source, ann.rtc.video_source = said, False
        ann.rtc.make_call(node.url, "here", "Ann")
        await ann.wait("on_connect")

        await ann.rtc.disconnectcall()
        after_hanging_up = said.closed
        await ann.rtc.add_call()
        await ann.wait("on_connect")
        await ann.rtc.transfer_participant(ann.rtc.uuid, "there", "guest", None)
        await ann.wait("on_call_transfer")
        await ann.wait("on_connect")
        after_transfer = said.closed
        await ann.rtc.disconnect()

        assert (after_hanging_up, after_transfer, said.closed) == (False, False, True)
