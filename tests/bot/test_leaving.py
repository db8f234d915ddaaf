"""The rules by which an unattended recorder leaves, with time set by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.bot.leaving import TAG, AutoLeave, Watch
from pexrtc_py.bot.reasons import Reason
from pexrtc_py.errors import UsageError


@dataclass
class Somebody:
    uuid: str
    display_name: str = "Ann"
    call_tag: str = ""


ME = Somebody("me", "Recorder")
ANN = Somebody("ann")
OTHER = Somebody("other", "Notes", TAG)
NAMED = Somebody("named", "Recording (Bot)")


class Seen:
    """A watch that is looked at each second; something is recorded in each."""

    def __init__(self, **rules: float | None) -> None:
        self.watch = Watch(AutoLeave(**rules), "me", 0.0)  # type: ignore[arg-type]  # names and numbers
        self.now, self.units = 0.0, 0

    def seconds(self, count: int, *people: Somebody, speaking: bool = True, units: bool = True) -> tuple[Reason, float] | None:
        """The rule that says to leave within so many seconds, if one does."""
        for _ in range(count):
            self.units += units
            due = self.watch.see((ME, *people), speaking=speaking, units=self.units, now=self.now)
            if due is not None:
                return due
            self.now += 1.0
        return None


def test_alone_for_long_enough() -> None:
    seen = Seen(empty=30)

    assert seen.seconds(20) is None
    assert seen.seconds(1, ANN) is None  # somebody came, and the time begins anew
    assert seen.seconds(30) is None
    assert seen.seconds(2) == (Reason.EMPTY, 30.0)


def test_other_bots_are_nobody() -> None:
    assert Seen(only_bots=10).seconds(12, OTHER, NAMED) == (Reason.ONLY_BOTS, 10.0)
    assert Seen(only_bots=10).seconds(100, OTHER, NAMED, ANN) is None


def test_nobody_speaks() -> None:
    seen = Seen(silence=10)

    assert seen.seconds(9, ANN, speaking=False) is None
    assert seen.seconds(1, ANN) is None
    assert seen.seconds(12, ANN, speaking=False) == (Reason.SILENCE, 10.0)


def test_nothing_comes_any_more() -> None:
    seen = Seen()

    assert seen.seconds(70, ANN) is None
    due = seen.seconds(70, ANN, units=False)
    assert due is not None
    assert due[0] is Reason.NO_SIGNAL


def test_long_enough_and_late_enough() -> None:
    assert Seen(max_time=50).seconds(60, ANN) == (Reason.MAX_TIME, 50.0)
    assert Seen(until=40).seconds(60, ANN) == (Reason.CLOCK_TIME, 40.0)


def test_whoever_sets_the_clock_ends_nothing_but_what_goes_by_it() -> None:
    watch = Watch(AutoLeave(empty=30, max_time=600, until=9000.0), "me", 0.0)

    assert watch.see((ME,), speaking=True, units=1, now=0.0, clock=1000.0) is None
    assert watch.see((ME,), speaking=True, units=2, now=1.0, clock=8000.0) is None
    assert watch.see((ME,), speaking=True, units=3, now=2.0, clock=9000.0) == (Reason.CLOCK_TIME, 2.0)


def test_a_rule_of_no_time_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="empty must be above 0"):
        AutoLeave(empty=0)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.floats(0.01, 20)), max_size=60))
def test_without_rules_it_stays_whatever_happens(steps: list[tuple[bool, bool, bool, float]]) -> None:
    watch, now, units = Watch(AutoLeave(no_signal=None), "me", 0.0), 0.0, 0
    for there, speaking, more, passed in steps:
        now, units = now + passed, units + more
        assert watch.see((ME, ANN) if there else (ME,), speaking=speaking, units=units, now=now) is None
