"""libwebrtc by the package wrtc, its encoded frames into .webm: `python -m benchmarks.recording.peers.libwebrtc URL CALLS SECONDS FOLDER`.

Runs with a Python of its own, that has wrtc. The frames are taken by encoded transforms and only the key frames of the picture are handed
back: without any the decoder would ask for another every fifth of a second, and the sender would be no longer the same for all.
"""

from __future__ import annotations

import asyncio
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import webrtc  # type: ignore[import-not-found,unused-ignore]

from benchmarks.recording.told import post, say

RATES = {"audio": 48000, "video": 90000}
WRAP = 1 << 32


class Film:
    """A file of packets; each track begins when its first frame arrived."""

    def __init__(self, path: Path) -> None:
        self._container: Any = av.open(str(path), "w", format="webm")
        video = self._container.add_mux_stream("vp8", rate=30, width=1280, height=720)
        self._streams = {"audio": self._container.add_stream("libopus", rate=48000, layout="stereo"), "video": video}
        self._container.start_encoding()
        self._zero: float | None = None
        self._last: dict[str, tuple[int, int]] = {}
        """By track the RTP time of its last frame, and its place in the file."""

    def write(self, kind: str, frame: Any) -> None:
        """Put a frame where it belongs; one that comes too late is left out."""
        told = frame.get_metadata()
        if kind in self._last:
            before, place = self._last[kind]
            if not 0 < (step := (told.rtp_timestamp - before) % WRAP) < WRAP // 2:
                return
            place += step
        else:
            self._zero = self._zero if self._zero is not None else told.receive_time
            place = max(0, round((told.receive_time - self._zero) / 1000 * RATES[kind]))
        self._last[kind] = told.rtp_timestamp, place
        packet = av.Packet(bytes(frame.data))
        packet.stream = self._streams[kind]
        packet.time_base = Fraction(1, RATES[kind])
        packet.pts = packet.dts = place
        packet.is_keyframe = kind == "audio" or frame.type == "key"
        self._container.mux(packet)

    def close(self) -> None:
        """End the file."""
        self._container.close()


class Call:
    """One call and its file."""

    def __init__(self, number: int, folder: Path) -> None:
        self._number, self._path = number, folder / f"{number}.webm"
        self._film: Film | None = Film(self._path)
        self._seen = False

    async def _take(self, kind: str, event: Any) -> None:
        """Every frame of a track, in order; key frames go on to the decoder."""
        decoder = event.transformer.writable.get_writer()
        async for frame in event.transformer.readable:
            if kind == "video" and not self._seen:
                self._seen = True
                say("first_frame", call=self._number)
            if self._film is not None:
                self._film.write(kind, frame)
            if kind == "video" and frame.type == "key":
                await decoder.write(frame)

    async def record(self, url: str, seconds: float) -> None:
        """From the offer to the end."""
        peer, gathered, connected = webrtc.RTCPeerConnection(), asyncio.Event(), asyncio.Event()
        peer.on("icegatheringstatechange", lambda _: gathered.set() if peer.ice_gathering_state == "complete" else None)
        peer.on("connectionstatechange", lambda _: connected.set() if peer.connection_state == "connected" else None)
        for kind in RATES:
            receiver = peer.add_transceiver(kind, webrtc.RTCRtpTransceiverInit(direction="recvonly")).receiver
            receiver.transform = webrtc.RTCRtpScriptTransform(partial(self._take, kind))
        await peer.set_local_description(await peer.create_offer())
        await gathered.wait()
        say("offer_sent", call=self._number)
        answer = await asyncio.to_thread(post, url + "/offer", peer.local_description.sdp)
        await peer.set_remote_description(webrtc.RTCSessionDescription("answer", answer))
        await connected.wait()
        await asyncio.sleep(seconds)
        say("file", call=self._number, path=str(self._path))
        film, self._film = self._film, None
        if film is not None:
            film.close()
        peer.close()


async def main(url: str, calls: int, seconds: float, folder: Path) -> None:
    """So many calls, begun one after the other."""

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.37)
        await Call(number, folder).record(url, seconds)

    await asyncio.gather(*(one(number) for number in range(calls)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
