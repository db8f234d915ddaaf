"""Estimates of the other side, as limits of what is sent to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.engine.ceiling import Ceiling


class _Line:
    """A sender of `rate` bits/s, and a receiver that estimates at most half as much again as it gets, and never above `carries`."""

    def __init__(self, carries: float) -> None:
        self.ceiling, self.carries, self.now, self.octets, self._noise = Ceiling(), carries, 1000.0, 0, 0

    def second(self, rate: float) -> int | None:
        self.now += 1
        self.octets += round(rate / 8)
        self._noise += 1  # estimates never stay quite the same
        arrived = min(rate, self.carries)
        estimate = arrived * 0.85 if rate > self.carries else min(1.5 * arrived + 10_000, self.carries)
        self.ceiling.estimate(round(estimate) + self._noise, self.octets, self.now)
        return self.ceiling.limit


def test_a_low_estimate_of_who_gets_little_is_no_limit() -> None:
    line = _Line(5_000_000)

    assert [line.second(60_000) for _ in range(10)] == [None] * 10


def test_a_narrow_network_limits_within_two_seconds() -> None:
    line = _Line(500_000)
    line.second(1_000_000)
    limit = line.second(1_000_000)

    assert limit is not None
    assert limit < 500_000


def test_a_limit_that_came_of_a_weak_moment_is_outgrown_though_little_is_sent() -> None:
    line = _Line(200_000)
    for _ in range(3):
        limit = line.second(1_000_000)
    assert limit is not None
    assert limit < 250_000
    line.carries = 5_000_000
    for _ in range(12):
        limit = line.second(50_000)

    assert limit is not None
    assert limit > 1_500_000


def test_who_sends_up_to_the_limit_stays_within_a_narrow_network() -> None:
    line, limit = _Line(400_000), None
    sent = []
    for _ in range(60):
        sent.append(min(1_000_000, limit or 1_000_000))
        limit = line.second(sent[-1])

    assert sum(sent[10:]) / len(sent[10:]) < 440_000


def test_a_wish_that_stays_the_same_holds_however_little_is_sent() -> None:
    ceiling = Ceiling()
    for second in range(5):
        ceiling.estimate(300_000, second * 1000, 1000.0 + second)

    assert ceiling.limit == 300_000


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 10**7), st.floats(0, 3))))
def test_whatever_is_estimated_leaves_a_limit_or_none(estimates: list[tuple[int, int, float]]) -> None:
    ceiling, octets, now = Ceiling(), 0, 0.0
    for bps, more, passed in estimates:
        octets, now = octets + more, now + passed
        ceiling.estimate(bps, octets, now)
        assert ceiling.limit is None or ceiling.limit >= 0
