"""How units of several tracks are placed on one clock; no files, no time passes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pexrtc_media import AccessUnit
from pexrtc_media.clock import Reference, TrackClock, backdated

NTP, LOCAL = 1_000_000.0, 1_000_037.0


def unit(seconds: float, *, shift: int = 0, ntp: float | None = None, arrival: float | None = None, epoch: int = 0) -> AccessUnit:
    timestamp = round(seconds * 90000) + shift
    when = LOCAL + seconds + 0.05 if arrival is None else arrival
    return AccessUnit(b"x", "vp8", timestamp, 90000, ntp=ntp, arrival=when, epoch=epoch)


def test_reports_decide_where_a_track_sits() -> None:
    clock = TrackClock(Reference())

    placed = [clock.place(unit(second, shift=5, ntp=NTP + second), LOCAL) for second in (0.0, 0.5, 1.0)]

    assert placed == pytest.approx([NTP, NTP + 0.5, NTP + 1], abs=1e-4)


def test_drift_between_sender_clocks_is_followed_without_a_jump() -> None:
    clock = TrackClock(Reference())
    drift = 200e-6

    placed = [clock.place(unit(index / 30, ntp=NTP + index / 30 * (1 + drift)), LOCAL) for index in range(30 * 600)]

    assert placed[-1] - NTP == pytest.approx((600 - 1 / 30) * (1 + drift), abs=0.005)
    assert np.diff(placed).min() > 0.02


def test_a_sender_that_sets_its_clock_does_not_tear_the_track() -> None:
    clock = TrackClock(Reference())

    placed = [clock.place(unit(index / 30, ntp=NTP + index / 30 + (86400 if index > 50 else 0)), LOCAL) for index in range(100)]

    assert np.diff(placed) == pytest.approx(1 / 30, abs=0.001)


def test_media_time_that_jumps_is_placed_by_arrival() -> None:
    clock = TrackClock(Reference())
    before = [clock.place(unit(index / 30, ntp=NTP + index / 30), LOCAL) for index in range(30)]

    wild = [unit(1 + index / 30, shift=900_000_000, ntp=NTP + 10_001 + index / 30) for index in range(30)]
    after = [clock.place(each, LOCAL) for each in wild]

    assert after[0] - before[-1] == pytest.approx(1 / 30, abs=0.1)


@pytest.mark.parametrize("pause", [3.0, 4.5, 7.0])
def test_a_pause_in_which_media_time_stood_still_is_a_pause(pause: float) -> None:
    clock = TrackClock(Reference())
    for index in range(300):
        clock.place(unit(index / 30, ntp=NTP + index / 30), LOCAL)

    begin = 10 + pause
    for index in range(300):
        media, known = 10 + index / 30, begin if index > 30 else 10  # the next report comes after a second
        placed = clock.place(unit(media, ntp=NTP + known + index / 30, arrival=LOCAL + begin + index / 30 + 0.05), LOCAL)

    assert placed == pytest.approx(NTP + begin + 299 / 30, abs=0.005)


@pytest.mark.parametrize("step", [-3600.0, -3.0, 3.0, 3600.0])
@pytest.mark.parametrize("jumps", [False, True])
def test_tracks_stay_in_step_when_the_sender_sets_its_clock(step: float, jumps: bool) -> None:
    reference = Reference()
    fast, slow = TrackClock(reference), TrackClock(reference)

    for index in range(900):
        seconds = index / 30
        off = step if seconds > 10 else 0.0
        shift, epoch = (90_000_000, 1) if seconds > 20 else (0, 0)  # one of them changes its source later
        media = seconds + off if jumps else seconds
        when = NTP + seconds + off
        first = fast.place(unit(media, shift=shift, epoch=epoch, ntp=when, arrival=LOCAL + seconds + 0.02), LOCAL)
        second = slow.place(unit(media, ntp=when, arrival=LOCAL + seconds + 0.09), LOCAL)

    assert first == pytest.approx(second, abs=0.005)
    assert first == pytest.approx(NTP + 899 / 30, abs=0.1)


def test_a_new_epoch_without_report_continues_by_arrival() -> None:
    clock = TrackClock(Reference())
    for index in range(30):
        clock.place(unit(index / 30, ntp=NTP + index / 30), LOCAL)

    assert clock.place(unit(1.0, shift=77_777_777, epoch=1), LOCAL) == pytest.approx(NTP + 1.0, abs=0.01)


def test_units_that_were_never_received_share_a_zero() -> None:
    reference = Reference()
    sound, picture = TrackClock(reference), TrackClock(reference)

    heard = sound.place(AccessUnit(b"x", "opus", 48000, 48000), LOCAL)
    seen = picture.place(AccessUnit(b"x", "vp8", 90000, 90000), LOCAL + 3)

    assert heard == seen == LOCAL


def test_a_report_also_places_what_came_before_it() -> None:
    units = backdated([unit(0.0), unit(1.0, ntp=NTP + 1), unit(0.0, epoch=1)])

    assert [each.ntp for each in units] == [NTP, NTP + 1, None]


UNITS = st.tuples(st.integers(-(1 << 40), 1 << 40), st.one_of(st.none(), st.floats(0, 4e9)), st.floats(0, 4e9), st.integers(0, 3))


@settings(max_examples=200, deadline=None)
@given(st.lists(UNITS, max_size=30))
def test_any_units_get_a_finite_place(rows: list[tuple[int, float | None, float, int]]) -> None:
    clock = TrackClock(Reference())

    for timestamp, ntp, arrival, epoch in rows:
        assert np.isfinite(clock.place(AccessUnit(b"x", "vp8", timestamp, 90000, ntp=ntp, arrival=arrival, epoch=epoch), LOCAL))
