"""Recordings, checked by decoding the files."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pexrtc_media import AccessUnit, MediaError, Recorder
from pexrtc_media.encoding import OpusEncoding, VideoEncoding

NTP = 1_700_000_000.0
"""When the sender started, on the sender's clock."""
LOCAL = NTP + 37.5
"""The same moment on ours."""
FLASHES = (1.0, 2.0)


@cache
def video(codec: str, seconds: float = 3.0, size: tuple[int, int] = (320, 180)) -> tuple[AccessUnit, ...]:
    """Dark grey at 30 fps, white from each of FLASHES for a tenth of a second; time stamps begin at 7000."""
    encoding = VideoEncoding(codec, bitrate=300_000)
    units: list[AccessUnit] = []
    for index in range(round(seconds * 30)):
        white = any(flash <= index / 30 + 1e-6 < flash + 0.1 for flash in FLASHES)
        frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0]), 235 if white else 60, np.uint8), format="gray")
        units += encoding.encode(frame, index / 30)
    return tuple(replace(unit, timestamp=unit.timestamp + 7000) for unit in units)


@cache
def audio(seconds: float = 3.0) -> tuple[AccessUnit, ...]:
    """Silence with a beep of 1 kHz from each of FLASHES for a tenth of a second; time stamps begin at 90000."""
    time = np.arange(round(seconds * 48000)) / 48000
    beep = np.zeros_like(time)
    for flash in FLASHES:
        beep[(time >= flash) & (time < flash + 0.1)] = 0.5
    samples = (np.sin(2 * np.pi * 1000 * time) * beep * 32767).astype(np.int16)
    encoding = OpusEncoding()
    units: list[AccessUnit] = []
    for start in range(0, len(samples), 960):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 960], format="s16", layout="mono")
        frame.sample_rate = 48000
        units += encoding.encode(frame, start / 48000)
    return tuple(replace(unit, timestamp=unit.timestamp + 90000) for unit in units)


def received(units: tuple[AccessUnit, ...], *, delay: float = 0.0, report_after: float = 0.0, epoch: int = 0) -> list[AccessUnit]:
    """Units as a receiver hands them over: sent `delay` after the sender's start, the first report `report_after` seconds later."""
    first = units[0].timestamp
    result = []
    for unit in units:
        elapsed = (unit.timestamp - first) / unit.clock_rate
        ntp = NTP + delay + elapsed if elapsed >= report_after else None
        result.append(replace(unit, ntp=ntp, arrival=LOCAL + delay + elapsed + 0.05, epoch=epoch))
    return result


def feed(recorder: Recorder, **streams: list[AccessUnit]) -> None:
    """Hand over the units of all streams in the order of their arrival."""
    units = [(unit, name) for name, stream in streams.items() for unit in stream]
    for unit, name in sorted(units, key=lambda each: each[0].arrival):
        getattr(recorder, name).put(unit)


@dataclass
class Pictures:
    times: npt.NDArray[np.float64]
    light: npt.NDArray[np.float64]
    sizes: list[tuple[int, int]]


def pictures(path: Path, stream: int = 0) -> Pictures:
    with av.open(str(path)) as container:
        frames = [(frame.time or 0.0, frame) for frame in container.decode(video=stream)]
    light = [float(frame.to_ndarray(format="gray").mean()) for _, frame in frames]
    return Pictures(np.array([time for time, _ in frames]), np.array(light), [(frame.width, frame.height) for _, frame in frames])


def sound(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Time and value of each sample of the left channel."""
    times, values = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0] if frame.format.is_planar else frame.to_ndarray().reshape(-1, 2)[:, 0]
            times.append((frame.time or 0.0) + np.arange(frame.samples) / frame.sample_rate)
            values.append(samples.astype(np.float64))
    return np.concatenate(times), np.concatenate(values)


def onsets(times: npt.NDArray[np.float64], values: npt.NDArray[np.float64], threshold: float) -> list[float]:
    """When the value first exceeds the threshold after being below for half a second."""
    above = times[np.abs(values) > threshold]
    return [float(above[0]), *(float(b) for a, b in itertools.pairwise(above) if b - a > 0.5)]


def lip_sync(path: Path) -> list[float]:
    """Seconds by which each flash is shown after its beep."""
    seen = pictures(path)
    times, values = sound(path)
    flashes, beeps = onsets(seen.times, seen.light, 150), onsets(times, values, 0.1 * float(np.abs(values).max()))
    assert len(flashes) == len(beeps) == len(FLASHES)
    return [flash - beep for flash, beep in zip(flashes, beeps, strict=True)]


@pytest.mark.parametrize(("ending", "codec"), [(".mkv", "vp8"), (".mkv", "h264"), (".webm", "vp8"), (".mp4", "h264")])
async def test_sound_and_picture_fit_in_each_kind_of_file(tmp_path: Path, ending: str, codec: str) -> None:
    recorder = Recorder(tmp_path / f"talk{ending}", presentation=False)

    feed(recorder, audio=received(audio()), video=received(video(codec)))
    await recorder.aclose()

    assert recorder.error is None
    assert all(abs(offset) <= 0.020 for offset in lip_sync(recorder.path)), lip_sync(recorder.path)
    assert recorder.result.tracks["video"].units == 90
    assert recorder.result.tracks["audio"].units == 150
    assert recorder.result.duration == pytest.approx(3.0, abs=0.05)
    assert recorder.result.bytes == recorder.path.stat().st_size


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
@pytest.mark.parametrize("delay", [0.5, 1.5])
async def test_a_picture_that_starts_later_is_in_time(tmp_path: Path, ending: str, delay: float) -> None:
    recorder = Recorder(tmp_path / f"talk{ending}", presentation=False)
    codec = recorder.codecs("video")[0]

    feed(recorder, audio=received(audio()), video=received(video(codec), delay=delay))
    await recorder.aclose()

    assert pictures(recorder.path).times[0] == pytest.approx(delay, abs=0.02)
    assert all(abs(offset - delay) <= 0.020 for offset in lip_sync(recorder.path)), lip_sync(recorder.path)


async def test_reports_that_come_late_place_what_came_before_them(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False)
    late = [replace(unit, arrival=unit.arrival + 0.4) for unit in received(video("vp8"), report_after=1.2)]

    feed(recorder, audio=received(audio(), report_after=0.5), video=late)
    await recorder.aclose()

    assert all(abs(offset) <= 0.020 for offset in lip_sync(recorder.path))


async def test_without_reports_arrival_decides(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False)

    feed(recorder, audio=received(audio(5.0), report_after=99), video=received(video("vp8"), report_after=99))
    await recorder.aclose()

    assert all(abs(offset) <= 0.020 for offset in lip_sync(recorder.path))


async def test_a_new_source_with_other_time_stamps_continues_the_track(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False)
    first = received(video("vp8"))
    second = received(tuple(replace(unit, timestamp=unit.timestamp + 5_000_000) for unit in video("vp8")), delay=4.5, epoch=1)

    feed(recorder, audio=received(audio(7.0)), video=first + second)
    await recorder.aclose()

    seen = pictures(recorder.path)
    assert onsets(seen.times, seen.light, 150) == pytest.approx([1.0, 2.0, 5.5, 6.5], abs=0.02)
    assert recorder.result.tracks["video"].gaps[0] == pytest.approx((3.0, 4.5), abs=0.05)
    assert np.all(np.diff(seen.times) > 0)


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "h264"), (".mkv", "h264"), (".mkv", "vp8")])
async def test_pictures_stay_in_order_though_a_new_source_has_earlier_times(tmp_path: Path, ending: str, codec: str) -> None:
    recorder = Recorder(tmp_path / f"call{ending}")
    sent = received(video(codec))
    before = [replace(sent[0], ntp=NTP + 0.3, epoch=0)]  # a picture of the slides, whose times are those of another sender
    feed(recorder, audio=received(audio(), report_after=0.5), video=[*before, *(replace(unit, epoch=1) for unit in sent[1:])])
    await recorder.aclose()

    assert recorder.error is None
    assert len(pictures(recorder.path).times) == 90


async def test_slides_are_a_second_track_that_is_black_while_nobody_presents(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv")
    slides = received(video("vp8", 1.0, (640, 360)), delay=2.0)

    feed(recorder, audio=received(audio(2.0)), video=received(video("vp8", 2.0)))
    feed(recorder, presentation=slides)
    recorder.presentation.blank()
    feed(recorder, audio=received(audio(1.0), delay=3.0))
    await recorder.aclose()

    seen = pictures(recorder.path, stream=1)
    assert seen.times[0] == 0
    assert seen.light[0] < 5
    assert seen.times[1] == pytest.approx(2.0, abs=0.01)
    assert np.median(seen.light[1:-1]) > 40
    assert seen.light[-1] < 5
    assert seen.sizes[0] == (1280, 720)
    assert seen.sizes[1] == (640, 360)


async def test_h264_slides_go_to_a_file_beside_with_the_same_zero(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mp4")

    feed(recorder, audio=received(audio()), video=received(video("h264")), presentation=received(video("h264", 1.0), delay=1.5))
    await recorder.aclose()

    assert recorder.result.others == (tmp_path / "talk.presentation.mp4",)
    assert pictures(recorder.result.others[0]).times[0] == pytest.approx(1.5, abs=0.02)


async def test_h264_slides_beside_a_matroska_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv")

    feed(recorder, audio=received(audio()), video=received(video("h264")), presentation=received(video("h264", 1.0), delay=1.5))
    recorder.presentation.blank()
    await recorder.aclose()

    beside = pictures(tmp_path / "talk.presentation.mkv")
    assert beside.times[0] == pytest.approx(1.5, abs=0.02)
    assert beside.light[-1] < 5
    assert len(pictures(recorder.path, stream=1).times) == 1


async def test_a_picture_may_change_its_size(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.webm", presentation=False, audio=False)
    larger = received(tuple(replace(unit, timestamp=unit.timestamp + 270_000) for unit in video("vp8", 1.0, (640, 360))), delay=3.0)

    feed(recorder, video=received(video("vp8")) + larger)
    await recorder.aclose()

    assert set(pictures(recorder.path).sizes) == {(320, 180), (640, 360)}


async def test_a_call_without_picture_is_black_and_keeps_its_sound(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv")

    feed(recorder, audio=received(audio(4.0)))
    size_while_running = recorder.result.bytes
    await recorder.aclose()

    assert size_while_running > 0
    assert pictures(recorder.path).light.tolist() == [0]
    assert len(sound(recorder.path)[0]) == pytest.approx(4 * 48000, abs=960)


@pytest.mark.parametrize(("ending", "codec", "where"), [(".mkv", "vp8", "talk"), (".mkv", "h264", "talk.video"), (".mp4", "h264", "talk")])
async def test_a_picture_that_comes_after_the_head_is_recorded(tmp_path: Path, ending: str, codec: str, where: str) -> None:
    recorder = Recorder(tmp_path / f"talk{ending}", presentation=False)

    feed(recorder, audio=received(audio(6.0)), video=received(video(codec, 1.5), delay=4.0))
    await recorder.aclose()

    seen = pictures(tmp_path / f"{where}{ending}")
    assert seen.sizes[-1] == (320, 180)
    assert onsets(seen.times, seen.light, 150) == pytest.approx([5.0], abs=0.02)
    assert pictures(recorder.path).light[0] == 0


async def test_codecs_that_change_and_change_back_leave_black_behind(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False)
    second = received(video("h264", 1.5), delay=3.5, epoch=1)

    feed(recorder, audio=received(audio(9.0)), video=received(video("vp8")) + second + received(video("vp8", 1.0), delay=6.0, epoch=2))
    await recorder.aclose()

    main = pictures(recorder.path)
    assert main.light[(main.times > 3.4) & (main.times < 5.9)].tolist() == [0]
    assert main.light[-1] > 40
    beside = pictures(tmp_path / "talk.video.mkv")
    assert onsets(beside.times, beside.light, 150) == pytest.approx([4.5], abs=0.02)


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".mp4"])
async def test_a_recording_of_nothing_is_still_a_file(tmp_path: Path, ending: str) -> None:
    recorder = Recorder(tmp_path / f"talk{ending}")

    await recorder.aclose()
    await recorder.aclose()

    with av.open(str(recorder.path)) as container:
        assert len(container.streams.audio) == 1
        assert len(container.streams.video) >= 1


async def test_slides_that_never_move_hold_nothing_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv")

    feed(recorder, audio=received(audio(10.0)), video=received(video("vp8", 10.0)))

    await_written(recorder.path, 100_000 if recorder.result.bytes > 100_000 else recorder.result.bytes)
    assert pictures(recorder.path).times[-1] > 9.0
    await recorder.aclose()


def await_written(path: Path, length: int) -> None:
    while path.stat().st_size < length:
        os.sched_yield()


async def test_pictures_before_a_key_frame_and_wrong_codecs_are_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.webm")

    feed(recorder, video=received(video("vp8"))[5:])
    feed(recorder, video=received(video("h264"))[:3])
    await recorder.aclose()

    drops = recorder.result.tracks["video"].drops
    assert drops == {"before a key frame": 55, "refused": 3}
    assert "not as h264" in str(recorder.video.refusal)


def test_an_unknown_ending_names_those_that_work(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"\.mkv, \.webm, \.mp4"):
        Recorder(tmp_path / "talk.avi")


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file or directory"):
        Recorder(tmp_path / "missing" / "talk.mkv")


async def test_a_full_disk_ends_the_recording_without_an_exception(tmp_path: Path) -> None:
    (tmp_path / "talk.mkv").symlink_to("/dev/full")
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False)

    feed(recorder, audio=received(audio()), video=received(video("vp8")))
    await recorder.aclose()
    recorder.audio.put(received(audio())[0])

    assert "No space left on device" in str(recorder.error)
    assert recorder.result.tracks["audio"].drops["recording ended"] >= 1


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_recorder import audio, feed, received, video
from pexrtc_media import Recorder

async def main():
    recorder = Recorder(sys.argv[1], presentation=False)
    streams = dict(audio=received(audio(8.0)), video=received(video(recorder.codecs("video")[0], 8.0)))
    {then}

asyncio.run(main())
"""


def run(path: Path, then: str) -> Iterator[str]:
    """Record eight seconds to `path` in a process of its own, and yield the lines it prints."""
    program = textwrap.dedent(LIMITED).format(path=[str(Path(__file__).parent), *sys.path], then=then.replace("\n", "\n    "))
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "kill me\n":
                process.send_signal(signal.SIGKILL)
            else:
                yield line.strip()


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".mp4"])
def test_a_disk_that_fills_up_leaves_a_file_that_plays(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"talk{ending}"
    then = (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "feed(recorder, **streams)\n"
        "await recorder.aclose()\n"
        "print(recorder.error)"
    )

    said = list(run(path, then))

    assert "File too large" in said[0]
    assert path.stat().st_size <= 20_000
    assert pictures(path).times[-1] > 1
    assert sound(path)[0][-1] > 1


@pytest.mark.parametrize("ending", [".mkv", ".webm", ".mp4"])
def test_a_process_that_is_killed_loses_at_most_a_second(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"talk{ending}"
    then = (
        "feed(recorder, **streams)\n"
        "while Path(sys.argv[1]).stat().st_size < recorder.result.bytes: await asyncio.sleep(0.01)\n"
        "print('kill me', flush=True)\n"
        "await asyncio.sleep(60)"
    )

    list(run(path, then))

    assert pictures(path).times[-1] >= 7.0
    assert sound(path)[0][-1] >= 7.0
    with av.open(str(path)) as container:
        assert container.duration is None or container.duration / 1e6 >= 7.0


async def test_frames_are_encoded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False)
    tone = (np.sin(np.arange(960) * 2 * np.pi * 1000 / 48000) * 16000).astype(np.int16)[None]

    for index in range(50):
        samples = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = 48000, index * 960, Fraction(1, 48000)
        await recorder.audio.write(samples)
        picture = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 200, np.uint8), format="rgb24")
        picture.pts, picture.time_base = index, Fraction(1, 50)
        await recorder.video.write(picture)
    await recorder.aclose()

    times, values = sound(recorder.path)
    spectrum = np.abs(np.fft.rfft(values[4800:43200]))
    assert np.fft.rfftfreq(38400, 1 / 48000)[spectrum.argmax()] == pytest.approx(1000, abs=3)
    assert times[-1] == pytest.approx(1.0, abs=0.03)
    assert pictures(recorder.path).light == pytest.approx(200, abs=3)
    assert len(pictures(recorder.path).times) == 50


async def test_opus_of_another_duration_and_gaps_are_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk.mkv", presentation=False, video=False)
    units = received(audio())

    feed(recorder, audio=units[:50] + units[110:])
    await recorder.aclose()

    assert recorder.result.tracks["audio"].gaps[0] == pytest.approx((1.0, 2.2), abs=0.01)


async def test_all_files_are_completed_though_whoever_waited_was_cancelled(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.mp4")
    feed(recorder, audio=received(audio()), video=received(video("h264")), presentation=received(video("h264")))
    closing = asyncio.create_task(recorder.aclose())
    await asyncio.sleep(0)

    closing.cancel()
    await asyncio.wait([closing])
    await recorder.aclose()

    for path in (recorder.path, *recorder.result.others):
        assert path.read_bytes()[-16:-8] == b"\x00\x00\x00\x10mfro"
