"""The engine's time goes on evenly while the machine's clock is set."""

from __future__ import annotations

import asyncio
import time

import pytest

from pexrtc_py.engine.clock import unix_time, unix_time_of
from pexrtc_py.engine.pacing import SystemClock

HOUR = 3600.0


@pytest.fixture(params=[HOUR, -HOUR])
def machine_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """The machine's clock was set by this many seconds."""
    right, step = time.time, float(request.param)
    monkeypatch.setattr(time, "time", lambda: right() + step)
    return step


def test_time_is_that_of_the_machine_as_long_as_nobody_sets_it() -> None:
    assert abs(unix_time() - time.time()) < 0.5


def test_time_goes_on_when_the_machines_clock_is_set(machine_set: float) -> None:
    assert abs(time.time() - machine_set - unix_time()) < 0.5


def test_a_datagram_that_waited_keeps_its_time_of_arrival() -> None:
    stamp = time.time() - 0.3

    assert unix_time() - unix_time_of(stamp) == pytest.approx(0.3, abs=0.02)


def test_a_stamp_from_before_the_clock_was_set_means_now(machine_set: float) -> None:
    stamp = time.time() - machine_set

    assert unix_time_of(stamp) == pytest.approx(unix_time(), abs=0.02)


async def test_what_is_due_is_not_put_off_when_the_machines_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, right = SystemClock(), time.time
    due = clock.now() + 0.05

    monkeypatch.setattr(time, "time", lambda: right() - HOUR)

    async with asyncio.timeout(5):
        await clock.sleep_until(due)
