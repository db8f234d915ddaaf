from __future__ import annotations

from pexrtc_py.signaling.backoff import Backoff


def test_pauses_double_up_to_the_cap() -> None:
    backoff = Backoff(first=1, cap=5, chance=lambda: 0.0)

    pauses = [backoff.next() for _ in range(5)]

    assert pauses == [1, 2, 4, 5, 5]


def test_pauses_are_jittered_by_up_to_a_half() -> None:
    backoff = Backoff(first=2, cap=2, chance=lambda: 1.0)

    assert backoff.next() == 1


def test_success_starts_over() -> None:
    backoff = Backoff(first=1, cap=100, chance=lambda: 0.0)
    backoff.next(), backoff.next()

    backoff.reset()

    assert (backoff.attempts, backoff.next()) == (0, 1)


def test_a_thousand_attempts_do_not_overflow() -> None:
    backoff = Backoff(cap=9, chance=lambda: 0.0)

    assert [backoff.next() for _ in range(1000)][-1] == 9
