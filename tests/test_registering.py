"""A device registers with our node, is called, and takes the call or not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import pexrtc_py
from pexrtc_py.errors import ConferenceNotFound, CredentialsRefused, NotAllowed, TokenExpired
from pexrtc_py.node import Node, NodeConfig, NoMedia, Vmr
from pexrtc_py.node.devices import Device
from pexrtc_py.node.registrar import Outcome
from pexrtc_py.protocol.models import Role
from pexrtc_py.protocol.requests import RegistrationReleaseToken
from pexrtc_py.registering import Registering
from tests.media_checks import until

BOB = Device("device.bob", username="bob", password="let me in", description="Bob's desk")
JPEG = b"\xff\xd8\xff"


@pytest.fixture
async def exchange() -> AsyncIterator[Node]:
    config = NodeConfig(devices=(BOB,), avatars={"device.bob": JPEG}, token_seconds=4)
    async with Node(Vmr("meet", host_pin="1"), config=config, media=NoMedia) as node:
        yield node


def registering(node: Node, password: str = "let me in") -> Registering:
    return pexrtc_py.register("device.bob", username="bob", password=password, node=node.url)


async def test_a_registered_device_takes_a_call(exchange: Node) -> None:
    async with registering(exchange) as bob:
        calls = bob.calls()
        ringing = exchange.ring("device.bob", "meet", caller="Alice", role=Role.HOST)
        call = await anext(calls)

        async with call.accept(display_name="Bob", media=False) as conference:
            assert (call.caller, call.conference, conference.role) == ("Alice", "meet", Role.HOST)
            assert ringing is not None
            assert ringing.outcome is Outcome.ACCEPTED

    assert exchange.heard.of(RegistrationReleaseToken)


async def test_a_registered_device_rejects_a_call(exchange: Node) -> None:
    async with registering(exchange) as bob:
        calls = bob.calls()
        ringing = exchange.ring("device.bob", "meet", caller="Alice")
        call = await anext(calls)

        await call.reject()

        assert ringing is not None
        assert ringing.outcome is Outcome.REJECTED
        with pytest.raises((NotAllowed, TokenExpired)):
            await call.accept(display_name="Bob", media=False)


async def test_a_call_that_was_given_up_is_over(exchange: Node) -> None:
    async with registering(exchange) as bob:
        calls = bob.calls()
        exchange.ring("device.bob", "meet", caller="Alice", seconds=0.5)
        call = await anext(calls)

        await until(lambda: call.over)


async def test_a_registration_outlives_its_first_token_and_knows_the_directory(exchange: Node) -> None:
    async with registering(exchange) as bob:
        first = bob.session.token.token
        await until(lambda: bob.session.token.token != first)

        assert [entry.alias for entry in await bob.directory("desk")] == ["device.bob"]
        assert await bob.avatar("device.bob") == JPEG
        with pytest.raises(ConferenceNotFound):
            await bob.avatar("nobody")


async def test_wrong_credentials_are_said_to_be_that(exchange: Node) -> None:
    with pytest.raises(CredentialsRefused, match="password") as refused:
        await registering(exchange, password="open sesame")

    assert "open sesame" not in str(refused.value)
