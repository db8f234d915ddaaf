from __future__ import annotations

import pytest

from pexrtc_py.errors import NotAllowed
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests
from pexrtc_py.protocol.events import ConferenceUpdate, ParticipantUpdate


def started(vmr: Vmr) -> tuple[InProcess, Attendee, Attendee]:
    node = InProcess(vmr)
    host = node.join("Host", pin="1")
    host.send(requests.StartConference())
    guest = node.join("Guest", pin="none")
    host.told()
    return node, host, guest


def test_muting_is_told_once_and_undone() -> None:
    _, host, guest = started(Vmr("meet", host_pin="1"))

    assert [host.send(request, to=guest) for request in (requests.Mute(), requests.Mute(), requests.Unmute())] == [True] * 3

    assert [event.participant.is_muted for event in host.told() if isinstance(event, ParticipantUpdate)] == [True, False]


def test_guests_unmute_themselves_only_where_it_is_allowed() -> None:
    _, host, guest = started(Vmr("meet", host_pin="1", guests_can_unmute=False))
    host.send(requests.Mute(), to=guest)

    with pytest.raises(NotAllowed):
        guest.send(requests.Unmute())

    assert host.send(requests.Participants())[1]["is_muted"] == "YES"
    assert host.send(requests.GetConferenceStatus())["guests_can_unmute"] is False


def test_video_and_client_mutes_are_separate_from_the_hosts() -> None:
    _, _, guest = started(Vmr("meet", host_pin="1"))

    guest.send(requests.VideoMuted())
    guest.send(requests.ClientMute())

    line = guest.send(requests.Participants())[1]
    assert (line["is_muted"], line["is_video_muted"], line["is_client_muted"]) == ("NO", True, True)
    guest.send(requests.VideoUnmuted())
    guest.send(requests.ClientUnmute())
    line = guest.send(requests.Participants())[1]
    assert (line["is_video_muted"], line["is_client_muted"]) == (False, False)


def test_all_guests_are_muted_and_those_who_come_later() -> None:
    node, host, guest = started(Vmr("meet", host_pin="1"))

    assert host.send(requests.MuteGuests()) is True

    told = host.told()
    assert [event.status.guests_muted for event in told if isinstance(event, ConferenceUpdate)] == [True]
    assert [event.participant.uuid for event in told if isinstance(event, ParticipantUpdate)] == [guest.uuid]
    node.join("Late", pin="none")
    assert [line["is_muted"] for line in host.send(requests.Participants())] == ["NO", "YES", "YES"]


def test_all_guests_are_unmuted() -> None:
    _, host, _ = started(Vmr("meet", host_pin="1"))
    host.send(requests.MuteGuests())

    assert host.send(requests.UnmuteGuests()) is True

    assert [line["is_muted"] for line in host.send(requests.Participants())] == ["NO", "NO"]
