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
from pexrtc_py.protocol.events import ConferenceUpdate, Layout, ParticipantUpdate
from pexrtc_py.protocol.models import SilentVideo, StreamingTransforms, Transforms

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


def test_a_layout_asked_for_is_announced_beside_the_one_that_is_shown() -> None:
    node, host, other = pair()
    other.send(requests.Ack(), call=other.send(requests.Calls(sdp="offer"))["call_uuid"])
    host.told(), other.told()

    assert transform(host, layout="1:7", enable_overlay_text=True) is True

    for told in (host.told(), other.told()):
        assert [type(event) for event in told] == [Layout]
        assert wanted(told) == [("1:7", "1:7")]
        assert [(event.view, event.overlay_text_enabled) for event in told if isinstance(event, Layout)] == [("1:0", True)]
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

    assert annotated == [{"name": name, "tags": []} for name in host.send(requests.AvailableLayouts())]


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
