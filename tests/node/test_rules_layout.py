from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import ConferenceUpdate, Layout, ParticipantUpdate, PresentationStart
from pexrtc_py.protocol.models import SilentVideo, StreamingTransforms, Transforms, VideoMix, VideoMixConfig, VideoMixLayout

MEET = Vmr("meet")
LECTURE = Vmr("meet", host_pin="1", service_type="lecture")


def pair(vmr: Vmr = MEET) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(vmr)
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    other = node.join("Other", pin="none")
    host.told()
    return node, host, other


def transform(who: Attendee, **transforms: Any) -> Any:
    return who.send(requests.TransformLayout(transforms=Transforms(**transforms)))


def wanted(events: list[Event]) -> list[tuple[str, str]]:
    screens = [event.requested_layout.primary_screen for event in events if isinstance(event, Layout)]
    return [(str(screen.chair_layout), str(screen.guest_layout)) for screen in screens]


def post(node: InProcess, who: Attendee, name: str, body: object, participant: str | None = None) -> Reply:
    path = Address("meet", participant=participant).path(name)
    flow = node.desk.answer(Incoming(method="POST", path=path, body=body, token=who.token), node.now)
    with pytest.raises(StopIteration) as done:
        next(flow)
    node.settle()
    reply = done.value.value
    assert isinstance(reply, Reply)
    return reply


def test_a_layout_asked_for_is_announced_with_who_is_in_it() -> None:
    node, host, other = pair()
    other.send(requests.Ack(), call=other.send(requests.Calls(sdp="offer"))["call_uuid"])
    host.told(), other.told()

    assert transform(host, layout="1:7", enable_overlay_text=True) is True

    for told in (host.told(), other.told()):
        assert [type(event) for event in told] == [Layout]
        assert wanted(told) == [("1:7", "1:7")]
        assert [(event.view, event.overlay_text_enabled) for event in told if isinstance(event, Layout)] == [("1:7", True)]
    assert wanted(node.join("Late").listen()) == [("1:7", "1:7")]


def test_transforms_add_up_until_none_take_all_of_them_back() -> None:
    node, host, _ = pair()

    transform(host, layout="4:0")
    transform(host, enable_overlay_text=True, streaming=StreamingTransforms(layout="1:0"))
    transform(host, streaming=StreamingTransforms(indicators_enabled=False))
    together = node.room().settings.transforms
    transform(host)

    streaming = StreamingTransforms(layout="1:0", indicators_enabled=False)
    assert together == Transforms(host_layout="4:0", enable_overlay_text=True, streaming=streaming)
    assert node.room().settings.transforms == Transforms()
    told = host.told()
    assert wanted(told) == [("2x2", "2x2")] * 3 + [("1:0", "1:0")]
    assert [event.overlay_text_enabled for event in told if isinstance(event, Layout)] == [False, True, True, False]


def test_what_is_asked_for_already_is_not_told_again() -> None:
    _, host, _ = pair()
    transform(host, layout="1:7")
    host.told()

    assert transform(host, host_layout="1:7") is True

    assert host.told() == []


def test_nothing_said_of_a_layout_leaves_it_and_an_unknown_wish_is_not_kept() -> None:
    node, host, _ = pair()
    transform(host, layout="1:7")

    reply = post(node, host, "transform_layout", {"transforms": {"layout": None, "sparkles": True}})

    assert (reply.status, reply.json["result"]) == (200, True)
    assert node.room().settings.transforms == Transforms(host_layout="1:7")


def test_in_a_lecture_hosts_and_guests_have_layouts_of_their_own() -> None:
    _, host, guest = pair(LECTURE)
    guest.told()

    transform(host, guest_layout="1:21")
    transform(host, host_layout="ac")

    assert wanted(guest.told()) == [("1:0", "1:21"), ("ac", "1:21")]


@pytest.mark.parametrize(
    "transforms",
    [
        {"layout": "7:1"},
        {"host_layout": ""},
        {"layout": "teams"},
        {"layout": "5:7"},
        {"streaming": {"layout": "my own"}},
        {"guest_layout": "1:7"},
        {"enable_overlay_text": "perhaps"},
    ],
    ids=str,
)
def test_an_illegal_value_is_refused_and_changes_nothing(transforms: dict[str, Any]) -> None:
    node, host, _ = pair()

    reply = post(node, host, "transform_layout", {"transforms": {"plus_n_pip_enabled": True} | transforms})

    assert (reply.status, reply.json["status"]) == (400, "failed")
    assert (node.room().settings.transforms, host.told()) == (Transforms(), [])


def test_free_form_texts_are_bounded() -> None:
    node, host, _ = pair()

    transform(host, free_form_overlay_text=("x" * 5000,) * 500)

    texts = node.room().settings.transforms.free_form_overlay_text or ()
    assert (len(texts), len(texts[0])) == (100, 1000)


def test_each_available_layout_may_be_asked_for() -> None:
    _, host, _ = pair(LECTURE)

    names = host.send(requests.AvailableLayouts())

    assert {"1:0", "2x2", "ac"} <= set(names)
    assert "teams" not in names
    assert all(transform(host, layout=name, guest_layout=name) is True for name in names)


def test_layouts_are_annotated_where_that_is_asked_for() -> None:
    _, host, guest = pair(LECTURE)

    annotated = guest.send(requests.AvailableLayouts(annotate=True))

    assert [one["name"] for one in annotated] == host.send(requests.AvailableLayouts())
    tags = {one["name"]: one["tags"] for one in annotated}
    assert (tags["2x2"], tags["1:7"], tags["1:0"], tags["ac"]) == (["equal"], ["speaker-focus"], ["speaker-focus"], [])


def test_there_is_a_drawing_of_each_available_layout() -> None:
    _, host, guest = pair(LECTURE)

    drawings = guest.send(requests.LayoutSvgs())

    assert list(drawings) == host.send(requests.AvailableLayouts())
    assert all(svg.startswith("<svg ") and svg.endswith("</svg>") for svg in drawings.values())


@pytest.mark.parametrize(
    ("asked", "view", "people"), [("2x2", "4:0", 4), ("5:7", None, 0), ("ac", "5:7", 5), ("1:0", "1:0", 1), ("4:0", "4:0", 4)]
)
def test_the_view_keeps_old_names_and_has_as_many_people_as_places(asked: str, view: str | None, people: int) -> None:
    _, (host, *others) = crowd(6)

    if view is None:
        with pytest.raises(RequestRefused):
            transform(host, layout=asked)
        return
    transform(host, layout=asked)

    (told,) = seen(host)
    assert told == (view, tuple(other.uuid for other in others[:people]))


def test_who_speaks_moves_to_the_front_of_each_picture_that_it_is_in() -> None:
    node, (host, bob, cid) = crowd(3)
    transform(host, layout="1:7")
    host.told(), bob.told(), cid.told()

    node.room().voice(cid.uuid, True, node.now)
    node.settle()

    assert seen(host) == [("1:7", (cid.uuid, bob.uuid))]
    assert seen(bob) == [("1:7", (cid.uuid, host.uuid))]
    assert seen(cid) == []


def test_people_are_placed_by_hand_until_that_is_taken_back() -> None:
    node, (host, bob, cid) = crowd(3)

    host.send(requests.OverrideLayout(layouts=({"layout": "2x2", "participants": [cid.uuid]},)))
    by_hand, planned = seen(host), node.room().plan().stage
    node.room().voice(bob.uuid, True, node.now)
    node.settle()
    while_bob_speaks = seen(host)
    host.send(requests.OverrideLayout())

    assert by_hand == [("4:0", (cid.uuid, bob.uuid))]
    assert planned[0] == cid.uuid
    assert while_bob_speaks == []
    assert seen(host) == [("1:0", (bob.uuid,))]


@pytest.mark.parametrize(
    "layouts", [("2x2",), ({"layout": "7:1"},), ({"participants": ["nobody"]},), ({}, {})], ids=["a name", "unknown", "nobody", "screens"]
)
def test_what_cannot_be_done_by_hand_is_an_illegal_value(layouts: Any) -> None:
    node, (host, *_) = crowd(2)

    with pytest.raises(RequestRefused, match="Illegal value"):
        host.send(requests.OverrideLayout(layouts=layouts))

    assert (node.room().settings.by_hand, host.told()) == (None, [])


def test_while_a_pinning_configuration_holds_groups_come_before_speakers() -> None:
    node, (host, bob, cid, dot) = crowd(4)
    transform(host, layout="1:7")
    host.send(requests.LayoutGroup(layout_group="b"), to=dot)
    host.send(requests.LayoutGroup(layout_group="a"), to=cid)
    host.told()

    host.send(requests.SetPinningConfig(pinning_config="interpreters"))
    pinned = seen(host)
    host.send(requests.LayoutGroup(layout_group=""), to=cid)
    freed = seen(host)
    host.send(requests.SetPinningConfig(pinning_config=""))

    assert pinned == [("1:7", (cid.uuid, dot.uuid, bob.uuid))]
    assert freed == [("1:7", (dot.uuid, bob.uuid, cid.uuid))]
    assert seen(host) == [("1:7", (bob.uuid, cid.uuid, dot.uuid))]
    assert node.room().plan().stage[1:] == (bob.uuid, cid.uuid, dot.uuid)


def test_who_is_on_hold_is_in_no_picture_and_has_none() -> None:
    node, (host, bob, cid) = crowd(3)
    transform(host, layout="1:7")
    bob.send(requests.TakeFloor())
    host.told(), bob.told()

    host.send(requests.Hold(), to=bob)
    (seat,) = [seat for seat in node.room().plan().seats if seat.participant == bob.uuid]

    assert seen(host) == [("1:7", (cid.uuid,))]
    told = bob.told()
    assert [event.revoked for event in told if isinstance(event, PresentationStart)] == [True]
    assert [event.participants for event in told if isinstance(event, Layout)] == [()]
    assert (seat.held, seat.audible, seat.visible, seat.sees_presentation, seat.hears) == (True, False, False, False, None)
    bob.send(requests.Resume())
    assert seen(host) == [("1:7", (bob.uuid, cid.uuid))]


# --- personal layouts ------------------------------------------------------------------------------------------------


def test_a_personal_layout_is_for_one_and_in_everybodys_roster() -> None:
    node, (host, bob, _) = crowd(3)
    node.now = 1050.0

    assert bob.send(requests.CreateVideoMix(mix_name=MINE)) is True
    assert bob.send(requests.ConfigureVideoMix(mix_name=MINE, transform_layout=VideoMixLayout(layout="2x2"))) is True

    assert seen(bob)[-1][0] == "4:0"
    told = host.told()
    mixes = [event.participant.receive_from_video_mix for event in told if isinstance(event, ParticipantUpdate)]
    config = VideoMixConfig(transform_layout=VideoMixLayout(layout="2x2"))
    assert mixes == [VideoMix(mix_name=MINE, timestamp=1050.0), VideoMix(mix_name=MINE, timestamp=1050.0, mix_config=config)]
    assert not [event for event in told if isinstance(event, Layout)]


def test_a_personal_layout_outlives_that_of_the_conference_until_it_is_given_up() -> None:
    _, (host, bob, _) = crowd(3)
    bob.send(requests.CreateVideoMix(mix_name=MINE))
    bob.send(requests.ConfigureVideoMix(mix_name=MINE, transform_layout=VideoMixLayout(layout="ac")))

    transform(host, layout="1:7")
    with_its_own = seen(bob)[-1][0]
    assert bob.send(requests.DeleteVideoMix(mix_name=MINE)) is True

    assert (with_its_own, seen(bob)[-1][0]) == ("5:7", "1:7")
    line = bob.send(requests.Participants())[1]
    assert (line["receive_from_video_mix"], line["can_receive_personal_mix"]) == ({"mix_name": "main", "timestamp": 0}, True)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (requests.CreateVideoMix(mix_name="main"), 400),
        (requests.CreateVideoMix(mix_name="main.!somebody"), 400),
        (requests.ConfigureVideoMix(mix_name="main.!personal"), 404),
        (requests.DeleteVideoMix(mix_name="main.!personal"), 404),
    ],
    ids=str,
)
def test_there_is_no_other_mix(request_: Any, status: int) -> None:
    _, (host, bob) = crowd(2)

    with pytest.raises(RequestRefused) as refused:
        bob.send(request_)

    assert (refused.value.status, host.told()) == (status, [])


def test_a_personal_layout_must_exist() -> None:
    _, (host, bob) = crowd(2)
    bob.send(requests.CreateVideoMix(mix_name=MINE))
    host.told()

    with pytest.raises(RequestRefused, match="no layout '7:1'"):
        bob.send(requests.ConfigureVideoMix(mix_name=MINE, transform_layout=VideoMixLayout(layout="7:1")))

    assert host.told() == []


MINE = "main.!personal"


def crowd(people: int) -> tuple[InProcess, list[Attendee]]:
    """A conference of Hosts with media; what they were told is read."""
    node = InProcess(MEET)
    everybody = [node.join(f"Person {number}") for number in range(people)]
    for one in everybody:
        one.send(requests.Ack(), call=one.send(requests.Calls(sdp="offer"))["call_uuid"])
    for one in everybody:
        one.told()
    return node, everybody


def seen(who: Attendee) -> list[tuple[str, tuple[str, ...]]]:
    """View and participants of the layouts that somebody was told of."""
    return [(event.view, event.participants) for event in who.told() if isinstance(event, Layout)]


def test_a_rule_for_pinning_holds_for_the_conference() -> None:
    _, host, other = pair()
    before = other.send(requests.GetPinningConfig())

    for _ in range(2):
        assert host.send(requests.SetPinningConfig(pinning_config="interpreters")) is True

    assert (before, other.send(requests.GetPinningConfig())) == ({"pinning_config": ""}, {"pinning_config": "interpreters"})
    assert [event.status.pinning_config for event in other.told() if isinstance(event, ConferenceUpdate)] == ["interpreters"]


def test_a_participant_is_put_into_a_group_and_out_of_it() -> None:
    _, host, other = pair()

    for group in ("stage", "stage", ""):
        assert host.send(requests.LayoutGroup(layout_group=group), to=other) is True

    assert [event.participant.layout_group for event in host.told() if isinstance(event, ParticipantUpdate)] == ["stage", None]


def test_a_participant_wants_presentations_in_its_picture() -> None:
    _, host, other = pair()

    for state in (True, True, False):
        assert other.send(requests.PresInMix(state=state)) is True

    lines = [event.participant for event in host.told() if isinstance(event, ParticipantUpdate)]
    assert [line.needs_presentation_in_mix for line in lines] == [True, False]


def test_the_shape_of_picture_one_would_like_is_kept_and_not_told() -> None:
    node, host, other = pair()
    other.told()

    assert other.send(requests.PreferredAspectRatio(aspect_ratio=0.5625)) is True

    assert node.room().members[other.uuid].aspect_ratio == 0.5625
    assert (host.told(), other.told()) == ([], [])


@pytest.mark.parametrize("ratio", [0, -1, 2.5, "wide", None])
def test_an_impossible_shape_is_an_illegal_value(ratio: object) -> None:
    node, host, _ = pair()

    reply = post(node, host, "preferred_aspect_ratio", {"aspect_ratio": ratio}, host.uuid)

    assert (reply.status, node.room().members[host.uuid].aspect_ratio) == (400, None)


def test_when_a_still_picture_counts_as_nobody_is_kept() -> None:
    node, host, _ = pair()

    assert host.send(requests.SilentVideoDetection(config=SilentVideo(silent_after=30))) is True

    assert node.room().settings.silent_video == SilentVideo(silent_after=30)
    with pytest.raises(ValidationError):
        SilentVideo(silent_after=0)
    assert post(node, host, "silent_video_detection", {"config": {"reactivate_after": 6}}).status == 400
    assert host.told() == []


@pytest.mark.parametrize(
    "request_",
    [
        requests.TransformLayout(transforms=Transforms(layout="1:7")),
        requests.SetPinningConfig(pinning_config="x"),
        requests.SilentVideoDetection(),
        requests.LayoutGroup(layout_group="x"),
        requests.OverrideLayout(),
    ],
    ids=str,
)
def test_guests_choose_no_layout(request_: requests.TransformLayout) -> None:
    _, host, guest = pair(LECTURE)

    with pytest.raises(NotAllowed):
        guest.send(request_)

    assert host.told() == []


def test_a_refused_layout_is_named() -> None:
    _, host, _ = pair()

    with pytest.raises(RequestRefused, match="no layout '7:1'"):
        transform(host, layout="7:1")
