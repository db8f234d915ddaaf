"""The roster, the chat and what participants do to each other, between the vendor's client and ours."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from pexrtc_media import Pattern, Tone
from pexrtc_py.protocol import wire
from pexrtc_py.protocol.events import MessageReceived, ParticipantUpdate
from pexrtc_py.protocol.models import Participant
from tests.interop.visitor import CONTROL_ONLY, Visitor, stamped
from tests.media_checks import Ear, Eye, call_of, strength, until

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from tests.conftest import Join
    from tests.interop.conftest import Visit

VERA, BOB, CARL = 3, 7, 11
VERA_HZ, BOB_HZ = 500, 800


async def test_the_roster_is_the_same_on_both_sides(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((320, 180), 15))
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    ann = await join("Ann", media=False)
    await ann.participant(ann.my_uuid).buzz()

    await _agree(vera, bob, 3)
    raised = {line["display_name"]: line["buzz_time"] > 0 for line in (await vera.roster()).values()}
    await ann.leave()
    await _agree(vera, bob, 2)

    assert raised == {"Bob": False, "Vera": False, "Ann": True}
    assert [one["participant"]["displayName"] for one in await vera.hears("onParticipantLeft")] == ["Ann"]


async def test_chat_goes_both_ways(visit: Visit, join: Join) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY, supportsDirectChat=True)
    said = bob.wait_for(MessageReceived, timeout=10)

    await vera.do("sendMessage", payload="Grüße an alle 👋")
    await bob.message(type="text/plain", payload="Salut à toi")
    heard = await vera.hears("onMessage")
    got = await said

    assert (got.payload, got.type, got.origin, got.direct) == ("Grüße an alle 👋", "text/plain", "Vera", False)
    assert got.uuid == await vera.me()
    assert (heard["message"], heard["displayName"], heard["direct"]) == ("Salut à toi", "Bob", False)
    assert heard["userId"] == bob.my_uuid


async def test_chat_with_one_is_not_told_to_others(visit: Visit, join: Join) -> None:
    bob, ann = await join("Bob", media=False), await join("Ann", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY, supportsDirectChat=True)
    told: list[str] = []
    ann.on(MessageReceived)(lambda event: told.append(event.payload))
    said = bob.wait_for(MessageReceived, timeout=10)

    await vera.do("sendMessage", payload="only you", participantUuid=bob.my_uuid)
    got = await said
    await bob.participant(await vera.me()).message(type="text/plain", payload="you too")
    heard = await vera.hears("onMessage")
    await bob.message(type="text/plain", payload="everybody")
    await until(lambda: "everybody" in told)

    assert (got.payload, got.direct) == ("only you", True)
    assert (heard["message"], heard["direct"]) == ("you too", True)
    assert told == ["everybody"]


async def test_what_applications_say_comes_as_it_was(visit: Visit, join: Join) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY)
    said = bob.wait_for(MessageReceived, timeout=10)

    await vera.do("sendApplicationMessage", payload={"vote": [1, None, "ü"]})
    got = await said
    await bob.message(type="application/json", payload=got.payload)
    heard = await vera.hears("onApplicationMessage")

    assert got.type == "application/json"
    assert heard["message"] == {"vote": [1, None, "ü"]}


async def test_a_host_mutes_the_client_for_all(visit: Visit, join: Join) -> None:
    bob = await join("Bob")
    heard = Ear(call_of(bob).audio)
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    await _tone(heard, VERA_HZ, loud=True)

    await bob.participant(await vera.me()).mute()
    assert await vera.hears("onMyselfMuted") is True
    await _tone(heard, VERA_HZ, loud=False)
    await vera.do("mute", mute=False)
    await vera.hears("onMyselfMuted", lambda muted: muted is False)

    await _tone(heard, VERA_HZ, loud=True)


async def test_the_client_mutes_somebody_for_all(visit: Visit, join: Join) -> None:
    bob = await join("Bob", audio=Tone(BOB_HZ))
    vera = await visit("Vera")
    await vera.hears_tone(BOB_HZ)

    await vera.do("mute", mute=True, participantUuid=bob.my_uuid)
    await vera.hears_tone(BOB_HZ, loud=False)
    muted = bob.me.is_muted
    await vera.do("mute", mute=False, participantUuid=bob.my_uuid)

    await vera.hears_tone(BOB_HZ)
    assert (muted, bob.me.is_muted) == (True, False)


async def test_the_client_tells_that_its_microphone_is_off(visit: Visit, join: Join) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY)
    uuid = await vera.me()
    told = bob.wait_for(ParticipantUpdate, where=lambda event: event.participant.is_client_muted, timeout=10)

    await vera.do("clientMute", mute=True)

    assert (await told).participant.uuid == uuid
    assert not bob.participants[uuid].is_muted


async def test_a_muted_picture_is_shown_to_nobody(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    vera = await visit("Vera", picture=stamped(VERA))
    seen = Eye(call_of(bob).video)
    await seen.sees(VERA)
    await vera.sees(BOB)

    await vera.do("muteVideo", muteVideo=True)
    await seen.sees(None)
    hidden = bob.participants[await vera.me()].is_video_muted
    await bob.participant(bob.my_uuid).video_muted()
    await vera.sees(None)
    await vera.do("muteVideo", muteVideo=False)
    await bob.participant(bob.my_uuid).video_unmuted()

    await seen.sees(VERA)
    await vera.sees(BOB)
    assert hidden


async def test_hands_go_up_and_down_both_ways(visit: Visit, join: Join) -> None:
    bob = await join("Bob", media=False)
    vera = await visit("Vera", callType=CONTROL_ONLY)
    uuid = await vera.me()

    await vera.do("raiseHand", raise_=True)
    await until(lambda: bob.participants[uuid].buzz_time > 0)
    await bob.participant(bob.my_uuid).buzz()
    raised = await vera.hears("onRaiseHand", lambda told: told["participant"]["raisedHand"])
    await bob.participant(uuid).clear_buzz()
    await vera.hears("onMe", lambda told: told["participant"]["handRaisedTime"] == 0 and told["participant"]["uuid"] == uuid)
    await vera.do("raiseHand", raise_=False, participantUuid=bob.my_uuid)

    await until(lambda: bob.me.buzz_time == 0)
    assert raised["participant"]["uuid"] == bob.my_uuid


async def test_who_is_in_the_spotlight_is_seen_by_all(visit: Visit, join: Join) -> None:
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    carl = await join("Carl", video=Pattern((640, 360), 15, stamp=CARL))
    vera = await visit("Vera")
    uuid = await vera.me()

    for person, stream in ((bob, BOB), (carl, CARL)):
        await vera.do("spotlight", enable=True, participantUuid=person.my_uuid)
        await until(partial(_is_spotlit, person, True))
        await vera.sees(stream)
        await vera.do("spotlight", enable=False, participantUuid=person.my_uuid)
        await until(partial(_is_spotlit, person, False))
    await bob.participant(uuid).spotlight_on()
    mine = await vera.hears("onMe", lambda told: told["participant"]["isSpotlight"])

    assert mine["participant"]["uuid"] == uuid


def _is_spotlit(person: Conference, wanted: bool) -> bool:
    return (person.me.spotlight > 0) is wanted


async def test_everybody_who_spoke_is_on_stage(visit: Visit, join: Join) -> None:
    await join("Bob", audio=Tone(BOB_HZ))
    vera = await visit("Vera", picture=stamped(VERA), hz=VERA_HZ)
    (bob,) = [uuid for uuid, line in (await vera.roster()).items() if line["display_name"] == "Bob"]

    stage = await vera.hears("onStage", lambda stage: any(one["userId"] == bob and one["vad"] == 100 for one in stage))
    layout = await vera.hears("onLayoutUpdate", lambda layout: layout["participants"] == [bob])

    assert sorted(one["stageIndex"] for one in stage) == list(range(len(stage)))
    assert layout["requested_layout"]["primary_screen"].keys() == {"chair_layout", "guest_layout"}


async def _agree(vera: Visitor, bob: Conference, people: int) -> None:
    """Wait until both know as many people, and of each the same."""
    theirs: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    for _ in range(100):
        theirs = await vera.roster()
        ours = {uuid: wire.encode(line) for uuid, line in bob.participants.items()}
        if len(ours) == people and _read(theirs) == _read(ours):
            return
        await asyncio.sleep(0.05)
    assert _read(theirs) == _read(ours)
    assert len(ours) == people


def _read(roster: dict[str, Any]) -> dict[str, Participant]:
    return {uuid: wire.decode(Participant, line) for uuid, line in roster.items()}


async def _tone(ear: Ear, hz: float, *, loud: bool) -> None:
    """Wait until the last half second has the tone, or has it no more."""

    def is_so() -> bool:
        ear.units[:-25] = []
        samples = ear.sound().samples
        return len(samples) >= 23_000 and (strength(samples[-12_000:], hz) > 0.1) is loud

    await until(is_so, 15)
