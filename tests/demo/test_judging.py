"""The demo's checks: each tells what is wrong, by its value, and none passes because it could not be made."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from pexrtc_media.stamp import Mark
from pexrtc_py.bot.inspecting import Inspection, StreamReport
from pexrtc_py.demo.evidence import Evidence, Thumbnail
from pexrtc_py.demo.judging import Check, Expected, Part, judge, what_is_shown
from pexrtc_py.demo.voices import RATE, Samples, Turns, Voice, recording

BEGIN = 1.5
"""Media time at which the recording begins."""
SECONDS = 12.0
TURNS = Turns(2.0)
BLACK: Thumbnail = np.zeros((18, 32, 3), np.uint8)
SLIDES: tuple[Thumbnail, ...] = tuple(np.full((18, 32, 3), colour, np.uint8) for colour in ((200, 30, 60), (0, 90, 180), (0, 120, 60)))
Pictures = list[tuple[float, Mark | None]]


def _voice(number: int) -> Samples:
    return Voice(recording(("voice-film.flac", "voice-portrait.flac")[number]), TURNS, number).until(BEGIN + SECONDS + 1)


def _pictures(*, late: float = 0.0) -> Pictures:
    """The speaker's pictures: the film at 25, the portrait at 15 fps."""
    shown: Pictures = []
    for stream, fps in ((1, 25), (2, 15)):
        for number in range(round((BEGIN + SECONDS) * fps)):
            media = number / fps
            time = media - BEGIN + late
            if 0 <= time < SECONDS and TURNS.speaker(media) == stream - 1:
                shown.append((time, Mark(stream, number % 65536, round(media * 1000) % 65536)))
    return sorted(shown, key=lambda each: each[0])


def _slides() -> list[tuple[float, Thumbnail]]:
    return [(0.0, BLACK), *((4 + 4 / 3 * number, slide) for number, slide in enumerate(SLIDES)), (8.1, BLACK)]


def _inspection() -> Inspection:
    audio = StreamReport(0, "audio", "opus", frames=600, end=SECONDS)
    video = [StreamReport(index, "video", "vp8", (1280, 720), frames=200, end=SECONDS - 0.03) for index in (1, 2)]
    return Inspection(Path("meet.alice.mkv"), 1_000_000, SECONDS, [audio, *video])


def _good() -> tuple[Evidence, Expected]:
    voices = [_voice(0), _voice(1)]
    start = round(BEGIN * RATE)
    sound = (voices[0] + voices[1])[start : start + round(SECONDS * RATE)]
    parts = (Part("Film", 1, voices[0]), Part("Portrait", 2, voices[1]))
    expected = Expected(seconds=SECONDS, parts=parts, turns=TURNS, slides=SLIDES, presented=(4.0, 8.0))
    return Evidence(_inspection(), _pictures(), _slides(), sound), expected


def _judged(**changes: object) -> dict[str, Check]:
    evidence, expected = _good()
    return {check.name: check for check in judge(dataclasses.replace(evidence, **changes), expected)}  # type: ignore[arg-type]


def _failing(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if not check.ok}


def test_a_good_recording_passes_every_check() -> None:
    checks = _judged()

    assert _failing(checks) == set()
    assert len(checks) == 14
    json.dumps([check.as_dict() for check in checks.values()])


def test_an_empty_recording_fails_every_check_with_a_reason() -> None:
    nothing = Evidence(Inspection(Path("meet.alice.mkv"), 0, 0.0, []))

    checks = judge(nothing, _good()[1])

    assert len(checks) == 14
    assert [check.name for check in checks if check.ok] == []
    assert all(check.value for check in checks)


@pytest.mark.parametrize("late", [0.030, -0.030])
def test_the_offset_between_sound_and_picture_is_measured_to_the_millisecond(late: float) -> None:
    checks = _judged(pictures=_pictures(late=late))

    for name in ("A/V offset of Film", "A/V offset of Portrait"):
        assert checks[name].measured["median_ms"] == pytest.approx(late * 1000, abs=1)
        assert checks[name].ok


@pytest.mark.parametrize("late", [0.060, -0.060])
def test_a_picture_out_of_step_fails_its_offset_alone(late: float) -> None:
    assert _failing(_judged(pictures=_pictures(late=late))) == {"A/V offset of Film", "A/V offset of Portrait"}


def test_media_time_beyond_the_stamps_range_is_unwrapped() -> None:
    evidence, expected = _good()
    silence = np.zeros(120 * RATE, np.float32)
    parts = tuple(dataclasses.replace(part, voice=np.concatenate([silence, part.voice])) for part in expected.parts)
    pictures = [(time, mark and Mark(mark.stream, mark.frame, (mark.ms + 120_000) % 65536)) for time, mark in evidence.pictures]
    sound = np.concatenate([np.zeros(70 * RATE, np.float32), evidence.sound])
    moved = dataclasses.replace(evidence, sound=sound, pictures=[(time + 70, mark) for time, mark in pictures])

    checks = {check.name: check for check in judge(moved, dataclasses.replace(expected, parts=parts))}

    assert checks["A/V offset of Film"].measured["median_ms"] == pytest.approx(0, abs=1)


def test_a_missing_voice_fails_and_with_it_what_needs_it() -> None:
    start = round(BEGIN * RATE)
    sound = _voice(0)[start : start + round(SECONDS * RATE)]

    checks = _judged(sound=sound)

    assert _failing(checks) == {"voice of Portrait", "A/V offset of Portrait"}
    assert checks["A/V offset of Portrait"].value == "its voice was not found"


def test_pictures_lost_while_somebody_is_shown_are_counted_by_the_stamps() -> None:
    kept = [each for index, each in enumerate(_pictures()) if each[1] is None or each[1].stream != 1 or index % 3]

    checks = _judged(pictures=kept)

    assert _failing(checks) == {"pictures of Film"}
    assert checks["pictures of Film"].measured["got"] / checks["pictures of Film"].measured["sent"] == pytest.approx(2 / 3, abs=0.02)


def test_pictures_that_cannot_be_identified_are_counted() -> None:
    pictures: Pictures = [(time, None if index % 4 == 0 else mark) for index, (time, mark) in enumerate(_pictures())]

    checks = _judged(pictures=pictures)

    assert "main video" in _failing(checks)
    assert checks["main video"].measured["stamped"] == pytest.approx(0.75, abs=0.01)


def test_showing_the_listener_instead_of_the_speaker_fails() -> None:
    swapped: Pictures = [(time, mark and Mark(3 - mark.stream, mark.frame, mark.ms)) for time, mark in _pictures()]

    assert "picture is the speaker's" in _failing(_judged(pictures=swapped))


def test_never_showing_somebody_fails() -> None:
    film = [each for each in _pictures() if each[1] is not None and each[1].stream == 1]

    failing = _failing(_judged(pictures=film))

    assert {"pictures of Portrait", "A/V offset of Portrait", "picture is the speaker's"} <= failing


@pytest.mark.parametrize(("length", "ok"), [(11.4, False), (11.6, True), (12.4, True), (12.6, False)])
def test_the_duration_may_differ_by_half_a_second(length: float, ok: bool) -> None:
    inspection = dataclasses.replace(_inspection(), duration=length)

    assert _judged(inspection=inspection)["duration"].ok is ok


@pytest.mark.parametrize(("lengths", "ok"), [([0.3], True), ([0.61], False), ([0.3, 0.25], False)])
def test_a_little_sound_may_be_missing_in_all(lengths: list[float], ok: bool) -> None:
    inspection = _inspection()
    inspection.streams[0].gaps += [(3.2, length) for length in lengths]

    checks = _judged(inspection=inspection)

    assert _failing(checks) == (set() if ok else {"gaps in the sound"})
    assert checks["gaps in the sound"].value.startswith(f"{lengths[0]:.2f} s at 3.2 s")


def test_a_gap_in_the_video_fails_with_its_place() -> None:
    inspection = _inspection()
    inspection.streams[1].gaps.append((5.0, 1.6))

    checks = _judged(inspection=inspection)

    assert _failing(checks) == {"gaps in the video"}
    assert checks["gaps in the video"].value == "1.60 s at 5.0 s"


def test_a_frame_that_does_not_decode_fails() -> None:
    inspection = _inspection()
    inspection.streams[1].errors = 1

    assert _failing(_judged(inspection=inspection)) == {"decode errors"}


def test_a_missing_track_fails() -> None:
    inspection = _inspection()
    del inspection.streams[2]

    assert "streams" in _failing(_judged(inspection=inspection))


@pytest.mark.parametrize(
    ("slides", "said"),
    [
        ([(0.0, BLACK)], "never recognised"),
        ([], "there is no track for slides, or nothing in it"),
        ([(0.0, BLACK), (4.0, SLIDES[0]), (8.0, BLACK)], "missing 2, 3"),
        ([(0.0, SLIDES[0]), *_slides()[1:]], "; 1 at 0.0 s"),
        (_slides()[:-1], "; 3 at 9.1 s"),
        ([*_slides()[:2], (5.5, BLACK), *_slides()[2:]], "; black at 5.5 s"),
        ([(0.0, BLACK), (4.0, np.full((18, 32, 3), 255, np.uint8))], "never recognised"),
    ],
)
def test_slides_must_be_seen_while_they_are_presented_and_only_then(slides: list[tuple[float, Thumbnail]], said: str) -> None:
    check = _judged(slides=sorted(slides, key=lambda each: each[0]))["slides"]

    assert not check.ok
    assert said in check.value


def test_a_slide_is_told_from_the_others_after_coding() -> None:
    noise = np.random.default_rng(1).normal(0, 10, SLIDES[0].shape)

    for number, slide in enumerate(SLIDES):
        coded = np.clip(slide + noise, 0, 255).astype(np.uint8)
        assert what_is_shown(coded, SLIDES) == str(number + 1)
    assert what_is_shown(np.full((18, 32, 3), 128, np.uint8), SLIDES) == "something else"
    assert what_is_shown(np.full((18, 32, 3), 10, np.uint8), SLIDES) == "black"
