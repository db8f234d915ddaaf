"""Encoders and decoders, judged by what comes out at the other end."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from av.video.frame import PictureType

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.encoders import (
    SILENT_OPUS,
    AudioDecoder,
    OpusEncoder,
    VideoDecoder,
    VideoEncoder,
    black_frame,
    default_bitrate,
    fitted,
    still_unit,
)

CODECS = ("vp8", "h264")


def picture(index: int, *, width: int = 320, height: int = 180, fps: int = 30, pixels: str = "rgb24") -> VideoFrame:
    """A moving ramp with a mean of about 110."""
    ramp = (np.arange(width)[None, :] + np.arange(height)[:, None] + 4 * index) % 220
    frame = VideoFrame.from_ndarray(np.repeat(ramp[:, :, None], 3, axis=2).astype(np.uint8), format="rgb24").reformat(format=pixels)
    frame.pts, frame.time_base = index, Fraction(1, fps)
    return frame


def noise(index: int, *, fps: int = 30) -> VideoFrame:
    """Tiles that nobody can predict, so that the bitrate is what limits the encoder."""
    tiles = np.random.default_rng(index).integers(0, 255, (12, 20, 3), np.uint8)
    frame = VideoFrame.from_ndarray(np.repeat(np.repeat(tiles, 16, axis=0), 16, axis=1), format="rgb24")
    frame.pts, frame.time_base = index, Fraction(1, fps)
    return frame


def brightness(frame: VideoFrame) -> float:
    return float(frame.to_ndarray(format="gray").mean())


def tone(start: int, samples: int, *, hertz: float = 440.0, rate: int = 48_000, pixels: str = "s16", layout: str = "stereo") -> AudioFrame:
    wave = np.sin(2 * np.pi * hertz * np.arange(start, start + samples) / rate)
    channels = 1 if layout == "mono" else 2
    if pixels == "fltp":
        frame = AudioFrame.from_ndarray(np.repeat((0.25 * wave).astype(np.float32)[None], channels, axis=0), format=pixels, layout=layout)
    else:
        frame = AudioFrame.from_ndarray(np.repeat((8000 * wave).astype(np.int16), channels)[None], format=pixels, layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame


def heard(units: list[AccessUnit]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    decoder = AudioDecoder(channels=1)
    return np.concatenate([frame.to_ndarray()[0] for unit in units for frame in decoder.decode(unit)]).astype(np.float64)


def pitch(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 48_000 / len(samples))


@pytest.mark.parametrize(
    ("rate", "samples", "pixels", "layout"),
    [(48_000, 960, "s16", "stereo"), (44_100, 1024, "fltp", "stereo"), (16_000, 160, "s16", "mono")],
)
def test_a_tone_of_any_format_survives_opus(rate: int, samples: int, pixels: str, layout: str) -> None:
    encoder = OpusEncoder()

    units = [u for i in range(0, rate, samples) for u in encoder.encode(tone(i, samples, rate=rate, pixels=pixels, layout=layout))]

    assert abs(pitch(heard(units)[9600:]) - 440) < 3
    assert len(units) in {49, 50, 51}


def test_opus_packets_step_by_exactly_960_from_the_time_of_the_first_frame() -> None:
    encoder = OpusEncoder()

    units = [u for i in range(441 * 100, 441 * 200, 441) for u in encoder.encode(tone(i, 441, rate=44_100))]

    assert [u.timestamp for u in units] == [48_000 + 960 * i for i in range(len(units))]


def test_a_gap_in_the_frames_is_a_gap_in_the_packets() -> None:
    encoder = OpusEncoder()

    before = encoder.encode(tone(0, 960))
    after = encoder.encode(tone(48_000, 960))

    assert [u.timestamp for u in before + after] == [0, 48_000]


def test_audio_may_change_its_format_on_the_way() -> None:
    encoder = OpusEncoder()

    units = [u for i in range(10) for u in encoder.encode(tone(960 * i, 960))]
    units += [u for i in range(20, 60) for u in encoder.encode(tone(160 * i, 160, rate=16_000, layout="mono"))]

    steps = {after.timestamp - before.timestamp for before, after in pairwise(units)}
    assert steps == {960}
    assert abs(pitch(heard(units)[12_000:]) - 440) < 10


def test_silent_opus_is_20_ms_of_silence() -> None:
    samples = heard([AccessUnit(SILENT_OPUS, "opus", 960 * i, 48_000) for i in range(5)])

    assert len(samples) == 5 * 960
    assert not samples.any()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("pixels", ["rgb24", "yuv420p", "nv12"])
def test_pictures_survive_and_keep_their_times(codec: str, pixels: str) -> None:
    encoder, decoder = VideoEncoder(codec), VideoDecoder(codec)
    frames = [picture(i, pixels=pixels) for i in range(10)]

    units = [unit for frame in frames for unit in encoder.encode(frame)]
    shown = [frame for unit in units for frame in decoder.decode(unit)]

    assert [unit.keyframe for unit in units] == [True] + 9 * [False]
    assert [frame.pts for frame in shown] == [unit.timestamp for unit in units] == [3000 * i for i in range(10)]
    assert all(abs(brightness(a) - brightness(b)) < 3 for a, b in zip(shown, frames, strict=True))


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_is_there_at_once_when_asked_for(codec: str) -> None:
    encoder = VideoEncoder(codec)

    units = [encoder.encode(picture(i), keyframe=i == 5)[0] for i in range(8)]
    fresh = VideoDecoder(codec)

    assert [i for i, unit in enumerate(units) if unit.keyframe] == [0, 5]
    assert abs(brightness(fresh.decode(units[5])[0]) - brightness(picture(5))) < 3


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fps", [30, 5])
def test_the_bitrate_is_kept_at_any_frame_rate(codec: str, fps: int) -> None:
    encoder = VideoEncoder(codec, bitrate=300_000, fps=fps)

    units = [u for i in range(4 * fps) for u in encoder.encode(noise(i, fps=fps))]

    assert 150 < sum(len(u.data) for u in units) * 8 / 4 / 1000 < 400


@pytest.mark.parametrize("codec", CODECS)
def test_more_frames_than_expected_do_not_overrun_the_bitrate(codec: str) -> None:
    encoder = VideoEncoder(codec, bitrate=300_000, fps=5)

    units = [u for i in range(90) for u in encoder.encode(noise(i, fps=30))]

    assert sum(len(u.data) for u in units[30:]) * 8 / 2 / 1000 < 450


@pytest.mark.parametrize("codec", CODECS)
def test_a_limit_takes_effect_with_the_next_frame(codec: str) -> None:
    encoder = VideoEncoder(codec, bitrate=1_000_000)
    before = [u for i in range(30) for u in encoder.encode(noise(i))]

    encoder.limit = 200_000
    after = [u for i in range(30, 90) for u in encoder.encode(noise(i))]

    assert sum(len(u.data) for u in before) * 8 / 1000 > 700
    assert sum(len(u.data) for u in after[30:]) * 8 / 1000 < 320


def test_small_changes_of_the_bitrate_leave_the_encoder_alone_and_h264_follows_down_and_up_without_keyframes() -> None:
    steady, following = VideoEncoder("vp8", bitrate=500_000), VideoEncoder("h264", bitrate=500_000)
    for encoder in (steady, following):
        encoder.encode(picture(0))

    steady.bitrate = 560_000
    kept = steady.encode(picture(1))
    followed = []
    for index, following.bitrate in enumerate((200_000, 500_000), start=1):
        followed += following.encode(picture(index))

    assert not kept[0].keyframe
    assert (steady.opened, following.opened) == (1, 1)
    assert not any(unit.keyframe for unit in followed)


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_may_change_and_odd_or_large_pictures_are_fitted(codec: str) -> None:
    encoder, decoder = VideoEncoder(codec, max_size=(320, 180)), VideoDecoder(codec)

    units = [encoder.encode(picture(0, width=161, height=91))[0], encoder.encode(picture(1, width=640, height=480))[0]]
    shown = [decoder.decode(unit)[0] for unit in units]

    assert [(frame.width, frame.height) for frame in shown] == [(160, 90), (240, 180)]
    assert [unit.keyframe for unit in units] == [True, True]


def test_a_frame_is_left_as_it_is_for_others() -> None:
    frame = picture(7, pixels="yuv420p")
    before = frame.to_ndarray().copy()

    VideoEncoder("vp8").encode(frame, keyframe=True)

    assert (frame.pts, frame.time_base, PictureType(frame.pict_type)) == (7, Fraction(1, 30), PictureType.NONE)
    assert (frame.to_ndarray() == before).all()


@pytest.mark.parametrize("codec", CODECS)
def test_times_that_go_back_do_not_stop_the_encoder(codec: str) -> None:
    encoder, decoder = VideoEncoder(codec), VideoDecoder(codec)

    units = [u for pts in (100, 101, 3, 4, 4, 9_000_000) for u in encoder.encode(picture(pts))]

    assert len([frame for unit in units for frame in decoder.decode(unit)]) == 6


@pytest.mark.parametrize("codec", CODECS)
def test_a_damaged_unit_is_counted_and_decoding_goes_on(codec: str) -> None:
    encoder, decoder = VideoEncoder(codec), VideoDecoder(codec)

    lost = decoder.decode(AccessUnit(b"\x00\x00\x00\x01\x65junk" if codec == "h264" else b"\x01", codec, 0, 90_000))
    found = decoder.decode(encoder.encode(picture(0))[0])

    assert (len(lost), len(found), decoder.damaged) == (0, 1, 1)


@pytest.mark.parametrize("codec", CODECS)
def test_a_still_is_one_keyframe_and_black_is_black(codec: str) -> None:
    unit = still_unit(black_frame(320, 180), codec)

    shown = VideoDecoder(codec).decode(unit)[0]

    assert unit.keyframe
    assert abs(float(shown.to_ndarray()[:180].mean()) - 16) < 1  # the luma of black in limited range
    assert (shown.width, shown.height) == (320, 180)


@pytest.mark.parametrize(("layout", "rate"), [("mono", 48_000), ("mono", 16_000), ("stereo", 48_000)])
def test_one_channel_is_as_loud_as_two(layout: str, rate: int) -> None:
    encoder, step = OpusEncoder(), rate // 50

    units = [unit for index in range(50) for unit in encoder.encode(tone(index * step, step, rate=rate, layout=layout))]

    assert float(np.abs(heard(units)[20_000:]).max()) == pytest.approx(8000, rel=0.03)


def test_defaults_grow_with_size_and_rate() -> None:
    rates = [default_bitrate(640, 360, 30), default_bitrate(1280, 720, 30), default_bitrate(1280, 720, 5)]

    assert [round(rate, -5) for rate in rates] == [500_000, 1_500_000, 800_000]
    assert fitted(720, 1280, (1280, 720)) == (404, 720)


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(ValueError, match=r"'vp9'.*h264, vp8"):
        VideoEncoder("vp9")


def test_a_picture_beyond_measure_is_not_decoded() -> None:
    unit = still_unit(picture(0), "vp8")
    size = (14000).to_bytes(2, "little")
    huge = AccessUnit(unit.data[:6] + size + size + unit.data[10:], "vp8", 0, 90000)
    decoder = VideoDecoder("vp8")

    assert decoder.decode(huge) == []
    assert decoder.damaged == 1
    assert len(decoder.decode(unit)) == 1
