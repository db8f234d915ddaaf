"""What a recording of the demo shows: decoded once into the arrays that `judging` looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pexrtc_media import stamp
from pexrtc_media.stamp import Mark
from pexrtc_py.bot.inspecting import Inspection, StreamReport, decoded, inspection_of
from pexrtc_py.demo.voices import RATE, Samples, samples_of

if TYPE_CHECKING:
    import av

THUMBNAIL = (32, 18)
Thumbnail = npt.NDArray[np.uint8]


@dataclass
class Evidence:
    """One decoded recording; times are seconds in the file."""

    inspection: Inspection
    pictures: list[tuple[float, Mark | None]] = field(default_factory=list)
    """The main video's pictures, by what their stamp says."""
    slides: list[tuple[float, Thumbnail]] = field(default_factory=list)
    """The slides track's pictures, small: 18 rows, 32 columns, red, green and blue."""
    sound: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    """48 kHz mono from time zero of the file; what is missing in the file is silent."""


def gather(path: Path) -> Evidence:
    """Decode a recording; blocking. Raises RecordingError when it is no media file."""
    reports: dict[int, StreamReport] = {}
    sounds: list[tuple[float, Samples]] = []
    evidence = Evidence(Inspection(path, 0, 0.0, []))
    for report, frame in decoded(path, reports):
        time = report.take(frame)
        if report.kind == "audio":
            sounds.append((time, _mono(frame)))
        elif report.index == _video(reports, 0):
            evidence.pictures.append((time, stamp.read_at(frame)))
        elif report.index == _video(reports, 1):
            evidence.slides.append((time, thumbnail(frame)))
    evidence.inspection = inspection_of(path, reports)
    evidence.sound = _placed(sounds)
    return evidence


def thumbnail(frame: av.VideoFrame) -> Thumbnail:
    """A picture made small enough that only its large shapes and colours count."""
    small = frame.reformat(*THUMBNAIL, "rgb24", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)


def _video(reports: dict[int, StreamReport], number: int) -> int | None:
    """The index of the file's first, second... video stream."""
    videos = [index for index, report in sorted(reports.items()) if report.kind == "video"]
    return videos[number] if number < len(videos) else None


def _mono(frame: av.AudioFrame) -> Samples:
    """The samples of one frame at 48 kHz; Opus decodes to that rate, so that each frame stands for itself."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    ready = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([np.zeros(0, np.float32), *(samples_of(part) for part in ready)])


def _placed(sounds: Sequence[tuple[float, Samples]]) -> Samples:
    """Samples at their times: never strung together, for a hole would shift all that follows."""
    if not sounds:
        return np.zeros(0, np.float32)
    placed = np.zeros(max(round(time * RATE) + len(samples) for time, samples in sounds), np.float32)
    for time, samples in sounds:
        start = round(time * RATE)
        heard = samples[max(0, -start) :]
        placed[max(0, start) : max(0, start) + len(heard)] = heard
    return placed
