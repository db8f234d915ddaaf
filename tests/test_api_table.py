"""The table of the API is complete and up to date: every row has its client, its PexRTC name, its rule and its test."""

from __future__ import annotations

import pytest

from pexrtc_py.node.asked import RULES
from tests import api_table, pexrtc_names
from tests.api_table import NEVER_TOLD, PAGE, STREAMS, Row

PENDING = {
    "CancelRefer",
}
"""Events that the node does not tell yet: whoever lets it takes the event from here."""


def _ids(row: Row) -> str:
    return row.kind.__name__


@pytest.mark.parametrize("row", api_table.requests(), ids=_ids)
def test_every_request_has_its_client_its_name_its_rule_and_its_test(row: Row) -> None:
    unanswered = row.kind not in RULES and row.kind not in STREAMS  # which tests/node/test_desk.py lists

    assert row.lacking <= ({"node", "test"} if unanswered else set())


@pytest.mark.parametrize("row", api_table.events(), ids=_ids)
def test_every_event_has_its_client_its_name_its_teller_and_its_test(row: Row) -> None:
    pending = row.kind.__name__ in PENDING

    assert row.lacking <= ({"node", "test"} if pending else {"test"} if row.kind in NEVER_TOLD else set())
    assert not pending or row.lacking, "the node tells it now; take it from PENDING"


def test_the_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text() == api_table.page(), "run: make docs"


@pytest.mark.parametrize(
    ("name", "snake"),
    [("makeCall", "make_call"), ("sendDTMF", "send_dtmf"), ("onFECC", "on_fecc"), ("notifyNotAFK", "notify_not_afk"),
     ("getPresentationURL", "get_presentation_url"), ("disconnectcall", "disconnectcall")],
)  # fmt: skip
def test_names_of_javascript_are_spelled_as_in_python(name: str, snake: str) -> None:
    assert pexrtc_names.snake(name) == snake
