"""Writes fragmented MP4: each half second of media is a complete fragment in the file.

An own writer, because FFmpeg's moves every track of such a file to time zero and so breaks lip sync when one of them starts later.
Boxes and their fields: ISO/IEC 14496-12; H.264 in them: ISO/IEC 14496-15; Opus: "Encapsulation of Opus in ISO Base Media File Format" 4.3.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from pexrtc_media.bitstream import OPUS_LOOKAHEAD, avc_configuration, length_prefixed, opus_samples, picture_size
from pexrtc_media.container import Chapter, TrackHeader
from pexrtc_media.storage import Storage

FRAGMENT = 0.5
FRAGMENT_BYTES = 4 * 1024 * 1024
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_KEY, _NOT_KEY = 0x02000000, 0x01010000


def box(kind: str, *payload: bytes) -> bytes:
    """A box: size, kind, payload (ISO/IEC 14496-12 4.2)."""
    body = b"".join(payload)
    return struct.pack(">I", len(body) + 8) + kind.encode() + body


def full_box(kind: str, version: int, flags: int, *payload: bytes) -> bytes:
    """A box that has a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


@dataclass(slots=True)
class _Track:
    header: TrackHeader
    number: int
    rate: int
    end: int = 0
    """Samples are placed here or later."""
    samples: list[tuple[int, bytes, bool]] = field(default_factory=list)
    index: list[tuple[int, int]] = field(default_factory=list)
    """Time of a key frame and place of its fragment."""

    def sizes_and_durations(self) -> list[tuple[int, int]]:
        times = [time for time, _, _ in self.samples]
        durations = [after - before for before, after in itertools.pairwise(times)]
        if self.rate == 48000:
            durations.append(opus_samples(self.samples[-1][1]) or 960)
        else:
            durations.append(durations[-1] if durations else 3000)
        return [(len(data), duration) for (_, data, _), duration in zip(self.samples, durations, strict=True)]


class FragmentedMp4:
    """An MP4 file of H.264 and Opus being written into `storage`; MediaError when a picture track has no parameter sets."""

    def __init__(self, storage: Storage, headers: Sequence[TrackHeader]) -> None:
        self._storage = storage
        self._tracks = [_Track(header, index + 1, 48000 if header.codec == "opus" else 90000) for index, header in enumerate(headers)]
        self._sequence = itertools.count(1)
        self._start: float | None = None
        self._bytes = 0
        extends = (full_box("trex", 0, 0, struct.pack(">5I", track.number, 1, 0, 0, 0)) for track in self._tracks)
        length = full_box("mehd", 1, 0, bytes(8))
        head = box("ftyp", b"iso5", struct.pack(">I", 512), b"iso5iso6mp41")
        tracks = b"".join(_track_box(track) for track in self._tracks)
        movie = box("moov", _movie_header(len(headers) + 1), tracks, box("mvex", length, *extends))
        self._length_place = len(head) + movie.index(length) + 12
        storage.write(head + movie)

    def write(self, track: int, seconds: float, data: bytes, *, keyframe: bool) -> None:
        """Add one unit (H.264 in Annex B form) to track number `track`, at `seconds` from the start."""
        if self._start is not None and (seconds - self._start >= FRAGMENT or self._bytes > FRAGMENT_BYTES):
            self._flush()
        self._start = seconds if self._start is None else self._start
        it = self._tracks[track]
        # A decoder drops the look-ahead at the start, so that what remains is heard that much too late unless placed earlier.
        time = max(round(seconds * it.rate) - (OPUS_LOOKAHEAD if it.rate == 48000 else 0), it.end)
        it.end = time + 1
        it.samples.append((time, data if it.rate == 48000 else length_prefixed(data), keyframe))
        self._bytes += len(data)

    def close(self, chapters: Sequence[Chapter] = ()) -> None:
        """Write what is left and the index of key frames; chapters have no place in this kind of file."""
        self._flush()
        tables = [_index_box(track) for track in self._tracks]
        size = sum(map(len, tables)) + 24
        self._storage.write(box("mfra", *tables, full_box("mfro", 0, 0, struct.pack(">I", size))))

    def _flush(self) -> None:
        tracks = [track for track in self._tracks if track.samples]
        if not tracks:
            return
        place = self._storage.length
        sequence = next(self._sequence)
        # Written twice, since the distance from here to the data depends on the size of this very box.
        size = len(_fragment(tracks, sequence, 0))
        data = b"".join(sample for track in tracks for _, sample, _ in track.samples)
        self._storage.write(_fragment(tracks, sequence, size + 8) + box("mdat", data))
        self._storage.patch(self._length_place, struct.pack(">Q", round(max(track.end / track.rate for track in self._tracks) * 1000)))
        for track in tracks:
            key = next((time for time, _, keyframe in track.samples if keyframe), None)
            if key is not None and track.rate == 90000:
                track.index.append((key, place))
            track.samples.clear()
        self._start, self._bytes = None, 0


def _fragment(tracks: Sequence[_Track], sequence: int, offset: int) -> bytes:
    runs: list[bytes] = []
    for track in tracks:
        samples = track.sizes_and_durations()
        rows = (
            struct.pack(">3I", duration, size, _KEY if keyframe else _NOT_KEY)
            for (size, duration), (_, _, keyframe) in zip(samples, track.samples, strict=True)
        )
        header = full_box("tfhd", 0, 0x20000, struct.pack(">I", track.number))
        start = full_box("tfdt", 1, 0, struct.pack(">Q", track.samples[0][0]))
        runs.append(box("traf", header, start, full_box("trun", 0, 0x701, struct.pack(">2I", len(samples), offset), *rows)))
        offset += sum(size for size, _ in samples)
    return box("moof", full_box("mfhd", 0, 0, struct.pack(">I", sequence)), *runs)


def _index_box(track: _Track) -> bytes:
    # Numbers of track run, run and sample take a byte each; a fragment is entered at its first.
    rows = (struct.pack(">2Q3B", time, place, 1, 1, 1) for time, place in track.index)
    return full_box("tfra", 1, 0, struct.pack(">3I", track.number, 0, len(track.index)), *rows)


def _movie_header(next_track: int) -> bytes:
    rate_and_volume = struct.pack(">IH", 0x10000, 0x100) + bytes(10)
    return full_box("mvhd", 0, 0, struct.pack(">4I", 0, 0, 1000, 0), rate_and_volume, _MATRIX, bytes(24), struct.pack(">I", next_track))


def _track_box(track: _Track) -> bytes:
    sound = track.rate == 48000
    width, height = (0, 0) if sound else picture_size("h264", track.header.keyframe)
    volume = struct.pack(">4H", 0, 0, 0x100 if sound else 0, 0)
    shape = struct.pack(">2I", width << 16, height << 16)
    header = full_box("tkhd", 0, 7, struct.pack(">5I", 0, 0, track.number, 0, 0), bytes(8), volume, _MATRIX, shape)
    media_header = full_box("mdhd", 0, 0, struct.pack(">4I2H", 0, 0, track.rate, 0, 0x55C4, 0))
    handler = full_box("hdlr", 0, 0, bytes(4), b"soun" if sound else b"vide", bytes(12), track.header.name.encode() + b"\x00")
    kind_header = full_box("smhd", 0, 0, bytes(4)) if sound else full_box("vmhd", 0, 1, bytes(8))
    references = box("dinf", full_box("dref", 0, 0, struct.pack(">I", 1), full_box("url ", 0, 1)))
    entry = _opus_entry() if sound else _avc_entry(track.header.keyframe, width, height)
    descriptions = full_box("stsd", 0, 0, struct.pack(">I", 1), entry)
    empty = (
        full_box("stts", 0, 0, bytes(4)),
        full_box("stsc", 0, 0, bytes(4)),
        full_box("stsz", 0, 0, bytes(8)),
        full_box("stco", 0, 0, bytes(4)),
    )
    return box("trak", header, box("mdia", media_header, handler, box("minf", kind_header, references, box("stbl", descriptions, *empty))))


def _opus_entry() -> bytes:
    head = box("dOps", struct.pack(">BBHIhB", 0, 2, OPUS_LOOKAHEAD, 48000, 0, 0))
    return box("Opus", bytes(6), struct.pack(">H", 1), bytes(8), struct.pack(">4HI", 2, 16, 0, 0, 48000 << 16), head)


def _avc_entry(keyframe: bytes, width: int, height: int) -> bytes:
    head = bytes(6) + struct.pack(">H", 1) + bytes(16)
    shape = struct.pack(">2H3I", width, height, 0x480000, 0x480000, 0) + struct.pack(">H", 1)
    return box("avc1", head, shape, bytes(32), struct.pack(">Hh", 24, -1), box("avcC", avc_configuration(keyframe)))
