"""The vendor's client with the TURN servers of a node: told with the token, or with the answer to a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from pexrtc_media import Pattern
from pexrtc_py.node import Node, NodeConfig, Turn, Vmr
from pexrtc_py.protocol.requests import Update
from tests.coturn import PASSWORD, USER, Coturn, coturn
from tests.interop.visitor import stamped
from tests.media_checks import Eye, call_of, until

if TYPE_CHECKING:
    from tests.conftest import Join
    from tests.interop.conftest import Visit

BOB, VERA = 3, 5


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with coturn(tmp_path_factory.mktemp("turn")) as running:
        yield running


@pytest.fixture
async def node(turn: Coturn, request: pytest.FixtureRequest) -> AsyncIterator[Node]:
    servers = (Turn((f"turn:{turn.address}",), username=USER, password=PASSWORD),)
    async with Node(Vmr("meet.alice"), config=NodeConfig(turn_servers=servers, **request.param)) as running:
        yield running


@pytest.mark.parametrize("node", [{"relay_only": True}], indirect=True, ids=["relay only"])
async def test_the_clients_media_go_through_the_server_of_the_token(visit: Visit, join: Join, turn: Coturn) -> None:
    before = turn.allocations
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    vera = await visit("Vera", picture=stamped(VERA))

    await Eye(call_of(bob).video).sees(VERA)
    await vera.sees(BOB)

    assert turn.allocations >= before + 2


@pytest.mark.parametrize("node", [{"turn_with": "call"}], indirect=True, ids=["with the call"])
async def test_the_client_looks_for_a_way_through_servers_that_come_with_the_call(
    visit: Visit, join: Join, node: Node, turn: Coturn
) -> None:
    before = turn.allocations
    bob = await join("Bob", video=Pattern((640, 360), 15, stamp=BOB))
    vera = await visit("Vera", picture=stamped(VERA))

    me = await vera.me()
    await until(lambda: bool(node.heard.of(Update, participant=me)))
    await until(lambda: turn.allocations > before)
    await Eye(call_of(bob).video).sees(VERA)
    await vera.sees(BOB)
