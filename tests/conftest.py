"""What tests of whole calls share: a node with real media, and joining it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pexrtc_py.conference import Conference
    from pexrtc_py.node.server import Node

# What is tried elsewhere at random is the same in each run where nobody looks on; what was found stays in a test of its own.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

HERE = Path(__file__).parent
LIVE_FOLDERS = {"phenomena"}
LIVE_FIXTURES = {"browser", "join", "node", "visit"}
TIMED = ("demo/test_demo.py", "node/test_bridge.py", "phenomena/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs calls with real media as `live`, and what judges by the clock how these come through as `timed`."""
    for item in items:
        path = item.path.relative_to(HERE)
        if path.parts[0] in LIVE_FOLDERS or LIVE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.live)
        if path.as_posix().startswith(TIMED):
            item.add_marker(pytest.mark.timed)


class Join(Protocol):
    """Joins a conference of the test's node; who is still in it at the end of the test leaves then."""

    async def __call__(self, display_name: str, *, alias: str = "meet.alice", **options: Any) -> Conference: ...


@pytest.fixture(autouse=True)
def answers_as_documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a node in this process answers is held against what the documents state; rules that a test has replaced are the test's."""
    desk = sys.modules.get("pexrtc_py.node.desk")
    if desk is None:
        yield
        return
    from tests.node.watching import watch

    faults = watch(monkeypatch, desk.Desk)
    yield
    assert not faults


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A node with `meet.alice`, open to everybody, and `meet.lobby`, where guests wait for a host (PINs 1234 and 5678).

    It plays no music to those who wait, since tests want to hear silence. With PEXRTC_COMPOSE=always in the environment it composes every
    picture, so that all tests can be run that way too.
    """
    from pexrtc_py.node import Node, NodeConfig, Vmr

    config = NodeConfig(compose=cast(Any, os.environ.get("PEXRTC_COMPOSE", "auto")), hold_music=False)
    async with Node(Vmr("meet.alice"), Vmr("meet.lobby", host_pin="1234", guest_pin="5678"), config=config) as running:
        yield running


@pytest.fixture
async def join(node: Node) -> AsyncIterator[Join]:
    import pexrtc_py

    async with contextlib.AsyncExitStack() as stack:

        async def enter(display_name: str, *, alias: str = "meet.alice", **options: Any) -> Conference:
            return await stack.enter_async_context(pexrtc_py.join(alias, display_name=display_name, **{"node": node.url, **options}))

        yield enter
