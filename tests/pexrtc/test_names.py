"""Every name of the JavaScript object is there, and in the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pexrtc_py.pexrtc import PexRTC
from tests.pexrtc_names import CALLBACKS, METHODS, snake

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `(?P<theirs>\w+)`(?: \\\*)? \| `(?P<ours>\w+)(?:\((?P<arguments>.*?)\))?` \| (?P<meaning>.+) \|$", re.MULTILINE)


def _names() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for line in (ROOT / "tests" / "data" / "pexrtc_names.txt").read_text().splitlines():
        if line.startswith("# "):
            group = groups.setdefault(line[2:], [])
        else:
            group += line.split()
    return groups


GROUPS = _names()
LEFT_OUT = GROUPS["left out"]
NAMES = [name for group, names in GROUPS.items() if group != "left out" for name in names]
PAGE = (ROOT / "docs" / "pexrtc.md").read_text()
ROWS = {row["theirs"]: row for row in _ROW.finditer(PAGE)}


@pytest.mark.parametrize(
    ("name", "ours"),
    [("makeCall", "make_call"), ("sendDTMF", "send_dtmf"), ("getPresentationURL", "get_presentation_url"), ("uuid", "uuid")],
)
def test_names_are_spelled_the_python_way(name: str, ours: str) -> None:
    assert snake(name) == ours


def test_the_list_has_all_of_the_document() -> None:
    counts = {group: len(names) for group, names in GROUPS.items() if "not in" not in group and names}

    assert counts == {"methods": 39, "callbacks": 24, "variables": 19, "fields": 7, "left out": 7}


def test_the_object_has_every_name() -> None:
    assert not [name for name in NAMES if not hasattr(PexRTC, snake(name))]


def test_what_stands_behind_each_method_is_known_for_methods_that_there_are() -> None:
    assert {name for name in (*METHODS, *CALLBACKS) if name} <= set(NAMES)


def test_the_table_has_every_name_once_and_no_other() -> None:
    assert sorted(row["theirs"] for row in _ROW.finditer(PAGE)) == sorted(NAMES)
    assert all(row["ours"] == snake(row["theirs"]) for row in ROWS.values())


def test_the_table_has_the_arguments_of_each_method() -> None:
    import inspect

    methods = GROUPS["methods"] + GROUPS["methods that are not in the document"]
    real = {name: list(inspect.signature(getattr(PexRTC, snake(name))).parameters)[1:] for name in methods}

    assert {name: [word for word in (ROWS[name]["arguments"] or "").replace("**", "").split(", ") if word] for name in methods} == real


def test_what_is_left_out_is_said() -> None:
    assert not [name for name in LEFT_OUT if f"`{name}`" not in PAGE]
    assert not [name for name in LEFT_OUT if hasattr(PexRTC, snake(name))]


def test_a_slip_of_the_pen_is_noticed() -> None:
    with pytest.raises(AttributeError, match="is it 'on_connect'"):
        setattr(PexRTC(), "on_conect", print)  # noqa: B010  # type checkers notice it, too
