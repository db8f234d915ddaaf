from __future__ import annotations

from dataclasses import replace

from pexrtc_py.node.plan import Carries, MediaPlan, Seat
from pexrtc_py.node.scenes import SLIDES, Person, Scene
from pexrtc_py.node.sizes import LADDER
from pexrtc_py.node.viewing import MAIN, SECOND, Compose, Receiver, Views

GRID = Scene("2x2", (Person("ann"), Person("bob")))
PLAIN = Scene("1:0", (Person("ann"),))
VP8 = Receiver("vp8", None)


def seat(call: str, scene: Scene | None = GRID, carries: Carries = Carries.MAIN) -> Seat:
    return Seat(
        participant=call.partition("-")[0],
        call=call,
        audible=True,
        visible=True,
        admitted=True,
        sees_presentation=True,
        scene=scene,
        carries=carries,
    )


def views(mode: Compose = Compose.AUTO) -> Views:
    return Views(mode=mode, largest=(1280, 720))


def test_those_who_see_the_same_share_one_view() -> None:
    plan = MediaPlan((seat("ann-1"), seat("bob-1"), seat("cid-1"), seat("dot-1", replace(GRID, message="hello"))))
    named = views()

    orders = named.orders(plan, dict.fromkeys(("ann-1", "bob-1", "cid-1", "dot-1"), VP8))

    assert len(orders) == 2
    assert named.seen["ann-1"] == named.seen["bob-1"] == named.seen["cid-1"] != named.seen["dot-1"]


def test_another_codec_or_less_bandwidth_is_another_view() -> None:
    plan, named = MediaPlan((seat("ann-1"), seat("bob-1"), seat("cid-1"))), views()

    orders = named.orders(plan, {"ann-1": VP8, "bob-1": Receiver("h264", None), "cid-1": Receiver("vp8", 300_000)})

    made = [orders[named.seen[call]] for call in ("ann-1", "bob-1", "cid-1")]
    assert [order.codec for order in made] == ["vp8", "h264", "vp8"]
    assert made[0].quality.size == (1280, 720)
    assert made[2].quality.size in LADDER[3:]
    assert made[2].quality.bitrate <= 300_000


def test_small_changes_of_what_somebody_can_take_are_no_new_view() -> None:
    plan, named = MediaPlan((seat("ann-1"),)), views()

    first = named.orders(plan, {"ann-1": Receiver("vp8", 500_000)})
    second = named.orders(plan, {"ann-1": Receiver("vp8", 520_000)})

    assert first == second


def test_a_view_goes_on_when_what_it_shows_changes() -> None:
    named = views()
    named.orders(MediaPlan((seat("ann-1"), seat("bob-1"), seat("cid-1"))), dict.fromkeys(("ann-1", "bob-1", "cid-1"), VP8))
    before = named.seen["ann-1"]

    other = replace(GRID, people=(Person("bob"), Person("ann")))
    orders = named.orders(
        MediaPlan((seat("ann-1", other), seat("bob-1", other), seat("cid-1"), seat("dot-1", other))),
        dict.fromkeys(("ann-1", "bob-1", "cid-1", "dot-1"), VP8),
    )

    assert named.seen["ann-1"] == named.seen["bob-1"] == named.seen["dot-1"] == before
    assert named.seen["cid-1"] != before
    assert orders[before].scene == other


def test_names_are_not_given_twice() -> None:
    named, plan = views(), MediaPlan((seat("ann-1"), seat("bob-1", replace(GRID, message="x"))))
    receivers = dict.fromkeys(("ann-1", "bob-1"), VP8)
    first = set(named.orders(plan, receivers))
    named.orders(MediaPlan(), receivers)

    assert not first & set(named.orders(plan, receivers))


def test_one_picture_is_composed_only_where_that_is_wanted() -> None:
    plan = MediaPlan((seat("bob-1", PLAIN), seat("cid-1", GRID)))
    receivers = dict.fromkeys(("bob-1", "cid-1"), VP8)

    composed = {}
    for mode in Compose:
        named = views(mode)
        named.orders(plan, receivers)
        composed[mode] = sorted(named.seen)

    assert composed == {Compose.AUTO: ["cid-1"], Compose.ALWAYS: ["bob-1", "cid-1"], Compose.NEVER: []}


def test_pictures_come_from_the_calls_of_those_who_are_shown() -> None:
    scene = replace(GRID, slides=True)
    plan = MediaPlan((seat("ann-1"), seat("bob-1"), seat("bob-2", None, Carries.SLIDES_OUT), seat("cid-1", scene)), presenter="bob")
    named = views()

    (order,) = [order for order in named.orders(plan, {"cid-1": VP8}).values()]

    assert order.sources == {
        "ann": ((MAIN, "ann-1"),),
        "bob": ((MAIN, "bob-1"),),
        SLIDES: ((SECOND, "bob-1"), (SECOND, "bob-2"), (MAIN, "bob-2")),
    }


def test_whoever_cannot_be_sent_video_needs_no_view() -> None:
    named = views()

    assert named.orders(MediaPlan((seat("ann-1"), seat("bob-1", None))), {"bob-1": VP8}) == {}
    assert named.seen == {}
