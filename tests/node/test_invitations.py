from __future__ import annotations

import pytest

from pexrtc_py.errors import TokenExpired
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.invitations import KEPT, SECONDS, Invitation, Invitations
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.wire import failed

AS_GUEST = Invitation("meet", role=Role.GUEST)


def test_a_token_is_good_once() -> None:
    invitations = Invitations()
    token = invitations.mint(AS_GUEST, 1000)

    assert invitations.shown(token, 1000) is AS_GUEST
    assert invitations.spend(token)

    assert invitations.shown(token, 1000) is None
    assert not invitations.spend(token)


def test_a_token_expires() -> None:
    invitations = Invitations()
    usual, short = invitations.mint(AS_GUEST, 1000), invitations.mint(AS_GUEST, 1000, seconds=5)

    assert invitations.shown(short, 1004.9)
    assert not invitations.shown(short, 1005)
    assert invitations.shown(usual, 1000 + SECONDS - 0.1)
    assert not invitations.shown(usual, 1000 + SECONDS)


def test_what_has_expired_is_forgotten_with_the_next_one() -> None:
    invitations = Invitations()
    token = invitations.mint(AS_GUEST, 1000)

    invitations.mint(AS_GUEST, 1000 + SECONDS)

    assert not invitations.spend(token)


def test_of_too_many_the_oldest_dies_early_and_is_counted() -> None:
    invitations = Invitations()
    first, second, *_ = [invitations.mint(AS_GUEST, 1000) for _ in range(KEPT + 1)]

    assert not invitations.shown(first, 1000)
    assert invitations.shown(second, 1000)
    assert invitations.outrun == 1


def test_a_token_needs_no_escaping_in_a_url() -> None:
    token = Invitations().mint(AS_GUEST, 1000)

    assert Address(token).path("x").endswith(f"/{token}/x")


@pytest.mark.parametrize("role", list(Role))
def test_an_invited_participant_needs_no_pin_and_has_the_role_it_was_invited_in(role: Role) -> None:
    node = InProcess(Vmr("meet", host_pin="1234", guest_pin="5678"))
    node.join("Host", pin="1234").send(requests.StartConference())

    token = node.room().invitations.mint(Invitation("meet", role=role), node.now)
    result = node.ask(requests.RequestToken(display_name="Bob", token=token), Address("meet")).json["result"]

    assert result["role"] == role.name
    assert result["current_service_type"] == "conference"


def test_a_one_time_token_may_come_in_the_header() -> None:
    node = InProcess(Vmr("meet", host_pin="1234"))
    token = node.room().invitations.mint(AS_GUEST, node.now)

    reply = node.ask(requests.RequestToken(display_name="Bob"), Address("meet"), token=token)

    assert (reply.status, reply.json["result"]["role"]) == (200, "GUEST")


@pytest.mark.parametrize("where", ["body", "header"])
@pytest.mark.parametrize("how", ["unknown", "spent", "expired", "of another conference"])
def test_what_is_no_good_one_time_token_lets_nobody_in(where: str, how: str) -> None:
    node = InProcess(Vmr("meet"), Vmr("other"))
    token = node.room("other" if how == "of another conference" else "meet").invitations.mint(AS_GUEST, node.now)
    if how == "unknown":
        token = token[::-1]
    elif how == "spent":
        node.ask(requests.RequestToken(display_name="Bob", token=token), Address("meet"))
    elif how == "expired":
        node.now += SECONDS
    before = list(node.room().members)
    asked = {"display_name": "Eve"} | ({"token": token} if where == "body" else {})
    path = Address("meet").path("request_token")

    flow = node.desk.answer(Incoming(method="POST", path=path, body=asked, token=token if where == "header" else ""), node.now)
    with pytest.raises(StopIteration) as done:
        next(flow)

    assert (done.value.value.status, done.value.value.json) == (403, failed("Invalid token"))
    assert list(node.room().members) == before


def test_a_session_token_is_no_one_time_token() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")

    with pytest.raises(TokenExpired, match="Invalid token"):
        alice.send(requests.RequestToken(display_name="Alice again"))


def test_a_token_refused_for_want_of_room_stays_good() -> None:
    node = InProcess(Vmr("meet", participant_limit=1))
    alice = node.join("Alice")
    request = requests.RequestToken(display_name="Bob", token=node.room().invitations.mint(AS_GUEST, node.now))

    reply = node.ask(request, Address("meet"))
    alice.send(requests.ReleaseToken())

    assert reply.json == failed("Participant limit reached")
    assert node.ask(request, Address("meet")).status == 200


def test_an_invited_guest_waits_like_any_other() -> None:
    node = InProcess(Vmr("meet", host_pin="1234"))
    token = node.room().invitations.mint(AS_GUEST, node.now)

    result = node.ask(requests.RequestToken(display_name="Bob", token=token), Address("meet")).json["result"]

    assert result["current_service_type"] == "waiting_room"
