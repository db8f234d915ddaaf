"""Every answer of the node, judged by the vendor's own functions for that request; no socket and no browser in between."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pexrtc_py.node.captions import Caption
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.desk import Incoming, Reply
from pexrtc_py.node.inprocess import Attendee, InProcess
from pexrtc_py.protocol import requests as r
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request, find
from pexrtc_py.protocol.wire import to_text
from tests.node.breakout_rooms import Meeting as Rooms

HERE = Path(__file__).parent
NAMES = tuple(
    line.removeprefix("export declare function ").partition("(")[0]
    for part in ("token", "conference", "participant", "call", "breakout")
    for line in (HERE / f"node_modules/@pexip/infinity-api/dist/{part}/index.d.ts").read_text().splitlines()
    if line.startswith("export declare function ")
)
IN_ROOMS = tuple(name for name in NAMES if "reakout" in name)
MESSAGE = {"type": "text/plain", "payload": "Hello"}
MOVEMENT = {"action": "start", "movement": [{"axis": "pan", "direction": "left"}], "timeout": 1000}
MIX = "main.!personal"
BODIES: dict[str, dict[str, Any]] = {
    "requestToken": {"display_name": "Cleo", "direct_media": False, "chosen_idp": "none", "sso_token": "none"},
    "releaseToken": {"reason": "User initiated disconnect"},
    "dial": {"destination": "bob@example.com", "role": "GUEST", "protocol": "sip"},
    "setGuestsCanUnmute": {"setting": False},
    "messageConference": MESSAGE,
    "transformLayout": {"transforms": {"layout": "1:7"}},
    "silentVideoDetection": {"config": {"enable": True, "silent_after": 15, "require_no_faces": True, "reactivate_after": 2}},
    "videoMixesCreate": {"mix_name": MIX},
    "videoMixesConfigure": {"transform_layout": {"layout": "1:7"}},
    "dtmfParticipant": {"digits": "12#"},
    "callsWebrtcParticipant": {"call_type": "WEBRTC", "sdp": "offer", "media_type": "video", "fecc_supported": True},
    "callsRtmpParticipant": {"call_type": "RTMP", "bandwidth": 500, "streaming": True},
    "overlaytextParticipant": {"text": "Bob"},
    "presInMixParticipant": {"state": True},
    "roleParticipant": {"role": "guest"},
    "feccParticipant": {**MOVEMENT, "target": "somebody"},
    "transferParticipant": {"conference_alias": "other", "role": "guest"},
    "messageParticipant": MESSAGE,
    "preferredAspectRatio": {"aspect_ratio": 0.5625},
    "ack": {},
    "update": {"sdp": "another offer", "fecc_supported": True},
    "newCandidate": {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "mid": "0", "ufrag": "a"},
    "dtmf": {"digits": "12#"},
    "fecc": MOVEMENT,
    "statistics": {"audio": {"tx_bitrate": 32, "tx_codec": "opus"}},
}
ABOUT_ONESELF = {
    "clientMuteParticipant", "clientUnmuteParticipant", "callsWebrtcParticipant", "callsRtmpParticipant", "takeFloor", "releaseFloor",
    "preferredAspectRatio", "notifyNotAFK", "ack", "disconnectCall", "dtmf", "fecc", "newCandidate", "update", "statistics",
}  # fmt: skip
BEFORE: dict[str, Request[Any]] = {
    "videoMixesConfigure": r.CreateVideoMix(mix_name=MIX),
    "videoMixesDelete": r.CreateVideoMix(mix_name=MIX),
}
"""What is asked first."""
THROUGH_GATEWAYS = {"dtmf", "fecc"}
"""What only a call with a far end can be asked for."""
OTHERWISE = {"avatarJpgParticipant": 404, "theme": 204, "callsRtmpParticipant": 400}
"""What is answered where that is not 200: there is no portrait, no theme, and no RTMP here."""


@dataclass
class Judge:
    """The vendor's functions in a process of their own."""

    process: subprocess.Popen[str]
    asked: list[type[Request[Any]]] = field(default_factory=list)

    def call(self, node: InProcess, name: str, **what: Any) -> tuple[int, str]:
        """Let a function ask the node; the status that it accepted, and else what is wrong with the answer."""
        self._say({"name": name, **what})
        while "error" not in (line := self.read()):
            self._say(self._answer(node, line))
        return line["status"], line["error"]

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the vendor's functions ended"
        return json.loads(line)

    def _say(self, line: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def _answer(self, node: InProcess, line: Any) -> Any:
        url = urlsplit(line["path"])
        address, name = Address.parse(url.path)
        kind = find(address.scope, line["ask"], name)
        assert kind is not None, f"{line['ask']} {url.path} is not declared"
        self.asked.append(kind)
        body = line["body"].encode() if line["body"] else dict(parse_qsl(url.query))
        token = line["headers"].get("token", "")
        reply = node.carry(Incoming(method=line["ask"], path=url.path, body=body, token=token, headers=line["headers"]))
        return {"status": reply.status} | _content(reply)


def _content(reply: Reply) -> dict[str, str]:
    if reply.picture is not None:
        return {"type": "image/jpeg", "body": reply.picture.decode("latin1")}
    if reply.text is not None:
        return {"type": "text/plain", "body": reply.text}
    return {"type": "application/json", "body": to_text(reply.json)}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    bundle = tmp_path_factory.mktemp("vendor") / "api.mjs"
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    assert esbuild.exists(), f"The vendor's client is not installed. Run: npm ci --prefix {HERE}"
    options = ("--bundle", "--platform=node", "--format=esm", "--log-level=warning", f"--outfile={bundle}")
    subprocess.run([esbuild, "vendor_api.mjs", *options], cwd=HERE, check=True, timeout=60)
    with subprocess.Popen(["node", bundle], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        judge = Judge(process)
        assert set(judge.read()["names"]) == set(NAMES)
        yield judge
        process.kill()


@dataclass
class Meeting:
    """A conference with a host and a guest in calls."""

    node: InProcess
    host: Attendee
    guest: Attendee
    call: str
    alias: str = "meet"

    def params(self, name: str) -> dict[str, str]:
        about = self.host if name in ABOUT_ONESELF else self.guest
        return {
            "conferenceAlias": self.alias,
            "participantUuid": about.uuid,
            "callUuid": self.call,
            "breakoutUuid": "none",
            "mixName": MIX,
            "annotate": "true",
        }


@pytest.fixture
def meeting() -> Meeting:
    node = InProcess(
        Vmr("meet", host_pin="1", classification_levels=("open", "secret"), captions=(Caption(0.0, "Ann", "Hello"),)), Vmr("other")
    )
    host, guest = node.join("Host", pin="1"), node.join("Guest", pin="none")
    calls = [one.send(r.Calls(sdp="offer"))["call_uuid"] for one in (host, guest)]
    host.send(r.Ack(), call=calls[0])
    guest.send(r.Ack(), call=calls[1])
    return Meeting(node, host, guest, calls[0])


def through_a_gateway() -> Meeting:
    """The call of somebody who called somebody else through the node."""
    node = InProcess(Vmr("to-*", service_type="gateway", far_end="sip:*@example.com"))
    caller = node.join("Caller", "to-bob")
    call = caller.send(r.Calls(sdp="offer"))["call_uuid"]
    caller.send(r.Ack(), call=call)
    return Meeting(node, caller, caller, call, "to-bob")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_ROOMS])
def test_the_vendor_takes_each_answer(judge: Judge, meeting: Meeting, name: str) -> None:
    if name in BEFORE:
        meeting.host.send(BEFORE[name])
    if name == "ack":
        meeting.call = meeting.host.send(r.Calls(sdp="offer"))["call_uuid"]
    if name in THROUGH_GATEWAYS:
        meeting = through_a_gateway()
    credentials = {"pin": "1"} if name == "requestToken" else {"token": meeting.host.token}

    outcome = judge.call(meeting.node, name, params=meeting.params(name), body=BODIES.get(name), **credentials)

    unanswered = judge.asked[-1] not in meeting.node.desk.rules
    assert outcome == ((0, 'Error Unexpected status 501 ""') if unanswered else (OTHERWISE.get(name, 200), ""))


BY_GUESTS = {"guestBreakoutBuzz", "guestClearBreakoutBuzz", "guestLeaveBreakout"}
"""What a participant of a room asks for as if it were a conference of its own."""


@pytest.mark.parametrize("name", IN_ROOMS)
def test_the_vendor_takes_each_answer_about_breakout_rooms(judge: Judge, name: str) -> None:
    rooms = Rooms(captions=(Caption(0.0, "Ann", "Hello"),))
    red = rooms.open("Red", guests_allowed_to_leave=True)
    ann, control = rooms.inside(red, rooms.ann), rooms.control(red)
    offered = control.send(r.Calls(sdp="offer"))["call_uuid"]
    if name != "breakoutAck":
        control.send(r.Ack(), call=offered)
    if name in ("breakoutVideoMixesConfigure", "breakoutVideoMixesDelete"):
        control.send(r.CreateVideoMix(mix_name=MIX))
    alike = name.removeprefix("breakout")
    alike = alike[0].lower() + alike[1:]
    bodies = {
        "breakouts": {"name": "Blue", "duration": 60, "participants": {"main": [rooms.bob.uuid]}},
        "breakoutsMessage": MESSAGE,
        "breakoutMoveParticipantsFromMain": {"breakout_uuid": red, "participants": [rooms.bob.uuid]},
        "breakoutMoveParticipants": {"breakout_uuid": "main", "participants": [ann.uuid]},
        "breakoutTransferParticipant": {"conference_alias": "meet", "role": "guest"},
    }
    about = control if alike in ABOUT_ONESELF else ann
    params = {"conferenceAlias": "meet", "breakoutUuid": red, "participantUuid": about.uuid, "callUuid": offered, "mixName": MIX}
    token = ann.token if name in BY_GUESTS else rooms.host.token

    outcome = judge.call(rooms.node, name, params=params, body=bodies.get(name) or BODIES.get(alike), token=token)

    unanswered = judge.asked[-1] not in rooms.node.desk.rules
    assert outcome == ((0, 'Error Unexpected status 501 ""') if unanswered else (200, ""))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in IN_ROOMS and name != "requestToken"])
def test_the_vendor_takes_each_refusal_of_a_token(judge: Judge, meeting: Meeting, name: str) -> None:
    outcome = judge.call(meeting.node, name, params=meeting.params(name), body=BODIES.get(name), token="expired")

    assert outcome in ((403, ""), (0, 'Error Unexpected status 403 ""'))  # where it knows no refusal


@pytest.mark.parametrize(
    ("vmr", "pin", "status"),
    [
        (Vmr("meet", host_pin="1"), "", 403),
        (Vmr("meet", host_pin="1", guest_pin="2"), "", 403),
        (Vmr("meet", host_pin="1", guest_pin="2"), "3", 403),
        (Vmr("meet", host_pin="1", guest_pin="2"), "2", 200),
        (Vmr("other"), "", 404),
    ],
)
def test_the_vendor_takes_each_answer_to_who_wants_to_join(judge: Judge, vmr: Vmr, pin: str, status: int) -> None:
    params = {"conferenceAlias": "meet"}

    assert judge.call(InProcess(vmr), "requestToken", params=params, body=BODIES["requestToken"], pin=pin) == (status, "")


def test_the_vendor_takes_maintenance(judge: Judge) -> None:
    node = InProcess(config=NodeConfig(conferences=(Vmr("meet"),), maintenance=True))

    outcome = judge.call(node, "requestToken", params={"conferenceAlias": "meet"}, body=BODIES["requestToken"])

    assert outcome == (503, "")
