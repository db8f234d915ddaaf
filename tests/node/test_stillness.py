"""Silent video: whose picture rests leaves the composition, and returns with movement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pexrtc_media.synthetic import Pattern
from pexrtc_py.engine.encoders import VideoEncoder
from pexrtc_py.node import watching
from pexrtc_py.node.plan import LOOK
from pexrtc_py.node.snapshots import glance
from pexrtc_py.node.stillness import differ
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import ParticipantUpdate
from pexrtc_py.protocol.models import SilentVideo
from tests.node.test_rules_layout import crowd, seen, transform

if TYPE_CHECKING:
    from pexrtc_py.node.inprocess import Attendee, InProcess

POINTS = LOOK[0] * LOOK[1]
DARK, LIGHT = bytes(POINTS), bytes([200]) * POINTS


def composed(**config: object) -> tuple[InProcess, list[Attendee]]:
    node, people = crowd(3)
    transform(people[0], layout="ac")
    people[0].send(requests.SilentVideoDetection(config=SilentVideo.model_validate(config)))
    for one in people:
        one.told()
    return node, people


def look(node: InProcess, who: Attendee, *pictures: bytes | None, every: float = 1.0) -> None:
    for picture in pictures:
        node.now += every
        watching.see(node.room(), node.room().members[who.uuid], picture, node.now)
    node.settle()


def silences(who: Attendee) -> list[bool]:
    return [event.participant.is_video_silent for event in who.told() if isinstance(event, ParticipantUpdate)]


def test_a_picture_that_rests_leaves_the_composition_and_comes_back_with_movement() -> None:
    node, (host, bob, cid) = composed(silent_after=3, reactivate_after=2)

    look(node, bob, DARK, DARK, DARK)
    not_yet = node.room().members[bob.uuid].stillness.silent
    look(node, bob, DARK)
    told = host.told()
    layouts = [event.participants for event in told if event.name == "layout"]  # type: ignore[attr-defined]
    (seat,) = [seat for seat in node.room().plan().seats if seat.participant == bob.uuid]
    look(node, bob, LIGHT, DARK, LIGHT)

    assert not not_yet
    assert [event.participant.is_video_silent for event in told if isinstance(event, ParticipantUpdate)] == [True]
    assert layouts == [(cid.uuid,)]
    assert not seat.visible
    assert silences(cid) == [True, False]
    assert seen(host) == [("5:7", (bob.uuid, cid.uuid))]


def test_movement_now_and_then_keeps_a_picture_in() -> None:
    node, (host, bob, _) = composed(silent_after=3)

    look(node, bob, *[DARK, DARK, LIGHT] * 5)

    assert silences(host) == []


def test_a_little_movement_does_not_bring_a_picture_back() -> None:
    node, (host, bob, _) = composed(silent_after=1, reactivate_after=2)
    look(node, bob, DARK, DARK, DARK, LIGHT, LIGHT, LIGHT)

    assert silences(host) == [True]


def test_a_picture_that_does_not_arrive_rests() -> None:
    node, (host, bob, _) = composed(silent_after=2)

    look(node, bob, None, None, None)

    assert silences(host) == [True]


def test_noise_is_no_movement_and_a_small_part_is() -> None:
    noisy = bytes(index % 9 for index in range(POINTS))
    mouth = bytes([0] * (POINTS - 6) + [60] * 6)

    assert not differ(noisy, DARK)
    assert differ(mouth, DARK)


@pytest.mark.parametrize("layout", ["1:0", "2x2"])
def test_in_other_layouts_nobody_is_looked_at_and_who_was_silent_is_back(layout: str) -> None:
    node, (host, bob, _) = composed(silent_after=1)
    look(node, bob, DARK, DARK)

    transform(host, layout=layout)

    assert silences(host) == [True, False]
    assert watching.due(node.room(), node.now + 60) == []


def test_detection_is_turned_off() -> None:
    node, (host, bob, _) = composed(silent_after=1)
    look(node, bob, DARK, DARK)

    host.send(requests.SilentVideoDetection(config=SilentVideo(enable=False)))
    look(node, bob, DARK, DARK, DARK)

    assert silences(host) == [True, False]
    assert watching.due(node.room(), node.now + 60) == []


def test_pictures_are_looked_at_now_and_then_only_where_there_are_some() -> None:
    node, (host, bob, cid) = composed(silent_after=16)
    host.send(requests.VideoMuted(), to=cid)
    node.join("Control only")
    first = [member.uuid for member in watching.due(node.room(), node.now)]
    look(node, bob, DARK)

    soon = [member.uuid for member in watching.due(node.room(), node.now + 3)]
    later = [member.uuid for member in watching.due(node.room(), node.now + 4)]

    assert (first, soon, later) == ([host.uuid, bob.uuid], [host.uuid], [host.uuid, bob.uuid])


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_key_frames_of_one_scene_look_alike_and_moving_ones_do_not(codec: str) -> None:
    pattern = Pattern((640, 360), 15)
    looks: list[bytes | None] = []
    for number in (0, 0, 15):
        frame = pattern.picture(number)
        frame.pts = len(looks)
        (unit,) = VideoEncoder(codec, bitrate=300_000 * (len(looks) + 1)).encode(frame, keyframe=True)
        looks.append(glance(unit))

    first, same, moved = looks
    assert first is not None
    assert same is not None
    assert moved is not None
    assert len(first) == POINTS
    assert not differ(first, same)
    assert differ(first, moved)
