"""Jobs in files: what is right is taken, what is wrong is said with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pexrtc_media import Limits
from pexrtc_py.bot.job import Job, at_clock, load_jobs
from pexrtc_py.bot.leaving import AutoLeave
from pexrtc_py.errors import UsageError


def written(tmp_path: Path, told: Any) -> Path:
    path = tmp_path / "job.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return path


def test_a_job_is_read(tmp_path: Path) -> None:
    told = {"schema": 1, "conference": "meet", "out": "a.mkv", "leave": {"empty": 30, "bot_words": ["robot"]}, "limits": {"seconds": 600}}

    job = Job.load(written(tmp_path, told))

    leave = AutoLeave(empty=30, bot_words=frozenset({"robot"}))
    assert job == Job(conference="meet", out="a.mkv", leave=leave, limits=Limits(seconds=600))


def test_several_jobs_are_read(tmp_path: Path) -> None:
    jobs = load_jobs(written(tmp_path, [{"conference": "a", "out": "a.mkv"}, {"conference": "b", "out": "b.mkv"}]))

    assert [job.conference for job in jobs] == ["a", "b"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{", "no valid JSON"),
        ([], "no jobs"),
        ([1], "a job is an object"),
        ({"out": "a.mkv"}, "conference"),
        ({"conference": "a", "out": "a.mkv", "nodes": 1}, "'nodes' is unknown"),
        ({"conference": "a", "out": 1}, "out must be text, not 1"),
        ({"conference": "a", "out": "a.mkv", "seconds": "3"}, "seconds must be a number"),
        ({"conference": "a", "out": "a.mkv", "captions": 1}, "captions must be true or false"),
        ({"conference": "a", "out": "a.mkv", "leave": {"empty": 0}}, "above 0"),
        ({"conference": "a", "out": "a.mkv", "leave": 3}, "leave is an object"),
        ({"conference": "a", "out": "a.mkv", "limits": {"seconds": -1}}, "above 0"),
        ({"schema": 9, "conference": "a", "out": "a.mkv"}, "schema is 9"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, told: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        load_jobs(written(tmp_path, told))

    assert "job.json" in str(refused.value)


def test_a_pin_is_never_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_jobs(written(tmp_path, {"conference": "a", "out": "a.mkv", "pin": 98765}))

    assert "98765" not in str(refused.value)
    assert "98765" not in repr(Job(conference="a", out="b.mkv", pin="98765"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["conference", "out", "leave", "limits", "seconds", "empty", "pin", "x"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_json_is_a_job_or_a_sentence(tmp_path: Path, told: Any) -> None:
    path = written(tmp_path, told)

    try:
        jobs = load_jobs(path)
    except UsageError as error:
        assert str(error)
    else:
        assert all(isinstance(job, Job) for job in jobs)


def test_a_time_of_day_is_the_next_one() -> None:
    now = 1_795_718_889.0

    at = at_clock("17:30", now)

    assert 0 < at - now <= 86400
    assert at_clock("2026-12-31T10:00:00+00:00", now) == 1_798_711_200.0
    with pytest.raises(UsageError, match="25:00"):
        at_clock("25:00", now)
