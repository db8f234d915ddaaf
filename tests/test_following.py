"""Going on elsewhere: after a transfer, in a breakout room, and back; between our client and our node, with and without media."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pexrtc_py
from pexrtc_media import Tone
from pexrtc_py import (
    BreakoutRefer,
    CancelRefer,
    Conference,
    Ended,
    EndReason,
    NotAllowed,
    Reconnected,
    Reconnecting,
    Refer,
    ReferWithdrawn,
    Role,
    Slot,
    UsageError,
    Vmr,
)
from pexrtc_py.node import Node
from pexrtc_py.node.server import NoMedia
from pexrtc_py.protocol.events import BreakoutBegin, BreakoutEnd
from pexrtc_py.protocol.requests import VideoMuted
from tests.media_checks import Ear, call_of, strength, until
from tests.relay import Relay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST_HZ, GUEST_HZ, MAIN_HZ = 500, 800, 1250


@pytest.fixture
async def quiet() -> AsyncIterator[Node]:
    """A node without media."""
    async with Node(Vmr("meet", host_pin="1"), Vmr("there", host_pin="2"), media=NoMedia) as node:
        yield node


def control(node: Node, name: str, pin: str = "1") -> pexrtc_py.Joining:
    return pexrtc_py.join("meet", node=node.url, display_name=name, pin=pin, media=False)


async def test_a_transfer_is_followed_to_the_other_conference_under_the_same_name(quiet: Node) -> None:
    async with control(quiet, "Host") as host, control(quiet, "Guest", "none") as guest:
        coming = guest.wait_for(Refer, timeout=15)
        await host.participant(guest.my_uuid).transfer(conference_alias="there", role=Role.HOST, pin="2")

        async with guest.follow(await coming) as there:
            assert (there.address.conference, there.role, there.me.display_name) == ("there", Role.HOST, "Guest")
            assert guest.ended == Ended(reason=EndReason.TRANSFERRED, detail="referred to there")
            await until(lambda: guest.my_uuid not in host.participants)
            assert there.call is None
        assert there.ended is not None


async def test_one_follows_as_often_as_one_is_sent_and_also_after_leaving(quiet: Node) -> None:
    async with control(quiet, "Host") as host, control(quiet, "Guest", "none") as guest:
        coming = guest.wait_for(Refer, timeout=15)
        room = (await host.create_breakout(breakout_name="Red", participants={"main": (guest.my_uuid,)})).breakout_uuid
        referred = await coming
        await guest.leave()
        inside = await guest.follow(referred)
        assert inside.status.breakout_name == "Red"
        back = inside.wait_for(Refer, timeout=15)
        await host.breakout(room).move_participants(breakout_uuid="main")

        async with inside.follow(await back) as again:
            assert again.status.breakout_rooms
            assert again.role is Role.GUEST


async def test_a_token_that_is_no_good_any_more_is_the_error_of_following(quiet: Node) -> None:
    async with control(quiet, "Host"), control(quiet, "Guest", "none") as guest:
        with pytest.raises(pexrtc_py.TokenExpired):
            await guest.follow(Refer(alias="there", token="stale"))

        assert guest.ended is not None


async def test_who_is_called_back_stays_and_cannot_follow(quiet: Node) -> None:
    async with control(quiet, "Host") as host, control(quiet, "Guest", "none") as guest:
        coming, back = guest.wait_for(Refer, timeout=15), guest.wait_for(CancelRefer, timeout=15)
        await host.create_breakout(breakout_name="Red", participants={"main": (guest.my_uuid,)})
        referred = await coming
        assert guest.referred == referred

        await host.move_participants(breakout_uuid="main", participants=(guest.my_uuid,))
        await back

        assert guest.referred is None
        with pytest.raises(ReferWithdrawn, match="taken back"):
            guest.follow(referred)
        assert guest.ended is None
        await until(lambda: len(host.participants) == 2)


async def test_a_host_sees_what_happens_in_a_room_and_acts_there(quiet: Node) -> None:
    async with control(quiet, "Host") as host, control(quiet, "Guest", "none") as guest:
        coming = guest.wait_for(Refer, timeout=15)
        uuid = (await host.create_breakout(breakout_name="Red", participants={"main": (guest.my_uuid,)})).breakout_uuid

        async with guest.follow(await coming) as inside:
            await until(lambda: inside.my_uuid in host.breakouts[uuid].participants)
            await host.breakout(uuid).participant(inside.my_uuid).overlay_text(text="Ms Guest")
            await until(lambda: inside.me.overlay_text == "Ms Guest")
            await inside.breakout_buzz()
            await until(lambda: bool((help_ := host.breakouts[uuid].status.breakoutbuzz) and help_.value))
            with pytest.raises(NotAllowed):
                await inside.leave_breakout()
        ended = host.wait_for(BreakoutEnd, timeout=15)
        await host.breakout(uuid).disconnect_all()
        assert (await ended).breakout_uuid == uuid
        assert not host.breakouts


async def test_a_room_that_does_not_exist_is_not_entered(quiet: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pexrtc_py.conference.ROOM_SECONDS", 0.1)
    async with control(quiet, "Host") as host:
        with pytest.raises(UsageError, match="no open breakout room 'red'"):
            await host.enter_breakout("red")

        assert host.call is None


async def test_those_in_a_room_hear_each_other_and_not_the_main_room(node: Node, tmp_path: Path) -> None:
    """A Host with its media, and a Guest who follows with its own: both go on sending what they sent."""
    async with (
        _talking(node, "Host", HOST_HZ, "1234") as host,
        _talking(node, "Guest", GUEST_HZ) as guest,
        _talking(node, "Main", MAIN_HZ) as main,
    ):
        recording = await host.record(tmp_path / "main.mkv")
        await until(lambda: recording.duration > 0)  # it ends when its call moves
        coming, moving = guest.wait_for(Refer, timeout=15), host.wait_for(BreakoutRefer, timeout=15)
        people = {"main": (guest.my_uuid, host.my_uuid)}
        uuid = (await host.create_breakout(breakout_name="Red", participants=people)).breakout_uuid
        referred, moved = await coming, await moving
        assert (moved.breakout_uuid, moved.requester_uuid) == (uuid, host.my_uuid)

        await host.enter_breakout(uuid)
        async with guest.follow(referred) as inside:
            await asyncio.gather(
                _hears(host, GUEST_HZ, without=MAIN_HZ),
                _hears(inside, HOST_HZ, without=MAIN_HZ),
                _hears(main, None, without=HOST_HZ),
            )
            assert recording.result.duration > 0

            await host.enter_breakout("main")
            await asyncio.gather(_hears(host, MAIN_HZ, without=GUEST_HZ), _hears(main, HOST_HZ, without=GUEST_HZ))


async def test_a_host_in_a_room_stays_in_it_over_a_gap_in_the_events(node: Node) -> None:
    async with Relay(node.url) as relay, _talking(node, "Host", HOST_HZ, "1234", through=relay.url) as host:
        uuid = (await host.create_breakout(breakout_name="Red")).breakout_uuid
        call = await host.enter_breakout(uuid)
        before = host.breakouts[uuid].my_uuid
        relay.works = False
        relay.cut()
        await host.wait_for(Reconnecting, timeout=15)
        begun = host.wait_for(BreakoutBegin, timeout=15)
        relay.works = True
        await host.wait_for(Reconnected, timeout=15)
        between = host.breakouts[uuid].my_uuid
        await begun

        assert (host.rooms.here, host.call) == (uuid, call)
        assert before == between == host.breakouts[uuid].my_uuid
        await host.ask_as_me(VideoMuted())
        await until(lambda: host.breakouts[uuid].participants[before].is_video_muted)


async def test_a_room_that_ended_in_a_gap_is_left(quiet: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pexrtc_py.conference.ROOM_SECONDS", 0.1)
    async with control(quiet, "Host") as host:
        uuid = (await host.create_breakout(breakout_name="Red")).breakout_uuid
        await until(lambda: uuid in host.breakouts)
        host.rooms.here = uuid

        host._take(Reconnected(attempts=1, gap=0.1))

        await until(lambda: host.rooms.here is None and not host.breakouts)
        assert host.ended is None


async def test_a_host_whose_room_is_closed_under_its_call_stays_in_the_main_room(node: Node) -> None:
    async with _talking(node, "Host", HOST_HZ, "1234") as host:
        uuid = (await host.create_breakout(breakout_name="Red", end_action="disconnect")).breakout_uuid
        await host.enter_breakout(uuid)

        await host.breakout(uuid).disconnect_all()

        await until(lambda: host.call is None and not host.breakouts)
        assert host.ended is None
        await host.add_call(receive=())
        assert host.rooms.here is None


def _talking(node: Node, name: str, hz: float, pin: str = "5678", *, through: str | None = None) -> pexrtc_py.Joining:
    return pexrtc_py.join("meet.lobby", node=through or node.url, display_name=name, pin=pin, audio=Tone(hz), receive=[Slot.AUDIO])


async def _hears(who: Conference, hz: float | None, *, without: float) -> None:
    """Wait until a quarter of a second has one tone and not the other."""
    ear = Ear(call_of(who).audio)
    levels: list[tuple[float, float]] = []

    def is_so() -> bool:
        ear.units[:-25] = []
        samples = ear.sound().samples
        if len(samples) < 23_000:
            return False
        last = samples[-12_000:]
        levels.append((strength(last, hz or 0), strength(last, without)))
        heard, other = levels[-1]
        return other < 0.0005 if hz is None else heard > 0.001 and heard > 20 * other  # a busy machine leaves gaps in the tone

    try:
        await until(is_so, 20)
    except AssertionError:
        raise AssertionError(f"{who.me.display_name} hears {hz} Hz and not {without:g} Hz at these levels: {levels[-3:]}") from None
