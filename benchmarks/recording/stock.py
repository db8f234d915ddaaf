"""The same call recorded with aiortc's own means: RTCPeerConnection, decoders, MediaRecorder into mp4.

Run as a process: `python -m benchmarks.recording.stock NODE ALIAS SECONDS FILE`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder


async def _post(session: aiohttp.ClientSession, url: str, token: str | None, body: dict[str, Any] | None = None) -> Any:
    async with session.post(url, json=body or {}, headers={"token": token} if token else {}) as response:
        return (await response.json())["result"]


async def record(node: str, alias: str, seconds: float, path: str) -> None:
    """Join, record for so long, leave."""
    base = f"{node}/api/client/v2/conferences/{alias}"
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    tracks: list[Any] = []
    peer.on("track", tracks.append)
    peer.addTransceiver("audio", direction="recvonly")
    peer.addTransceiver("video", direction="recvonly")
    async with aiohttp.ClientSession() as session:
        joined = await _post(session, f"{base}/request_token", None, {"display_name": "stock"})
        token, me = joined["token"], f"{base}/participants/{joined['participant_uuid']}"
        await peer.setLocalDescription(await peer.createOffer())
        call = await _post(session, f"{me}/calls", token, {"call_type": "WEBRTC", "sdp": peer.localDescription.sdp})
        await peer.setRemoteDescription(RTCSessionDescription(call["sdp"], "answer"))
        await _post(session, f"{me}/calls/{call['call_uuid']}/ack", token)
        recorder = MediaRecorder(path)
        for track in tracks:
            recorder.addTrack(track)
        await recorder.start()
        await asyncio.sleep(seconds)
        await recorder.stop()
        await peer.close()
        await _post(session, f"{base}/release_token", token)


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))
