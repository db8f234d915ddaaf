"""Live captions: who is told what is said, and where it comes from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from pexrtc_py.errors import NotAllowed
from pexrtc_py.node import captions
from pexrtc_py.node.captioning import Captioning
from pexrtc_py.node.captions import Caption, Said, recite, spoken
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.reading import parse_toml
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import LiveCaptions, ParticipantUpdate
from pexrtc_py.protocol.models import CaptionSource

LINE = Caption(0.0, "Ann", "Hi, my name is Ann.")
MEET = Vmr("meet", host_pin="1", captions=(LINE,))


def pair(vmr: Vmr = MEET) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(vmr)
    ann = node.join("Ann", pin="1")
    ann.send(requests.StartConference())
    bob = node.join("Bob", pin="none")
    ann.told()
    return node, ann, bob


def heard(who: Attendee) -> list[tuple[str, bool]]:
    return [(event.data, event.is_final) for event in who.told() if isinstance(event, LiveCaptions)]


def say(node: InProcess, said: Said) -> None:
    captions.tell(node.room(), said, node.now)
    node.settle()


def test_only_who_wants_captions_is_told_what_is_said() -> None:
    node, ann, bob = pair()

    assert bob.send(requests.ShowLiveCaptions()) is None
    say(node, Said("Ann", "hi my ", final=False))
    say(node, Said("Ann", "Hi, my name is Ann."))
    assert bob.send(requests.HideLiveCaptions()) is None
    told = bob.told()
    say(node, Said("Ann", "Unheard."))

    events = [event for event in told if isinstance(event, LiveCaptions)]
    assert [(event.data, event.is_final) for event in events] == [("hi my ", False), ("Hi, my name is Ann.", True)]
    assert events[0].sources == (CaptionSource(participant_uuid=ann.uuid, indices=(0, 1)),)
    assert events[0].sent_time == node.now
    lines = [event.participant for event in ann.told() if isinstance(event, ParticipantUpdate)]
    assert [line.show_live_captions for line in lines] == [True, False]
    assert heard(bob) == []


def test_somebody_who_is_not_there_may_speak() -> None:
    node, _, bob = pair()
    bob.send(requests.ShowLiveCaptions())

    say(node, Said("A loudspeaker", "Please stand up."))

    (event,) = [event for event in bob.told() if isinstance(event, LiveCaptions)]
    assert (event.data, event.sources) == ("Please stand up.", None)


def test_where_there_are_no_captions_they_are_refused() -> None:
    node, ann, bob = pair(Vmr("meet", host_pin="1"))

    with pytest.raises(NotAllowed, match="Live captions not available"):
        bob.send(requests.ShowLiveCaptions())

    assert ann.send(requests.GetConferenceStatus())["live_captions_available"] is False
    assert not captions.wanted(node.room())
    assert ann.told() == []


def test_hosts_choose_for_all_and_guests_for_themselves() -> None:
    node, ann, bob = pair()

    with pytest.raises(NotAllowed):
        bob.send(requests.ShowLiveCaptions(), to=ann)
    ann.send(requests.ShowLiveCaptions(), to=bob)

    assert [member.shows_captions for member in node.room().members.values()] == [False, True]


def test_captions_are_announced() -> None:
    node, ann, _ = pair()

    assert ann.send(requests.GetConferenceStatus())["live_captions_available"] is True
    assert node.room().captions.available


def test_who_waits_hears_nothing() -> None:
    node = InProcess(MEET)
    guest = node.join("Guest", pin="none")
    guest.send(requests.ShowLiveCaptions())

    say(node, Said("Ann", "Secret."))

    assert heard(guest) == []


def test_a_line_becomes_known_word_by_word() -> None:
    assert [said.text for said in spoken(LINE)] == ["hi ", "hi my ", "hi my name ", "hi my name is ", "hi my name is ann ", LINE.text]
    assert [said.final for said in spoken(LINE)] == [False] * 5 + [True]


def test_a_script_stands_in_the_configuration() -> None:
    config = parse_toml("""
        [[conference]]
        alias = "meet"

        [[conference.captions]]
        at = 0
        speaker = "Ann"
        text = "Hi, my name is Ann."
    """)

    assert config.conferences[0].captions == (LINE,)


async def test_a_script_is_said_in_the_order_of_its_times() -> None:
    script = [Caption(0.02, "Bob", "Yes."), Caption(0, "Ann", "No.")]

    assert [said.text async for said in recite(script)] == ["no ", "No.", "yes ", "Yes."]


async def test_a_source_runs_while_somebody_wants_it_and_begins_anew_after_that() -> None:
    node, _, bob = pair()
    begun: list[str] = []
    ended = asyncio.Event()

    async def source() -> AsyncIterator[Said]:
        begun.append("again")
        try:
            yield Said("Ann", "Hello.")
            await asyncio.Event().wait()
        finally:
            ended.set()

    node.room().captions.source = source
    said = asyncio.Event()

    def settle() -> None:
        node.settle()
        said.set()

    captioning = Captioning(clock=lambda: node.now, settle=settle)
    captioning.tend(node.room())
    for _ in range(2):
        bob.send(requests.ShowLiveCaptions())
        captioning.tend(node.room())
        captioning.tend(node.room())
        await asyncio.wait_for(said.wait(), 10)
        said.clear()
        bob.send(requests.HideLiveCaptions())
        captioning.tend(node.room())
        await asyncio.wait_for(ended.wait(), 10)
        ended.clear()
    await captioning.aclose()

    assert begun == ["again", "again"]
    assert heard(bob) == [("Hello.", True)] * 2


async def test_a_source_that_fails_is_logged_and_ends_the_captions(caplog: pytest.LogCaptureFixture) -> None:
    node, _, bob = pair()

    async def source() -> AsyncIterator[Said]:
        yield Said("Ann", "Hello.")
        raise ZeroDivisionError

    node.room().captions.source = source
    bob.send(requests.ShowLiveCaptions())
    captioning = Captioning(clock=lambda: node.now, settle=node.settle)
    captioning.tend(node.room())
    (task,) = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.wait_for(task, 10)

    assert "the captions of meet ended" in caplog.text
    assert heard(bob) == [("Hello.", True)]
    await captioning.aclose()
