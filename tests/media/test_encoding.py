"""What is encoded sounds like what went in."""

from __future__ import annotations

from collections.abc import Iterable

import av
import numpy as np
import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_media.encoding import OpusEncoding
from pexrtc_media.synthetic import Tone

LEVEL = 0.5


async def frames(count: int, *, channels: int, hz: float = 500.0) -> list[av.AudioFrame]:
    taken: list[av.AudioFrame] = []
    async for frame in Tone(hz, level=LEVEL, channels=channels, seconds=count / 50):
        taken.append(frame)
    return taken


def peak(units: Iterable[AccessUnit]) -> float:
    """Of the left channel, after the encoder has settled."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48000, av.AudioLayout("stereo")
    blocks = [frame.to_ndarray().reshape(-1, 2)[:, 0] for unit in units for frame in decoder.decode(av.Packet(unit.data))]
    return float(np.abs(np.concatenate(blocks)[4800:]).max()) / 32768


@pytest.mark.parametrize("channels", [1, 2])
async def test_sound_of_one_channel_is_recorded_as_loud_as_of_two(channels: int) -> None:
    encoding = OpusEncoding()

    units = [unit for index, frame in enumerate(await frames(50, channels=channels)) for unit in encoding.encode(frame, index / 50)]

    assert peak(units) == pytest.approx(LEVEL, rel=0.1)


async def test_a_source_that_changes_its_channels_goes_on_in_the_same_rhythm() -> None:
    encoding = OpusEncoding()
    sound = [*await frames(20, channels=2), *await frames(20, channels=1), *await frames(20, channels=2)]

    units = [unit for index, frame in enumerate(sound) for unit in encoding.encode(frame, index / 50)]

    assert [unit.timestamp for unit in units] == [960 * index for index in range(len(units))]
    assert len(units) in {59, 60}
