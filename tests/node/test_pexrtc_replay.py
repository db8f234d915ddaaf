"""What pexrtc.js sends, in its order and its spelling, against a node over real sockets; the script itself is on no registry.

It goes by TLS, asks for the conference's status before the stream, edits the browser's offer (payload types without rtpmap), offers slides
both ways once and never again, posts without bodies, and leaves by a beacon.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from av import VideoFrame

from pexrtc_media import Pattern, stamp
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.playout import frames
from pexrtc_py.engine.sending import Outbound
from pexrtc_py.engine.types import Candidate, Slot, SlotOptions
from pexrtc_py.node import Node, NoMedia, Vmr

API = "/api/client/v2/conferences"
OFFER = (Path(__file__).parents[1] / "data" / "pexrtc_offer.sdp").read_text().replace("\n", "\r\n")
SIZE = (320, 180)
SOON = 20.0
ROOMS = (Vmr("meet"), Vmr("pins", host_pin="1234", guest_pin="5678"), Vmr("guests", host_pin="1234"))


class Script:
    """One page with pexrtc.js in it: its requests, its event stream, and where media matter a peer in place of the browser's."""

    def __init__(self, node: Node, session: aiohttp.ClientSession, alias: str = "meet", name: str = "Ann") -> None:
        self.node, self.session, self.name = node, session, name
        self.base = f"{node.url}{API}/{alias}"
        self.token = self.uuid = self.call = ""
        self.events: list[tuple[str, Any]] = []
        self.peer: Peer | None = None
        self._queued: list[Candidate | None] | None = []
        self._outbound: dict[Slot, Outbound] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._news = asyncio.Event()

    # Requests, each as the script sends it

    async def ask(self, method: str, path: str, body: object = None, *, status: int = 200, **headers: str) -> Any:
        """The result; a request without a body has none at all, and no Content-Type."""
        data = None if body is None else json.dumps(body)
        told = headers | ({"token": self.token} if self.token else {}) | ({"Content-Type": "application/json"} if body is not None else {})
        async with self.session.request(method, f"{self.base}/{path}", data=data, headers=told) as response:
            text = await response.text()
            assert response.status == status, (path, response.status, text)
            if not text:
                return None
            assert response.headers["Content-Type"] == "application/json"
            return json.loads(text)["result"]

    async def me(self, request: str, body: object = None, **more: Any) -> Any:
        return await self.ask("POST", f"participants/{self.uuid}/{request}", body, **more)

    async def on_call(self, request: str, body: object = None) -> Any:
        return await self.me(f"calls/{self.call}/{request}", body)

    async def request_token(self, *, status: int = 200, pin: str | None = None, **more: Any) -> Any:
        body = {
            "display_name": self.name,
            "call_tag": "",
            "direct_media": True,
            "chosen_idp": "none",
            "sso_token": "none",
            "node": self.node.url.removeprefix("https://"),
            "client_id": "PexRTC",
            **more,
        }
        return await self.ask("POST", "request_token", body, status=status, **({} if pin is None else {"pin": pin}))

    async def enter(self, *, pin: str | None = None) -> dict[str, Any]:
        """makeCall: the token, at once the conference's status, then the stream. Gives the status."""
        granted = await self.request_token(pin=pin)
        self.token, self.uuid = granted["token"], granted["participant_uuid"]
        status: dict[str, Any] = await self.ask("GET", "conference_status")
        opened = asyncio.Event()
        self._tasks.append(asyncio.create_task(self._listen(opened)))
        await asyncio.wait_for(opened.wait(), SOON)
        return status

    async def _listen(self, opened: asyncio.Event) -> None:
        async with self.session.get(f"{self.base}/events?token={self.token}") as response:
            opened.set()
            while block := (await response.content.readuntil(b"\n\n")).decode():
                if found := re.search(r"event: (\w+)\n(?:id: .*\n)?data: (\S.*)", block):
                    self.events.append((found[1], json.loads(found[2])))
                    self._news.set()

    async def hear(self, name: str, **wanted: Any) -> Any:
        """The data of the next such event; those before it are forgotten."""
        async with asyncio.timeout(SOON):
            while True:
                while self.events:
                    event, data = self.events.pop(0)
                    if event == name and all(data.get(key) == value for key, value in wanted.items()):
                        return data
                self._news.clear()
                await self._news.wait()

    # The call

    async def place(self, sdp: str, media_type: str = "video") -> dict[str, Any]:
        """connect: the theme, then the call; gives its answer."""
        assert await self.ask("GET", "theme/", status=204) is None
        answer: dict[str, Any] = await self.me(
            "calls", {"call_type": "WEBRTC", "sdp": sdp, "media_type": media_type, "fecc_supported": False}
        )
        self.call = answer["call_uuid"]
        return answer

    async def connect(self, *sources: tuple[Slot, Any]) -> None:
        """Place a call with media, as the script orders it: candidates wait for the answer and go before the ack."""
        self.peer = Peer(slots={slot: SlotOptions() for slot in Slot}, loopback=True, name=self.name)
        self.peer.on_candidate = self._candidate
        offer = await self.peer.create_offer()
        gathering = asyncio.create_task(self.peer.gather())
        answer = await self.place(edited(offer))
        await gathering
        await self._flush()
        await self.peer.set_answer(answer["sdp"])
        assert await self.on_call("ack") is True
        await self.peer.wait_connected()
        for slot, source in sources:
            await self.send(slot, source)
        assert await self.me("video_unmuted") is True

    def _candidate(self, found: Candidate | None) -> None:
        if self._queued is not None:
            self._queued.append(found)
        else:
            self._tasks.append(asyncio.create_task(self._tell(found)))

    async def _flush(self) -> None:
        queued, self._queued = self._queued or [], None
        for found in queued:
            await self._tell(found)

    async def _tell(self, found: Candidate | None) -> None:
        told = (
            {"candidate": "", "mid": "0"}
            if found is None
            else {"candidate": found.candidate, "mid": found.mid, "ufrag": found.ufrag, "pwd": found.pwd}
        )
        assert await self.on_call("new_candidate", told) is None

    async def restart_ice(self) -> None:
        """renegotiate(true): the whole body of `calls`, with an offer of new credentials."""
        assert self.peer is not None
        offer = await self.peer.create_offer(restart=True)
        body = {"call_type": "WEBRTC", "sdp": edited(offer), "media_type": "video", "fecc_supported": False}
        answer = await self.on_call("update", body)
        assert isinstance(answer, str)
        await self.peer.set_answer(answer)
        assert await self.on_call("ack") is True

    async def send(self, slot: Slot, source: Any) -> None:
        """replaceTrack."""
        assert self.peer is not None
        self._outbound.setdefault(slot, Outbound(self.peer.transceivers[slot].sender))
        await self._outbound[slot].send(source)

    async def sees(self, slot: Slot, stream: int) -> None:
        """Wait for a picture of this stream."""
        assert self.peer is not None
        async with asyncio.timeout(SOON), frames(self.peer.transceivers[slot].receiver) as arriving:
            async for frame in arriving:
                if isinstance(frame, VideoFrame) and (mark := stamp.read_at(frame)) is not None and mark.stream == stream:
                    return

    async def leave_by_beacon(self) -> None:
        """A page that is closed has the token in the address and nothing else."""
        async with self.session.post(
            f"{self.base}/release_token?token={self.token}", data="", headers={"Content-Type": "text/plain"}
        ) as response:
            assert (response.status, await response.json()) == (200, {"status": "success", "result": True})

    async def aclose(self) -> None:
        for outbound in self._outbound.values():
            await outbound.aclose()
        if self.peer is not None:
            await self.peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def edited(offer: str) -> str:
    """What the script makes of a browser's offer: filtered codecs stay in the m-lines, a bandwidth, picture sizes, no msid of slides."""
    sections = re.split(r"(?=^m=)", offer, flags=re.MULTILINE)
    return "".join(_edited(section) if section.startswith("m=video") else section for section in sections)


def _edited(section: str) -> str:
    section = re.sub(r"^(m=video .*?)(\r?\n)", r"\1 39 40 112\2", section, count=1)
    section = re.sub(r"^(c=.*\r?\n)", r"\1b=AS:1280\r\n", section, count=1, flags=re.MULTILINE)
    section = re.sub(r"^(a=rtpmap:(\d+) VP8/90000\r?\n)", r"\1a=fmtp:\2 max-fs=8160;max-fr=30\r\n", section, flags=re.MULTILINE)
    return re.sub(r"^a=msid:\S+ (?=\S+-presentation)", "a=msid:- ", section, flags=re.MULTILINE) + "a=fmtp:112 x=1\r\n"


@asynccontextmanager
async def pages(node: Node, *names: str, alias: str = "meet") -> AsyncIterator[list[Script]]:
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(node.ca_file)))
    async with aiohttp.ClientSession(connector=connector) as session:
        scripts = [Script(node, session, alias, name) for name in names]
        try:
            yield scripts
        finally:
            for script in scripts:
                await script.aclose()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node(*ROOMS, tls=True) as running:
        yield running


@pytest.fixture
async def quiet() -> AsyncIterator[Node]:
    async with Node(*ROOMS, tls=True, media=NoMedia) as running:
        yield running


# --- whole calls ---------------------------------------------------------------------------------------------------------------


async def test_two_pages_see_each_other_and_present_without_another_offer(node: Node) -> None:
    async with pages(node, "Ann", "Bob") as (ann, bob):
        status = await ann.enter()
        assert (status["locked"], status["guests_muted"], status["started"]) == (False, False, True)
        await bob.enter()
        await asyncio.gather(ann.connect((Slot.VIDEO, Pattern(SIZE, stamp=1))), bob.connect((Slot.VIDEO, Pattern(SIZE, stamp=2))))
        talking = await ann.hear("participant_update", uuid=bob.uuid, has_media=True)
        assert (talking["is_video_call"], talking["is_audio_only_call"], talking["presentation_supported"]) == ("YES", "NO", "YES")
        assert "PexRTC" in talking["vendor"]
        await asyncio.gather(ann.sees(Slot.VIDEO, 2), bob.sees(Slot.VIDEO, 1))

        await ann.send(Slot.PRESENTATION, Pattern(SIZE, fps=5, stamp=3))
        assert await ann.me("take_floor") is None
        started = await bob.hear("presentation_start")
        assert (started["presenter_name"], started["presenter_uuid"], started["presenter_source"]) == ("Ann", ann.uuid, "video")
        await bob.sees(Slot.PRESENTATION, 3)

        await bob.send(Slot.PRESENTATION, Pattern(SIZE, fps=5, stamp=4))
        assert await bob.me("take_floor") is None
        assert (await ann.hear("presentation_start"))["presenter_uuid"] == bob.uuid
        await ann.send(Slot.PRESENTATION, None)
        assert await ann.me("release_floor") is None  # which the loser does, without effect
        await ann.sees(Slot.PRESENTATION, 4)
        assert await bob.me("release_floor") is None
        await ann.hear("presentation_stop")

        assert await bob.on_call("disconnect") is None
        await ann.hear("participant_update", uuid=bob.uuid, has_media=False)
        await bob.leave_by_beacon()
        await ann.hear("participant_delete", uuid=bob.uuid)


async def test_a_page_without_a_call_gets_one_restarts_its_way_and_gives_it_up(node: Node) -> None:
    async with pages(node, "Ann", "Bob") as (ann, bob):
        await ann.enter()
        await bob.enter()
        await bob.connect((Slot.VIDEO, Pattern(SIZE, stamp=2)))
        await ann.connect()
        await ann.hear("participant_update", uuid=ann.uuid, has_media=True)
        await ann.sees(Slot.VIDEO, 2)

        await ann.restart_ice()
        await ann.sees(Slot.VIDEO, 2)

        assert await ann.on_call("disconnect") is None
        await bob.hear("participant_update", uuid=ann.uuid, has_media=False)
        assert ann.uuid in node.room("meet").members


# --- calls of every type, by the offer that the script sends -----------------------------------------------------------------------


def offer(*sections: str, direction: str = "sendrecv") -> str:
    """The script's offer with these sections alone; main sections in this direction, slides always both ways."""
    head, *parts = re.split(r"(?=^m=)", OFFER, flags=re.MULTILINE)
    named = dict(zip(("audio", "video", "slides"), parts, strict=True))
    mids = [str(list(named).index(name)) for name in sections]
    wanted = [
        part if name == "slides" else part.replace("a=sendrecv", f"a={direction}") for name, part in named.items() if name in sections
    ]
    return head.replace("BUNDLE 0 1 2", f"BUNDLE {' '.join(mids)}") + "".join(wanted)


@pytest.mark.parametrize(
    ("sdp", "media_type", "directions", "calls_it"),
    [
        (offer("audio", "video", "slides"), "video", ["sendrecv", "sendrecv", "sendrecv"], ("NO", "YES")),
        (offer("audio", "slides"), "audio", ["sendrecv", "sendrecv"], ("YES", "NO")),
        (offer("audio", "video", "slides", direction="recvonly"), "video", ["sendonly", "sendonly", "sendrecv"], ("NO", "YES")),
        (offer("video", "slides", direction="recvonly"), "video", ["sendonly", "sendrecv"], ("NO", "YES")),
        (offer("slides"), "audio", ["sendrecv"], ("NO", "NO")),
    ],
    ids=["video", "audioonly", "recvonly", "recvonlyvideo", "presentation or screen"],
)
async def test_a_call_of_each_type_is_answered_section_by_section(
    node: Node, sdp: str, media_type: str, directions: list[str], calls_it: tuple[str, str]
) -> None:
    async with pages(node, "Ann") as (ann,):
        await ann.enter()

        answer = (await ann.place(sdp, media_type))["sdp"]
        assert await ann.on_call("ack") is True

        assert re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)", answer, re.MULTILINE) == directions
        assert re.findall(r"^a=mid:(\d)", answer, re.MULTILINE) == re.findall(r"^a=mid:(\d)", sdp, re.MULTILINE)
        assert answer.count("a=content:slides") == 1
        assert "a=msid:-" not in answer  # which the script would fail on
        me = await ann.hear("participant_update", uuid=ann.uuid, has_media=True)
        assert (me["is_audio_only_call"], me["is_video_call"]) == calls_it
        assert me["presentation_supported"] == "YES"


# --- challenges ----------------------------------------------------------------------------------------------------------------


async def test_the_pin_is_asked_for_and_a_wrong_one_is_a_text(quiet: Node) -> None:
    async with pages(quiet, "Ann", alias="pins") as (ann,):
        challenge = await ann.request_token(status=403)
        assert (challenge["pin"], challenge["guest_pin"]) == ("required", "required")
        assert await ann.request_token(status=403, pin="0") == "Invalid PIN"
        assert await ann.request_token(status=403, pin="none") == "Invalid PIN"
        assert (await ann.request_token(pin="5678"))["role"] == "GUEST"


async def test_no_pin_is_the_word_none_for_guests(quiet: Node) -> None:
    async with pages(quiet, "Ann", alias="guests") as (ann,):
        challenge = await ann.request_token(status=403)
        assert (challenge["pin"], challenge["guest_pin"]) == ("required", "none")
        granted = await ann.request_token(pin="none")
        assert (granted["role"], granted["current_service_type"]) == ("GUEST", "waiting_room")


async def test_a_reception_wants_an_extension_at_the_same_alias() -> None:
    async with Node(Vmr("desk", reception="standard"), Vmr("meet"), tls=True, media=NoMedia) as desk:
        async with pages(desk, "Ann", alias="desk") as (ann,):
            challenge = await ann.request_token(status=403)
            assert (challenge["conference_extension"], challenge["conference_extension_type"]) == ("required", "standard")
            assert await ann.request_token(status=404, conference_extension="nowhere") == "Conference extension not found"
            granted = await ann.request_token(conference_extension="meet")
            assert list(desk.room("meet").members) == [granted["participant_uuid"]]


async def test_a_page_without_a_call_follows_and_leaves(quiet: Node) -> None:
    async with pages(quiet, "Ann", "Bob") as (ann, bob):
        await ann.enter()
        await bob.enter()
        await ann.hear("participant_create", uuid=bob.uuid)
        refreshed = await bob.ask("POST", "refresh_token")
        assert (refreshed["role"], refreshed["expires"]) == ("HOST", "120")
        bob.token = refreshed["token"]
        assert await bob.ask("POST", "message", {"type": "text/plain", "payload": "hello"}) is True
        assert (await ann.hear("message_received"))["payload"] == "hello"
        await bob.leave_by_beacon()
        await ann.hear("participant_delete", uuid=bob.uuid)
        assert await bob.ask("GET", "conference_status", status=403) == "Invalid token"
