from __future__ import annotations

from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import Disconnect, ParticipantUpdate


def test_a_hand_goes_up_once_and_down() -> None:
    node = InProcess(Vmr("meet"), now=1234.5)
    alice, bob = node.join("Alice"), node.join("Bob")
    alice.told()

    bob.send(requests.Buzz())
    node.now += 1
    bob.send(requests.Buzz())
    alice.send(requests.ClearBuzz(), to=bob)

    updates = alice.told()
    assert [event.participant.buzz_time for event in updates if isinstance(event, ParticipantUpdate)] == [1234.5, 0]


def test_a_lowered_hand_is_a_bare_zero_on_the_wire() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    alice.send(requests.Buzz())
    alice.send(requests.ClearBuzz())

    (line,) = alice.send(requests.Participants())

    assert type(line["buzz_time"]) is int


def test_the_overlay_text_is_the_name_until_somebody_changes_it() -> None:
    node = InProcess(Vmr("meet"))
    alice = node.join("Alice")
    before = alice.send(requests.Participants())[0]["overlay_text"]

    alice.send(requests.OverlayText(text="Chair"))

    assert (before, alice.send(requests.Participants())[0]["overlay_text"]) == ("Alice", "Chair")


def test_a_removed_participant_is_told_and_the_others_see_it_go() -> None:
    node = InProcess(Vmr("meet"))
    alice, bob = node.join("Alice"), node.join("Bob")
    alice.told()

    assert alice.send(requests.ParticipantDisconnect(), to=bob) is True

    assert bob.told() == [Disconnect(reason="API initiated participant disconnect")]
    assert [event.name for event in alice.told()] == ["participant_delete"]
