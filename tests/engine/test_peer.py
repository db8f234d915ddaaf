"""A peer's life: what it leaves behind when it ends early, or its end is given up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from pexrtc_py.engine.ice import MAX_REMOTE_CANDIDATES
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.sdp import Description
from pexrtc_py.engine.types import Candidate, PeerState, Slot, SlotOptions
from tests.media_checks import until


def _peer(name: str) -> Peer:
    return Peer(slots={slot: SlotOptions() for slot in Slot}, loopback=True, name=name)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Peer, Peer]]:
    """Two peers that are about to connect."""
    caller, called = _peer("caller"), _peer("called")

    def tell(found: Candidate | None) -> None:
        if found is not None:
            called.add_candidate(found.candidate, mid=found.mid, ufrag=found.ufrag)

    caller.on_candidate = tell
    await caller.set_answer(await called.create_answer(await caller.create_offer()))
    await caller.gather()
    yield caller, called
    await asyncio.gather(caller.close(), called.close())


def _sockets() -> int:
    links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
    return sum(os.path.islink(link) and os.readlink(link).startswith("socket:") for link in links)


async def test_a_peer_closed_while_it_gathers_leaves_no_socket() -> None:
    peer, before = _peer("early"), _sockets()
    await peer.create_offer()
    gathering = asyncio.create_task(peer.gather())
    await asyncio.sleep(0)

    await peer.close()

    await gathering
    assert _sockets() == before


async def test_a_closed_peer_opens_no_sockets() -> None:
    peer, before = _peer("late"), _sockets()
    await peer.create_offer()
    await peer.close()

    await peer.gather()

    assert _sockets() == before


async def test_closing_is_done_though_whoever_waited_for_it_was_cancelled(pair: tuple[Peer, Peer]) -> None:
    caller, called = pair
    await asyncio.gather(caller.wait_connected(), called.wait_connected())
    before = _sockets()
    closing = asyncio.create_task(caller.close())
    await asyncio.sleep(0)

    closing.cancel()
    await asyncio.wait([closing])
    await caller.close()

    assert _sockets() == before - 1


async def test_closing_while_connecting_leaves_no_task(pair: tuple[Peer, Peer]) -> None:
    caller, called = pair

    await asyncio.gather(caller.close(), called.close(), caller.close())

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_restart_of_ice_that_leads_nowhere_leaves_the_call_as_it_is(pair: tuple[Peer, Peer]) -> None:
    caller, called = pair
    await asyncio.gather(caller.wait_connected(), called.wait_connected())
    assert caller.connection is not None and called.connection is not None
    before, sockets = called.connection.ice.ufrag, _sockets()
    offer = await caller.create_offer()

    answers = [await called.create_answer(offer.replace(caller.connection.ice.ufrag, name)) for name in ("nowhere", "nor-there")]

    told = [Description.parse(answer).transport for answer in answers]
    assert len({before, *(answer.ufrag for answer in told)}) == 3
    assert all(answer.candidates for answer in told)
    assert _sockets() == sockets + 1  # of two restarts the first is given up
    assert called.state is PeerState.CONNECTED
    called.connection.send(b"\x80\x60" + bytes(10))
    await called.close()
    assert _sockets() == sockets - 1


async def test_whoever_offers_can_restart_ice_and_the_way_before_is_given_up(pair: tuple[Peer, Peer]) -> None:
    caller, called = pair
    await asyncio.gather(caller.wait_connected(), called.wait_connected())
    assert caller.connection is not None and called.connection is not None
    ways, sockets = (caller.connection.ice.agent, called.connection.ice.agent), _sockets()

    await caller.set_answer(await called.create_answer(await caller.create_offer(restart=True)))

    await until(lambda: ways[0] is not caller.connection.ice.agent and ways[1] is not called.connection.ice.agent, 10)  # type: ignore[union-attr]
    await until(lambda: _sockets() == sockets, 5)
    assert not caller.connection.ice.restarting and caller.state is called.state is PeerState.CONNECTED
    caller.connection.send(b"\x80\x60" + bytes(10))


async def test_a_callback_that_raises_does_not_end_the_peers_work(pair: tuple[Peer, Peer], caplog: pytest.LogCaptureFixture) -> None:
    caller, _ = pair
    told: list[PeerState] = []

    def fail(state: PeerState) -> None:
        raise RuntimeError("not ours")

    caller.on_state(fail)
    caller.on_state(told.append)
    await caller.wait_connected()
    await asyncio.sleep(0)

    assert told == [PeerState.CONNECTED]
    assert "a callback for its state raised" in caplog.text


async def test_candidates_beyond_measure_are_ignored(pair: tuple[Peer, Peer]) -> None:
    caller, _ = pair
    connection = caller.connection
    assert connection is not None

    for number in range(1000):
        caller.add_candidate(f"candidate:{number} 1 udp 1 127.0.0.1 {20000 + number} typ host")

    assert connection.ignored_candidates >= 1000 - MAX_REMOTE_CANDIDATES
    await asyncio.sleep(0)
    assert len(connection.ice.agent.remote_candidates) <= MAX_REMOTE_CANDIDATES
