"""A node whose participants listen to no events: what they do has its effect on the media all the same."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Desk, Incoming
from pexrtc_py.node.plan import MediaPlan
from pexrtc_py.node.server import NoMedia
from pexrtc_py.node.shell import Shell
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, Scope, name_of
from pexrtc_py.protocol.wire import encode


class Listed(NoMedia):
    """A media part that answers each offer, and keeps the latest plan of each room."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.plans: dict[str, MediaPlan] = {}

    async def open(self, room: str, participant: str, call: str, sdp: str, *, bandwidth: int | None) -> str:
        return "answer"

    def apply(self, room: str, plan: MediaPlan) -> None:
        self.plans[room] = plan


class Deaf:
    """A node without sockets, and two Hosts with media who open no event stream."""

    def __init__(self) -> None:
        self.shell = Shell(Desk(NodeConfig(conferences=(Vmr("meet"),))), Listed, clock=lambda: 1000.0)
        (self.room,) = self.shell.desk.rooms

    @property
    def plan(self) -> MediaPlan:
        assert isinstance(self.shell.media, Listed)
        return self.shell.media.plans.get(self.room.uuid, MediaPlan())

    async def ask(self, request: Request[Any], *, token: str = "", about: str | None = None, call: str | None = None) -> Any:
        about = about if request.scope in (Scope.PARTICIPANT, Scope.CALL) else None
        path = Address("meet", participant=about, call=call).path(name_of(request))
        reply = await self.shell.ask(Incoming(method=request.method, path=path, body=encode(request), token=token))
        assert reply.status == 200, reply
        return reply.json["result"]

    async def join(self) -> tuple[str, str]:
        granted = await self.ask(requests.RequestToken(display_name="x"))
        who, token = granted["participant_uuid"], granted["token"]
        call = (await self.ask(requests.Calls(sdp="offer"), token=token, about=who))["call_uuid"]
        await self.ask(requests.Ack(), token=token, about=who, call=call)
        return who, token


@pytest.mark.parametrize(
    "request_",
    [
        requests.Mute(),
        requests.VideoMuted(),
        requests.SpotlightOn(),
        requests.DenyRxPresentation(),
        requests.ParticipantDisconnect(),
    ],
    ids=lambda request: request.name,
)
async def test_what_nobody_needs_to_be_told_has_its_effect_on_the_media(request_: Request[Any]) -> None:
    node = Deaf()
    _, token = await node.join()
    other, _ = await node.join()
    before = node.plan

    await node.ask(request_, token=token, about=other)

    assert node.plan == node.room.plan()
    assert node.plan != before
    await node.shell.aclose()


async def test_who_begins_to_speak_is_shown_though_nobody_needs_to_be_told() -> None:
    node = Deaf()
    await node.join()
    other, _ = await node.join()

    node.room.voice(other, True, 1000)
    node.shell.settle()

    assert node.plan.stage[0] == other == node.room.plan().stage[0]
    await node.shell.aclose()
