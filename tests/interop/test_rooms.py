"""Transfers and breakout rooms with the vendor's client: it is sent, follows, creates rooms, goes in and out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tests.interop.visitor import CONTROL_ONLY
from tests.media_checks import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pexrtc_py.node import Node
    from tests.conftest import Join
    from tests.interop.conftest import Visit
    from tests.interop.visitor import Visitor

LOBBY: dict[str, Any] = {"alias": "meet.lobby"}


async def test_the_client_follows_a_transfer(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY)

    await bob.participant(await vera.me()).transfer(conference_alias="meet.lobby", role="host", pin="1234")
    sent = await vera.hears("onTransfer")

    assert (sent["alias"], sent["target"]) == ("meet.lobby", "conference")
    assert await vera.follow(sent, callType=CONTROL_ONLY) == 200
    await vera.is_in(media=False)
    (there,) = node.room("meet.lobby").members.values()
    assert (there.display_name, there.is_host, there.uuid) == ("Vera", True, await vera.me())
    await until(lambda: list(bob.participants) == [bob.my_uuid])


async def test_a_guest_with_the_client_is_sent_to_a_room_and_leaves_it(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob", media=False, pin="1234", **LOBBY)
    await bob.start_conference()
    vera = await visit("Vera", callType=CONTROL_ONLY, pin="5678", **LOBBY)
    people = {"main": (await vera.me(),)}

    opened = await bob.create_breakout(breakout_name="Red", guests_allowed_to_leave=True, participants=people)
    sent = await vera.hears("onTransfer")
    assert (sent["alias"], sent["target"], sent["breakoutName"]) == ("meet.lobby", "breakout", "Red")
    assert await vera.follow(sent, callType=CONTROL_ONLY) == 200
    await vera.is_in(media=False)
    state = (await vera.hears("onConferenceStatus"))["status"]
    inside = await vera.me()
    await until(lambda: inside in bob.breakouts[opened.breakout_uuid].participants)

    await vera.do("guestLeaveBreakoutRoom")
    back = await vera.hears("onTransfer")
    assert await vera.follow(back, callType=CONTROL_ONLY) == 200
    await vera.is_in(media=False)

    assert (state["breakout"], state["breakoutName"]) == (True, "Red")
    assert back["target"] == "main"
    assert await vera.me() in node.room("meet.lobby").members


async def _back(vera: Visitor, there: Callable[[], bool]) -> None:
    """Go back to the main room; now and then the client drops the wish while it still settles, and a user clicks again."""
    for _ in range(4):
        await vera.tab.run("() => visitor.client.joinBreakoutRoom({breakoutUuid: 'main'})")
        with contextlib.suppress(AssertionError):
            await until(there, 15)
            return
    await until(there)


async def test_a_host_with_the_client_opens_a_room_and_takes_its_media_there_and_back(visit: Visit, node: Node) -> None:
    vera = await visit("Vera", pin="1234", **LOBBY)
    main, me, way = node.room("meet.lobby"), await vera.me(), await vera.way()

    await vera.tab.run("() => visitor.client.breakout({name: 'Red', end_action: 'transfer'})")
    begun = await vera.hears("onBreakoutBegin")
    uuid, control = begun["breakout_uuid"], begun["participant_uuid"]
    room = main.breakouts.rooms[uuid]
    listed = await vera.hears("onParticipants", lambda told: told["id"] == uuid)
    await vera.tab.run("uuid => visitor.client.joinBreakoutRoom({breakoutUuid: uuid})", uuid)
    await until(lambda: [seat.participant for seat in room.plan().seats] == [control], 45)
    gone = not main.plan().seats
    await vera.hears("onMe", lambda told: told["id"] == uuid and told["participant"]["hasMedia"])
    await vera.goes_another_way(way)  # the client goes nowhere while it connects
    await _back(vera, lambda: [seat.participant for seat in main.plan().seats] == [me])
    await vera.tab.run("uuid => visitor.client.closeBreakoutRoom({breakoutUuid: uuid})", uuid)

    assert [one["uuid"] for one in listed["participants"]] == [control]
    assert gone
    assert (await vera.hears("onBreakoutEnd"))["breakout_uuid"] == uuid
    assert not main.breakouts.rooms
