"""Calls to endpoints and test calls with real media: what comes back is judged by its content."""

from __future__ import annotations

import time

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.node import Desk, Endpoint, Node, NodeConfig, NoMedia, Vmr, dialling
from pexrtc_py.node.farend import far_end_for
from pexrtc_py.node.member import Member
from pexrtc_py.node.shell import Shell
from pexrtc_py.protocol.models import Role
from tests.media_checks import Ear, Eye, call_of, until

TALKER = Endpoint("sip:bob@example.com", answers_after=0.2, tone=1000)


def film() -> Pattern:
    return Pattern((320, 180), 15, stamp=3)


async def test_who_answers_is_heard_and_seen_and_hears_and_sees() -> None:
    async with (
        Node(Vmr("meet"), config=NodeConfig(endpoints=(TALKER,))) as node,
        pexrtc_py.join("meet", node=node.url, display_name="Ann", audio=Tone(600), video=film()) as ann,
    ):
        heard, seen = Ear(call_of(ann).audio), Eye(call_of(ann).video)

        (bob,) = await ann.dial(destination="sip:bob@example.com")
        await heard.hears(1000, 60)
        await seen.sees(15, 60)
        await until(lambda: perceives(node, bob, hz=600, stream=3), 60)

        assert ann.participants[bob].service_type == "conference"
        assert ann.participants[bob].has_media
        await ann.participant(bob).disconnect()
        await until(lambda: bob not in ann.participants, 60)


async def test_who_is_called_and_transferred_hears_and_is_heard_in_the_other_conference() -> None:
    async with (
        Node(Vmr("meet"), Vmr("other", host_pin="1"), config=NodeConfig(endpoints=(TALKER,))) as node,
        pexrtc_py.join("meet", node=node.url, display_name="Ann", audio=Tone(600)) as ann,
        pexrtc_py.join("other", node=node.url, display_name="Carl", pin="1", audio=Tone(400)) as carl,
    ):
        heard = Ear(call_of(carl).audio)
        (bob,) = await ann.dial(destination="sip:bob@example.com")
        await until(lambda: hears(node, bob, 600), 60)

        await ann.participant(bob).transfer(conference_alias="other", role=Role.HOST, pin="1")

        await heard.hears(1000, 60)
        await until(lambda: hears(node, bob, 400), 60)
        await until(lambda: bob not in ann.participants and bob in carl.participants, 60)
        assert (carl.participants[bob].role, carl.participants[bob].local_alias) == (Role.HOST, "other")
        await carl.participant(bob).disconnect()
        await until(lambda: bob not in carl.participants, 60)


async def test_who_is_called_and_moved_to_a_breakout_room_hears_and_sees_who_is_there() -> None:
    people = (Endpoint("bob", tone=700), Endpoint("bea", tone=500))
    async with (
        Node(Vmr("meet"), config=NodeConfig(endpoints=people)) as node,
        pexrtc_py.join("meet", node=node.url, display_name="Host", media=False) as host,
    ):
        (bob,), (bea,) = await host.dial(destination="bob"), await host.dial(destination="bea")
        await until(lambda: hears(node, bob, 500), 60)

        await host.create_breakout(breakout_name="Red", participants={"main": (bob,)})
        await until(lambda: not hears(node, bea, 700), 60)
        (red,) = node.room("meet").breakouts.rooms
        await host.move_participants(breakout_uuid=red, participants=(bea,))

        await until(lambda: hears(node, bob, 500) and hears(node, bea, 700), 60)
        assert not node.room("meet").called


def hears(node: Node, participant: str, hz: float) -> bool:
    seen = node.perceived(participant)
    return seen is not None and abs(seen.hz - hz) < 20 and seen.level > -40


def perceives(node: Node, participant: str, *, hz: float, stream: int) -> bool:
    seen = node.perceived(participant)
    return hears(node, participant, hz) and seen is not None and seen.stream == stream


async def test_the_node_wakes_when_a_call_is_due_though_nobody_sweeps() -> None:
    desk = Desk(NodeConfig(conferences=(Vmr("meet"),), endpoints=(Endpoint("bob", answers_after=0.05, hangs_up_after=0.05),)))
    shell, room = Shell(desk, NoMedia, clock=time.time), desk.house.room("meet")
    assert room is not None
    bob = Member("bob", "Bob", role=Role.GUEST, alias="meet", joined=time.time(), far_end=far_end_for(desk.config.endpoints, "bob"))

    dialling.call(room, bob, time.time())
    shell.settle()
    await until(lambda: not bob.connecting, 60)
    await until(lambda: not room.members, 60)

    await shell.aclose()
