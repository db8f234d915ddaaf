"""Each answer and event of a long meeting is what the documents of the emulated version state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pexrtc_py.node.asked import Answered, Need, TakeStill
from pexrtc_py.node.captions import Caption
from pexrtc_py.node.config import NodeConfig, Turn, Vmr
from pexrtc_py.node.devices import Device
from pexrtc_py.node.identity import IdentityProvider
from pexrtc_py.node.inprocess import Attendee, InProcess, answer_everything
from pexrtc_py.node.plan import Still
from pexrtc_py.node.registrar import Caller
from pexrtc_py.node.rules.video_mixes import PERSONAL
from pexrtc_py.node.streams import frame
from pexrtc_py.node.theming import ThemeFiles
from pexrtc_py.protocol import history, requests
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import EVENTS, REQUESTS, Request
from pexrtc_py.protocol.events import BreakoutBegin, Refer
from pexrtc_py.protocol.models import (
    AudioMix,
    CallType,
    FeccAction,
    FeccAxis,
    FeccDirection,
    FeccMovement,
    Role,
    SplashKey,
    Theme,
    ThemeBackground,
    ThemeElement,
    ThemeScreen,
    Transforms,
    VideoMixLayout,
)
from tests.node import documented
from tests.node.test_direct import Person, sdp

# Besides those with a document, versions between which an answer or an event changes.
VERSIONS = [14, 15, 19, 20, 29, 33, 34, 37, 40]
JPEG, PNG = b"\xff\xd8\xff picture", b"\x89PNG picture"
SCREEN = ThemeScreen(background=ThemeBackground(path="sea.jpg"), elements=(ThemeElement(text="Hi"),))
THEME = ThemeFiles(Theme(**{str(key): SCREEN for key in SplashKey}), {"sea.jpg": JPEG})
BOB = Device("device.bob", username="bob", password="let me in", description="Bob's desk")
MOVING = (FeccMovement(axis=FeccAxis.PAN, direction=FeccDirection.LEFT),)


def config(version: int, **more: Any) -> NodeConfig:
    """A node with everything that somebody can ask about."""
    meet = Vmr("meet", host_pin="1", classification_levels=("open", "secret"), captions=(Caption(0.0, "Ann", "Hello."),), theme=THEME)
    return NodeConfig(
        conferences=(meet, Vmr("there"), Vmr("out", service_type="gateway", far_end="sip:far@example.com")),
        devices=(BOB,),
        avatars={"guest": JPEG, "bob": JPEG},
        rtmp="127.0.0.1:1935",
        turn_servers=(Turn(("turn:turn.example.com:3478",), username="u", password="p"),),
        version=str(version),
        **more,
    )


def media(need: Need) -> Answered | Still | Exception | None:
    return Still(JPEG, JPEG, PNG) if isinstance(need, TakeStill) else answer_everything(need)


class Watched:
    """A node of one version, what it was asked, and what was wrong with what it answered and told."""

    def __init__(self, version: int, conferences: NodeConfig | None = None) -> None:
        self.node = InProcess(config=conferences or config(version))
        self.node.media = media
        self.version, self.faults = version, list[str]()
        self.names: set[str] = set()
        self.answered: set[type[Request[Any]]] = set()

    def joins(self, name: str, pin: str | None = None, alias: str = "meet", token: str | None = None) -> Attendee:
        """Somebody with an event stream, whose first events are looked at too."""
        granted = self.answer(requests.RequestToken(display_name=name, pin=pin, token=token), Address(alias))
        one = Attendee(self.node, alias, granted["participant_uuid"], granted["token"])
        for event in one.listen():
            self._hear(event)
        return one

    def knows(self, kind: type[Request[Any]]) -> bool:
        return history.knows(kind, self.version)

    def ask(self, who: Attendee, *asked: Request[Any], to: Attendee | None = None, call: str | None = None) -> Any:
        """Ask what of this the version knows, and look at the answers; the last one."""
        answers = [self.look(request, who.send(request, to=to, call=call)) for request in asked if self.knows(type(request))]
        return answers[-1] if answers else None

    def answer(self, request: Request[Any], address: Address, token: str = "") -> Any:
        """The same for what is asked of no participant."""
        reply = self.node.ask(request, address, token=token)
        assert reply.status == 200, reply
        return self.look(request, reply.picture or reply.json["result"])

    def look(self, request: Request[Any], answer: Any) -> Any:
        """Look at the answer to a request."""
        self.answered.add(type(request))
        self.faults += documented.answer_faults(type(request), answer, self.version)
        return answer

    def hear(self, *people: Attendee) -> list[Any]:
        """Look at what they were told since the last time."""
        events = [event for one in people for event in one.told()]
        for event in events:
            self._hear(event)
        return events

    def hear_device(self, uuid: str) -> None:
        for event in self.node.told(uuid):
            self._hear(event)

    def _hear(self, event: Any) -> None:
        block = frame(event, "1", version=self.version).decode()
        if block:
            lines = dict(line.split(": ", 1) for line in block.strip().split("\n"))
            self.names.add(lines["event"])
            faults = documented.faults(lines["event"], json.loads(lines["data"]), self.version)
            self.faults += [f"{lines['event']}: {fault}" for fault in faults]


def test_what_each_request_is_answered_with_is_stated() -> None:
    assert documented.ANSWERS.keys() | documented.STREAMED.keys() == set(REQUESTS.values())
    assert not documented.ANSWERS.keys() & documented.STREAMED.keys()


def test_what_the_data_of_each_event_is_is_stated() -> None:
    stated = documented.FRAMES.keys() | documented.UNTOLD.keys() | {"breakout_event"}  # which wraps the others
    assert stated == EVENTS.keys()
    assert not documented.FRAMES.keys() & documented.UNTOLD.keys()


def _conference(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask = meeting.ask
    ask(host, requests.GetConferenceStatus(), requests.Participants())
    ask(guest, requests.Participants())  # while it waits
    ask(host, requests.Lock())
    late = meeting.joins("Late", "none")
    ask(host, requests.ParticipantUnlock(), to=late)
    ask(host, requests.Unlock(), requests.MuteGuests(), requests.UnmuteGuests(), requests.StartConference())
    ask(guest, requests.Participants(), requests.Message(payload="hello"))
    ask(host, requests.ParticipantMessage(payload="psst"), to=guest)
    ask(host, requests.GetMessageText(), requests.SetMessageText(text="Welcome"), requests.GetMessageText())
    ask(host, requests.GetClassificationLevel(), requests.SetClassificationLevel(level=1), requests.GetClassificationLevel())
    ask(host, requests.SetGuestsCanUnmute(setting=True), requests.ClearAllBuzz(), requests.ClearSpotlights())
    ask(host, requests.Dial(destination="sip:far@example.com"))
    ask(host, requests.GetConferenceStatus(), requests.RefreshToken())
    meeting.hear(late)
    ask(late, requests.ReleaseToken())
    meeting.answer(requests.Status(), Address())


def _layouts(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask = meeting.ask
    ask(host, requests.AvailableLayouts(), requests.AvailableLayouts(annotate=True), requests.LayoutSvgs())
    ask(host, requests.TransformLayout(transforms=Transforms(layout="4:0", enable_overlay_text=True)), requests.TransformLayout())
    ask(host, requests.OverrideLayout(), requests.SilentVideoDetection())
    ask(host, requests.GetPinningConfig(), requests.SetPinningConfig(pinning_config="basic"), requests.GetPinningConfig())
    ask(host, requests.LayoutGroup(layout_group="speakers"), requests.PresInMix(state=True), to=guest)
    ask(guest, requests.PreferredAspectRatio(aspect_ratio=0.5625), requests.CreateVideoMix(mix_name=PERSONAL))
    ask(guest, requests.ConfigureVideoMix(mix_name=PERSONAL, transform_layout=VideoMixLayout(layout="1:7")))
    ask(guest, requests.Participants(), requests.DeleteVideoMix(mix_name=PERSONAL))


def _people(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask = meeting.ask
    for one in (host, guest):
        call = ask(one, requests.Calls(sdp="offer", fecc_supported=True))["call_uuid"]
        ask(one, requests.Ack(), requests.NewCandidate(candidate=""), requests.Update(sdp="again"), requests.CallStatistics(), call=call)
    ask(host, requests.Mute(), requests.Unmute(), requests.VideoMuted(), requests.VideoUnmuted(), to=guest)
    ask(host, requests.SpotlightOn(), requests.SpotlightOff(), requests.OverlayText(text="G"), to=guest)
    ask(host, requests.DenyRxPresentation(), requests.AllowRxPresentation(), to=guest)
    ask(host, requests.ParticipantRole(role="chair"), requests.ParticipantRole(role="guest"), to=guest)
    ask(host, requests.Dtmf(digits="1"), requests.Fecc(action=FeccAction.START, movement=MOVING, timeout=1000), to=guest)
    ask(guest, requests.Buzz(), requests.ClearBuzz(), requests.ClientMute(), requests.ClientUnmute(), requests.NotifyNotAfk())
    ask(guest, requests.ShowLiveCaptions(), requests.HideLiveCaptions(), requests.Statistics(), requests.RefreshToken())
    ask(guest, requests.CallDisconnect(), call=call)
    ask(guest, requests.Calls(call_type=CallType.RTMP))


def _sound(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    mixes = (AudioMix(mix_name="main.french", prominent=True),)
    meeting.ask(host, requests.SendToAudioMixes(mixes=mixes), requests.ReceiveFromAudioMix(mix_name="main.french"), to=guest)
    meeting.ask(host, requests.ReceiveFromAudioMix(mix_name=None), requests.Studiosound(enabled=True), to=guest)
    meeting.ask(host, requests.TxMute(), requests.TxUnmute(), requests.Hold(), requests.Resume(), to=guest)
    meeting.ask(host, requests.Participants())


def _pictures(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask = meeting.ask
    slides = ask(host, requests.Calls(sdp="slides", present="send"))["call_uuid"]
    ask(guest, requests.PresentationJpeg(), requests.PresentationHighJpeg(), requests.PresentationPng())
    meeting.hear(guest)
    ask(host, requests.CallDisconnect(), call=slides)
    ask(host, requests.TakeFloor(jpegs=True), requests.PostPresentation(frame=JPEG))
    ask(host, requests.ReleaseFloor(), requests.GetTheme(), requests.ThemeResource(resource="sea.jpg"))
    ask(host, requests.Avatar(), to=guest)


def _rooms(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    ask = meeting.ask
    if not meeting.knows(requests.CreateBreakout):
        return
    meeting.hear(host, guest)
    room = ask(host, requests.CreateBreakout(breakout_name="Red", guests_allowed_to_leave=True))["breakout_uuid"]
    ask(host, requests.MoveParticipants(breakout_uuid=room, participants=(guest.uuid,)))
    told = meeting.hear(host, guest)
    (sent,) = [event for event in told if isinstance(event, Refer)]
    (begun,) = [event for event in told if isinstance(event, BreakoutBegin)]
    inside, control = meeting.joins("Guest", alias=sent.alias, token=sent.token), host.inside(room, str(begun.participant_uuid))
    ask(inside, requests.BreakoutBuzz(), requests.ClearBreakoutBuzz())
    ask(control, requests.Message(payload="in the room"), requests.GetConferenceStatus(), requests.Participants())
    meeting.joins("Late", alias="meet", token=ask(control, requests.RequestGuestToken()))
    ask(inside, requests.LeaveBreakout())
    ask(host, requests.MessageBreakouts(payload="to all"), requests.EmptyBreakouts(), requests.DisconnectBreakouts())
    meeting.hear(host, guest, inside)


def _devices(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    if not meeting.knows(requests.RegistrationRequestToken):
        return
    at = Address(registration=BOB.alias)
    granted = meeting.answer(requests.RegistrationRequestToken.of("bob", "let me in"), at)
    token = meeting.answer(requests.RegistrationRefreshToken(), at, granted["token"])["token"]
    meeting.answer(requests.Registrations(), Address(), token)
    meeting.answer(requests.RegistrationAvatar(), at, host.token)
    registrar = meeting.node.desk.house.registrar
    ringing = registrar.ring(meeting.node.room(), BOB.alias, Caller("Ann", "meet"), Role.GUEST, meeting.node.now)
    assert ringing is not None
    registrar.cancel(ringing)
    meeting.node.settle()
    meeting.hear_device(granted["registration_uuid"])
    assert {"incoming", "incoming_cancelled"} <= meeting.names
    meeting.answer(requests.RegistrationReleaseToken(), at, token)


def _gateway(meeting: Watched, host: Attendee, guest: Attendee) -> None:
    caller = meeting.joins("Caller", alias="out")
    call = meeting.ask(caller, requests.Calls(sdp="offer"))["call_uuid"]
    meeting.ask(caller, requests.Ack(), call=call)
    meeting.node.wait(5)
    fecc = requests.CallFecc(action=FeccAction.START, movement=MOVING)
    meeting.ask(caller, requests.CallDtmf(digits="1"), fecc, call=call)
    meeting.ask(caller, requests.Participants(), requests.GetConferenceStatus())
    meeting.hear(caller)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_answer_and_event_of_a_meeting_is_as_documented(version: int) -> None:
    meeting = Watched(version)
    host, guest = meeting.joins("Host", "1"), meeting.joins("Guest", "none")

    for part in (_conference, _layouts, _people, _sound, _pictures, _rooms, _gateway, _devices):
        part(meeting, host, guest)
        meeting.hear(host, guest)
    leaving = [meeting.joins(name, "none") for name in ("Away", "Out")]
    meeting.ask(host, requests.Transfer(conference_alias="there"), to=leaving[0])
    meeting.ask(host, requests.ParticipantDisconnect(), to=leaving[1])
    meeting.ask(host, requests.Disconnect())
    meeting.hear(host, guest, *leaving)

    assert sorted(set(meeting.faults)) == []
    assert meeting.answered == {kind for kind in REQUESTS.values() if meeting.knows(kind)} - documented.STREAMED.keys()
    assert {"participant_create", "conference_update", "stage", "layout", "disconnect"} <= meeting.names
    assert ("message" in meeting.names) is (version < 19)
    assert ("breakout_event" in meeting.names) is (version >= 33)


@pytest.mark.parametrize("version", VERSIONS)
def test_servers_told_with_the_answer_to_a_call_are_as_documented(version: int) -> None:
    meeting = Watched(version, config(version, turn_with="call"))

    meeting.ask(meeting.joins("Host", "1"), requests.Calls(sdp="offer"))

    assert meeting.faults == []


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_still_needed_for_a_token_is_told_as_documented(version: int) -> None:
    corp = IdentityProvider("Corp")
    vmrs = (Vmr("pin", host_pin="1"), Vmr("desk", reception="mssip"), Vmr("idp", host_idps=("Corp",)))
    node = InProcess(config=NodeConfig(conferences=vmrs, identity_providers=(corp,), version=str(version)))
    needs: dict[str, dict[str, Any]] = {"pin": {}, "desk": {}, "idp": {}, "idp ": {"chosen_idp": corp.idp.uuid}, "nowhere": {}}

    replies = [node.ask(requests.RequestToken(display_name="A", **said), Address(alias.strip())) for alias, said in needs.items()]
    wrong = node.ask(requests.RequestToken(display_name="A", pin="2"), Address("pin"))

    for reply in (*replies, wrong):
        assert documented.refusal_faults(requests.RequestToken, reply.status, reply.json) == []
    assert [type(reply.json["result"]) for reply in (*replies, wrong)] == [dict, dict, dict, dict, str, str]
    assert all(any(not one.faults(reply.json["result"], version) for reply in replies) for one in documented.CHALLENGES)


@pytest.mark.parametrize("version", [29, 33, 37, 40])
def test_each_answer_and_event_of_direct_media_is_as_documented(version: int) -> None:
    meeting = Watched(version, NodeConfig(conferences=(Vmr("meet", direct_media=True),), version=str(version)))
    anne, bill = Person(meeting.node, "anne"), Person(meeting.node, "bill")

    anne.call = meeting.ask(anne.who, requests.Calls(sdp=sdp("anne")))["call_uuid"]
    offering = requests.Calls(sdp=sdp("bill"))
    placing = bill.who.begin(offering)
    meeting.ask(anne.who, requests.Ack(sdp=sdp("anne2")), call=anne.call)
    bill.call = meeting.look(offering, placing.result)["call_uuid"]
    meeting.ask(bill.who, requests.Ack(), call=bill.call)
    for one, ufrag in ((anne, "anne2"), (bill, "bill")):
        candidate = requests.NewCandidate(candidate="candidate:1 1 udp 1 127.0.0.1 9 typ host", mid="0", ufrag=ufrag, pwd="p")
        meeting.ask(one.who, candidate, requests.Statistics(), requests.CallStatistics(), call=one.call)
    offering_again = requests.Update(sdp=sdp("anne3"))
    updating = anne.who.begin(offering_again, call=anne.call)
    meeting.ask(bill.who, requests.Ack(sdp=sdp("bill3")), call=bill.call)
    meeting.look(offering_again, updating.result)
    meeting.ask(bill.who, requests.GetConferenceStatus(), requests.Participants(), requests.ReleaseToken())
    meeting.hear(anne.who, bill.who)

    assert sorted(set(meeting.faults)) == []
    assert {"new_offer", "update_sdp", "new_candidate", "peer_disconnect"} <= meeting.names
    assert ("splash_screen" in meeting.names) is (version >= 31)
