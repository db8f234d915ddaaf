from __future__ import annotations

import pytest

from pexrtc_py.errors import ConferenceNotFound
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import MessageReceived


def test_a_message_reaches_the_others_and_is_not_echoed() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    alice.told()

    assert alice.send(requests.Message(payload="Hello ✓", type="text/plain")) is True

    said = MessageReceived(origin="Alice", uuid=alice.uuid, type="text/plain", payload="Hello ✓", direct=False)
    assert (alice.told(), bob.told()) == ([], [said])


def test_a_direct_message_reaches_one() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob, carol = node.join("Alice"), node.join("Bob"), node.join("Carol")
    bob.told()

    assert alice.send(requests.ParticipantMessage(payload="{}", type="application/json"), to=bob) is True

    assert bob.told() == [MessageReceived(origin="Alice", uuid=alice.uuid, type="application/json", payload="{}", direct=True)]
    assert carol.told() == []


def test_where_chat_is_off_nothing_is_said() -> None:
    node = InProcess(Vmr("meet", chat=False))
    alice, bob = node.join("Alice"), node.join("Bob")

    assert alice.send(requests.Message(payload="Hello")) is False

    assert bob.told() == []


def test_who_waits_neither_talks_nor_is_talked_to() -> None:
    node = InProcess(Vmr("meet", host_pin="1"))
    host, guest = node.join("Host", pin="1"), node.join("Guest", pin="none")

    assert guest.send(requests.Message(payload="Hello")) is False
    assert host.send(requests.ParticipantMessage(payload="Hello"), to=guest) is False
    with pytest.raises(ConferenceNotFound):
        guest.send(requests.ParticipantMessage(payload="Hello"), to=host)

    assert guest.told() == []
