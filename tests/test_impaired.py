"""Calls over networks that lose and delay: what arrives, and what the network says that it did."""

from __future__ import annotations

from pathlib import Path as File

import pytest

import pexrtc_py
from pexrtc_media import Pattern, Tone
from pexrtc_py import Network
from pexrtc_py.engine.network import Path
from pexrtc_py.node import Node, NodeConfig
from tests.media_checks import Ear, Eye, call_of, until

pytestmark = pytest.mark.live
SIZE, ANN = (320, 180), 3


async def test_a_client_behind_a_bad_network_sees_and_hears_all_the_same(tmp_path: File) -> None:
    bad = Network(sends=Path(delay_ms=30), receives=Path(loss=0.05, delay_ms=40, jitter_ms=10))
    async with (
        Node() as node,
        pexrtc_py.join("lab", node=node.url, display_name="Ann", video=Pattern(SIZE, 10, stamp=ANN), audio=Tone(500)),
        pexrtc_py.join("lab", node=node.url, display_name="Bob", network=bad) as bob,
    ):
        call = call_of(bob)
        await Eye(call.video).sees(ANN, 30)
        await Ear(call.audio).hears(500, 30)
        assert call.peer.impairment is not None
        received, sent = call.peer.impairment.received, call.peer.impairment.sent
        await until(lambda: received.packets >= 1000, 60)

        assert received.lost == pytest.approx(received.packets * 0.05, abs=2)
        assert 40 < received.mean_delay_ms < 65  # nobody overtakes, so it is more than 40, and more still where many come at once
        assert sent.loss == 0
        assert sent.mean_delay_ms == pytest.approx(30, abs=0.5)
        counted = sum(slot.received.packets_lost for slot in call.slots.values())
        assert counted == pytest.approx(received.lost, abs=6)


async def test_a_node_impairs_each_call_by_itself() -> None:
    config = NodeConfig(impair="loss=0.1,delay_ms=20")
    async with (
        Node(config=config) as node,
        pexrtc_py.join("lab", node=node.url, display_name="Ann", video=Pattern(SIZE, 10, stamp=ANN), audio=Tone(500)),
        pexrtc_py.join("lab", node=node.url, display_name="Bob") as bob,
    ):
        call = call_of(bob)
        await Eye(call.video).sees(ANN, 30)
        audio = call.audio.received
        await until(lambda: audio.packets_received >= 300, 30)

        assert audio.packets_lost / (audio.packets_lost + audio.packets_received) == pytest.approx(0.1, abs=0.04)


async def test_a_network_that_nobody_knows_is_refused() -> None:
    with pytest.raises(pexrtc_py.UsageError, match="there are clean"):
        async with Node(config=NodeConfig(impair="nonsense")):
            pass
