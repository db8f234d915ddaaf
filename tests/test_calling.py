"""A conference gets media later, gives it up again, and says how its sections are to be."""

from __future__ import annotations

import re

import pytest
from av import VideoFrame

import pexrtc_py
from pexrtc_media import Pattern, Tone, stamp
from pexrtc_py.engine.types import Direction, Slot
from pexrtc_py.errors import JoinNeedsMore, PinIncorrect, PinRequired, UsageError
from pexrtc_py.node import Node, NoMedia, Vmr
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.models import MediaType
from pexrtc_py.signaling.joining import Answers
from tests.conftest import Join


async def test_media_comes_later_and_goes_again(node: Node, join: Join) -> None:
    tx, rx = await join("tx", video=Pattern((640, 360), stamp=3)), await join("rx", media=False)

    call = await rx.add_call()
    async with call.video.frames() as frames:
        async for frame in frames:
            if isinstance(frame, VideoFrame) and (mark := stamp.read_at(frame)) is not None and mark.stream == 3:
                break
    gone = tx.wait_for(
        pexrtc_py.ParticipantUpdate,
        where=lambda event: event.participant.uuid == rx.my_uuid and not event.participant.has_media,
        timeout=10,
    )
    await rx.drop_call()
    await gone

    assert rx.call is None
    assert rx.ended is None
    assert await rx.message(payload="still here")


async def test_there_is_one_call_at_a_time(node: Node, join: Join) -> None:
    conference = await join("Ann")

    with pytest.raises(UsageError, match="a call already"):
        await conference.add_call()


async def test_dropping_no_call_does_nothing(node: Node, join: Join) -> None:
    conference = await join("Ann", media=False)

    await conference.drop_call()

    assert not node.heard.of(requests.CallDisconnect)


async def test_a_call_that_is_refused_leaves_the_conference_as_it_was() -> None:
    async with Node("lab", media=NoMedia) as node, pexrtc_py.join("lab", node=node.url, media=False) as conference:
        with pytest.raises(pexrtc_py.PexRTCError):
            await conference.add_call()

        assert conference.call is None
        assert await conference.get_participants()


async def test_only_the_named_sections_are_offered_and_they_keep_their_direction(node: Node, join: Join) -> None:
    conference = await join("Ann", media=False)

    call = await conference.add_call(
        directions={Slot.AUDIO: Direction.RECVONLY, Slot.PRESENTATION: Direction.SENDRECV}, media_type=MediaType.AUDIO, fecc_supported=True
    )
    async with conference.present(Pattern((640, 360), fps=5)):
        pass

    (placed,) = node.heard.of(requests.Calls)
    assert re.findall(r"^(?:m=(\w+)|a=(recvonly|sendrecv))", placed.sdp or "", re.MULTILINE) == [
        ("audio", ""), ("", "recvonly"), ("video", ""), ("", "sendrecv")
    ]  # fmt: skip
    assert (placed.media_type, placed.fecc_supported) == (MediaType.AUDIO, True)
    assert not node.heard.of(requests.Update)
    with pytest.raises(UsageError, match="without a section for video"):
        _ = call.video


async def test_directions_are_changed_in_mid_call_by_one_offer(node: Node, join: Join) -> None:
    conference = await join("Ann")
    assert conference.call is not None

    await conference.call.set_directions({Slot.AUDIO: Direction.SENDRECV})
    await conference.call.set_directions({Slot.AUDIO: Direction.SENDRECV})

    (update,) = node.heard.of(requests.Update)
    assert re.findall(r"^a=(sendrecv|recvonly)", update.sdp, re.MULTILINE) == ["sendrecv", "recvonly", "recvonly"]


async def test_bandwidths_are_told_and_kept(node: Node, join: Join) -> None:
    conference = await join("Ann", bandwidth=900, bandwidth_out=400)
    assert conference.call is not None
    limits = [conference.call.video.outbound.max_bitrate]

    conference.call.set_bandwidth(600, out=300)
    await conference.call.renegotiate()

    assert "b=AS:900" in (node.heard.of(requests.Calls)[0].sdp or "")
    assert "b=AS:600" in node.heard.of(requests.Update)[0].sdp
    assert [*limits, conference.call.video.outbound.max_bitrate] == [400_000, 300_000]


@pytest.mark.parametrize(("wanted", "told"), [(None, 500), (300, 300), (900, 500)])
async def test_no_more_bandwidth_is_wanted_than_the_node_allows(wanted: int | None, told: int) -> None:
    async with Node(Vmr("lab", bandwidth=500), media=NoMedia) as small:
        async with pexrtc_py.join("lab", node=small.url, media=False) as conference:
            with pytest.raises(pexrtc_py.PexRTCError):
                await conference.add_call(bandwidth=wanted)

        (placed,) = small.heard.of(requests.Calls)
    assert (placed.sdp or "").count(f"b=AS:{told}\r\n") == 2


async def test_a_source_for_a_section_that_does_not_send_is_a_mistake(node: Node, join: Join) -> None:
    conference = await join("Ann", media=False)

    with pytest.raises(UsageError, match="source for video"):
        await conference.add_call(video=Pattern(), directions={Slot.VIDEO: Direction.RECVONLY})

    assert not node.heard.of(requests.Calls)


async def test_a_recording_of_a_call_without_video_has_sound(node: Node, join: Join, tmp_path: object) -> None:
    await join("tx", audio=Tone(440))
    conference = await join("Ann", media=False)
    await conference.add_call(directions={Slot.AUDIO: Direction.RECVONLY})

    recording = await conference.record(f"{tmp_path}/talk.mkv")
    async with conference.call.audio.packets() as packets:  # type: ignore[union-attr]
        await anext(packets)
    await conference.leave()

    assert recording.result.tracks["audio"].codec == "opus"


async def test_statistics_say_how_a_call_fares(node: Node, join: Join) -> None:
    tx, rx = await join("tx", video=Pattern((640, 360))), await join("rx")
    assert tx.call is not None
    assert rx.call is not None

    async with rx.call.video.frames() as frames:
        async for _ in frames:
            got, sent = rx.call.stats()[Slot.VIDEO].inbound, tx.call.stats()[Slot.VIDEO].outbound
            if got.frames_decoded > 5 and got.frame_width == 640 and sent.round_trip_time is not None:
                break

    assert (got.codec, got.frame_height, sent.frame_width, sent.codec) == ("vp8", 360, 640, "vp8")
    assert min(got.bitrate, got.frames_per_second, got.decode_delay, sent.bitrate, sent.frames_per_second) > 0
    assert rx.call.stats()[Slot.AUDIO].outbound.packets_sent == 0


# --- asking for what is missing ------------------------------------------------------------------------------------------------


async def test_what_is_missing_is_asked_for_until_it_is_right() -> None:
    asked: list[JoinNeedsMore] = []

    async def ask(wanted: JoinNeedsMore) -> Answers:
        asked.append(wanted)
        return {"pin": "9999" if len(asked) == 1 else "1234"}

    async with Node(Vmr("lab", host_pin="1234"), media=NoMedia) as node:
        async with pexrtc_py.join("lab", node=node.url, media=False, ask=ask) as conference:
            assert conference.role is pexrtc_py.Role.HOST

    assert [type(wanted) for wanted in asked] == [PinRequired, PinIncorrect]


async def test_who_is_asked_may_give_up() -> None:
    async def ask(wanted: JoinNeedsMore) -> Answers:
        raise wanted

    async with Node(Vmr("lab", host_pin="1234"), media=NoMedia) as node:
        with pytest.raises(PinRequired):
            await pexrtc_py.join("lab", node=node.url, media=False, ask=ask)

        assert not node.room("lab").members
