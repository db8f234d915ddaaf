from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import ConferenceNotFound, NotAllowed, RequestRefused
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.invitations import SECONDS
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import ParticipantDelete, ParticipantUpdate, Refer
from pexrtc_py.protocol.models import ReferTarget

PINS = {"host_pin": "1234", "guest_pin": "5678"}


def meeting(**there: Any) -> tuple[InProcess, Attendee, Attendee]:
    """A node with a Host and a Guest in `meet`, and the conference `there`."""
    node = InProcess(Vmr("meet", host_pin="1"), Vmr("there", **there))
    host, guest = node.join("Host", pin="1"), node.join("Guest", pin="none")
    host.send(requests.StartConference())
    host.told(), guest.told()
    return node, host, guest


def follow(node: InProcess, referred: Refer) -> dict[str, Any]:
    """What request_token answers to who follows."""
    reply = node.ask(requests.RequestToken(display_name="Guest", token=referred.token), Address(referred.alias))
    assert reply.status == 200, reply
    result: dict[str, Any] = reply.json["result"]
    return result


def referred(who: Attendee) -> Refer:
    (event,) = [event for event in who.told() if isinstance(event, Refer)]
    return event


@pytest.mark.parametrize(
    ("role", "granted"), [("guest", "GUEST"), ("host", "HOST"), ("chair", "HOST"), ("HOST", "HOST"), ("Guest", "GUEST")]
)
def test_a_participant_is_sent_to_another_conference_in_a_role(role: str, granted: str) -> None:
    node, host, guest = meeting()

    assert host.send(requests.Transfer(conference_alias="there", role=role), to=guest) is True

    told = referred(guest)
    assert (told.alias, told.target, told.breakout_name) == ("there", ReferTarget.CONFERENCE, None)
    assert follow(node, told)["role"] == granted
    assert [member.display_name for member in node.room("there").members.values()] == ["Guest"]


def test_everybody_sees_that_it_is_on_its_way_until_it_leaves() -> None:
    _, host, guest = meeting()
    host.send(requests.Transfer(conference_alias="there"), to=guest)

    (seen,) = [event.participant for event in host.told() if isinstance(event, ParticipantUpdate)]
    guest.send(requests.ReleaseToken(reason="Transfer"))

    assert (seen.uuid, seen.is_transferring) == (guest.uuid, True)
    assert ParticipantDelete(uuid=guest.uuid) in host.told()


def test_a_participant_that_does_not_follow_stays() -> None:
    node, host, guest = meeting()
    host.send(requests.Transfer(conference_alias="there"), to=guest)
    told = referred(guest)
    host.told()

    node.now += SECONDS - 1
    guest.token = guest.send(requests.RefreshToken())["token"]
    host.token = host.send(requests.RefreshToken())["token"]
    node.now += 1
    node.room().sweep(node.now)
    node.settle()

    (seen,) = [event.participant for event in host.told() if isinstance(event, ParticipantUpdate)]
    assert (seen.uuid, seen.is_transferring) == (guest.uuid, False)
    assert node.ask(requests.RequestToken(display_name="Late", token=told.token), Address("there")).status == 403


@pytest.mark.parametrize(("role", "pin"), [("host", "1234"), ("guest", "5678")])
def test_with_the_pin_of_the_role_there_the_participant_needs_none(role: str, pin: str) -> None:
    node, host, guest = meeting(**PINS)

    host.send(requests.Transfer(conference_alias="there", role=role, pin=pin), to=guest)

    assert follow(node, referred(guest))["role"] == role.upper()


@pytest.mark.parametrize(("role", "pin"), [("host", None), ("host", "5678"), ("guest", None), ("guest", "1234"), ("guest", "none")])
def test_without_the_pin_of_the_role_there_nobody_is_sent(role: str, pin: str | None) -> None:
    _, host, guest = meeting(**PINS)

    with pytest.raises(NotAllowed, match="Invalid PIN"):
        host.send(requests.Transfer(conference_alias="there", role=role, pin=pin), to=guest)

    assert not guest.told()
    assert not host.told()


def test_no_guest_is_sent_where_there_are_none() -> None:
    _, host, guest = meeting(host_pin="1234", allow_guests=False)

    with pytest.raises(NotAllowed, match="Guests cannot join"):
        host.send(requests.Transfer(conference_alias="there", role="guest"), to=guest)

    assert not guest.told()


def test_nobody_is_sent_to_a_conference_that_does_not_exist() -> None:
    _, host, guest = meeting()

    with pytest.raises(ConferenceNotFound, match="Neither conference nor gateway found"):
        host.send(requests.Transfer(conference_alias="nowhere"), to=guest)

    assert not guest.told()


def test_nobody_is_sent_in_a_role_that_does_not_exist() -> None:
    _, host, guest = meeting()

    with pytest.raises(RequestRefused, match="host or guest, not 'boss'") as refused:
        host.send(requests.Transfer(conference_alias="there", role="boss"), to=guest)

    assert refused.value.status == 400
    assert not guest.told()


def test_guests_send_nobody_away() -> None:
    _, host, guest = meeting()

    with pytest.raises(NotAllowed, match="Invalid role"):
        guest.send(requests.Transfer(conference_alias="there"), to=host)

    assert not host.told()
