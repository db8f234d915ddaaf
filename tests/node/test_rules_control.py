from __future__ import annotations

import pytest

from pexrtc_py.errors import NotAllowed, RequestRefused
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.reading import parse_vmr
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.declare import Event
from pexrtc_py.protocol.events import ConferenceUpdate, ParticipantUpdate
from pexrtc_py.protocol.models import ConferenceStatus

LEVELS = ("Open", "Secret")


def pair(vmr: Vmr) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(vmr)
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")
    host.told()
    return node, host, guest


def statuses(events: list[Event]) -> list[ConferenceStatus]:
    return [event.status for event in events if isinstance(event, ConferenceUpdate)]


def test_guests_are_forbidden_and_allowed_to_unmute_themselves() -> None:
    _, host, guest = pair(Vmr("meet", host_pin="1"))
    host.send(requests.Mute(), to=guest)

    assert host.send(requests.SetGuestsCanUnmute(setting=False)) is True

    with pytest.raises(NotAllowed):
        guest.send(requests.Unmute())
    assert host.send(requests.SetGuestsCanUnmute(setting=True)) is True
    assert guest.send(requests.Unmute()) is True
    assert [status.guests_can_unmute for status in statuses(guest.told())] == [False, True]


def test_what_was_set_is_told_once_and_ends_with_the_conference() -> None:
    node, host, _ = pair(Vmr("meet", host_pin="1"))

    for _ in range(2):
        host.send(requests.SetGuestsCanUnmute(setting=False))
        host.send(requests.SetMessageText(text="Fire drill"))

    assert len(statuses(host.told())) == 2
    host.send(requests.Disconnect())
    status = node.join("Host", pin="1").send(requests.GetConferenceStatus())
    assert (status["guests_can_unmute"], status.get("message_text")) == (True, None)


def test_all_hands_are_lowered() -> None:
    node, host, guest = pair(Vmr("meet", host_pin="1"))
    node.join("Third", pin="none")
    for one in (host, guest):
        one.send(requests.Buzz())
    host.told()

    assert host.send(requests.ClearAllBuzz()) is True

    lines = [event.participant for event in host.told() if isinstance(event, ParticipantUpdate)]
    assert [(line.display_name, line.buzz_time) for line in lines] == [("Host", 0), ("Guest", 0)]
    assert host.send(requests.ClearAllBuzz()) is True
    assert host.told() == []


def test_a_banner_is_put_up_and_taken_away() -> None:
    node, host, guest = pair(Vmr("meet", host_pin="1"))
    node.now = 0.0
    before = guest.send(requests.GetMessageText())

    assert host.send(requests.SetMessageText(text="Back at\n14:00")) is True

    assert before["text"] == ""
    assert guest.send(requests.GetMessageText()) == {"text": "Back at\n14:00", "set_time": "1970-01-01T00:00:00+00:00"}
    host.send(requests.SetMessageText(text=""))
    told = [status.message_text.text for status in statuses(guest.told()) if status.message_text]
    assert (told, guest.send(requests.GetMessageText())["text"]) == (["Back at\n14:00", ""], "")


def test_a_long_banner_is_cut() -> None:
    _, host, _ = pair(Vmr("meet", host_pin="1"))

    host.send(requests.SetMessageText(text="x" * 100_000))

    assert len(host.send(requests.GetMessageText())["text"]) == 1000


def test_one_of_the_configured_levels_holds() -> None:
    _, host, guest = pair(Vmr("meet", host_pin="1", classification_levels=LEVELS))
    before = guest.send(requests.GetClassificationLevel())

    assert host.send(requests.SetClassificationLevel(level=1)) is True

    levels = {"0": "Open", "1": "Secret"}
    assert before == {"levels": levels, "current": None}
    assert guest.send(requests.GetClassificationLevel()) == {"levels": levels, "current": 1}
    assert [status.classification.current for status in statuses(guest.told())] == [1]


@pytest.mark.parametrize("level", [-1, 2, 10**30])
def test_a_level_that_is_not_configured_is_an_illegal_value(level: int) -> None:
    _, host, _ = pair(Vmr("meet", host_pin="1", classification_levels=LEVELS))

    with pytest.raises(RequestRefused, match="none of the 2 classification levels") as refused:
        host.send(requests.SetClassificationLevel(level=level))

    assert refused.value.status == 400
    assert host.told() == []


def test_levels_are_configured_on_the_command_line_too() -> None:
    assert parse_vmr("meet,classification_levels=Open Secret").classification_levels == LEVELS


@pytest.mark.parametrize(
    "request_",
    [
        requests.SetGuestsCanUnmute(setting=False),
        requests.ClearAllBuzz(),
        requests.SetMessageText(text="Hello"),
        requests.SetClassificationLevel(level=0),
    ],
    ids=str,
)
def test_guests_set_nothing(request_: requests.SetMessageText) -> None:
    _, host, guest = pair(Vmr("meet", host_pin="1", classification_levels=LEVELS))

    with pytest.raises(NotAllowed):
        guest.send(request_)

    assert host.told() == []
