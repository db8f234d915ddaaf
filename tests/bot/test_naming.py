"""Names of recordings: what templates mean, and that nothing is written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.bot.naming import check_place, expand, unused
from pexrtc_py.errors import RecordingError, UsageError

NOW = 1_795_718_889.0


def test_fields_are_replaced() -> None:
    path = expand("out/{alias}-{name}-{utc}-{date}-{time}-{run}.mkv", alias="meet.alice", name="Bot 1", now=NOW, run="r7")

    assert path == Path("out/meet.alice-Bot_1-20261126T184809Z-2026-11-26-184809-r7.mkv")


@pytest.mark.parametrize(("template", "words"), [("{nobody}.mkv", "{nobody}"), ("{alias", "no file name"), ("{}.mkv", "unknown field")])
def test_a_template_that_means_nothing_is_a_mistake(template: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        expand(template, alias="a", name="b", now=NOW)


@given(st.text(), st.text())
def test_whatever_a_conference_is_called_the_file_stays_in_its_folder(alias: str, name: str) -> None:
    path = expand("out/{alias}-{name}.mkv", alias=alias, name=name, now=NOW)

    assert path.parent == Path("out")
    assert "\0" not in path.name


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    first = unused(path)
    path.write_bytes(b"precious")
    second = unused(path)
    second.write_bytes(b"too")

    assert first == path
    assert second == tmp_path / "a-2.mkv"
    assert unused(path) == tmp_path / "a-3.mkv"


def test_a_full_disk_is_known_before_anything_begins(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="MiB free"):
        check_place(tmp_path / "a.mkv", least=1 << 62)
