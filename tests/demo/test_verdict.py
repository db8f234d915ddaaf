"""From a file to the verdict: what is decoded is what was recorded, and the table says what is wrong."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pexrtc_media import stamp
from pexrtc_media.arrays import rows
from pexrtc_media.stamp import Mark
from pexrtc_media.synthetic import sound_frame
from pexrtc_py.bot.inspecting import Inspection
from pexrtc_py.demo.correlation import find
from pexrtc_py.demo.evidence import gather
from pexrtc_py.demo.judging import Check
from pexrtc_py.demo.staging import Outcome
from pexrtc_py.demo.verdict import Verdict, reach
from pexrtc_py.demo.voices import BLOCK, Turns, Voice, recording
from pexrtc_py.errors import RecordingError

TURNS = Turns(1.0)
VOICES = {1: Voice(recording("voice-film.flac"), TURNS, 0), 2: Voice(recording("voice-portrait.flac"), TURNS, 1)}
LATE = 0.04


def _recorded(path: Path, seconds: int = 3) -> Path:
    """A recording of the first voice, with stamped pictures `LATE` seconds behind it, and a second video track that is black."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libopus", rate=48000, layout="mono")
        tracks = [container.add_stream("libvpx", rate=25) for _ in range(2)]
        for track in tracks:
            track.width, track.height, track.pix_fmt = 640, 360, "yuv420p"
            track.options = {"deadline": "realtime", "cpu-used": "8", "b": "2M"}
        for index in range(seconds * 50):
            container.mux(sound.encode(sound_frame(VOICES[1].block(index), pts=index * BLOCK)))
        for index in range(seconds * 25):
            for number, track in enumerate(tracks):
                picture = _picture(index, light=100 if number == 0 else 16)
                if number == 0:
                    stamp.draw(picture, stream=1, frame=index, ms=index * 40 - round(LATE * 1000))
                container.mux(track.encode(picture))
        container.mux(sound.encode(None))
        for track in tracks:
            container.mux(track.encode(None))
    return path


def _picture(index: int, *, light: int) -> av.VideoFrame:
    picture = av.VideoFrame(640, 360, "yuv420p")
    for plane, value in enumerate((light, 128, 128)):
        rows(picture, plane)[:] = value
    picture.pts, picture.time_base = index, Fraction(1, 25)
    return picture


def test_evidence_is_what_the_file_holds(tmp_path: Path) -> None:
    evidence = gather(_recorded(tmp_path / "a.mkv"))

    assert [mark for _, mark in evidence.pictures] == [Mark(1, index, (index * 40 - 40) % 65536) for index in range(75)]
    assert [time for time, _ in evidence.pictures] == pytest.approx([index / 25 for index in range(75)], abs=0.002)
    assert len(evidence.slides) == 75
    assert max(int(picture.max()) for _, picture in evidence.slides) < 10
    (match,) = find(VOICES[1].until(4), evidence.sound)
    assert match.lag == pytest.approx(0, abs=0.001)
    assert match.score > 0.9
    assert evidence.inspection.errors == 0


def test_a_recording_that_lacks_things_is_judged_by_what_it_has(tmp_path: Path) -> None:
    outcome = Outcome(_recorded(tmp_path / "a.mkv"), TURNS, VOICES, spoken=4.0)

    verdict = reach(outcome, 20)

    checks = {check.name: check for check in verdict.checks}
    assert not verdict.ok
    assert checks["A/V offset of Film"].measured["median_ms"] == pytest.approx(LATE * 1000, abs=2)
    assert {name for name, check in checks.items() if check.ok} >= {"streams", "decode errors", "voice of Film", "A/V offset of Film"}
    assert not checks["duration"].ok
    assert not checks["voice of Portrait"].ok
    assert verdict.sheet.read_bytes().startswith(b"\x89PNG")


def test_sound_with_a_hole_stays_in_its_place(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for index in (*range(50), *range(100, 150)):
            container.mux(sound.encode(sound_frame(np.full(BLOCK, 0.5), pts=index * BLOCK)))
        container.mux(sound.encode(None))

    heard = gather(tmp_path / "a.mkv").sound

    assert len(heard) == 3 * 48000
    assert float(heard[24000]) == pytest.approx(0.5, abs=0.01)
    assert float(np.abs(heard[48000:96000]).max()) == 0
    assert float(heard[120000]) == pytest.approx(0.5, abs=0.01)


def test_what_is_no_recording_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"nothing")

    with pytest.raises(RecordingError, match=r"a\.mkv"):
        reach(Outcome(tmp_path / "a.mkv", TURNS, VOICES), 20)


def _verdict(*oks: bool, held_up: float = 0.0) -> Verdict:
    checks = [Check(f"check {'x' * index}", "value", "limit", ok) for index, ok in enumerate(oks)]
    return Verdict(checks, Inspection(Path("a.mkv"), 0, 0.0, []), Path("a.png"), held_up)


def test_the_table_is_aligned_and_summed_up() -> None:
    lines = _verdict(True, True, True).lines()

    assert len({line.index("limit") for line in lines[:4]}) == 1
    assert [line.split()[-1] for line in lines[1:4]] == ["ok"] * 3
    assert lines[5:] == ["All 3 checks passed.", "Recording:     a.mkv", "Contact sheet: a.png"]
    assert all(line.isascii() for line in lines)


def test_what_failed_is_named() -> None:
    verdict = _verdict(True, False)

    assert not verdict.ok
    assert "FAIL: check x." in verdict.lines()
    assert verdict.lines()[2].endswith("FAIL")


def test_colour_is_for_terminals_and_does_not_disturb_the_columns() -> None:
    plain, coloured = _verdict(True, False).lines(), _verdict(True, False).lines(colour=True)

    assert "\x1b[32mok\x1b[0m" in coloured[1]
    assert "\x1b[1;31mFAIL\x1b[0m" in coloured[2]
    assert [line.replace("\x1b[32m", "").replace("\x1b[1;31m", "").replace("\x1b[0m", "") for line in coloured] == plain


def test_a_busy_machine_is_named_when_something_failed() -> None:
    assert any("1.5 s" in line for line in _verdict(True, False, held_up=1.5).lines())
    assert not any("busy" in line for line in _verdict(True, True, held_up=1.5).lines())
