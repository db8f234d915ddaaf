"""Looks at every answer that nodes give, and at what refusals look like."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from pexrtc_py.errors import ProtocolError
from pexrtc_py.node.asked import RULES, Need
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, find
from tests.node import documented

if TYPE_CHECKING:
    import pytest

    from pexrtc_py.node.desk import Desk


def watch(patch: pytest.MonkeyPatch, desk: type[Desk]) -> list[str]:
    """From now on note what is wrong with answers; the list grows."""
    faults: list[str] = []
    original = desk.answer

    def answer(self: Desk, incoming: Incoming, now: float) -> Generator[Need, Any, Reply]:
        reply = yield from original(self, incoming, now)
        faults.extend(_faults(self, incoming, reply))
        return reply

    patch.setattr(desk, "answer", answer)
    return faults


def _faults(desk: Desk, incoming: Incoming, reply: Reply) -> list[str]:
    kind = _kind(incoming)
    if kind is not None and desk.rules.get(kind) is not RULES.get(kind):
        return []
    if kind is None or reply.status >= 400:
        return documented.refusal_faults(kind, reply.status, reply.json) if reply.text is None else []
    if reply.json is not None and (set(reply.json) != {"status", "result"} or reply.json["status"] != "success"):
        return [f"{incoming.path}: the answer is {reply.json!r}"]
    result = reply.picture if reply.picture is not None else reply.json["result"] if reply.json is not None else None
    return documented.answer_faults(kind, result, desk.config.version_number)


def _kind(incoming: Incoming) -> type[Request[Any]] | None:
    with contextlib.suppress(ProtocolError):
        address, name = Address.parse(incoming.path)
        return find(address.scope, incoming.method, name)
    return None
