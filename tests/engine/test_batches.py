"""Many datagrams with one call: what came, when, from where, and what found no room."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from pexrtc_py.engine.batches import COUNT, SIZE, Batch, batch

_SO_TIMESTAMPNS, _SO_RXQ_OVFL = 35, 40
ADDRESSES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


@pytest.fixture
def many() -> Batch:
    found = batch()
    assert found is not None, "this kernel has no recvmmsg"
    return found


@pytest.fixture(params=ADDRESSES, ids=["IPv4", "IPv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    family, address = request.param
    with socket.socket(family, socket.SOCK_DGRAM) as sender, socket.socket(family, socket.SOCK_DGRAM) as receiver:
        for one in (sender, receiver):
            one.bind((address, 0))
        receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        sender.connect(receiver.getsockname())
        yield sender, receiver


def test_what_waits_comes_in_order_with_its_time_and_its_sender(many: Batch, pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    before = time.time()
    for text in (b"one", b"", b"three" * 100):
        sender.send(text)

    came, lost = many.read(receiver.fileno())

    assert [data for data, _ in came] == [b"one", b"", b"three" * 100]
    assert lost == 0
    assert all(before - 0.1 <= stamp <= time.time() + 0.1 for _, stamp in came)
    assert [many.address(index) for index in range(3)] == [sender.getsockname()] * 3
    assert many.read(receiver.fileno()) == ([], 0)


def test_more_than_fit_come_with_the_next_read(many: Batch, pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    for number in range(COUNT + 3):
        sender.send(bytes([number]))

    first, second = many.read(receiver.fileno())[0], many.read(receiver.fileno())[0]

    assert [data[0] for data, _ in [*first, *second]] == list(range(COUNT + 3))
    assert len(second) == 3


def test_what_is_too_long_is_cut(many: Batch, pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    sender.send(bytes(SIZE + 500))
    sender.send(b"next")

    came, _ = many.read(receiver.fileno())

    assert [len(data) for data, _ in came] == [SIZE, 4]


def test_what_found_no_room_is_told(many: Batch, pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        sender.send(bytes(1000))
    held = len(many.read(receiver.fileno())[0])
    sender.send(b"after")

    came, lost = many.read(receiver.fileno())

    assert [data for data, _ in came] == [b"after"]
    assert lost == 100 - held


def test_without_a_stamp_there_is_no_time(many: Batch, pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 0)
    sender.send(b"one")

    assert many.read(receiver.fileno()) == ([(b"one", 0.0)], 0)


def test_a_socket_that_is_closed_is_an_error(many: Batch, pair: tuple[socket.socket, socket.socket]) -> None:
    _, receiver = pair
    receiver.close()

    with pytest.raises(OSError, match="could not be read"):
        many.read(receiver.fileno())
