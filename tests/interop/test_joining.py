"""Joining and leaving with the vendor's client: open, with PINs, removed by a host, the conference ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pexrtc_py.node import Node, NodeConfig, Vmr
from pexrtc_py.protocol.events import ParticipantDelete
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.requests import CallDisconnect, ReleaseToken
from tests.interop.visitor import CONTROL_ONLY, stamped
from tests.media_checks import until

if TYPE_CHECKING:
    from tests.conftest import Join
    from tests.interop.conftest import Visit

CHALLENGED = (r"Failed to load resource.*403.*request_token",)
"""How the browser itself tells of a challenge."""
GONE = ("onDisconnected", r"Failed to load resource.*403.*(release_token|new_candidate)")
"""A client that was removed gives back a token that is void by then, or still tells of candidates."""


async def test_the_client_joins_and_leaves(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob", media=False)
    left = bob.wait_for(ParticipantDelete, timeout=10)
    vera = await visit("Vera", picture=stamped(3), hz=500)
    uuid = await vera.me()
    inside = node.room("meet.alice").members[uuid]
    entered = (inside.display_name, inside.role, inside.has_media, inside.live_calls[0].media.presentation)

    await vera.leave()

    assert entered == ("Vera", Role.HOST, True, True)
    assert (await left).uuid == uuid
    assert list(node.room("meet.alice").members) == [bob.my_uuid]
    assert CallDisconnect() in node.heard.of(CallDisconnect, participant=uuid)
    assert node.heard.of(ReleaseToken, participant=uuid)


@pytest.mark.parametrize(("pin", "role"), [("1234", Role.HOST), ("5678", Role.GUEST)])
async def test_a_pin_is_asked_for_and_gives_the_role(visit: Visit, node: Node, pin: str, role: Role) -> None:
    vera = await visit("Vera", alias="meet.lobby", join=False, expects=CHALLENGED)

    assert await vera.call() == 403
    assert await vera.hears("onPinRequired") == {"hasHostPin": True, "hasGuestPin": True}
    assert await vera.call(pin=pin) == 200
    mine = await vera.hears("onParticipants")
    await vera.hears("onCallConnected")

    (member,) = node.room("meet.lobby").members.values()
    assert member.role is role
    assert [(line["uuid"], line["isHost"]) for line in mine["participants"]] == [(member.uuid, role is Role.HOST)]


async def test_where_only_hosts_need_a_pin_the_client_enters_as_a_guest_without(visit: Visit) -> None:
    async with Node(Vmr("meet.open", host_pin="1234")) as node:
        vera = await visit("Vera", alias="meet.open", join=False, expects=CHALLENGED)

        assert await vera.call(host=node.url) == 403
        asked = await vera.hears("onPinRequired")
        assert await vera.call(host=node.url, pin="none") == 200
        await vera.hears("onServiceType", lambda told: told == "waiting_room")
        await vera.hears("onCallConnected")
        (member,) = node.room("meet.open").members.values()
        role = member.role
        await vera.leave()

    assert asked == {"hasHostPin": True, "hasGuestPin": False}
    assert role is Role.GUEST


async def test_the_client_stays_in_longer_than_its_token_lives(visit: Visit) -> None:
    async with Node(Vmr("meet.alice"), config=NodeConfig(token_seconds=3)) as node:
        vera = await visit("Vera", host=node.url, picture=stamped(3), hz=500)
        await until(lambda: len(vera.heard("onTokenRefreshed")) >= 5, 30)

        assert [member.display_name for member in node.room("meet.alice").admitted] == ["Vera"]
        await vera.leave()
        assert not node.room("meet.alice").members


async def test_a_wrong_pin_is_refused_and_the_right_one_is_taken_then(visit: Visit, node: Node) -> None:
    vera = await visit("Vera", alias="meet.lobby", join=False, expects=(*CHALLENGED, "onError .*Invalid PIN"))

    assert await vera.call(pin="9999") == 403
    assert await vera.hears("onError") == {"error": "Invalid PIN", "errorCode": "#pex101"}
    assert not node.room("meet.lobby").members
    assert await vera.call(pin="1234") == 200
    await vera.hears("onCallConnected")

    assert len(node.room("meet.lobby").members) == 1


async def test_an_unknown_conference_is_refused_in_words_the_client_knows(visit: Visit) -> None:
    vera = await visit("Vera", alias="meet.nobody", join=False, expects=(r"Failed to load resource.*404", "onError .*#pex154"))

    assert await vera.call() == 404

    assert (await vera.hears("onError"))["error"] == "Neither conference nor gateway found"


async def test_a_client_that_wants_no_media_gets_none(visit: Visit, join: Join) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", join=False)

    assert await vera.call(callType=CONTROL_ONLY) == 200
    await until(lambda: len(bob.participants) == 2)

    (line,) = [line for line in bob.participants.values() if line.display_name == "Vera"]
    assert not line.has_media


async def test_a_client_whose_page_is_closed_is_gone_at_once(visit: Visit, join: Join) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", picture=stamped(3), hz=500)
    left = bob.wait_for(ParticipantDelete, timeout=10)

    await vera.tab.run("() => { visitor.client.disconnect({reason: 'Browser closed'}); location.href = 'about:blank'; }")

    assert (await left).uuid not in bob.participants
    assert list(bob.participants) == [bob.my_uuid]


async def test_a_host_removes_the_client(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", picture=stamped(3), expects=GONE)

    await bob.participant(await vera.me()).disconnect()

    assert (await vera.hears("onDisconnected"))["error"] == "API initiated participant disconnect"
    await until(lambda: list(node.room("meet.alice").members) == [bob.my_uuid])


async def test_the_client_as_a_host_removes_somebody(visit: Visit, join: Join) -> None:
    vera = await visit("Vera")
    bob = await join("Bob")

    await vera.do("kick", participantUuid=bob.my_uuid)

    await until(lambda: bob.ended is not None)
    await vera.hears("onParticipantLeft")


async def test_the_client_as_a_host_ends_the_conference(visit: Visit, join: Join) -> None:
    bob = await join("Bob")
    vera = await visit("Vera", expects=GONE)

    await vera.do("disconnectAll")

    assert (await vera.hears("onDisconnected"))["error"] == "API initiated conference termination"
    await until(lambda: bob.ended is not None)


async def test_the_client_sees_the_conference_ended_by_a_host(visit: Visit, join: Join) -> None:
    bob = await join("Bob")
    vera = await visit("Vera", expects=GONE)

    await bob.disconnect_all()

    assert (await vera.hears("onDisconnected"))["error"] == "API initiated conference termination"
