"""Routing: who sees whom, and that a picture never breaks when the speaker changes."""

from __future__ import annotations

from dataclasses import replace

from pexrtc_py.node.plan import MediaPlan, Seat
from pexrtc_py.node.routing import (
    Board,
    KeyframeAsker,
    Route,
    board,
    first_alive,
    main_sources,
    slides_sources,
)

NOW = 1_700_000_000.0


def seat(name: str) -> Seat:
    return Seat(participant=name, call=f"call-{name}", audible=True, visible=True, admitted=True, sees_presentation=True)


PLAN = MediaPlan(seats=(seat("ann"), seat("bob"), seat("cid")), stage=("cid", "ann", "bob"))


def test_each_sees_the_latest_speaker_other_than_itself() -> None:
    everybody = {"call-ann", "call-bob", "call-cid"}

    seen = {name: first_alive(main_sources(PLAN, f"call-{name}"), everybody) for name in ("ann", "bob", "cid")}

    assert seen == {"ann": "call-cid", "bob": "call-cid", "cid": "call-ann"}


def test_a_source_that_does_not_send_is_passed_over() -> None:
    assert first_alive(main_sources(PLAN, "call-bob"), {"call-ann"}) == "call-ann"
    assert first_alive(main_sources(PLAN, "call-bob"), set()) is None


def test_somebody_not_yet_on_stage_is_seen_when_nobody_else_sends() -> None:
    plan = replace(PLAN, stage=())

    assert main_sources(plan, "call-ann") == ("call-bob", "call-cid")


def test_who_is_video_muted_is_not_seen() -> None:
    plan = replace(PLAN, seats=(*PLAN.seats[:2], replace(PLAN.seats[2], visible=False)))

    assert main_sources(plan, "call-bob") == ("call-ann",)


def test_the_waiting_room_and_strangers_see_nobody() -> None:
    plan = replace(PLAN, seats=(replace(PLAN.seats[0], admitted=False), *PLAN.seats[1:]))

    assert main_sources(plan, "call-ann") == ()
    assert main_sources(plan, "call-who") == ()


def test_who_is_on_hold_sees_nobody_and_is_told_so() -> None:
    plan = replace(PLAN, seats=(replace(PLAN.seats[0], held=True), *PLAN.seats[1:]))

    assert (main_sources(plan, "call-ann"), board(plan, "call-ann")) == ((), Board.HELD)


def test_slides_go_to_all_who_may_see_them_but_the_presenter() -> None:
    plan = replace(PLAN, presenter="ann", seats=(*PLAN.seats[:2], replace(PLAN.seats[2], sees_presentation=False)))

    assert slides_sources(plan, "call-ann") == ()
    assert slides_sources(plan, "call-bob") == ("call-ann",)
    assert slides_sources(plan, "call-cid") == ()
    assert slides_sources(PLAN, "call-bob") == ()


def test_the_splash_says_why() -> None:
    waiting = replace(PLAN, seats=(replace(PLAN.seats[0], admitted=False), PLAN.seats[1]))

    assert board(waiting, "call-ann") is Board.WAITING
    assert board(waiting, "call-bob") is Board.ALONE
    assert board(PLAN, "call-bob") is Board.NO_VIDEO
    assert board(PLAN, "call-who") is Board.WAITING


def test_a_switch_keeps_the_old_picture_until_the_new_keyframe() -> None:
    route = Route()
    route.want("old", allowed=("old", "new"), now=NOW)
    assert route.passes("old", keyframe=True)

    route.want("new", allowed=("old", "new"), now=NOW)

    assert route.waiting == "new"
    assert not route.passes("new", keyframe=False)
    assert route.passes("old", keyframe=False)
    assert route.passes("new", keyframe=True)
    assert not route.passes("old", keyframe=True)
    assert route.waiting is None


def test_nothing_but_a_keyframe_starts_a_picture() -> None:
    route = Route()
    route.want("ann", allowed=("ann",), now=NOW)

    assert [route.passes("ann", keyframe=key) for key in (False, False, True, False)] == [False, False, True, True]


def test_who_may_no_longer_be_seen_vanishes_before_the_next_keyframe() -> None:
    route = Route()
    route.want("muted", allowed=("muted", "new"), now=NOW)
    route.passes("muted", keyframe=True)

    route.want("new", allowed=("new",), now=NOW)

    assert not route.passes("muted", keyframe=True)


def test_after_a_splash_the_source_begins_with_a_keyframe() -> None:
    route = Route()
    route.want("ann", allowed=("ann",), now=NOW)
    route.passes("ann", keyframe=True)

    route.interrupt()

    assert route.waiting == "ann"
    assert not route.passes("ann", keyframe=False)
    assert route.passes("ann", keyframe=True)


def test_without_a_source_the_splash_comes_at_once_and_again_five_times_a_second() -> None:
    route = Route()
    route.want(None, allowed=(), now=NOW)

    assert route.needs_splash(Board.ALONE, shown=None, fed=NOW, now=NOW)
    assert route.needs_splash(Board.ALONE, shown=Board.WAITING, fed=NOW, now=NOW)
    assert not route.needs_splash(Board.ALONE, shown=Board.ALONE, fed=NOW, now=NOW + 0.1)
    assert route.needs_splash(Board.ALONE, shown=Board.ALONE, fed=NOW, now=NOW + 0.2001)


def test_a_source_without_keyframe_is_waited_for_before_the_splash() -> None:
    route = Route()
    route.want("ann", allowed=("ann",), now=NOW)

    assert not route.needs_splash(Board.NO_VIDEO, shown=None, fed=NOW, now=NOW + 0.9)
    assert route.needs_splash(Board.NO_VIDEO, shown=None, fed=NOW, now=NOW + 1.1)
    assert route.needs_splash(Board.NO_VIDEO, shown=Board.ALONE, fed=NOW, now=NOW + 0.9)
    route.passes("ann", keyframe=True)
    assert not route.needs_splash(Board.NO_VIDEO, shown=None, fed=NOW, now=NOW + 1.1)


def test_after_a_stall_the_next_source_gets_time_for_its_keyframe() -> None:
    route = Route()
    route.want("stalled", allowed=("stalled", "next"), now=NOW)
    route.passes("stalled", keyframe=True)

    route.want("next", allowed=("stalled", "next"), now=NOW + 1.5)

    assert not route.needs_splash(Board.NO_VIDEO, shown=None, fed=NOW, now=NOW + 1.9)
    assert route.needs_splash(Board.NO_VIDEO, shown=None, fed=NOW, now=NOW + 2.1)


def test_many_requests_for_a_keyframe_become_one() -> None:
    asker = KeyframeAsker()

    asked = [asker.due("ann", NOW + step / 10) for step in range(11)]

    assert [step for step, due in enumerate(asked) if due] == [0, 5, 10]
    assert asker.due("bob", NOW)
