"""A conference on its way to a streaming service: FFmpeg listens, and finds the tone and the picture."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

import av
import numpy as np
from av.error import FFmpegError

import pexrtc_py
from pexrtc_media import Still, Tone
from pexrtc_py.node import Node, Vmr
from pexrtc_py.protocol.events import ParticipantDelete, ParticipantUpdate
from tests.media_checks import until

GREY = np.full((180, 320, 3), 150, np.uint8)


@dataclass
class Audience:
    """What FFmpeg received."""

    lights: list[float] = field(default_factory=list)
    sounds: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = field(default_factory=list)

    @property
    def hz(self) -> float:
        sound = np.concatenate(self.sounds[-40:])
        return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * 48_000 / len(sound))

    @property
    def satisfied(self) -> bool:
        return len(self.sounds) > 60 and abs(self.hz - 600) < 10 and abs(self.lights[-1] - 146) < 12


def listen(port: int, audience: Audience) -> None:
    """Wait for a stream, and watch until it shows what is looked for."""
    url = f"rtmp://127.0.0.1:{port}/live/key"
    try:
        with av.open(url, "r", format="flv", options={"listen": "1"}, timeout=(60, 30)) as container:
            for packet in container.demux():
                for frame in packet.decode():
                    if isinstance(frame, av.VideoFrame):
                        audience.lights.append(float(frame.to_ndarray(format="gray").mean()))
                    elif isinstance(frame, av.AudioFrame):
                        audience.sounds.append(np.asarray(frame.to_ndarray(), np.float32)[0])
                if audience.lights and audience.satisfied:
                    return
    except FFmpegError:
        return  # the stream ended first, or never came


async def test_a_dialled_streaming_service_gets_the_mix_and_the_main_picture() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    audience = Audience()
    listening = asyncio.create_task(asyncio.to_thread(listen, port, audience))
    async with (
        Node(Vmr("meet")) as node,
        pexrtc_py.join("meet", node=node.url, display_name="Ann", audio=Tone(600), video=Still(GREY, fps=10)) as ann,
    ):
        service = await connected(ann, f"rtmp://127.0.0.1:{port}/live/key")

        line = ann.participants[service]
        assert (line.protocol, line.is_streaming_conference, line.has_media) == ("rtmp", True, True)
        await listening
        assert audience.satisfied, (audience.lights[-5:], len(audience.sounds))
        await until(lambda: service not in ann.participants)  # the listener has gone


async def connected(conference: pexrtc_py.Conference, url: str) -> str:
    """Dial until FFmpeg listens; it cannot be asked whether it does."""
    while True:
        told = conference.events(ParticipantUpdate, ParticipantDelete)
        (uuid,) = await conference.dial(destination=url, streaming=True)
        async for event in told:
            if isinstance(event, ParticipantDelete):
                break
            if isinstance(event, ParticipantUpdate) and event.participant.uuid == uuid and event.participant.has_media:
                return uuid


async def test_a_service_that_is_not_there_is_deleted_from_the_roster() -> None:
    async with Node(Vmr("meet")) as node, pexrtc_py.join("meet", node=node.url, media=False) as ann:
        told = ann.events(ParticipantDelete)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            (uuid,) = await ann.dial(destination=f"rtmp://127.0.0.1:{closed.getsockname()[1]}/live/key")
            async for event in told:
                assert event == ParticipantDelete(uuid=uuid)
                break
