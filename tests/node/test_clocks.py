"""Clock maps: whatever a sender's clock shows, its media lands at the right time on ours."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from pexrtc_py.node.clocks import WINDOW, ClockMap, StreamClock

NOW = 1_700_000_000.0


def test_media_before_the_first_report_is_placed_by_arrival() -> None:
    assert ClockMap().capture(None, NOW) == NOW


@pytest.mark.parametrize("skew", [0.0, 37.5, -3600.0, 2.2e9])
@pytest.mark.parametrize("drift", [0.0, 200e-6, -200e-6])
def test_a_skewed_and_drifting_clock_is_mapped_within_five_milliseconds(skew: float, drift: float) -> None:
    clock, jitter = ClockMap(), random.Random(7)
    worst = 0.0

    for number in range(50 * 60):
        captured = NOW + number * 0.020
        theirs = captured + skew + drift * (captured - NOW)
        mapped = clock.capture(theirs, captured + 0.001 + jitter.expovariate(1 / 0.008))
        if number > 100:
            worst = max(worst, abs(mapped - captured))

    assert worst < 0.005


def test_audio_and_video_of_one_call_share_the_offset() -> None:
    clock = ClockMap()
    for number in range(100):
        clock.capture(NOW + 5.0 + number * 0.02, NOW + number * 0.02 + 0.002)

    audio = clock.capture(NOW + 7.0, NOW + 2.003)
    video = clock.capture(NOW + 7.0, NOW + 2.090)

    assert video == pytest.approx(audio, abs=0.001)


@pytest.mark.parametrize("step", [-3600.0, -3.0, 3.0, 3600.0])
def test_a_leap_of_the_senders_clock_is_followed_at_once_by_all_its_streams(step: float) -> None:
    clock = ClockMap()
    arrivals = sorted([(0.02 + index / 50, index / 50) for index in range(200)] + [(0.06 + index / 30, index / 30) for index in range(120)])

    for arrival, captured in arrivals:
        mapped = clock.capture(NOW + captured + (step if captured >= 2 else 0.0), NOW + arrival)

        assert mapped == pytest.approx(NOW + captured + 0.02, abs=0.05)


def test_a_clock_set_back_is_followed_after_two_windows() -> None:
    clock = ClockMap()
    clock.capture(NOW, NOW)

    mapped = 0.0
    for number in range(round(2 * WINDOW / 0.02) + 2):
        arrival = NOW + number * 0.02
        mapped = clock.capture(arrival - 30.0, arrival)

    assert mapped == pytest.approx(NOW + 2 * WINDOW + 0.02, abs=0.01)


def test_a_way_that_has_become_longer_is_followed_after_two_windows() -> None:
    """By less than a step of a clock, yet by more than the mix waits for: it stayed in pieces for minutes."""
    clock = ClockMap()
    clock.capture(NOW, NOW + 0.010)

    late = 0
    for number in range(round(4 * WINDOW / 0.02)):
        captured = NOW + number * 0.02
        late += captured + 0.110 - clock.capture(captured, captured + 0.110) > 0.05

    assert late * 0.02 <= 2 * WINDOW


def test_a_clock_set_forward_is_followed_at_once() -> None:
    clock = ClockMap()
    clock.capture(NOW, NOW)

    assert clock.capture(NOW + 31.0, NOW + 1.0) == pytest.approx(NOW + 1.0)


def test_a_stream_is_as_even_as_its_timestamps() -> None:
    stream, jitter = StreamClock(48000), random.Random(3)

    times = [
        stream.capture(number * 960, epoch=0, mapped=NOW + number * 0.02 + jitter.uniform(-0.004, 0.004), synced=True)
        for number in range(200)
    ]

    assert stream.anchored == 1
    assert all(after - before == pytest.approx(0.02, abs=1e-6) for before, after in pairwise(times))


def test_a_stream_follows_drift_and_new_epochs() -> None:
    stream = StreamClock(90000)
    stream.capture(0, epoch=0, mapped=NOW, synced=True)

    drifted = stream.capture(90000, epoch=0, mapped=NOW + 1.011, synced=True)
    renewed = stream.capture(17, epoch=1, mapped=NOW + 2.0, synced=True)

    assert drifted == NOW + 1.011
    assert renewed == NOW + 2.0
    assert stream.anchored == 3


def test_arrival_times_may_wander_more_than_reports() -> None:
    stream = StreamClock(48000)
    stream.capture(0, epoch=0, mapped=NOW, synced=False)

    assert stream.capture(48000, epoch=0, mapped=NOW + 1.040, synced=False) == NOW + 1.0
    assert stream.capture(96000, epoch=0, mapped=NOW + 2.040, synced=True) == NOW + 2.040
