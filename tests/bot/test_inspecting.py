"""Inspecting a recording: what is in a file, what is missing in it, and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pexrtc_py.bot.inspecting import StreamReport, contact_sheet, inspect
from pexrtc_py.errors import RecordingError

FPS = 10


def _write(path: Path, lights: Sequence[int | None], *, slides: Sequence[int] | None = None) -> Path:
    """A file with sound (as long as there are pictures) and plain pictures of these lightnesses; None leaves a picture out."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libopus", rate=48000)
        tracks = [(container.add_stream("libvpx", rate=FPS), values) for values in (lights, slides) if values is not None]
        for stream, _ in tracks:
            stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
            stream.options = {"deadline": "realtime", "cpu-used": "8"}
        for index in range(len(lights) * 48000 // FPS // 960):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, index * 960, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        for stream, values in tracks:
            for index, light in enumerate(values):
                if light is not None:
                    container.mux(stream.encode(_picture(light, index)))
        container.mux(sound.encode(None))
        for stream, _ in tracks:
            container.mux(stream.encode(None))
    return path


def _picture(light: int, index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), light, np.uint8), format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, FPS)
    return frame


def test_streams_frames_and_duration_are_counted(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.mkv", [100] * 30, slides=[0] * 30)

    whole = inspect(file)

    assert [(s.kind, s.codec) for s in whole.streams] == [("audio", "opus"), ("video", "vp8"), ("video", "vp8")]
    assert [s.frames for s in whole.video] == [30, 30]
    assert whole.video[0].size == (320, 180)
    assert whole.video[0].rate == pytest.approx(FPS, rel=0.01)
    assert whole.duration == pytest.approx(3.0, abs=0.15)
    assert whole.errors == 0
    assert not any(s.gaps for s in whole.streams)


def test_a_gap_is_found_with_its_place_and_length(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.mkv", [100] * 10 + [None] * 20 + [100] * 10)

    whole = inspect(file)

    assert [begin for begin, _ in whole.video[0].gaps] == [0.9]
    assert whole.video[0].longest_gap == pytest.approx(2.1, abs=0.01)
    assert whole.audio[0].gaps == []


def test_a_damaged_packet_is_counted_and_the_rest_is_decoded(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.mkv", [100] * 30)
    data = bytearray(file.read_bytes())
    at = data.find(b"\x9d\x01\x2a") - 3  # a VP8 key frame begins with a frame tag and this start code
    data[at : at + 10] = bytes(10)
    file.write_bytes(data)

    whole = inspect(file)

    assert whole.errors > 0
    assert whole.audio[0].frames > 100


def test_a_file_cut_off_in_the_middle_is_inspected_as_far_as_it_goes(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.mkv", [100] * 30)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])

    assert 0 < inspect(file).duration < 3.0


@pytest.mark.parametrize("content", [b"", b"this is not a film", b"\x1a\x45\xdf\xa3" + bytes(100)])
def test_what_is_no_media_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.mkv"
    file.write_bytes(content)

    with pytest.raises(RecordingError, match=r"a\.mkv cannot be opened as a media file"):
        inspect(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"gone\.mkv"):
        inspect(tmp_path / "gone.mkv")


def test_the_report_is_plain_for_json(tmp_path: Path) -> None:
    import json

    file = _write(tmp_path / "a.mkv", [100] * 10)

    told = json.loads(json.dumps(inspect(file).as_dict()))

    assert told["path"] == str(file)
    assert told["streams"][1]["frames"] == 10


def test_a_gap_is_measured_from_the_end_of_what_was_heard() -> None:
    report = StreamReport(0, "audio", "opus")

    for time in (0.0, 0.02, 0.04, 0.5):
        report.saw(time, 0.02)

    assert report.gaps == [(0.06, 0.44)]
    assert report.end == pytest.approx(0.52)


def test_the_contact_sheet_shows_each_stream_at_its_times(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.mkv", [40] * 30 + [200] * 30, slides=[120] * 60)

    sheet = contact_sheet(file, tmp_path / "a.png", count=6)

    with Image.open(sheet) as image:
        top, below = image.height // 3, image.height * 3 // 4
        columns = [image.width * (2 * i + 1) // 12 for i in range(6)]
        main = [image.convert("L").getpixel((x, top)) for x in columns]
        slides = [image.convert("L").getpixel((x, below)) for x in columns]
    assert main == pytest.approx([40, 40, 40, 200, 200, 200], abs=6)
    assert slides == pytest.approx([120] * 6, abs=6)


def test_a_contact_sheet_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.mkv", [40] * 10)

    with pytest.raises(RecordingError, match=r"sheet\.png cannot be written"):
        contact_sheet(file, tmp_path / "nowhere" / "sheet.png")
