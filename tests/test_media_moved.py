"""Media that shall go another way while something else happens: what ends then, and what does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any, cast

from pexrtc_py.conference import Conference
from pexrtc_py.errors import CallError
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Refer
from pexrtc_py.protocol.models import ReferTarget, Token
from pexrtc_py.signaling.transport import Frame, Incoming, Outgoing
from tests.media_checks import until

GRANTED = {"token": "new", "expires": "120", "participant_uuid": "me2", "display_name": "Me", "role": "HOST"}
MOVE = Refer(alias="meet", token="once", target=ReferTarget.TRANSCODED)


class Wire:
    """The way to a node that grants everything but what is in `refused`; writes down what was asked, and with which token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.refused: set[str] = set()
        self.granting = asyncio.Event()
        self.granting.set()

    async def request(self, outgoing: Outgoing) -> Incoming:
        name = outgoing.path.rpartition("/")[2]
        self.asked.append((name, dict(outgoing.headers).get("token")))
        if name == "request_token":
            await self.granting.wait()
        result: Any = GRANTED if name == "request_token" else True
        status = 403 if name in self.refused else 200
        body = {"status": "success" if status == 200 else "failure", "result": result if status == 200 else "no"}
        return Incoming(status=status, content_type="application/json", body=json.dumps(body).encode())

    async def events(self, outgoing: Outgoing, *, idle: float) -> AsyncGenerator[Frame, None]:
        yield Frame(name="participant_sync_begin", data="null", id="")
        yield Frame(name="participant_sync_end", data="null", id="")
        await asyncio.Event().wait()


class Moving:
    """A call that presents, and is changed as a test says."""

    presenting = True

    def __init__(self) -> None:
        self.changes: Callable[[], None] = lambda: None
        self.stopped = False
        self.hangs_up = False
        self.hanging_up = asyncio.Event()
        self.hanging_up.set()

    def say(self, *_: object) -> bool:
        return False

    async def hang_up(self) -> None:
        self.hangs_up = True
        await self.hanging_up.wait()

    async def change(self, _: object, **servers: object) -> None:
        self.changes()

    async def stop_presenting(self) -> None:
        self.stopped = True

    async def close(self) -> None:
        pass


class Scene:
    """A conference with such a call."""

    def __init__(self) -> None:
        self.wire, self.call = Wire(), Moving()
        token = Token.model_validate({**GRANTED, "token": "old", "participant_uuid": "me"})
        self.conference = Conference(self.wire, Address("meet"), token)
        self.conference._placing.call = cast(Any, self.call)


async def test_a_floor_that_is_refused_after_the_move_ends_the_slides_and_not_the_conference() -> None:
    scene = Scene()
    scene.wire.refused = {"take_floor"}

    await scene.conference._change_media(MOVE)

    assert scene.call.stopped
    assert scene.conference.ended is None and scene.conference._closing is None
    await scene.conference.leave()


async def test_a_call_that_is_dropped_during_the_move_does_not_end_the_conference() -> None:
    scene = Scene()

    def dropped() -> None:
        scene.conference._placing.call = None
        raise CallError("The call was ended.")

    scene.call.changes = dropped

    await scene.conference._change_media(MOVE)

    assert scene.conference._closing is None
    assert ("take_floor", "new") not in scene.wire.asked
    assert ("release_token", "old") in scene.wire.asked
    await scene.conference.leave()


async def test_a_call_that_cannot_be_moved_ends_the_conference() -> None:
    scene = Scene()

    def failed() -> None:
        raise CallError("No way.")

    scene.call.changes = failed

    await scene.conference._change_media(MOVE)

    assert scene.conference._closing is not None
    await scene.conference.leave()
    assert scene.conference.ended is not None


async def test_a_token_granted_while_one_leaves_is_given_back() -> None:
    scene = Scene()
    scene.wire.granting.clear()
    moving = scene.conference._spawn(scene.conference._change_media(MOVE))
    await until(lambda: ("request_token", None) in scene.wire.asked)

    leaving = asyncio.create_task(scene.conference.leave())
    await until(lambda: moving.cancelling() > 0)
    scene.wire.granting.set()
    await leaving

    assert ("release_token", "new") in scene.wire.asked
    assert ("release_token", "old") in scene.wire.asked


async def test_a_token_that_was_granted_and_not_used_before_leaving_is_given_back() -> None:
    scene = Scene()
    scene.call.hanging_up.clear()
    moving = scene.conference._spawn(scene.conference._change_media(MOVE))
    await until(lambda: scene.call.hangs_up)

    await scene.conference.leave()

    assert moving.cancelled()
    assert ("release_token", "new") in scene.wire.asked
    assert ("release_token", "old") in scene.wire.asked
