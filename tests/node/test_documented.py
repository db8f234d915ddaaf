"""Each answer and event of a long meeting is what the documents of the emulated version state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pexrtc_py.node.captions import Caption
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.node.streams import frame
from pexrtc_py.protocol import history, requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import REQUESTS, Request
from pexrtc_py.protocol.events import BreakoutBegin, Refer
from pexrtc_py.protocol.models import FeccAction, FeccAxis, FeccDirection, FeccMovement
from tests.node import documented
from tests.node.test_direct import Person, sdp

VERSIONS = [14, 15, 19, 37, 40]


class Watched:
    """A node of one version, and what was wrong with what it answered and told."""

    def __init__(self, version: int) -> None:
        rooms = Vmr("meet", host_pin="1", captions=(Caption(0.0, "Ann", "Hello."),)) if version >= 20 else Vmr("meet", host_pin="1")
        self.node = InProcess(config=NodeConfig(conferences=(rooms, Vmr("there")), version=str(version)))
        self.version, self.faults = version, list[str]()
        self.names: set[str] = set()
        self.answered: set[str] = set()

    def joins(self, name: str, pin: str) -> Attendee:
        granted = self.node.ask(requests.RequestToken(display_name=name, pin=pin), Address("meet")).json["result"]
        self._note("request_token", documented.TOKEN.faults(granted, self.version))
        one = Attendee(self.node, "meet", granted["participant_uuid"], granted["token"])
        for event in one.listen():
            self._hear(event)
        return one

    def ask(self, who: Attendee, request: Request[Any], stated: documented.Shape | documented.Check, to: Attendee | None = None) -> Any:
        """Ask what this version knows, and look at the answer."""
        if not history.knows(type(request), self.version):
            return None
        answer = who.send(request, to=to)
        self.answered.add(type(request).__name__)
        if isinstance(stated, documented.Shape):
            self._note(request.name, stated.faults(answer, self.version))
        elif not stated(answer):
            self._note(request.name, [f"it is {answer!r}"])
        return answer

    def hear(self, *people: Attendee) -> list[Any]:
        """Look at what they were told since the last time."""
        events = [event for one in people for event in one.told()]
        for event in events:
            self._hear(event)
        return events

    def _hear(self, event: Any) -> None:
        block = frame(event, "1", version=self.version).decode()
        if block:
            lines = dict(line.split(": ", 1) for line in block.strip().split("\n"))
            self.names.add(lines["event"])
            self._note(lines["event"], documented.faults(lines["event"], json.loads(lines["data"]), self.version))

    def _note(self, name: str, faults: list[str]) -> None:
        self.faults += [f"{name}: {fault}" for fault in faults]


def test_what_each_request_is_answered_with_is_stated() -> None:
    assert documented.ANSWERS.keys() == set(REQUESTS.values()) - {requests.Events, requests.RegistrationEvents}


def _conference(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask, truth = meeting.ask, documented.truth
    ask(host, requests.GetConferenceStatus(), documented.STATUS)
    ask(host, requests.Participants(), documented.each(lambda line: not documented.PARTICIPANT.faults(line, meeting.version)))
    ask(guest, requests.Participants(), documented.each(lambda line: not documented.PARTICIPANT.faults(line, meeting.version)))
    for request in (requests.Lock(), requests.Unlock(), requests.MuteGuests(), requests.UnmuteGuests(), requests.StartConference()):
        ask(host, request, truth)
    ask(guest, requests.Message(payload="hello"), truth)
    ask(host, requests.ParticipantMessage(payload="psst"), truth, to=guest)
    ask(host, requests.SetGuestsCanUnmute(setting=True), truth)
    ask(host, requests.SetMessageText(text="Welcome"), documented.anything)
    ask(host, requests.GetClassificationLevel(), lambda told: set(told) == {"levels", "current"})
    ask(host, requests.ClearAllBuzz(), truth)
    ask(host, requests.ClearSpotlights(), truth)


def _people(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask, truth = meeting.ask, documented.truth
    offered = documented.Shape({"call_uuid": documented.text, "sdp": documented.text})
    for one in (host, guest):
        if (placed := ask(one, requests.Calls(sdp="offer", fecc_supported=True), offered)) is not None:
            one.node.ask(requests.Ack(), Address("meet", participant=one.uuid, call=placed["call_uuid"]), token=one.token)
    acts: list[Request[Any]] = [requests.Mute(), requests.Unmute(), requests.VideoMuted(), requests.VideoUnmuted(), requests.SpotlightOn()]
    acts += [requests.SpotlightOff(), requests.DenyRxPresentation(), requests.AllowRxPresentation(), requests.OverlayText(text="G")]
    for act in acts:
        ask(host, act, truth, to=guest)
    own: list[Request[Any]] = [requests.Buzz(), requests.ClearBuzz(), requests.ClientMute(), requests.ClientUnmute()]
    for act in own:
        ask(guest, act, truth)
    moving = (FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT),)
    ask(host, requests.Fecc(action=FeccAction.START, movement=moving, timeout=1000), truth, to=guest)
    ask(host, requests.ParticipantRole(role="chair"), truth, to=guest)
    ask(host, requests.ParticipantRole(role="guest"), truth, to=guest)
    ask(guest, requests.TakeFloor(), documented.nothing)
    ask(guest, requests.ReleaseFloor(), documented.nothing)
    ask(guest, requests.ShowLiveCaptions(), documented.nothing)
    ask(host, requests.RefreshToken(), documented.REFRESHED)


def _rooms(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask = meeting.ask
    created = ask(
        host,
        requests.CreateBreakout(breakout_name="Red", participants={"main": (guest.uuid,)}),
        documented.Shape({"breakout_uuid": documented.text}),
    )
    if created is None:
        return
    told = meeting.hear(host, guest)
    (sent,) = [event for event in told if isinstance(event, Refer)]
    (begun,) = [event for event in told if isinstance(event, BreakoutBegin)]
    inside = meeting.node.join("Guest", sent.alias, token=sent.token)
    control = host.inside(created["breakout_uuid"], str(begun.participant_uuid))
    ask(control, requests.Message(payload="in the room"), documented.truth)
    ask(host, requests.DisconnectBreakouts(), documented.anything)
    meeting.hear(host, guest, inside)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_answer_and_event_of_a_meeting_is_as_documented(version: int) -> None:
    meeting = Watched(version)
    host, guest = meeting.joins("Host", "1"), meeting.joins("Guest", "none")

    for part in (_conference, _people, _rooms):
        part(meeting, host, guest)
        meeting.hear(host, guest)
    meeting.ask(host, requests.Transfer(conference_alias="there"), documented.truth, to=guest)
    meeting.ask(host, requests.ParticipantDisconnect(), documented.either(documented.truth, documented.nothing), to=guest)
    meeting.ask(host, requests.Disconnect(), documented.truth)
    meeting.hear(host, guest)

    assert sorted(set(meeting.faults)) == []
    assert {"participant_create", "conference_update", "stage", "layout", "disconnect"} <= meeting.names
    assert ("message" in meeting.names) is (version < 19)
    assert ("breakout_event" in meeting.names) is (version >= 33)
    assert len(meeting.answered) >= (20 if version < 20 else 35)


@pytest.mark.parametrize("version", [33, 37, 40])
def test_each_event_of_direct_media_is_as_documented(version: int) -> None:
    meeting = Watched(version)
    meeting.node = InProcess(config=NodeConfig(conferences=(Vmr("meet", direct_media=True),), version=str(version)))
    anne, bill = Person(meeting.node, "anne"), Person(meeting.node, "bill")

    placed = documented.Shape({"call_uuid": documented.text, "sdp": documented.text}, maybe={"offer_ignored": documented.truth})
    assert placed.faults(anne.offers(), version) == []
    placing = bill.who.begin(requests.Calls(sdp=sdp("bill")))
    anne.ask(requests.Ack(sdp=sdp("anne2")))
    bill.call = placing.result["call_uuid"]
    bill.ask(requests.Ack())
    for one, ufrag in ((anne, "anne2"), (bill, "bill")):
        one.ask(requests.NewCandidate(candidate="candidate:1 1 udp 1 127.0.0.1 9 typ host", mid="0", ufrag=ufrag, pwd="p"))
    updating = anne.who.begin(requests.Update(sdp=sdp("anne3")), call=anne.call)
    bill.ask(requests.Ack(sdp=sdp("bill3")))
    assert updating.done
    bill.who.send(requests.ReleaseToken())
    meeting.hear(anne.who, bill.who)

    assert sorted(set(meeting.faults)) == []
    assert {"splash_screen", "new_offer", "update_sdp", "new_candidate", "peer_disconnect"} <= meeting.names
