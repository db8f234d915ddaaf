"""Legs that end in the node's own process, for themselves: what goes in comes out, judged by content and without a clock."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import av
import numpy as np
import pytest

from pexrtc_media import Pattern, Tone, stamp
from pexrtc_media.base import AccessUnit
from pexrtc_media.rtmp.chunks import Kind
from pexrtc_media.rtmp.client import play, publish
from pexrtc_media.rtmp.flv import FramesIn, PicturesOut, SoundOut
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.engine.encoders import OpusEncoder, VideoEncoder
from pexrtc_py.engine.types import Slot
from pexrtc_py.node.endpoints import Endpoint
from pexrtc_py.node.legs import Echo
from pexrtc_py.node.rtmp_calls import RtmpCall, RtmpCalls
from pexrtc_py.node.simulated import SimulatedEndpoint
from tests.media_checks import until

SIZE = (320, 180)
CALL = "12345678-1234-1234-1234-123456789012"
Samples = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def units(hz: float, stream: int) -> list[AccessUnit]:
    """A second of a tone and of a stamped picture."""
    opus, vp8, tone, film = OpusEncoder(), VideoEncoder("vp8"), Tone(hz), Pattern(SIZE, 10, stamp=stream)
    sound = [unit for index in range(50) for unit in opus.encode(tone.sound(index))]
    return sound + [unit for index in range(10) for unit in vp8.encode(film.picture(index))]


def loudest(sound: Samples) -> float:
    return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * 48_000 / len(sound))


def content(got: list[AccessUnit]) -> tuple[float, list[int]]:
    """The tone and the stamps in access units."""
    hearing, seeing = AudioDecoder(), VideoDecoder("vp8")
    frames = [frame for unit in got if unit.codec == "opus" for frame in hearing.decode(unit)]
    marks = [stamp.read_at(frame) for unit in got if unit.codec == "vp8" for frame in seeing.decode(unit)]
    sound = np.concatenate([np.asarray(frame.to_ndarray(), np.float64).reshape(-1, 2)[:, 0] for frame in frames])
    return loudest(sound), [mark.stream for mark in marks if mark]


def test_an_echo_sends_back_sound_and_picture() -> None:
    echo, got = Echo(), list[AccessUnit]()
    for slot in (Slot.AUDIO, Slot.VIDEO):
        echo.transceivers[slot].subscribe(got.append)

    for unit in units(600, 3):
        slot = Slot.AUDIO if unit.codec == "opus" else Slot.VIDEO
        assert echo.transceivers[slot].send(unit, captured=1000 + unit.timestamp / unit.clock_rate)

    hz, streams = content(got)
    assert hz == pytest.approx(600, abs=5)
    assert streams == [3] * 10


def test_a_simulated_endpoint_perceives_what_it_is_sent() -> None:
    endpoint = SimulatedEndpoint(Endpoint("bob"), video=True)
    before = endpoint.perceived()

    for unit in units(600, 3):
        endpoint.transceivers[Slot.AUDIO if unit.codec == "opus" else Slot.VIDEO].send(unit, captured=0)

    after = endpoint.perceived()
    assert (before.hz, before.size, before.packets) == (0, None, 0)
    assert after.hz == pytest.approx(600, abs=5)
    assert (after.size, after.stream, after.packets, after.pictures) == (SIZE, 3, 50, 10)


async def opened(calls: RtmpCalls, lost: list[str]) -> tuple[RtmpCall, str]:
    return await calls.open(CALL, bitrate=None, lost=lost.append)


async def test_what_is_published_by_rtmp_is_said_in_the_room_and_its_end_is_told() -> None:
    with ThreadPoolExecutor(1) as executor:
        calls, got, lost = RtmpCalls("127.0.0.1", 0, executor=executor), list[AccessUnit](), list[str]()
        call, url = await opened(calls, lost)
        for slot in (Slot.AUDIO, Slot.VIDEO):
            call.transceivers[slot].subscribe(got.append)

        connection, stream = await publish(url)
        sound, pictures, tone, film = SoundOut(), PicturesOut(SIZE), Tone(1000), Pattern(SIZE, 10, stamp=7)
        messages = [message for index in range(10) for message, _ in pictures.encode(film.picture(index), index / 10)]
        messages += [message for index in range(50) for message in sound.encode(tone.sound(index), index / 50)]
        assert pictures.configuration is not None
        for message in (sound.configuration, pictures.configuration, *messages):
            connection.put(replace(message, stream=stream))
        await connection.aclose()
        await until(lambda: bool(lost), 60)
        await call.close()
        await calls.aclose()

    hz, streams = content(got)
    assert hz == pytest.approx(1000, abs=30)
    assert streams == [7] * 10
    assert lost == ["The RTMP client closed the connection."]


async def test_what_the_room_has_is_played_by_rtmp() -> None:
    with ThreadPoolExecutor(1) as executor:
        calls, lost = RtmpCalls("127.0.0.1", 0, executor=executor), list[str]()
        call, url = await opened(calls, lost)
        connection = await play(f"{url}-stream")
        for unit in units(600, 3):
            call.transceivers[Slot.AUDIO if unit.codec == "opus" else Slot.VIDEO].send(unit, captured=unit.timestamp / unit.clock_rate)

        decoding, sounds, lights = FramesIn(), list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]](), list[float]()
        async with asyncio.timeout(60):
            while len(sounds) < 40 or not lights:
                message = await connection.receive()
                assert message is not None
                for frame in decoding.decode(message) if message.kind in (Kind.AUDIO, Kind.VIDEO) else ():
                    if isinstance(frame, av.VideoFrame):
                        lights.append(float(frame.to_ndarray(format="gray").mean()))
                    else:
                        sounds.append(np.asarray(frame.to_ndarray(), np.float64)[0])
        await connection.aclose()
        await call.close()
        await calls.aclose()

    assert loudest(np.concatenate(sounds)) == pytest.approx(600, abs=30)
    assert lights[-1] > 50
