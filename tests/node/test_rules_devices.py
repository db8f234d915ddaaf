"""Cameras and tones: who is told, what is kept, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import events, requests
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement

LEFT = FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT)


@pytest.fixture
def node() -> InProcess:
    return InProcess(Vmr("meet", host_pin="1234"))


def placed(who: Attendee, *, camera: bool) -> str:
    call = str(who.send(requests.Calls(sdp="offer", fecc_supported=camera))["call_uuid"])
    who.send(requests.Ack(), call=call)
    who.told()
    return call


def test_a_camera_that_was_declared_is_told_to_move(node: InProcess) -> None:
    host, room = node.join("Host", pin="1234"), node.join("Meeting room", pin="none")
    placed(host, camera=False)
    placed(room, camera=True)
    host.told()

    answer = host.send(requests.Fecc(action=FeccAction.START, movement=(LEFT,), timeout=1000, target=room.uuid), to=room)

    expected = events.Fecc(action=FeccAction.START, movement=(LEFT,), timeout=1000)
    assert answer is True
    assert room.told() == [expected]
    assert host.told() == []
    assert list(node.room().members[room.uuid].log.camera) == [expected]


def test_who_declared_no_camera_is_told_nothing(node: InProcess) -> None:
    host, guest = node.join("Host", pin="1234"), node.join("Guest", pin="none")
    placed(host, camera=False)
    placed(guest, camera=False)

    assert host.send(requests.Fecc(action=FeccAction.START, movement=(LEFT,)), to=guest) is False
    assert guest.told() == []


def test_a_camera_declared_or_withdrawn_in_mid_call_counts(node: InProcess) -> None:
    host, guest = node.join("Host", pin="1234"), node.join("Guest", pin="none")
    call = placed(host, camera=False)
    call = placed(guest, camera=False)

    guest.send(requests.Update(sdp="again", fecc_supported=True), call=call)
    declared = host.send(requests.Fecc(action=FeccAction.STOP), to=guest)
    guest.send(requests.Ack(), call=call)
    guest.send(requests.Update(sdp="again", fecc_supported=False), call=call)

    assert declared is True
    assert host.send(requests.Fecc(action=FeccAction.STOP), to=guest) is False


def test_a_guest_moves_no_camera_and_presses_no_keys(node: InProcess) -> None:
    host, guest = node.join("Host", pin="1234"), node.join("Guest", pin="none")
    placed(host, camera=True)

    for request in (requests.Fecc(action=FeccAction.START, movement=(LEFT,)), requests.Dtmf(digits="1")):
        with pytest.raises(NotAllowed):
            guest.send(request, to=host)

    assert not node.room().members[host.uuid].log.camera
    assert not node.room().members[host.uuid].log.digits


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "dance", "movement": (LEFT,)},
        {"action": "start", "movement": ()},
        {"action": "start", "movement": (FeccMovement(axis="roll", direction="left"),)},
        {"action": "start", "movement": (FeccMovement(axis=FeccAxis.ZOOM, direction=FeccDirection.LEFT),)},
        {"action": "start", "movement": (LEFT,) * 4},
        {"action": "start", "movement": (LEFT,), "timeout": -1},
    ],
)
def test_what_no_camera_does_is_an_illegal_value(node: InProcess, wrong: dict[str, Any]) -> None:
    host = node.join("Host", pin="1234")
    placed(host, camera=True)

    with pytest.raises(RequestRefused, match="Illegal value") as refused:
        host.send(requests.Fecc(**wrong))

    assert refused.value.status == 400
    assert host.told() == []


def test_tones_are_kept_with_who_was_sent_them(node: InProcess) -> None:
    host, guest = node.join("Host", pin="1234"), node.join("Guest", pin="none")

    assert host.send(requests.Dtmf(digits="12*"), to=guest) is True
    assert host.send(requests.Dtmf(digits="#D"), to=guest) is True

    assert node.room().members[guest.uuid].log.digits == "12*#D"


@pytest.mark.parametrize("digits", ["", "12x", "e", "1 2", "1" * 101, "١"])
def test_what_is_no_tone_is_an_illegal_value(node: InProcess, digits: str) -> None:
    host = node.join("Host", pin="1234")

    with pytest.raises(RequestRefused, match="Illegal value") as refused:
        host.send(requests.Dtmf(digits=digits))

    assert refused.value.status == 400
    assert node.room().members[host.uuid].log.digits == ""


@pytest.mark.parametrize("request_", [requests.CallDtmf(digits="1"), requests.CallFecc(action=FeccAction.STOP)])
def test_a_call_into_a_conference_has_no_far_end(node: InProcess, request_: Any) -> None:
    host = node.join("Host", pin="1234")
    call = placed(host, camera=True)

    with pytest.raises(RequestRefused, match="only calls through a gateway") as refused:
        host.send(request_, call=call)

    assert refused.value.status == 400
