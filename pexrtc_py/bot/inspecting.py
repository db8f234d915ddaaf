"""Decode a recording and say what is in it: streams, frames, duration, gaps, errors; and draw a contact sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pexrtc_py.errors import RecordingError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from PIL.Image import Image

GAP = {"audio": 0.2, "video": 1.5}
"""Seconds without a frame that count as a gap; nodes send a picture at least once a second."""
COLUMNS = 6
THUMBNAIL = (320, 180)
_HEAD, _LINE = 40, 24
_BACK, _TEXT, _QUIET = "#202428", "#f0f0f0", "#98a0a8"


@dataclass
class StreamReport:
    """One decoded stream. Times are seconds in the file; `gaps` are (start, length)."""

    index: int
    kind: str
    codec: str
    size: tuple[int, int] | None = None
    """Width and height of the latest picture."""
    frames: int = 0
    errors: int = 0
    """Packets that could not be decoded, and frames the decoder itself called damaged."""
    start: float = 0.0
    end: float = 0.0
    gaps: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Frames per second from the first to the last."""
        return (self.frames - 1) / (self.end - self.start) if self.end > self.start else 0.0

    @property
    def longest_gap(self) -> float:
        """Seconds; 0 without gaps."""
        return max((length for _, length in self.gaps), default=0.0)

    def take(self, frame: Any) -> float:
        """Count a decoded `av.AudioFrame` or `av.VideoFrame`; returns when it begins."""
        time = float(frame.time or 0.0)
        self.errors += bool(frame.is_corrupt)
        if self.kind == "video":
            self.size = (frame.width, frame.height)
            self.saw(time, 0.0)
        else:
            self.saw(time, frame.samples / frame.sample_rate)
        return time

    def saw(self, time: float, length: float) -> None:
        """Count a frame that begins at `time` and lasts `length` seconds."""
        if not self.frames:
            self.start = time
        elif time - self.end > GAP[self.kind]:
            self.gaps.append((round(self.end, 3), round(time - self.end, 3)))
        self.frames += 1
        self.end = max(self.end, time + length)


@dataclass
class Inspection:
    """What decoding a whole file showed."""

    path: Path
    bytes: int
    duration: float
    """Seconds from time zero to the end of the last frame of any stream."""
    streams: list[StreamReport]

    @property
    def audio(self) -> list[StreamReport]:
        """The audio streams."""
        return [s for s in self.streams if s.kind == "audio"]

    @property
    def video(self) -> list[StreamReport]:
        """The video streams, the main one first."""
        return [s for s in self.streams if s.kind == "video"]

    @property
    def errors(self) -> int:
        """Packets that could not be decoded, all streams together."""
        return sum(s.errors for s in self.streams)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "path": str(self.path), "duration": round(self.duration, 3)}


def inspect(path: str | Path) -> Inspection:
    """Decode every stream of a file; blocking, so run it in a thread. Raises RecordingError when it is no media file."""
    reports: dict[int, StreamReport] = {}
    for report, frame in decoded(path, reports):
        report.take(frame)
    return inspection_of(path, reports)


def inspection_of(path: str | Path, reports: Mapping[int, StreamReport]) -> Inspection:
    """The inspection that the reports of a file add up to."""
    path, streams = Path(path), [report for _, report in sorted(reports.items())]
    return Inspection(path, path.stat().st_size, max((s.end for s in streams), default=0.0), streams)


def decoded(path: str | Path, reports: dict[int, StreamReport]) -> Iterator[tuple[StreamReport, Any]]:
    """Each decoded frame with the report of its stream, for the caller to count; packets that do not decode are counted here.

    `reports` is filled, by stream index, before the first frame. Raises RecordingError when the file is no media file.
    """
    import av
    from av.error import FFmpegError

    try:
        container = av.open(str(path))
    except (FFmpegError, OSError) as error:
        raise RecordingError(f"{path} cannot be opened as a media file: {error}. It may be empty or cut off before its header.") from error
    with container:
        for stream in container.streams:
            if isinstance(stream, (av.VideoStream, av.AudioStream)):
                reports[stream.index] = _report(stream)
        for packet in _packets(container, reports):
            report = reports[packet.stream.index]
            try:
                frames = packet.decode()
            except FFmpegError:
                report.errors += 1
                continue
            for frame in frames:
                yield report, frame


def _packets(container: InputContainer, reports: Mapping[int, StreamReport]) -> Iterator[av.Packet[Any]]:
    """The packets as far as the file can be read; where it breaks off in a way that is an error, all its streams have one."""
    from av.error import FFmpegError

    packets = container.demux([container.streams[index] for index in reports]) if reports else iter(())
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except FFmpegError:
            for report in reports.values():
                report.errors += 1
            return


def _report(stream: av.VideoStream | av.AudioStream) -> StreamReport:
    context = stream.codec_context
    size = (context.width, context.height) if stream.type == "video" else None  # type: ignore[union-attr]
    return StreamReport(stream.index, stream.type, context.codec.canonical_name, size)


def contact_sheet(path: str | Path, to: str | Path, *, count: int = 12) -> Path:
    """Draw a picture (PNG) of `count` evenly spread moments: the streams below each other, time to the right; blocking.

    Raises RecordingError when the file is no media file or the picture cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    path, to = Path(path), Path(to)
    whole = inspect(path)
    times = [whole.duration * (i + 0.5) / count for i in range(count)]
    rows = _moments(path, times)
    bands = -(-count // COLUMNS)
    width, height = THUMBNAIL[0] + 4, THUMBNAIL[1] + _LINE
    sheet = Image.new("RGB", (COLUMNS * width + 4, _HEAD + max(1, bands * len(rows)) * height + 4), _BACK)
    draw, font, small = ImageDraw.Draw(sheet), ImageFont.load_default(20), ImageFont.load_default(14)
    draw.text((8, 8), _title(whole), fill=_TEXT, font=font)
    for number, (index, pictures) in enumerate(rows.items()):
        for i, picture in enumerate(pictures):
            band, column = divmod(i, COLUMNS)
            left, top = 4 + column * width, _HEAD + (band * len(rows) + number) * height
            draw.text((left + 4, top + 4), f"{times[i]:.1f} s", fill=_TEXT, font=small)
            draw.text((left + THUMBNAIL[0] - 4, top + 4), f"stream {index}", fill=_QUIET, font=small, anchor="ra")
            if picture is not None:
                sheet.paste(picture, (left + (THUMBNAIL[0] - picture.width) // 2, top + _LINE + (THUMBNAIL[1] - picture.height) // 2))
    try:
        sheet.save(to)
    except OSError as error:
        raise RecordingError(f"The contact sheet {to} cannot be written: {error.strerror or error}.") from error
    return to


def _title(whole: Inspection) -> str:
    streams = ", ".join(f"{s.index}: {s.codec}" + (f" {s.size[0]}x{s.size[1]}" if s.size else "") for s in whole.streams)
    return f"{whole.path.name}   {whole.duration:.2f} s   {whole.bytes / 1e6:.2f} MB   {streams}"


def _moments(path: Path, times: list[float]) -> dict[int, list[Image | None]]:
    """For each video stream the picture that stands at each of the times; None before its first."""
    found: dict[int, list[Image | None]] = {}
    last: dict[int, Any] = {}
    reports: dict[int, StreamReport] = {}

    def stand(index: int, until: float) -> None:
        pictures = found.setdefault(index, [])
        while len(pictures) < len(times) and times[len(pictures)] < until:
            pictures.append(_thumbnail(last[index]) if index in last else None)

    for report, frame in decoded(path, reports):
        if report.kind == "video":
            stand(report.index, float(frame.time or 0.0))
            last[report.index] = frame
    for index, report in sorted(reports.items()):
        if report.kind == "video":
            stand(index, float("inf"))
    return dict(sorted(found.items()))


def _thumbnail(frame: Any) -> Image:
    scale = min(THUMBNAIL[0] / frame.width, THUMBNAIL[1] / frame.height)
    size = (max(2, round(frame.width * scale)), max(2, round(frame.height * scale)))
    picture: Image = frame.to_image(width=size[0], height=size[1], interpolation="AREA")
    return picture
