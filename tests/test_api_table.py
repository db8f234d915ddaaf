"""The table of the API is complete and up to date: every row has its client, its PexRTC name, its rule and its test."""

from __future__ import annotations

import pytest

from tests import api_table, pexrtc_names
from tests.api_table import NEVER_TOLD, PAGE, Row


def _ids(row: Row) -> str:
    return row.kind.__name__


@pytest.mark.parametrize("row", api_table.requests(), ids=_ids)
def test_every_request_has_its_client_its_name_its_rule_and_its_test(row: Row) -> None:
    assert not row.lacking


@pytest.mark.parametrize("row", api_table.events(), ids=_ids)
def test_every_event_has_its_client_its_name_its_teller_and_its_test(row: Row) -> None:
    assert row.lacking <= ({"test"} if row.kind in NEVER_TOLD else set())


def test_the_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text() == api_table.page(), "run: make docs"


@pytest.mark.parametrize(
    ("name", "snake"),
    [("makeCall", "make_call"), ("sendDTMF", "send_dtmf"), ("onFECC", "on_fecc"), ("notifyNotAFK", "notify_not_afk"),
     ("getPresentationURL", "get_presentation_url"), ("disconnectcall", "disconnectcall")],
)  # fmt: skip
def test_names_of_javascript_are_spelled_as_in_python(name: str, snake: str) -> None:
    assert pexrtc_names.snake(name) == snake
