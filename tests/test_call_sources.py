"""What becomes of a call's sources where no media flow yet, or not any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar, cast

import pytest

from pexrtc_py.call import Call
from pexrtc_py.engine.types import Direction, PeerState, Slot
from pexrtc_py.errors import CallError, NodeUnreachable
from pexrtc_py.hub import Hub
from pexrtc_py.protocol.declare import CallRequest, ParticipantRequest

T = TypeVar("T")


class Nobody:
    """A conference whose node does not answer."""

    my_uuid = "me"

    def __init__(self) -> None:
        self.hub = Hub()

    async def ask_as_me(self, request: ParticipantRequest[T]) -> T:
        raise NodeUnreachable("nobody answers")

    async def ask_of_call(self, call: str, request: CallRequest[T]) -> T:
        raise AssertionError(request)


class Waiting:
    """A source that gives nothing; counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0

    async def __aiter__(self) -> AsyncIterator[Any]:
        self.begun += 1
        await asyncio.Event().wait()
        yield None


async def test_a_source_sent_before_the_other_side_came_is_not_begun_again() -> None:
    source = Waiting()
    call = Call(Nobody(), sources={Slot.AUDIO: source}, loopback=True)
    await call.slots[Slot.AUDIO].outbound.send(cast(Any, source))
    await asyncio.sleep(0)
    call.peer.state = PeerState.CONNECTED

    await call._begin()
    await asyncio.sleep(0)

    assert source.begun == 1
    await call.close()


async def test_a_call_without_a_section_for_pictures_gives_its_sound_back() -> None:
    source = Waiting()
    call = Call(Nobody(), sources={Slot.AUDIO: source}, directions={Slot.AUDIO: Direction.SENDONLY}, loopback=True)

    assert await call.detach() == {Slot.AUDIO: source}

    await call.close()


async def test_slides_stop_though_the_node_does_not_hear_that_the_floor_is_free() -> None:
    call = Call(Nobody(), loopback=True)
    await call.presentation.send(cast(Any, Waiting()))
    assert call.presenting

    await call.stop_presenting()

    assert not call.presenting
    assert call.presentation.outbound.source is None
    await call.close()


async def test_a_call_that_is_closed_while_its_media_are_moved_begins_no_other_connection() -> None:
    call = Call(Nobody(), loopback=True)
    await call.close()

    with pytest.raises(CallError, match="ended while its media were moved"):
        await call.change(None)

    assert call.peer.connection is None
