"""Where pictures are presented when our media is in a breakout room."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pexrtc_py.conference import Conference
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import Token
from pexrtc_py.signaling.rooms import Room
from pexrtc_py.signaling.transport import Frame, Incoming, Outgoing

PICTURE = b"\xff\xd8\xff picture"


class Wire:
    """The way to a node that grants everything; writes down what was asked where."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def request(self, outgoing: Outgoing) -> Incoming:
        self.paths.append(outgoing.path.removeprefix("/api/client/v2/conferences/meet"))
        return Incoming(status=200, content_type="application/json", body=b'{"status": "success", "result": true}')

    async def events(self, outgoing: Outgoing, *, idle: float) -> AsyncGenerator[Frame, None]:
        raise AssertionError("nobody listens here")
        yield


async def test_pictures_are_posted_to_the_room_whose_floor_was_taken() -> None:
    wire = Wire()
    token = Token.model_validate({"token": "t", "expires": "120", "participant_uuid": "me", "display_name": "Me", "role": "HOST"})
    conference = Conference(wire, Address("meet"), token)
    conference.rooms.breakouts["red"] = Room("me-in-red")
    conference.rooms.here = "red"

    await conference.present_stills([PICTURE], seconds_each=0)

    inside = "/breakouts/red"
    assert wire.paths == [
        f"{inside}/participants/me-in-red/take_floor",
        f"{inside}/presentation",
        f"{inside}/participants/me-in-red/release_floor",
    ]
