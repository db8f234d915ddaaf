"""What each participant's picture is to show, as the rules make it; the drawing is `test_compositing`'s."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.node import planning
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.farend import FarEnd
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.plan import Seat
from pexrtc_py.node.scenes import SLIDES, Scene
from pexrtc_py.node.seating import capacity
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import Layout as LayoutEvent
from pexrtc_py.protocol.layouts import Layout
from pexrtc_py.protocol.models import Protocol, StreamingTransforms, Transforms, VideoMix, VideoMixConfig, VideoMixLayout

LECTURE = Vmr("meet", host_pin="1", service_type="lecture")


def conference(*names: str, vmr: Vmr | None = None) -> tuple[InProcess, list[Attendee]]:
    node = InProcess(vmr or Vmr("meet", classification_levels=("Open", "Secret")))
    host = node.join(names[0], pin="1")
    host.send(requests.StartConference())
    people = [host, *(node.join(name, pin="none") for name in names[1:])]
    for one in people:
        one.send(requests.Ack(), call=one.send(requests.Calls(sdp="offer"))["call_uuid"])
    return node, people


def seat(node: InProcess, who: Attendee) -> Seat:
    return next(one for one in planning.plan(node.room()).seats if one.participant == who.uuid)


def scene(node: InProcess, who: Attendee) -> Scene:
    found = seat(node, who).scene
    assert found is not None
    return found


def shown(node: InProcess, who: Attendee) -> list[str]:
    names = {member.uuid: member.display_name for member in node.room().members.values()}
    return [names.get(name, name) for name, _ in scene(node, who).places]


def transform(who: Attendee, **transforms: Any) -> None:
    who.send(requests.TransformLayout(transforms=Transforms(**transforms)))


def test_nobody_sees_itself_and_who_is_alone_sees_nobody() -> None:
    node, people = conference("Ann", "Bob", "Cid")
    transform(people[0], layout="2x2")
    alone, (ann,) = conference("Ann")

    assert [shown(node, who) for who in people] == [["Bob", "Cid"], ["Ann", "Cid"], ["Ann", "Bob"]]
    assert seat(alone, ann).scene is None


@pytest.mark.parametrize("layout", [layout for layout in Layout if layout is not Layout.TEAMS])
def test_as_many_as_the_layout_has_places_for_are_shown_and_told(layout: Layout) -> None:
    node, people = conference(*(f"P{number}" for number in range(37)))
    transform(people[0], layout=layout)

    told = [event for event in people[0].told() if isinstance(event, LayoutEvent)][-1]

    assert len(shown(node, people[0])) == capacity(layout)
    assert tuple(name for name, _ in scene(node, people[0]).places) == told.participants


def test_the_spotlight_comes_first_and_muted_video_leaves_its_place() -> None:
    node, (ann, _bob, cid, dot) = conference("Ann", "Bob", "Cid", "Dot")
    transform(ann, layout="1:7")

    ann.send(requests.SpotlightOn(), to=dot)
    first = shown(node, ann)
    ann.send(requests.VideoMuted(), to=cid)

    assert first == ["Dot", "Bob", "Cid"]
    assert shown(node, ann) == ["Dot", "Bob"]


def test_pinned_groups_come_before_those_who_speak() -> None:
    node, (ann, bob, _cid, dot) = conference("Ann", "Bob", "Cid", "Dot")
    transform(ann, layout="1:7")
    ann.send(requests.SetPinningConfig(pinning_config="panel"))
    ann.send(requests.LayoutGroup(layout_group="speakers"), to=dot)

    node.room().voice(bob.uuid, True, node.now)

    assert shown(node, ann) == ["Dot", "Bob", "Cid"]


def test_who_sends_no_video_has_no_place_and_is_counted() -> None:
    node, (ann, _bob, cid) = conference("Ann", "Bob", "Cid")
    transform(ann, layout="2x2")
    for call in node.room().members[cid.uuid].calls.values():
        call.media = type(call.media)(audio=True, video=False, presentation=False)

    assert shown(node, ann) == ["Bob"]
    assert scene(node, ann).notes == ("1 audio only",)


def test_in_lectures_hosts_and_guests_see_layouts_of_their_own() -> None:
    node, (host, guest, _other) = conference("Host", "Guest", "Other", vmr=LECTURE)

    transform(host, guest_layout="1:0", host_layout="2x2")

    assert (scene(node, host).layout, scene(node, guest).layout) == ("2x2", "1:0")
    assert shown(node, host) == ["Guest", "Other"]


def test_a_personal_layout_is_seen_by_its_owner_alone() -> None:
    node, (ann, bob, cid) = conference("Ann", "Bob", "Cid")
    transform(ann, layout="1:7")

    node.room().members[bob.uuid].personal_mix = VideoMix(
        mix_name="main.!bob", mix_config=VideoMixConfig(transform_layout=VideoMixLayout(layout="3x3"))
    )

    assert [scene(node, who).layout for who in (ann, bob, cid)] == ["1:7", "3x3", "1:7"]


def test_names_are_shown_when_asked_for_as_people_and_hosts_say() -> None:
    node, (ann, bob, _cid, _dot) = conference("Ann", "Bob", "Cid", "Dot")
    transform(ann, layout="2x2")
    bare = [person.name for person in scene(node, ann).people]

    transform(ann, enable_overlay_text=True)
    ann.send(requests.OverlayText(text="Chair"), to=bob)
    named = [person.name for person in scene(node, ann).people]
    transform(ann, free_form_overlay_text=("First place",))
    placed = [person.name for person in scene(node, ann).people]

    assert bare == ["", "", ""]
    assert named == ["Chair", "Cid", "Dot"]
    assert placed == ["First place", "Cid", "Dot"]


def test_who_speaks_is_framed_when_asked_for() -> None:
    node, (ann, _bob, cid) = conference("Ann", "Bob", "Cid")
    transform(ann, layout="2x2")
    node.room().voice(cid.uuid, True, node.now)
    before = [person.speaking for person in scene(node, ann).people]

    transform(ann, enable_active_speaker_indication=True)

    assert before == [False, False]
    assert [person.speaking for person in scene(node, ann).people] == [True, False]  # who speaks comes first


def test_slides_are_in_the_picture_of_those_who_want_them_there() -> None:
    node, (ann, bob, cid) = conference("Ann", "Bob", "Cid")
    transform(ann, layout="1:7")
    ann.send(requests.PresInMix(state=True), to=cid)

    bob.send(requests.TakeFloor())

    assert [who[0] for who in map(lambda one: shown(node, one), (ann, bob, cid))] == ["Bob", "Ann", SLIDES]
    assert shown(node, cid) == [SLIDES, "Ann", "Bob"]


def test_what_is_said_of_the_conference_is_written_over_it() -> None:
    node, (ann, _bob) = conference("Ann", "Bob")
    bare = scene(node, ann)

    ann.send(requests.SetMessageText(text="Five minutes left"))
    ann.send(requests.SetClassificationLevel(level=1))
    ann.send(requests.Lock())

    written = scene(node, ann)
    assert bare.is_plain
    assert not written.is_plain
    assert (written.message, written.classification, written.notes) == ("Five minutes left", "Secret", ("Locked",))


def test_a_recorder_that_was_called_shows_in_everybodys_picture() -> None:
    node, (ann, bob) = conference("Ann", "Bob")
    address = "sip:recorder@example.com"
    node.room().members[bob.uuid].far_end = FarEnd(Endpoint(address, recording=True), address, protocol=Protocol.SIP, connecting=False)

    assert scene(node, ann).badges == ("Recording",)
    transform(ann, recording_indicator=False)
    assert scene(node, ann).badges == ()


def test_those_who_are_not_in_the_picture_are_counted() -> None:
    node, people = conference("Ann", "Bob", "Cid", "Dot", "Eve", "Fay", "Gus")
    transform(people[0], layout="2x2")
    counted = scene(node, people[0]).notes

    transform(people[0], plus_n_pip_enabled=False)

    assert counted == ("+2",)
    assert scene(node, people[0]).notes == ()


def test_a_stream_has_a_layout_and_indicators_of_its_own() -> None:
    node, (ann, _bob, cid) = conference("Ann", "Bob", "Cid")
    address = "rtmp://example.com/live"
    node.room().members[cid.uuid].far_end = FarEnd(Endpoint(address), address, protocol=Protocol.RTMP, connecting=False, public=True)
    ann.send(requests.Lock())
    transform(ann, layout="1:7", streaming=StreamingTransforms(layout="2x2", indicators_enabled=False))

    assert [scene(node, who).layout for who in (ann, cid)] == ["1:7", "2x2"]
    assert scene(node, ann).badges == ("Streaming",)
    assert (scene(node, cid).badges, scene(node, cid).notes) == ((), ())


@pytest.mark.parametrize(("ratio", "upright"), [(0.5625, True), (1.7778, False)])
def test_the_shape_somebody_prefers_is_that_of_its_picture(ratio: float, upright: bool) -> None:
    node, (ann, bob) = conference("Ann", "Bob")

    bob.send(requests.PreferredAspectRatio(aspect_ratio=ratio))

    assert (scene(node, ann).is_upright, scene(node, bob).is_upright) == (False, upright)


def test_one_picture_that_fills_everything_need_not_be_composed() -> None:
    node, (ann, _bob, _cid) = conference("Ann", "Bob", "Cid")
    speaker = scene(node, ann).is_plain
    transform(ann, layout="1:7")
    row = scene(node, ann).is_plain
    transform(ann, layout="1:0", enable_overlay_text=True)

    assert (speaker, row, scene(node, ann).is_plain) == (True, False, False)
