"""What tests look for in media: stamps, tones, flashes and beeps, in files and in what a slot received."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray

from pexrtc_media import stamp
from pexrtc_media.arrays import rows
from pexrtc_media.base import AccessUnit
from pexrtc_media.transform import fit
from pexrtc_py.engine.decoders import AudioDecoder, VideoDecoder
from pexrtc_py.node.tones import HIGH, KEYS, LOW

if TYPE_CHECKING:
    from pexrtc_py.call import Call
    from pexrtc_py.conference import Conference
    from pexrtc_py.slots import CallSlot

RATE = 48_000
PATIENCE = 1.0
"""Seconds that a first keyframe is waited for before it is asked for."""
AUDIBLE = 0.1
"""Amplitude from which a tone at the usual level (0.25) counts as heard."""
Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """A decoded picture: when (seconds), its stamp, its mean brightness."""

    time: float
    mark: stamp.Mark | None
    light: float
    size: tuple[int, int]

    @property
    def stream(self) -> int | None:
        return self.mark.stream if self.mark else None


@dataclass(frozen=True)
class Heard:
    """Mono samples (full scale 1) that begin at `start` seconds."""

    start: float
    samples: Sound

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / RATE

    def between(self, start: float, end: float) -> Sound:
        first, last = (round((at - self.start) * RATE) for at in (start, end))
        return self.samples[max(0, first) : max(0, last)]


async def until(condition: Callable[[], bool], seconds: float = 10.0, *, what: str = "") -> None:
    """Wait until a condition holds that no event tells of."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what or condition}"
        await asyncio.sleep(0.01)


# Files


def complaints(path: Path) -> str:
    """What FFmpeg says while it decodes every track of a file; nothing is best."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def disturbed(path: Path) -> str:
    """The same; in an MP4, which cannot say that pictures may be shorter than usual, two pictures in one slot are no harm."""
    if path.suffix != ".mp4":
        return complaints(path)
    harmless = ("non monotonically increasing dts", "Last message repeated")
    return "".join(line for line in complaints(path).splitlines(keepends=True) if not any(part in line for part in harmless))


def duration_in_head(path: Path) -> float:
    """Seconds by the head of a file, not by its contents; 0 when it does not say."""
    with av.open(str(path)) as container:
        # Of a fragmented MP4 FFmpeg takes the end of a track for its length, and adds where it begins to get that of the file.
        tracks = [float(stream.duration * stream.time_base) for stream in container.streams if stream.duration and stream.time_base]
        return max(tracks, default=(container.duration or 0) / av.time_base)


def pictures(path: Path, track: int = 0) -> list[Seen]:
    """Every picture of a video track of a file."""
    with av.open(str(path)) as container:
        return [_seen(frame, float(frame.time or 0.0)) for frame in container.decode(video=track)]


def sound(path: Path) -> Heard:
    """The sound of a file; where packets are missing, silence."""
    with av.open(str(path)) as container:
        return _joined((float(frame.time or 0.0), frame) for frame in container.decode(audio=0))


# What a slot receives


def call_of(conference: Conference) -> Call:
    """The call of a conference that was joined with media."""
    assert conference.call is not None
    return conference.call


class Ear:
    """Keeps the audio packets of a slot; `sound()` decodes them, placed at their capture time in Unix seconds."""

    def __init__(self, slot: CallSlot) -> None:
        self.units: list[AccessUnit] = []
        self.stop = slot.subscribe(self.units.append)

    async def hears(self, hz: float | None, seconds: float = 10.0) -> None:
        """Wait until half a second from now on holds this tone; None: nothing at all."""
        end, begun = time.monotonic() + seconds, len(self.units)
        while True:
            if len(self.units) >= begun + 30:
                samples, begun = _decoded(self.units[-30:]).samples[-24 * 960 :], len(self.units)
                if (strength(samples, hz) > AUDIBLE) if hz else (np.abs(samples).max() == 0):
                    return
            assert time.monotonic() < end, f"{hz or 'silence'} was not heard within {seconds:g} s"
            await asyncio.sleep(0.01)

    def sound(self, last: int = 0) -> Heard:
        """What so many packets hold, all of them unless told."""
        return _decoded(self.units[-last:])


class Eye:
    """Decodes the video of a slot, at its capture time in Unix seconds, whenever somebody looks."""

    def __init__(self, slot: CallSlot) -> None:
        self.arrivals: list[float] = []
        self.keyframes: list[float] = []
        """When they arrived."""
        self._waiting: list[AccessUnit] = []
        self._seen: list[Seen] = []
        self._decoder: VideoDecoder | None = None
        self._codec = ""
        self._slot = slot
        self.stop = slot.subscribe(self._take)

    def _take(self, unit: AccessUnit) -> None:
        self._waiting.append(unit)
        self.arrivals.append(unit.arrival)
        if unit.keyframe:
            self.keyframes.append(unit.arrival)

    def pictures(self) -> list[Seen]:
        """All since the first keyframe."""
        waiting, self._waiting = self._waiting, []
        for unit in waiting:
            if unit.codec != self._codec and unit.keyframe:
                self._decoder, self._codec = VideoDecoder(unit.codec), unit.codec
            for frame in self._decoder.decode(unit) if self._decoder else ():
                self._seen.append(_seen(frame, _captured(unit)))
        return self._seen

    def gap(self) -> float:
        """The longest time between two units, in seconds of arrival."""
        return float(max(np.diff(self.arrivals), default=0.0))

    async def sees(self, stream: int | None, seconds: float = 10.0) -> Seen:
        """The first picture from now on that carries this stamp, None for one that carries none.

        Who began to look after the first keyframe asks for another one in the end.
        """
        done, end, ask = len(self.pictures()), time.monotonic() + seconds, time.monotonic() + PATIENCE
        while True:
            if self._decoder is None and time.monotonic() > ask:
                self._slot.request_keyframe()
                ask += PATIENCE
            for picture in self.pictures()[done:]:
                if picture.stream == stream:
                    return picture
            done = len(self._seen)
            assert time.monotonic() < end, f"stream {stream} was not seen within {seconds:g} s, but {streams(self._seen)}"
            await asyncio.sleep(0.01)


# Judging


def strength(samples: Sound, hz: float) -> float:
    """Amplitude of a tone."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / (len(samples) / 4)
    near = round(hz * len(samples) / RATE)
    return float(spectrum[max(0, near - 2) : near + 3].max())


def keys_in(samples: Sound) -> str:
    """The telephone keys whose tones are in mono samples, each once per time that it is pressed; looked for 20 ms by 20 ms."""
    windows = [_key(samples[start : start + 960]) for start in range(0, len(samples) - 960 + 1, 960)]
    sure = [a if a == b else "" for a, b in itertools.pairwise(windows)]  # for 40 ms, as ITU-T Q.24 wants it
    found, gap, last = "", 2, ""
    for key in sure:
        found += key if key and (key != last or gap >= 2) else ""
        gap, last = (gap + 1, last) if not key else (0, key)
    return found


def _key(block: Sound) -> str:
    rows, columns = ([_power(block, hertz) for hertz in tones] for tones in (LOW, HIGH))
    clear = all(max(powers) > 0.05 and sorted(powers)[-2] < 0.4 * max(powers) for powers in (rows, columns))
    return KEYS[4 * int(np.argmax(rows)) + int(np.argmax(columns))] if clear else ""


def _power(block: Sound, hertz: float) -> float:
    """Amplitude of a tone in a short block (Goertzel's way, written as a sum)."""
    return float(2 * np.abs(np.sum(block * np.exp(-2j * np.pi * hertz * np.arange(len(block)) / RATE))) / len(block))


def streams(seen: Iterable[Seen]) -> list[int | None]:
    """Whose pictures there are, in order, each once; None for pictures without stamp."""
    found: list[int | None] = []
    for picture in seen:
        if not found or found[-1] != picture.stream:
            found.append(picture.stream)
    return found


def stream_in(picture: av.VideoFrame, box: tuple[int, int, int, int], size: tuple[int, int]) -> int | None:
    """Whose stamped picture of this `size` was scaled into the box (left, top, width, height) of a larger one."""
    left, top, width, height = fit(size, box[2:])
    left, top = box[0] + left, box[1] + top
    part, whole = np.ascontiguousarray(rows(picture)[top : top + height, left : left + width]), stamp.place_of(*size)
    place = stamp.Box(*(side * width / size[0] for side in (whole.left, whole.top, whole.width, whole.height)))
    mark = stamp.read_at(part, box=place, repair=False)
    return mark.stream if mark is not None else None


def lip_sync(seen: list[Seen], heard: Heard) -> list[float]:
    """For each flash of a `FlashBeep` how much later its beep begins, in seconds."""
    flashes = [after.time for before, after in itertools.pairwise(seen) if before.light < 100 < after.light]
    beeps = _beeps(heard)
    near = [min(beeps, key=lambda beep: abs(beep - flash), default=float("inf")) - flash for flash in flashes]
    return [offset for offset in near if abs(offset) < 0.4]


def _beeps(heard: Heard) -> list[float]:
    loud = np.flatnonzero(np.abs(heard.samples) > 0.15)
    if not len(loud):
        return []
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > RATE // 4)]
    return [heard.start + start / RATE for start in starts]


def _decoded(units: Iterable[AccessUnit]) -> Heard:
    decoder = AudioDecoder()
    return _joined((_captured(unit), frame) for unit in list(units) for frame in decoder.decode(unit))


def _captured(unit: AccessUnit) -> float:
    return unit.ntp if unit.ntp is not None else unit.arrival


def _seen(frame: av.VideoFrame, at: float) -> Seen:
    luma = stamp.luma_of(frame)
    return Seen(at, stamp.read_at(luma, repair=False), float(luma.mean()), (frame.width, frame.height))


def _joined(frames: Iterable[tuple[float, av.AudioFrame]]) -> Heard:
    parts: list[tuple[float, Sound]] = []
    for at, frame in frames:
        samples = frame.to_ndarray()
        channels = len(frame.layout.channels)
        mono = samples.reshape(-1, channels)[:, 0] if samples.shape[0] == 1 else samples[0]
        parts.append((at, mono.astype(np.float64) / (1.0 if mono.dtype.kind == "f" else 32768)))
    if not parts:
        return Heard(0.0, np.zeros(0))
    start = parts[0][0]
    whole = np.zeros(round((parts[-1][0] - start) * RATE) + len(parts[-1][1]) + RATE)
    for at, mono in parts:
        first = max(0, round((at - start) * RATE))
        whole[first : first + len(mono)] = mono[: len(whole) - first]
    return Heard(start, whole[:-RATE])
