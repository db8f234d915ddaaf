from __future__ import annotations

import pytest

from pexrtc_py.errors import TokenExpired
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.desk import Incoming
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.invitations import KEPT, SECONDS, Invitation, Invitations
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Refer
from pexrtc_py.protocol.models import EndAction, Role
from pexrtc_py.protocol.wire import failed
from tests.node.breakout_rooms import Meeting, the

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


def refused(meeting: Meeting, token: str | None) -> bool:
    reply = meeting.node.ask(requests.RequestToken(display_name="Back again", token=token), Address("meet"))
    return (reply.status, reply.json) == (403, failed("Invalid token"))


def sent_on(meeting: Meeting) -> str | None:
    """The token with which Ann was sent to a breakout room."""
    meeting.open("Red", meeting.ann)
    return the(Refer, meeting.ann.told()).token


def test_whoever_is_removed_does_not_come_back_with_a_token_for_another_room_of_the_conference() -> None:
    meeting = Meeting()
    token = sent_on(meeting)

    meeting.host.send(requests.ParticipantDisconnect(), to=meeting.ann)

    assert refused(meeting, token)


def test_whoever_leaves_by_itself_may_follow_where_it_was_sent() -> None:
    meeting = Meeting()
    token = sent_on(meeting)

    meeting.ann.send(requests.ReleaseToken())

    assert not refused(meeting, token)


def test_removing_one_leaves_the_tokens_of_the_others() -> None:
    meeting = Meeting()
    token = sent_on(meeting)

    meeting.host.send(requests.ParticipantDisconnect(), to=meeting.bob)

    assert not refused(meeting, token)


def test_nobody_comes_back_into_a_conference_that_has_ended() -> None:
    meeting = Meeting()
    red = meeting.open("Red", meeting.ann)
    inside = meeting.follow(meeting.ann)
    meeting.control(red).send(requests.MoveParticipants(breakout_uuid="main", participants=(inside.uuid,)))
    token = the(Refer, inside.told()).token

    meeting.host.send(requests.Disconnect())

    assert refused(meeting, token)


def test_nobody_comes_back_from_a_breakout_room_that_disconnects_its_participants() -> None:
    meeting = Meeting()
    red = meeting.open("Red", meeting.ann, end_action=EndAction.DISCONNECT)
    inside = meeting.follow(meeting.ann)
    meeting.control(red).send(requests.MoveParticipants(breakout_uuid="main", participants=(inside.uuid,)))
    token = the(Refer, inside.told()).token

    meeting.control(red).send(requests.Disconnect())

    assert refused(meeting, token)


def test_the_end_of_a_conference_leaves_tokens_for_whoever_was_sent_from_elsewhere() -> None:
    node = InProcess(Vmr("meet"), Vmr("elsewhere"))
    ann, bob = node.join("Ann", "elsewhere"), node.join("Bob")
    ann.send(requests.Transfer(conference_alias="meet"), to=ann)
    token = the(Refer, ann.told()).token

    bob.send(requests.Disconnect())

    assert node.ask(requests.RequestToken(display_name="Ann", token=token), Address("meet")).status == 200
