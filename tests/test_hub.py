from __future__ import annotations

import asyncio
import gc
import logging
from typing import assert_type

import pytest

from pexrtc_py.errors import Disconnected
from pexrtc_py.hub import Events, Hub
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import ConferenceUpdate, MessageReceived, ParticipantDelete
from pexrtc_py.protocol.models import ConferenceStatus
from pexrtc_py.signaling.ending import Ended, EndReason
from pexrtc_py.signaling.roster import RosterSnapshot

HI, HO = MessageReceived(payload="hi"), MessageReceived(payload="ho")
GONE = ParticipantDelete(uuid="u")
END = Ended(reason=EndReason.LEFT)
EMPTY = RosterSnapshot(participants=())


async def _all(events: Events[object]) -> list[object]:
    return [event async for event in events]


# --- iterating -----------------------------------------------------------------------------------------------------------------


async def test_an_iterator_starts_with_a_snapshot_and_ends_with_the_end() -> None:
    hub = Hub(lambda: EMPTY)
    events = hub.events()

    for event in (HI, GONE, END):
        hub.publish(event)

    assert await _all(events) == [EMPTY, HI, GONE, END]


async def test_an_iterator_misses_nothing_from_the_moment_it_was_made() -> None:
    hub = Hub()
    early = hub.events()
    hub.publish(HI)
    late = hub.events()
    hub.publish(END)

    assert (await _all(early), await _all(late)) == ([HI, END], [END])


async def test_an_iterator_made_after_the_end_ends_at_once() -> None:
    hub = Hub(lambda: EMPTY)
    hub.publish(END)

    assert await _all(hub.events()) == [EMPTY, END]


async def test_classes_choose_what_is_iterated() -> None:
    hub = Hub(lambda: EMPTY)
    messages, everything_told = hub.events(MessageReceived), hub.events(Event)
    for event in (GONE, HI, END):
        hub.publish(event)

    assert [event.payload async for event in messages] == ["hi"]
    assert [event async for event in everything_told] == [GONE, HI]


async def test_a_waiting_iterator_wakes_up() -> None:
    hub = Hub()
    events = hub.events()
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)

    hub.publish(HI)

    assert await waiting == HI


async def test_nothing_follows_the_end() -> None:
    hub, heard = Hub(), list[object]()
    hub.on(object)(heard.append)
    events = hub.events()
    for event in (END, HI, Ended(reason=EndReason.REMOVED)):
        hub.publish(event)

    assert await _all(events) == heard == [END]


async def test_a_slow_reader_loses_the_oldest_and_the_losses_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub()
    events = hub.events(limit=3)

    for number in range(20):
        hub.publish(MessageReceived(payload=str(number)))
    hub.publish(END)

    last = [event.payload for event in await _all(events) if isinstance(event, MessageReceived)]
    assert (last, events.dropped) == (["18", "19"], 18)
    assert len(caplog.records) == 2  # at 1 and at 10


async def test_an_abandoned_iterator_is_forgotten() -> None:
    hub = Hub()
    events = hub.events()

    del events
    gc.collect()

    assert not hub._readers


async def test_closing_an_iterator_ends_it() -> None:
    hub = Hub()
    events = hub.events()
    hub.publish(HI)

    events.close()
    hub.publish(HO)

    assert await _all(events) == [HI]


# --- waiting -------------------------------------------------------------------------------------------------------------------


async def test_waiting_counts_from_the_call() -> None:
    hub = Hub()
    waiting = hub.wait_for(MessageReceived)

    hub.publish(HI)

    assert await waiting == HI


async def test_waiting_is_for_the_first_that_fits() -> None:
    hub = Hub()
    waiting = asyncio.create_task(hub.wait_for(MessageReceived, where=lambda event: event.payload == "ho"))
    await asyncio.sleep(0)

    for event in (GONE, HI, HO):
        hub.publish(event)

    assert await waiting == HO


async def test_waiting_ends_by_time() -> None:
    hub = Hub()

    with pytest.raises(TimeoutError, match="MessageReceived"):
        await hub.wait_for(MessageReceived, timeout=0.01)

    assert not hub._waiters


async def test_waiting_never_outlasts_the_conference() -> None:
    hub = Hub()
    before = hub.wait_for(MessageReceived)
    hub.publish(Ended(reason=EndReason.REMOVED, detail="by Bob"))

    for waiting in (before, hub.wait_for(MessageReceived)):
        with pytest.raises(Disconnected, match="by Bob"):
            await waiting


async def test_waiting_for_the_end_works_before_and_after_it() -> None:
    hub = Hub()
    before = hub.wait_for(Ended)
    hub.publish(END)

    assert await before == await hub.wait_for(Ended) == END


async def test_a_condition_that_raises_fails_its_waiter_alone() -> None:
    hub = Hub()
    broken = hub.wait_for(MessageReceived, where=lambda event: 1 // 0 > 0)
    fine = hub.wait_for(MessageReceived)

    hub.publish(HI)

    assert await fine == HI
    with pytest.raises(ZeroDivisionError):
        await broken


async def test_a_cancelled_waiter_is_forgotten() -> None:
    hub = Hub()
    waiting = asyncio.create_task(hub.wait_for(MessageReceived))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    hub.publish(HI)

    assert not hub._waiters


async def test_types_follow_the_class() -> None:
    hub = Hub()
    hub.publish(END)

    assert_type(hub.events(), Events[object])
    assert_type(hub.events(MessageReceived), Events[MessageReceived])
    assert_type(await hub.wait_for(Ended), Ended)


# --- callbacks -----------------------------------------------------------------------------------------------------------------


async def test_callbacks_get_their_class_and_those_below() -> None:
    hub, heard = Hub(), list[object]()
    hub.on(MessageReceived)(heard.append)
    hub.on(Event)(heard.append)

    hub.publish(HI)
    hub.publish(GONE)

    assert heard == [HI, HI, GONE]


async def test_a_decorated_function_stays_a_function() -> None:
    hub = Hub()

    @hub.on(MessageReceived)
    def hear(event: MessageReceived) -> str:
        return event.payload

    assert hear(HI) == "hi"


async def test_a_callback_that_fails_is_logged_with_its_event_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    hub, heard = Hub(), list[object]()

    @hub.on(MessageReceived)
    def broken(event: MessageReceived) -> None:
        raise RuntimeError("a mistake")

    hub.on(MessageReceived)(heard.append)
    hub.publish(HI)

    assert heard == [HI]
    assert "broken" in caplog.text
    assert "MessageReceived" in caplog.text
    assert "a mistake" in caplog.text


async def test_asynchronous_callbacks_run_beside_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    hub, heard, go = Hub(), list[object](), asyncio.Event()

    @hub.on(MessageReceived)
    async def slow(event: MessageReceived) -> None:
        await go.wait()
        heard.append(event)

    @hub.on(ConferenceUpdate)
    async def broken(_: ConferenceUpdate) -> None:
        raise RuntimeError("a mistake")

    for event in (HI, ConferenceUpdate(status=ConferenceStatus()), HO):
        hub.publish(event)
    assert heard == []
    go.set()
    await hub.drain(1)

    assert heard == [HI, HO]
    assert "a mistake" in caplog.text


async def test_draining_cancels_what_takes_too_long() -> None:
    hub, cancelled = Hub(), list[object]()

    @hub.on(MessageReceived)
    async def endless(event: MessageReceived) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(event)

    hub.publish(HI)
    await hub.drain(0.01)

    assert cancelled == [HI]


async def test_a_flood_of_slow_callbacks_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("pexrtc_py.hub.LIMIT", 2)
    caplog.set_level(logging.ERROR)
    hub = Hub()

    @hub.on(MessageReceived)
    async def slow(_: MessageReceived) -> None:
        await asyncio.sleep(0)

    for _ in range(5):
        hub.publish(HI)
    await hub.drain(1)

    assert hub.dropped == 3


async def test_a_removed_callback_hears_no_more() -> None:
    hub, heard = Hub(), list[object]()
    hub.on(MessageReceived)(heard.append)

    hub.off(heard.append)
    hub.publish(HI)

    assert heard == []


async def test_a_callback_may_remove_itself_and_others_still_hear() -> None:
    hub, heard = Hub(), list[object]()

    @hub.on(MessageReceived)
    def once(event: MessageReceived) -> None:
        hub.off(once)

    hub.on(MessageReceived)(heard.append)
    hub.publish(HI)
    hub.publish(HO)

    assert heard == [HI, HO]
