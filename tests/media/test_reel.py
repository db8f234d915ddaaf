"""One file of a recording, as other programs read it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pexrtc_media.base import AccessUnit
from pexrtc_media.container import TrackHeader, kind_of
from pexrtc_media.encoding import VideoEncoding
from pexrtc_media.reel import PICTURE_STEP, Reel
from tests.media_checks import complaints


def film(codec: str, start: float, count: int) -> list[tuple[float, AccessUnit]]:
    encoding = VideoEncoding(codec)
    frames = [av.VideoFrame.from_ndarray(np.full((180, 320), 60 + 5 * index % 100, np.uint8), format="gray") for index in range(count)]
    units = [unit for index, frame in enumerate(frames) for unit in encoding.encode(frame, index / 30)]
    return [(start + index / 30, replace(unit, timestamp=0)) for index, unit in enumerate(units)]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize("ahead", [0.003, 0.009, 0.017, 0.025, 0.030])
async def test_a_switch_between_senders_of_one_rate_does_not_disturb_ffmpeg(tmp_path: Path, codec: str, ahead: float) -> None:
    """Speakers take turns and their pictures are not in step: some follow each other sooner than the rate of each would have it."""
    first = film(codec, 0.0, 60)
    second = film(codec, 2.0 - ahead, 60)
    third = film(codec, 4.0 - 2 * ahead, 30)
    path = tmp_path / "switched.mkv"
    reel = Reel(path, kind_of(path))
    reel.open([TrackHeader("video", codec, first[0][1].data)])

    for when, unit in (*first, *second, *third):
        reel.put(0, when, unit.data, keyframe=unit.keyframe)
    await reel.aclose()

    assert complaints(path) == ""
    with av.open(str(path)) as container:
        times = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.pts is not None and packet.time_base]
    assert len(times) == 150
    assert min(after - before for before, after in itertools.pairwise(times)) >= PICTURE_STEP - 0.001
