"""The neutral sender: one process that sends a clip, encoded beforehand, to whoever offers or answers.

`python -m benchmarks.recording.sender CLIP`: prints its URL. `POST /offer` with an SDP offer is answered with an SDP answer. `POST /call`
is answered with an offer and an id, for peers that answer; `POST /answer/ID` takes their answer. Packets are ready in memory; on a
request for a key frame it jumps to the next one; it reports its clock with its first packets. It is reached by an address of the
machine that is not the loopback's, since some peers use no other. A page of a browser may ask it too.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import av
from aiohttp import web

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.types import Direction, PeerState, Slot, SlotOptions

STEP = 0.01
AUDIO_STEP = 0.02


@dataclass
class Clip:
    """What is sent, and when: pairs of seconds and unit."""

    video: list[tuple[float, AccessUnit]]
    audio: list[tuple[float, AccessUnit]]
    seconds: float


def load(path: Path) -> Clip:
    """The packets of a WebM file with VP8 and Opus."""
    tracks: dict[str, list[tuple[float, AccessUnit]]] = {"video": [], "audio": []}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None or not packet.size:
                continue
            kind = packet.stream.type
            codec, rate = ("vp8", 90000) if kind == "video" else ("opus", 48000)
            at = float(packet.pts * packet.time_base)
            tracks[kind].append((at, AccessUnit(bytes(packet), codec, round(at * rate), rate, keyframe=packet.is_keyframe)))
    frames = len(tracks["video"])
    return Clip(tracks["video"], tracks["audio"], frames / 30)


class Playing:
    """The clip as one peer gets it."""

    def __init__(self, clip: Clip, peer: Peer, *, slides: bool) -> None:
        self.peer = peer
        self.keyframes_asked = 0
        self.sent = 0
        self._clip = clip
        self._slots: list[Slot] = [
            slot for slot in (Slot.VIDEO, Slot.PRESENTATION) if slot in peer.transceivers and (slides or slot is Slot.VIDEO)
        ]
        self._at: dict[Slot, int] = dict.fromkeys(self._slots, 0)
        self._audio = 0
        self._begun: float | None = None
        for slot in self._slots:
            peer.transceivers[slot].sender.on_keyframe_request = lambda slot=slot: self._jump(slot)

    def _jump(self, slot: Slot) -> None:
        """Go on with the next key frame."""
        self.keyframes_asked += 1
        video = self._clip.video
        for ahead in range(len(video)):
            index = (self._at[slot] + ahead) % len(video)
            if video[index][1].keyframe:
                self._at[slot] = index
                return

    def play(self, now: float) -> None:
        """Send what is due."""
        if self.peer.state is not PeerState.CONNECTED:
            return
        if self._begun is None:
            self._begun, self._frames, self._packets = now, 0, 0
        while self._begun + self._frames / 30 <= now:
            captured = self._begun + self._frames / 30
            for slot in self._slots:
                unit = self._clip.video[self._at[slot]][1]
                self._at[slot] = (self._at[slot] + 1) % len(self._clip.video)
                self.sent += self.peer.transceivers[slot].sender.send(unit, captured=captured)
            self._frames += 1
        while self._begun + self._packets * AUDIO_STEP <= now:
            unit = self._clip.audio[self._packets % len(self._clip.audio)][1]
            self.peer.transceivers[Slot.AUDIO].sender.send(unit, captured=self._begun + self._packets * AUDIO_STEP)
            self._packets += 1


class Sender:
    """The HTTP side of it."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._playing: dict[str, Playing] = {}
        self._numbers = itertools.count()

    def _peer(self, *, slides: bool) -> Peer:
        picture = SlotOptions(direction=Direction.SENDONLY, codecs=("vp8",))
        slots = {Slot.AUDIO: SlotOptions(direction=Direction.SENDONLY), Slot.VIDEO: picture}
        if slides:
            slots[Slot.PRESENTATION] = picture
        return Peer(slots=slots, name=f"peer {next(self._numbers)}")

    async def offer(self, request: web.Request) -> web.Response:
        """Answer an offer; one with two video sections gets slides too."""
        offer = await request.text()
        slides = offer.count("m=video") > 1
        peer = self._peer(slides=slides)
        answer = await peer.create_answer(offer)
        self._playing[peer.name] = Playing(self._clip, peer, slides=slides)
        return web.Response(text=answer, content_type="application/sdp")

    async def call(self, request: web.Request) -> web.Response:
        """Offer."""
        peer = self._peer(slides=False)
        offer = await peer.create_offer()
        self._playing[peer.name] = Playing(self._clip, peer, slides=False)
        return web.json_response({"id": peer.name, "sdp": offer})

    async def answer(self, request: web.Request) -> web.Response:
        """Take the answer to an offer."""
        await self._playing[request.match_info["id"]].peer.set_answer(await request.text())
        return web.Response()

    async def told(self, request: web.Request) -> web.Response:
        """How many key frames each peer has asked for, and what it was sent."""
        return web.json_response({name: {"asked": one.keyframes_asked, "sent": one.sent} for name, one in self._playing.items()})

    async def run(self) -> None:
        """Send until the end."""
        while True:
            now = unix_time()
            for name, playing in list(self._playing.items()):
                if playing.peer.state in {PeerState.FAILED, PeerState.CLOSED}:
                    del self._playing[name]
                    await playing.peer.close()
                else:
                    playing.play(now)
            await asyncio.sleep(STEP - time.monotonic() % STEP)


async def _open(request: web.Request, response: web.StreamResponse) -> None:
    """Let pages of other origins read the answers."""
    response.headers["Access-Control-Allow-Origin"] = "*"


async def main(path: Path) -> None:
    """Serve."""
    sender = Sender(load(path))
    app = web.Application()
    app.on_response_prepare.append(_open)
    app.router.add_post("/offer", sender.offer)
    app.router.add_post("/call", sender.call)
    app.router.add_post("/answer/{id}", sender.answer)
    app.router.add_get("/told", sender.told)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await sender.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
