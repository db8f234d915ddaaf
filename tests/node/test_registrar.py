from __future__ import annotations

from typing import Any

import pytest

from pexrtc_py.errors import UsageError
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming as Asking
from pexrtc_py.node.desk import Reply
from pexrtc_py.node.devices import Device
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.node.reading import parse_toml
from pexrtc_py.node.registrar import REGISTRATIONS_PER_DEVICE, RING_SECONDS, Caller, Outcome, Ring
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.events import Bye, Incoming, IncomingCancelled
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.wire import failed

BOB = Device("device.bob", username="bob", password="let me in", description="Bob's desk")
EVE = Device("device.eve", username="eve", password="x", listed=False)
JPEG = b"\xff\xd8\xff"


@pytest.fixture
def node() -> InProcess:
    return InProcess(config=NodeConfig(conferences=(Vmr("meet", host_pin="1"),), devices=(BOB, EVE), avatars={"bob": JPEG}))


class Phone:
    """A device on its way."""

    def __init__(self, node: InProcess, alias: str = "device.bob", username: str = "bob", password: str = "let me in") -> None:
        self.node, self.address = node, Address(registration=alias)
        self.reply = node.ask(requests.RegistrationRequestToken.of(username, password), self.address)
        granted = self.reply.json["result"] if self.reply.status == 200 else {}
        self.token, self.uuid = granted.get("token", ""), granted.get("registration_uuid", "")

    def ask(self, request: Any, address: Address | None = None) -> Reply:
        return self.node.ask(request, self.address if address is None else address, token=self.token)


def ring(node: InProcess, alias: str = "device.bob") -> Ring | None:
    ringing = node.desk.house.registrar.ring(node.room(), alias, Caller("Alice", "meet"), Role.GUEST, node.now)
    node.settle()
    return ringing


def test_a_device_registers_with_its_credentials(node: InProcess) -> None:
    result = Phone(node).reply.json["result"]

    assert {key: type(value) for key, value in result.items()} == {
        "token": str,
        "expires": str,
        "registration_uuid": str,
        "directory_enabled": bool,
        "route_via_registrar": bool,
        "version": dict,
    }


@pytest.mark.parametrize(
    ("alias", "username", "password"), [("device.bob", "bob", "x"), ("device.bob", "x", "let me in"), ("x", "bob", "x")]
)
def test_wrong_credentials_and_unknown_devices_are_refused_alike(node: InProcess, alias: str, username: str, password: str) -> None:
    reply = Phone(node, alias, username, password).reply

    assert (reply.status, reply.json) == (401, failed("Unauthorized"))
    assert not node.desk.house.registrar.registered


def test_without_credentials_nobody_registers(node: InProcess) -> None:
    assert node.ask(requests.RegistrationRequestToken(), Address(registration="device.bob")).status == 401


def test_a_registration_is_refreshed_and_runs_out(node: InProcess) -> None:
    bob = Phone(node)
    node.now += 100
    fresh = bob.ask(requests.RegistrationRefreshToken()).json["result"]["token"]
    node.now += 100
    bob.token = fresh

    assert bob.ask(requests.Registrations(), Address()).status == 200
    node.now += 100
    node.desk.house.registrar.sweep(node.now)
    node.settle()

    assert node.told(bob.uuid) == [Bye()]
    assert bob.ask(requests.RegistrationRefreshToken()).json == failed("Invalid token")


def test_a_registration_that_was_given_back_is_over(node: InProcess) -> None:
    bob = Phone(node)

    assert bob.ask(requests.RegistrationReleaseToken()).json["result"] is True

    assert (ring(node), node.told(bob.uuid)) == (None, [Bye()])
    assert bob.ask(requests.RegistrationReleaseToken()).status == 403


@pytest.mark.parametrize(
    "request_",
    [requests.RegistrationRefreshToken(), requests.RegistrationReleaseToken(), requests.RegistrationEvents()],
    ids=lambda one: one.name,
)
def test_a_token_is_good_for_its_own_device_alone(node: InProcess, request_: Any) -> None:
    bob, alice = Phone(node), node.join("Alice", pin="1")

    for token in (bob.token, alice.token, "", "x"):
        address = Address(registration="device.eve")
        assert node.ask(request_, address, token=token).json == failed("Invalid token")
    assert len(node.desk.house.registrar.registered) == 1


def test_the_directory_is_searched_with_any_token(node: InProcess) -> None:
    bob, alice = Phone(node), node.join("Alice", pin="1")
    line = {"alias": "device.bob", "description": "Bob's desk", "username": "bob"}

    assert bob.ask(requests.Registrations(q="DESK"), Address()).json["result"] == [line]
    assert node.ask(requests.Registrations(), Address(), token=alice.token).json["result"] == [line]
    assert bob.ask(requests.Registrations(q="eve"), Address()).json["result"] == []
    assert node.ask(requests.Registrations(), Address()).json == failed("Invalid token")


def test_a_portrait_in_the_directory(node: InProcess) -> None:
    bob = Phone(node)

    assert bob.ask(requests.RegistrationAvatar()).picture == JPEG
    absent = bob.ask(requests.RegistrationAvatar(), Address(registration="device.eve"))
    assert (absent.status, absent.json) == (404, failed("No image available"))


def test_a_call_rings_wherever_the_device_is_registered(node: InProcess) -> None:
    desk, pocket, eve = Phone(node), Phone(node, alias="Device.Bob"), Phone(node, "device.eve", "eve", "x")

    ringing = ring(node)

    assert ringing is not None
    for phone in (desk, pocket):
        (event,) = node.told(phone.uuid)
        assert isinstance(event, Incoming)
        assert (event.conference_alias, event.remote_display_name, event.local_alias, event.token) == (
            "meet",
            "Alice",
            "device.bob",
            ringing.token,
        )
    assert not node.told(eve.uuid)


def test_who_accepts_is_in_and_the_others_stop_ringing(node: InProcess) -> None:
    desk, pocket = Phone(node), Phone(node)
    ringing = ring(node)
    assert ringing is not None
    node.told(desk.uuid), node.told(pocket.uuid)

    said = requests.RequestToken(display_name="Bob", token=ringing.token, registration_token=desk.token)
    reply = node.ask(said, Address("meet"))

    assert (reply.status, reply.json["result"]["role"], ringing.outcome) == (200, "GUEST", Outcome.ACCEPTED)
    assert (node.told(desk.uuid), node.told(pocket.uuid)) == ([], [IncomingCancelled(token=ringing.token)])


def test_a_call_is_rejected_by_giving_its_token_back(node: InProcess) -> None:
    bob = Phone(node)
    ringing = ring(node)
    assert ringing is not None

    reply = node.ask(requests.ReleaseToken(), Address("meet"), token=ringing.token)

    assert (reply.json["result"], ringing.outcome) == (True, Outcome.REJECTED)
    assert node.told(bob.uuid)[-1] == IncomingCancelled(token=ringing.token)
    assert node.ask(requests.RequestToken(display_name="Bob", token=ringing.token), Address("meet")).json == failed("Invalid token")
    assert not node.room().members


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.TIMED_OUT])
def test_a_call_that_is_over_rings_no_more(node: InProcess, outcome: Outcome) -> None:
    bob, registrar = Phone(node), node.desk.house.registrar
    ringing = ring(node)
    assert ringing is not None

    if outcome is Outcome.CANCELLED:
        registrar.cancel(ringing)
        registrar.cancel(ringing)
    node.now += RING_SECONDS
    registrar.sweep(node.now)
    node.settle()

    assert (ringing.outcome, node.told(bob.uuid)[1:]) == (outcome, [IncomingCancelled(token=ringing.token)])


def test_a_one_time_token_can_only_be_used_or_given_back(node: InProcess) -> None:
    Phone(node)
    ringing = ring(node)
    assert ringing is not None

    assert node.ask(requests.Participants(), Address("meet"), token=ringing.token).json == failed("Invalid token")
    assert ringing.outcome is None


def test_a_registrations_event_stream_is_its_own(node: InProcess) -> None:
    bob = Phone(node)
    asking = Asking(method="GET", path=bob.address.path("events"), token=bob.token)

    assert node.desk.listen(asking, node.now) == (bob.uuid, [])
    ring(node)
    assert node.desk.listen(asking, node.now) == (bob.uuid, node.told(bob.uuid))


def test_a_device_is_registered_from_a_bounded_number_of_places(node: InProcess) -> None:
    phones = [Phone(node) for _ in range(REGISTRATIONS_PER_DEVICE + 2)]

    assert [one.uuid for one in node.desk.house.registrar.of("device.bob")] == [phone.uuid for phone in phones[2:]]


def test_devices_are_configured_in_a_file() -> None:
    config = parse_toml('[[device]]\nalias = "device.bob"\nusername = "bob"\npassword = "let me in"\ndescription = "Bob\'s desk"')

    assert config.devices == (BOB,)
    assert "let me in" not in repr(config)
    with pytest.raises(UsageError, match="colon"):
        Device("a", username="a:b", password="c")
    with pytest.raises(UsageError, match="Two devices"):
        NodeConfig(devices=(BOB, BOB))
    with pytest.raises(UsageError, match="not what is there") as wrong:
        parse_toml('[[device]]\nalias = "a"\nusername = "b"\npassword = 1234')
    assert "1234" not in str(wrong.value)
