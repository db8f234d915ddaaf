"""The other tests prove something only if the client would complain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pexrtc_py.node.admission import Refused
from pexrtc_py.protocol.requests import Buzz, Lock
from tests.interop.visitor import CONTROL_ONLY

if TYPE_CHECKING:
    from pexrtc_py.node.asked import Asked
    from pexrtc_py.node.server import Node
    from tests.interop.conftest import Visit

THREW = "Request '{}' threw an Error"


async def test_an_answer_of_another_type_is_complained_of(visit: Visit, node: Node) -> None:
    """By the client's own validation: `buzz` is answered with true or false."""

    @node.answers(Buzz)
    def buzz(asked: Asked, request: Buzz) -> bool:
        raise Refused(200, "perhaps", processed=True)

    vera = await visit("Vera", callType=CONTROL_ONLY, expects=(THREW.format("raiseHand"), "onFailedRequest raiseHand"))

    with pytest.raises(AssertionError, match="thrown"):
        await vera.do("raiseHand", raise_=True)

    assert [one for one in vera.tab.complaints if THREW.format("raiseHand") in one]


async def test_an_answer_of_an_unexpected_status_is_complained_of(visit: Visit, node: Node) -> None:
    @node.answers(Lock)
    def lock(asked: Asked, request: Lock) -> bool:
        raise Refused(418, "I am a teapot")

    expects = (THREW.format("lock"), "onFailedRequest lock", r"Failed to load resource.*418")
    vera = await visit("Vera", callType=CONTROL_ONLY, expects=expects)

    with pytest.raises(AssertionError, match="Unexpected status 418"):
        await vera.do("lock", lock=True)

    assert len(vera.tab.complaints) == 2
