"""Still pictures of the presentation: who may fetch which, when they are made, and how they are posted."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from av import VideoFrame
from PIL import Image

from pexrtc_py.engine.encoders import VideoEncoder
from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node import stills
from pexrtc_py.node.asked import Answered, Need, TakeStill
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.forwarding import KEYFRAME_TRIES, Forwarder
from pexrtc_py.node.inprocess import Attendee, InProcess, answer_everything
from pexrtc_py.node.plan import Still
from pexrtc_py.node.routing import ASK_EVERY
from pexrtc_py.node.signs import Signs
from pexrtc_py.node.snapshots import snapshot
from pexrtc_py.node.stills import KEPT, Stills
from pexrtc_py.node.streams import Streams
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import PresentationFrame, PresentationStart, PresentationStop

JPEG = b"\xff\xd8\xff picture"
LOW, HIGH, PNG = b"\xff\xd8\xff low", b"\xff\xd8\xff high", b"\x89PNG"
PICTURE = Still(LOW, HIGH, PNG)


class Camera:
    """A media part that makes pictures of the presentation; counts them."""

    def __init__(self) -> None:
        self.made = 0
        self.picture: Still | None = PICTURE

    def __call__(self, need: Need) -> Answered | Still | Exception | None:
        if isinstance(need, TakeStill):
            self.made += 1
            return self.picture
        return answer_everything(need)


def pair() -> tuple[InProcess, Camera, Attendee, Attendee]:
    node, camera = InProcess(Vmr("meet", host_pin="1")), Camera()
    node.media = camera
    ann = node.join("Ann", pin="1")
    ann.send(requests.StartConference())
    bob = node.join("Bob", pin="none")
    ann.told(), bob.told()
    return node, camera, ann, bob


def frames(events: list[Event]) -> list[str | None]:
    return [event.id for event in events if isinstance(event, PresentationFrame)]


def refused(who: Attendee, request: Any) -> int:
    with pytest.raises(RequestRefused) as caught:
        who.send(request)
    return caught.value.status


def test_a_picture_of_the_presentation_is_made_for_who_asks() -> None:
    node, camera, ann, bob = pair()
    ann.send(requests.TakeFloor())

    answers = [bob.send(kind()) for kind in (requests.PresentationJpeg, requests.PresentationHighJpeg, requests.PresentationPng)]

    assert answers == [LOW, HIGH, PNG]
    assert camera.made == 1
    (id,) = frames(bob.told())
    assert bob.send(requests.PresentationJpeg(id=id)) == LOW
    assert frames(ann.told()) == []
    assert bob.listen()[-1] == PresentationFrame(id=id)
    node.now += stills.EVERY
    bob.send(requests.PresentationJpeg())
    assert camera.made == 2


def test_where_there_is_no_picture_nothing_is_found() -> None:
    node, camera, ann, bob = pair()
    before = refused(bob, requests.PresentationJpeg())
    ann.send(requests.TakeFloor())
    camera.picture = None
    without_video = refused(bob, requests.PresentationJpeg())
    camera.picture, node.now = PICTURE, node.now + stills.EVERY
    bob.send(requests.PresentationJpeg())
    unknown = refused(bob, requests.PresentationJpeg(id="bm9uZQ=="))
    ann.send(requests.DenyRxPresentation(), to=bob)
    denied = refused(bob, requests.PresentationJpeg())
    ann.send(requests.AllowRxPresentation(), to=bob)
    ann.send(requests.ReleaseFloor())

    assert [before, without_video, unknown, denied, refused(bob, requests.PresentationJpeg())] == [404] * 5


def test_another_presentation_begins_without_pictures() -> None:
    _, camera, ann, bob = pair()
    ann.send(requests.TakeFloor())
    bob.send(requests.PresentationJpeg())
    (id,) = frames(bob.told())

    bob.send(requests.TakeFloor())
    camera.picture = None

    assert refused(ann, requests.PresentationJpeg(id=id)) == 404
    assert refused(ann, requests.PresentationJpeg()) == 404


def test_pictures_that_were_posted_are_served_as_they_came() -> None:
    _, camera, ann, bob = pair()

    ann.send(requests.TakeFloor(jpegs=True))
    assert ann.send(requests.PostPresentation(frame=JPEG)) is True
    told = bob.told()
    (id,) = frames(told)

    assert [(event.source, event.presenter_source) for event in told if isinstance(event, PresentationStart)] == [("static", "static")]
    assert bob.send(requests.PresentationJpeg(id=id)) == bob.send(requests.PresentationHighJpeg(id=id)) == JPEG
    assert refused(bob, requests.PresentationPng(id=id)) == 404
    assert camera.made == 0
    ann.send(requests.ReleaseFloor())
    assert [type(event) for event in bob.told() if isinstance(event, PresentationStop)] == [PresentationStop]


def test_only_who_took_the_floor_for_pictures_posts_them() -> None:
    node, _, ann, bob = pair()
    ann.send(requests.TakeFloor())
    with pytest.raises(NotAllowed, match="Take the floor for still pictures"):
        ann.send(requests.PostPresentation(frame=JPEG))
    bob.send(requests.TakeFloor(jpegs=True))
    with pytest.raises(NotAllowed):
        ann.send(requests.PostPresentation(frame=JPEG))

    assert refused(bob, requests.PostPresentation(frame=b"<html>")) == 400
    assert node.room().stills.latest is None


def test_who_is_on_hold_presents_nothing() -> None:
    node, _, ann, bob = pair()
    ann.send(requests.Hold(), to=bob)

    with pytest.raises(NotAllowed, match="on hold"):
        bob.send(requests.TakeFloor())

    assert node.room().floor is None


def test_old_pictures_are_given_up() -> None:
    kept = Stills()

    ids = [kept.add(Still(bytes([number]), b"", None)) for number in range(KEPT + 1)]

    assert len(set(ids)) == KEPT + 1
    assert [kept.get(id) is None for id in ids] == [True] + [False] * KEPT
    assert kept.get(None) == kept.get(ids[-1])


def test_pictures_are_made_only_while_somebody_needs_them() -> None:
    node, _, ann, bob = pair()
    room = node.room()
    idle = stills.due(room, node.now)
    bob.send(requests.Ack(), call=bob.send(requests.Calls(sdp="offer"))["call_uuid"])
    ann.send(requests.TakeFloor())
    with_slides = stills.due(room, node.now)
    cid = node.join("Cid", pin="none")
    without_slides = stills.due(room, node.now)
    cid.send(requests.PresentationJpeg())
    just_made = stills.due(room, node.now)
    again = stills.due(room, node.now + stills.EVERY)

    assert (idle, with_slides, without_slides, just_made, again) == (False, False, True, False, True)
    assert not stills.due(room, node.now + stills.INTEREST)


async def test_the_stream_numbers_a_picture_by_its_id() -> None:
    streams = Streams(limit=10)
    stream = streams.open("ann", [PresentationFrame(id="Zmlyc3Q=")], lambda: None)
    streams.tell(["ann"], PresentationFrame(id="c2Vjb25k"))

    blocks = [await stream.next() for _ in range(2)]

    assert blocks == [f"event: presentation_frame\nid: {id}\ndata: {{}}\n\n".encode() for id in ("Zmlyc3Q=", "c2Vjb25k")]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_keyframe_becomes_pictures_of_what_it_shows(codec: str) -> None:
    half = np.zeros((720, 1280, 3), np.uint8)
    half[:, 640:] = (255, 0, 0)
    frame = VideoFrame.from_ndarray(half, format="rgb24").reformat(format="yuv420p")
    frame.pts = 0
    (unit,) = VideoEncoder(codec).encode(frame, keyframe=True)

    still = snapshot(unit)

    assert still is not None
    assert still.png is not None
    pictures = [Image.open(BytesIO(data)) for data in (still.low, still.high, still.png)]
    assert [(picture.format, picture.size) for picture in pictures] == [
        ("JPEG", (640, 360)),
        ("JPEG", (1280, 720)),
        ("PNG", (1280, 720)),
    ]
    for picture in pictures:
        left, right = (np.asarray(picture)[picture.height // 2, round(picture.width * at)] for at in (0.25, 0.75))
        assert left.max() < 40
        assert right[0] > 200
        assert right[1:].max() < 40


async def test_a_keyframe_of_nobody_is_not_waited_for() -> None:
    with ThreadPoolExecutor() as executor:
        forwarder = Forwarder(executor=executor, signs=Signs(""))

        async with asyncio.timeout(KEYFRAME_TRIES * ASK_EVERY / 2):
            assert await forwarder.keyframe(()) is None


def test_files_are_not_kept_with_the_requests_they_came_with() -> None:
    node = InProcess(Vmr("meet"))
    ann = node.join("Ann")
    ann.send(requests.TakeFloor(jpegs=True))

    ann.send(requests.PostPresentation(frame=JPEG))

    assert [one.frame for one in node.desk.heard.of(requests.PostPresentation)] == [b""]
