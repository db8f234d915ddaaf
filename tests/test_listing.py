"""How long a node may take to list who is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from pexrtc_py.conference import Conference
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import Token
from pexrtc_py.signaling.transport import Frame, Incoming, Outgoing


class Wire:
    """The way to a node that answers who is there; writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, outgoing: Outgoing) -> Incoming:
        self.asked.append(name := outgoing.path.rpartition("/")[2])
        results: dict[str, Any] = {"participants": [{"uuid": "asked"}], "conference_status": {}}
        body = json.dumps({"status": "success", "result": results.get(name, True)}).encode()
        return Incoming(status=200, content_type="application/json", body=body)

    async def events(self, outgoing: Outgoing, *, idle: float) -> AsyncGenerator[Frame, None]:
        raise AssertionError("nobody listens here")
        yield


class Slowly(asyncio.Event):
    """Is waited for again and again: each time the next frames come, and then nothing until patience is at its end."""

    def __init__(self, conference: Conference, *turns: tuple[Frame, ...]) -> None:
        super().__init__()
        self.conference, self.turns = conference, list(turns)

    async def wait(self) -> Any:
        for frame in self.turns.pop(0):
            self.conference._take(frame)
        if not self.is_set():
            raise TimeoutError


def _created(uuid: str) -> Frame:
    return Frame(name="participant_create", data=json.dumps({"uuid": uuid}))


BEGIN, END = Frame(name="participant_sync_begin", data="null"), Frame(name="participant_sync_end", data="null")


@pytest.fixture
def conference() -> Conference:
    token = Token.model_validate({"token": "t", "expires": "120", "participant_uuid": "me", "display_name": "Me", "role": "HOST"})
    return Conference(Wire(), Address("meet"), token)


async def test_a_long_listing_is_waited_for_while_it_goes_on(conference: Conference) -> None:
    conference._listed = Slowly(conference, (BEGIN, _created("ann")), (_created("bob"),), (_created("cid"),), (END,))

    await conference._listing()

    assert set(conference.participants) == {"ann", "bob", "cid"}
    assert isinstance(conference._transport, Wire) and conference._transport.asked == []


async def test_a_listing_that_stops_in_the_middle_is_asked_for(conference: Conference) -> None:
    conference._listed = Slowly(conference, (BEGIN, _created("ann")), ())

    await conference._listing()

    assert set(conference.participants) == {"asked"}
