from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import ConferenceNotFound, NotAllowed, RequestRefused
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.identity import IdentityProvider
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.invitations import SECONDS
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import CancelRefer, ParticipantDelete, ParticipantUpdate, Refer
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
    assert CancelRefer() in guest.told()
    assert node.ask(requests.RequestToken(display_name="Late", token=told.token), Address("there")).status == 403


def test_who_is_sent_elsewhere_before_it_followed_can_go_to_the_second_place_only() -> None:
    node, host, guest = meeting()
    host.send(requests.Transfer(conference_alias="there"), to=guest)
    first = referred(guest)
    host.send(requests.Transfer(conference_alias="there", role="host"), to=guest)

    second = referred(guest)

    assert node.ask(requests.RequestToken(display_name="Guest", token=first.token), Address("there")).status == 403
    assert follow(node, second)["role"] == "HOST"


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


CORP, OTHER = IdentityProvider("Corp", uuid="c1"), IdentityProvider("Other", uuid="o1")


def signing_in(idp: str | None, **there: Any) -> tuple[InProcess, Attendee, Attendee]:
    """A Host, and somebody who signed in with one of two providers, if with any; and the conference `there`."""
    rooms = (Vmr("meet"), Vmr("in", host_idps=("Corp", "Other")), Vmr("there", **there))
    node = InProcess(config=NodeConfig(conferences=rooms, identity_providers=(CORP, OTHER)))
    if idp is None:
        host, guest = node.join("Host"), node.join("Vera")
        return node, host, guest
    return node, came_in(node, "Host", idp), came_in(node, "Vera", idp)


def came_in(node: InProcess, name: str, idp: str) -> Attendee:
    asking = requests.RequestToken(display_name=name, chosen_idp=idp)
    url = node.ask(asking, Address("in")).json["result"]["redirect_url"]
    token = node.desk.house.sign_ins.finish(url.rpartition("/")[2], None, node.now)
    granted = node.ask(requests.RequestToken(display_name=name, chosen_idp=idp, sso_token=token), Address("in")).json["result"]
    attendee = Attendee(node, "in", granted["participant_uuid"], granted["token"])
    attendee.told()
    return attendee


@pytest.mark.parametrize("role", ["host", "guest"])
@pytest.mark.parametrize("idp", [None, "o1"])
def test_a_transfer_goes_round_no_identity_provider(role: str, idp: str | None) -> None:
    node, host, guest = signing_in(idp, **{f"{role}_idps": ("Corp",)})

    with pytest.raises(NotAllowed, match="SSO Authentication Failed"):
        host.send(requests.Transfer(conference_alias="there", role=role), to=guest)

    assert not guest.told()
    assert not node.room("there").members


def test_whoever_has_signed_in_with_a_provider_of_the_other_conference_is_sent_there_and_stays_signed_in() -> None:
    node, host, guest = signing_in("c1", host_idps=("Corp",))

    host.send(requests.Transfer(conference_alias="there", role="host"), to=guest)

    granted = follow(node, referred(guest))
    assert (granted["display_name"], granted["idp_uuid"]) == ("Vera", "c1")
    assert [member.idp for member in node.room("there").members.values()] == ["c1"]


def test_whoever_need_not_sign_in_there_is_sent_as_before() -> None:
    node, host, guest = signing_in(None, host_idps=("Corp",))

    host.send(requests.Transfer(conference_alias="there", role="guest"), to=guest)

    assert follow(node, referred(guest))["role"] == "GUEST"
