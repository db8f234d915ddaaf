"""Networks that lose, delay and narrow: what becomes of datagrams, with the time set by hand."""

from __future__ import annotations

import asyncio
import itertools
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pexrtc_py.engine.network import PROFILES, Model, Network, Path
from pexrtc_py.engine.passing import Relay
from pexrtc_py.errors import UsageError


def run(path: Path, count: int = 2000, *, every: float = 0.004, size: int = 1000, seed: int = 1) -> tuple[Model, list[list[float]]]:
    model = Model(path, seed)
    return model, [[when - index * every for when in model.step(index * every, size)] for index in range(count)]


def test_a_clean_network_changes_nothing() -> None:
    model, passed = run(Path())

    assert passed == [[0.0]] * 2000
    assert model.achieved.loss == 0


@pytest.mark.parametrize("loss", [0.005, 0.01, 0.05, 0.2])
def test_exactly_this_share_is_lost_and_no_part_is_spared(loss: float) -> None:
    model, passed = run(Path(loss=loss))

    assert model.achieved.lost == round(2000 * loss)
    gone = [index for index, one in enumerate(passed) if not one]
    assert max(after - before for before, after in itertools.pairwise(gone)) <= 2 / loss


def test_bursts_are_as_long_as_asked_for() -> None:
    model, passed = run(Path(loss=0.05, burst=4), count=100_000)

    lengths = [len(list(group)) for lost, group in itertools.groupby(passed, key=lambda one: not one) if lost]
    assert model.achieved.loss == pytest.approx(0.05, abs=0.006)
    assert mean(lengths) == pytest.approx(4, abs=0.4)


def test_the_same_seed_does_the_same_and_another_something_else() -> None:
    path = Path(loss=0.1, jitter_ms=10, delay_ms=50)

    assert run(path)[1] == run(path)[1]
    assert run(path)[1] != run(path, seed=2)[1]


def test_one_setting_does_not_change_what_another_does() -> None:
    alone, together = run(Path(jitter_ms=10, delay_ms=50, reorder=True))[1], run(Path(jitter_ms=10, delay_ms=50, reorder=True, loss=0.1))[1]

    assert [one for one in together if one] == [one for one, other in zip(alone, together, strict=True) if other]


def test_delay_and_jitter_are_what_was_asked_for() -> None:
    model, passed = run(Path(delay_ms=50, jitter_ms=5, reorder=True), count=20_000)

    delays = [one[0] * 1000 for one in passed]
    assert mean(delays) == pytest.approx(50, abs=0.2)
    assert stdev(delays) == pytest.approx(5, abs=0.2)
    assert max(delays) <= 65.001
    assert model.achieved.reordered > 1000
    assert model.achieved.mean_delay_ms == pytest.approx(50, abs=0.2)


def test_without_reordering_nobody_overtakes() -> None:
    model, passed = run(Path(delay_ms=50, jitter_ms=20))

    out = [index * 0.004 + one[0] for index, one in enumerate(passed)]
    assert all(after - before > -1e-9 for before, after in itertools.pairwise(out))
    assert model.achieved.reordered == 0


def test_a_narrow_link_carries_its_rate_and_drops_what_would_wait_too_long() -> None:
    model, passed = run(Path(rate_kbps=500, queue_ms=300))

    carried = (model.achieved.bytes + 28 * model.achieved.passed) * 8 / 8.0 / 1000
    assert carried == pytest.approx(500, rel=0.05)
    assert model.achieved.queue_dropped > 0
    assert max(one[0] for one in passed if one) <= 0.3


def test_a_blackout_lets_nothing_pass() -> None:
    model, passed = run(Path(blackouts=((2.0, 1.5),)))

    gone = [index * 0.004 for index, one in enumerate(passed) if not one]
    assert (gone[0], gone[-1]) == pytest.approx((2.0, 3.496))
    assert model.achieved.blacked_out == len(gone) == 375


def test_some_arrive_twice() -> None:
    model, passed = run(Path(duplicate=0.1))

    assert model.achieved.duplicated == sum(len(one) == 2 for one in passed) == pytest.approx(200, abs=40)


def test_a_handshake_is_spared_by_loss_but_not_by_a_blackout() -> None:
    model = Model(Path(loss=1.0, blackouts=((1.0, 1.0),)), 1)

    assert model.step(0.0, 100, spared=True) == [0.0]
    assert model.step(1.5, 100, spared=True) == []
    assert model.step(2.5, 100) == []


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_lets_something_pass(name: str) -> None:
    model, passed = run(PROFILES[name].sends)

    assert sum(map(len, passed)) > 200
    assert model.achieved.packets == 2000


def test_a_network_is_written_in_one_line() -> None:
    network = Network.parse("loss=0.02,delay_ms=50,reorder=yes,seed=7")

    assert network == Network.both(loss=0.02, delay_ms=50, reorder=True, seed=7)
    assert Network.parse("wifi_bad", seed=3).seed == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [("nonsense", "there are clean"), ("los=1", "no 'los'"), ("loss=x", "must be a number"), ("loss=2", "between 0 and 1"),
     ("burst=0", "at least 1"), ("delay_ms=-1", "below 0")],
)  # fmt: skip
def test_what_is_no_network_is_said(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Network.parse(text)


@given(st.text())
def test_any_text_is_a_network_or_a_sentence(text: str) -> None:
    try:
        Network.parse(text)
    except UsageError as error:
        assert str(error)


@given(
    st.builds(
        Path,
        loss=st.floats(0, 1),
        burst=st.floats(1, 20),
        delay_ms=st.floats(0, 1000),
        jitter_ms=st.floats(0, 500),
        rate_kbps=st.sampled_from([0.0, 100.0, 5000.0]),
        duplicate=st.floats(0, 1),
        reorder=st.booleans(),
    )
)
def test_nothing_comes_out_before_it_went_in_and_all_is_counted(path: Path) -> None:
    model, passed = run(path, 300)

    done = model.achieved
    assert all(when >= -1e-9 for one in passed for when in one)
    assert done.lost + done.queue_dropped + done.blacked_out + done.passed == 300
    assert sum(map(len, passed)) == done.passed + done.duplicated


class Echo(asyncio.DatagramProtocol):
    """Sends back what it gets."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


async def test_a_relay_passes_datagrams_there_and_back_over_its_network() -> None:
    loop = asyncio.get_running_loop()
    echo, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    relay = Relay(echo.get_extra_info("sockname")[:2], Network(sends=Path(loss=0.2, delay_ms=20), receives=Path(delay_ms=10)))
    await relay.open("127.0.0.1", 0)
    got: asyncio.Queue[bytes] = asyncio.Queue()

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            got.put_nowait(data)

    client, _ = await loop.create_datagram_endpoint(Client, remote_addr=relay.address)
    client.sendto(b"\x00 a handshake comes first")
    first = await asyncio.wait_for(got.get(), 10)
    for number in range(100):
        client.sendto(b"\x80" + bytes([number]))
        await asyncio.sleep(0.001)
    back = [await asyncio.wait_for(got.get(), 10) for _ in range(80)]
    ((sent, received),) = relay.achieved()
    for one in (client, echo):
        one.close()
    await relay.aclose()

    assert first == b"\x00 a handshake comes first"
    assert sent.lost == 20
    assert [one[1] for one in back] == sorted({one[1] for one in back})
    assert sent.mean_delay_ms == pytest.approx(20)
    assert received.mean_delay_ms == pytest.approx(10)
