"""Direct media where the node fails: what is taken back, what is tried again, and when it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar, cast

import pytest

from pexrtc_py.direct import ATTEMPTS, Direct, DirectOptions
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Slot, SlotOptions
from pexrtc_py.errors import MediaLost, NegotiationFailed, NodeUnreachable
from pexrtc_py.hub import Hub
from pexrtc_py.protocol.declare import CallRequest, ParticipantRequest
from pexrtc_py.protocol.events import PeerDisconnect
from pexrtc_py.protocol.models import CallAnswer, UpdateAnswer
from pexrtc_py.protocol.requests.call import CallDisconnect, Update
from pexrtc_py.protocol.requests.participant import Calls

T = TypeVar("T")


class Failing:
    """A conference whose node answers each request with the next of what it was given, and at last does not answer."""

    my_uuid = "me"

    def __init__(self) -> None:
        self.hub, self.answers, self.asked = Hub(), list[object](), list[type[Any]]()

    def _answer(self, request: Any) -> Any:
        self.asked.append(type(request))
        if type(request) not in {Calls, Update}:
            return None
        if not self.answers:
            raise NodeUnreachable("nobody answers")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask_as_me(self, request: ParticipantRequest[T]) -> T:
        await asyncio.sleep(0)
        return cast(T, self._answer(request))

    async def ask_of_call(self, call: str, request: CallRequest[T]) -> T:
        await asyncio.sleep(0)
        return cast(T, self._answer(request))


class Stage:
    """A call in direct media, and its node."""

    def __init__(self) -> None:
        self.node, self.lost = Failing(), list[Exception]()
        self.peer = Peer(slots={slot: SlotOptions() for slot in Slot}, loopback=True, data_channel=3)
        self.direct = Direct(self.node, self.peer, Calls(), DirectOptions(channel=3, interval=lambda: None), dict)
        self.direct.on_lost = self.lost.append


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.direct.hang_up()
    await made.peer.close()


@pytest.mark.parametrize(("answers", "error"), [([], NodeUnreachable), ([CallAnswer(call_uuid="c", sdp="no sdp")], NegotiationFailed)])
async def test_a_first_offer_that_failed_does_not_stand_in_the_way_of_the_other_side(
    stage: Stage, answers: list[object], error: type[Exception]
) -> None:
    stage.node.answers = answers

    with pytest.raises(error):
        await stage.direct._place()

    assert stage.peer.descriptions.offered is None


@pytest.mark.parametrize(("answers", "error"), [([], NodeUnreachable), ([UpdateAnswer(sdp="no sdp")], NegotiationFailed)])
async def test_a_further_offer_that_failed_does_not_stand_in_the_way_of_the_other_side(
    stage: Stage, answers: list[object], error: type[Exception]
) -> None:
    stage.node.answers, stage.direct.uuid, stage.direct._paired = answers, "c", True

    with pytest.raises(error):
        await stage.direct.offer_again()

    assert stage.peer.descriptions.offered is None


async def test_two_sides_that_lose_each_other_at_once_place_one_call(stage: Stage) -> None:
    stage.node.answers = [CallAnswer(call_uuid="c", sdp=""), CallAnswer(call_uuid="d", sdp="")]
    stage.direct.uuid = "before"

    await asyncio.gather(stage.direct._begin_again(), stage.direct._begin_again())

    assert stage.node.asked == [CallDisconnect, Calls]
    assert stage.direct.uuid == "c"


async def test_a_call_that_cannot_be_placed_at_once_after_the_other_one_left_is_placed_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pexrtc_py.direct.PAUSE", 0.001)
    stage.node.answers = [NodeUnreachable("not now"), NodeUnreachable("not now"), CallAnswer(call_uuid="c", sdp="")]

    await stage.direct._see(PeerDisconnect())

    assert (stage.direct.uuid, stage.lost) == ("c", [])


async def test_a_call_that_can_never_be_placed_after_the_other_one_left_is_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pexrtc_py.direct.PAUSE", 0.001)

    await stage.direct._see(PeerDisconnect())

    assert stage.node.asked == [Calls] * ATTEMPTS
    assert [type(error) for error in stage.lost] == [MediaLost]
