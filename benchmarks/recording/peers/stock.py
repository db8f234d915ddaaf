"""aiortc's MediaRecorder into .mp4: `python -m benchmarks.recording.peers.stock URL CALLS SECONDS FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder
from aiortc.mediastreams import MediaStreamTrack

from benchmarks.recording.told import post, say


class Watched(MediaStreamTrack):
    """A track that says when its first frame comes."""

    def __init__(self, track: Any, number: int) -> None:
        super().__init__()
        self.kind, self._track, self._number, self._seen = track.kind, track, number, track.kind == "audio"

    async def recv(self) -> Any:
        """The next frame."""
        frame = await self._track.recv()
        if not self._seen:
            self._seen = True
            say("first_frame", call=self._number)
        return frame


async def record(url: str, number: int, seconds: float, folder: Path) -> None:
    """One call."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    recorder = MediaRecorder(str(folder / f"{number}.mp4"))
    peer.on("track", lambda track: recorder.addTrack(Watched(track, number)))
    peer.addTransceiver("audio", direction="recvonly")
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    say("offer_sent", call=number)
    answer = await asyncio.to_thread(post, url + "/offer", peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await recorder.start()
    await asyncio.sleep(seconds)
    say("file", call=number, path=str(folder / f"{number}.mp4"))
    await recorder.stop()
    await peer.close()


async def main(url: str, calls: int, seconds: float, folder: Path) -> None:
    """So many calls, begun one after the other."""

    async def one(number: int) -> None:
        await asyncio.sleep(number * 0.37)
        await record(url, number, seconds, folder)

    await asyncio.gather(*(one(number) for number in range(calls)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
