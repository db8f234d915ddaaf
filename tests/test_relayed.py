"""The servers that a node tells its clients: media through a TURN server that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py.node import Node, NodeConfig, Turn
from pexrtc_py.protocol.requests import NewCandidate
from tests.coturn import PASSWORD, USER, Coturn, coturn
from tests.media_checks import Ear, Eye, call_of

pytestmark = pytest.mark.live
SIZE = (320, 180)


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with coturn(tmp_path_factory.mktemp("turn")) as running:
        yield running


WAYS: dict[str, Callable[[str], NodeConfig]] = {
    "told with the token, by UDP": lambda at: NodeConfig(turn_servers=(server(f"turn:{at}"),), relay_only=True),
    "told with the token, by TCP": lambda at: NodeConfig(turn_servers=(server(f"turn:{at}?transport=tcp"),), relay_only=True),
    "told with the call": lambda at: NodeConfig(turn_servers=(server(f"turn:{at}"),), relay_only=True, turn_with="call"),
}


def server(url: str) -> Turn:
    return Turn((url,), username=USER, password=PASSWORD)


@pytest.mark.parametrize("way", WAYS)
async def test_media_go_through_the_turn_server_of_the_node(turn: Coturn, way: str) -> None:
    before = turn.allocations

    async with (
        Node(config=WAYS[way](turn.address)) as node,
        pexrtc_py.join("lab", node=node.url, display_name="Ann", video=Pattern(SIZE, 10, stamp=3), audio=Tone(500)) as ann,
        pexrtc_py.join("lab", node=node.url, display_name="Bob", video=Pattern(SIZE, 10, stamp=5), audio=Tone(800)) as bob,
    ):
        await Eye(call_of(bob).video).sees(3, 30)
        await Ear(call_of(ann).audio).hears(800, 30)
        candidates = [asked.candidate for asked in node.heard.of(NewCandidate)]

    assert turn.allocations >= before + 2
    assert any(" typ relay" in one for one in candidates)
    assert not [one for one in candidates if " typ host" in one or " typ srflx" in one]


async def test_a_stun_server_of_the_node_is_asked(turn: Coturn) -> None:
    config = NodeConfig(stun_servers=(f"stun:{turn.address}",))

    async with Node(config=config) as node, pexrtc_py.join("lab", node=node.url, display_name="Ann", audio=Tone(500)) as ann:
        token = ann.session.token

    assert token.stun is not None
    assert [one.url for one in token.stun] == [f"stun:{turn.address}"]
