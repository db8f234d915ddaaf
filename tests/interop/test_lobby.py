"""The lock and the waiting room, with the vendor's client on either side of the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pexrtc_media import Pattern, Tone
from pexrtc_py.protocol.events import ConferenceUpdate, ParticipantCreate
from tests.interop.visitor import CONTROL_ONLY, stamped
from tests.media_checks import until

if TYPE_CHECKING:
    from pexrtc_py.node.server import Node
    from tests.conftest import Join
    from tests.interop.conftest import Visit

LOBBY = "meet.lobby"
HOST, GUEST = "1234", "5678"
VERA, BOB = 3, 7
BOB_HZ = 800


async def test_the_client_waits_and_is_let_in_by_our_host(visit: Visit, join: Join) -> None:
    bob = await join("Bob", alias=LOBBY, pin=HOST, video=Pattern((640, 360), 15, stamp=BOB), audio=Tone(BOB_HZ))
    await bob.lock()
    knocked = bob.wait_for(ParticipantCreate, timeout=15)

    vera = await visit("Vera", alias=LOBBY, pin=GUEST, picture=stamped(VERA), hz=500)
    uuid = (await knocked).participant.uuid
    waiting = [line["service_type"] for line in (await vera.roster()).values()]
    await vera.shows()
    splash = await vera.mark()
    await bob.participant(uuid).unlock()
    await vera.hears("onServiceType", lambda told: told == "conference")

    await vera.sees(BOB)
    await vera.hears_tone(BOB_HZ)
    assert waiting == ["waiting_room"]  # of the others nothing is known
    assert splash is None
    assert set(await vera.roster()) == {uuid, bob.my_uuid}
    assert not vera.heard("call.onReconnecting")


async def test_the_client_waits_for_a_host_and_the_host_starts_the_conference(visit: Visit, join: Join) -> None:
    vera = await visit("Vera", alias=LOBBY, pin=GUEST, picture=stamped(VERA))
    before = await vera.tab.run("() => visitor.client.serviceType")

    bob = await join("Bob", alias=LOBBY, pin=HOST, video=Pattern((640, 360), 15, stamp=BOB))

    await vera.hears("onConferenceStatus", lambda told: told["status"]["started"])
    await vera.sees(BOB)
    assert before == "waiting_room"
    assert bob.my_uuid in await vera.roster()


async def test_the_client_as_a_host_lets_somebody_in(visit: Visit, join: Join) -> None:
    vera = await visit("Vera", alias=LOBBY, pin=HOST, picture=stamped(VERA))
    await vera.do("lock", lock=True)
    await vera.hears("onConferenceStatus", lambda told: told["status"]["locked"])

    bob = await join("Bob", alias=LOBBY, pin=GUEST)
    waiting = bob.in_lobby
    (knocks,) = await vera.hears("onParticipantJoined")
    await vera.do("admit", participantUuid=bob.my_uuid)
    await bob.admitted(timeout=10)

    assert waiting
    assert (knocks["participant"]["uuid"], knocks["participant"]["isWaiting"]) == (bob.my_uuid, True)
    assert len(bob.participants) == 2
    await vera.hears("onParticipantUpdated", lambda told: any(not one["participant"]["isWaiting"] for one in told))


async def test_the_lock_is_seen_by_all_and_opened_again(visit: Visit, join: Join, node: Node) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY)
    locked = bob.wait_for(ConferenceUpdate, where=lambda event: event.status.locked, timeout=10)

    await vera.do("lock", lock=True)
    await locked
    walt = await visit("Walt", callType=CONTROL_ONLY)
    waiting = await walt.tab.run("() => visitor.client.serviceType")
    await bob.unlock()

    await vera.hears("onConferenceStatus", lambda told: not told["status"]["locked"] and len(vera.heard("onConferenceStatus")) > 2)
    await walt.hears("onServiceType", lambda told: told == "conference")
    await until(lambda: not bob.status.locked)
    assert waiting == "waiting_room"
    assert len(node.room("meet.alice").admitted) == 3
