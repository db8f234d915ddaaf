"""What a node keeps of the requests it has heard."""

from __future__ import annotations

from typing import Any

from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.heard import HEARD_BYTES, HEARD_LIMIT, Heard, HeardList
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.wire import to_text

MEGABYTE = 1024 * 1024


def heard(request: Request[Any]) -> Heard:
    return Heard(None, Address("meet"), request)


def test_the_bodies_of_requests_that_are_kept_are_bounded_together() -> None:
    node = InProcess(Vmr("meet"))
    ann = node.join("Ann")
    path = Address("meet").path(requests.Message.name)

    for number in range(40):
        body = to_text({"type": "text/plain", "payload": f"{number} {'x' * MEGABYTE}"}).encode()
        assert node.carry(Incoming(method="POST", path=path, body=body, token=ann.token)).status == 200

    kept = [one.payload.split(" ")[0] for one in node.desk.heard.of(requests.Message)]
    assert kept == [str(number) for number in range(40 - len(kept), 40)]
    assert 0 < len(kept) <= HEARD_BYTES // MEGABYTE


def test_so_many_requests_are_kept_and_no_more() -> None:
    kept = HeardList()

    kept.append(heard(requests.Lock()), 0)
    for _ in range(HEARD_LIMIT):
        kept.append(heard(requests.Unlock()), 100)

    assert len(kept) == HEARD_LIMIT
    assert requests.Lock() not in kept
