"""Still pictures of the presentation: fetched by those without a slides section, posted by presenters without video."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pexrtc_py.node import stills
from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, Need, TakeStill, answers
from pexrtc_py.node.plan import Still
from pexrtc_py.protocol.requests import PostPresentation, PresentationHighJpeg, PresentationJpeg, PresentationPng

NO_PICTURE = "There is no picture of a presentation"
JPEG = b"\xff\xd8\xff"


@answers(PresentationJpeg)
def low(asked: Asked, request: PresentationJpeg) -> Generator[Need, Any, bytes]:
    """The picture, small."""
    return (yield from _picture(asked, request.id)).low


@answers(PresentationHighJpeg)
def high(asked: Asked, request: PresentationHighJpeg) -> Generator[Need, Any, bytes]:
    """The picture, as large as it is presented."""
    return (yield from _picture(asked, request.id)).high


@answers(PresentationPng)
def png(asked: Asked, request: PresentationPng) -> Generator[Need, Any, bytes]:
    """The same without loss; of pictures that were posted there is none."""
    picture = (yield from _picture(asked, request.id)).png
    if picture is None:
        raise Refused(404, "The picture was posted as JPEG and there is no other")
    return picture


@answers(PostPresentation)
def post(asked: Asked, request: PostPresentation) -> bool:
    """The picture is what is presented from now on; from whoever has taken the floor for that."""
    room = asked.room
    if room.floor != asked.sender.uuid or not room.stills.posted:
        raise Refused(403, "Take the floor for still pictures first")
    if not request.frame.startswith(JPEG):
        raise Refused(400, "Illegal value: the frame is no JPEG")
    stills.add(room, Still(request.frame, request.frame, None))
    return True


def _picture(asked: Asked, id: str | None) -> Generator[Need, Any, Still]:
    """The picture that is asked for; without an id a new one of the video, where the last is old."""
    room, presentation = asked.room, asked.room.stills
    if room.floor is None or not stills.may_see(room, asked.sender):
        raise Refused(404, NO_PICTURE)
    presentation.asked = asked.now
    old = presentation.latest is None or asked.now - presentation.tried >= stills.EVERY
    if not id and not presentation.posted and old:
        presentation.tried = asked.now
        made: Still | None = yield TakeStill(room.uuid)
        if made is not None and room.stills is presentation:
            stills.add(room, made)
    picture = presentation.get(id)
    if picture is None:
        raise Refused(404, NO_PICTURE)
    return picture
