"""Writes Matroska and WebM: each half second of media is a complete cluster in the file.

An own writer, because FFmpeg's interleaving keeps everything in memory for as long as a declared VP8 track is silent, and
slides are silent most of the time. Elements and their meaning: RFC 9559; the coding of identifiers and sizes: RFC 8794.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from pexrtc_media.bitstream import OPUS_LOOKAHEAD, avc_configuration, length_prefixed, picture_size
from pexrtc_media.container import Chapter, TrackHeader
from pexrtc_media.storage import Storage

CLUSTER_MS = 500
CLUSTER_BYTES = 2 * 1024 * 1024
FURTHEST_BACK_MS = 30_000
"""How much earlier than its cluster a block may be, which a repaired picture is; the format has room for 32 s."""
SHORTEST_PICTURE = 1_000_000_000 // 240
"""Nanoseconds (DefaultDuration). Without it FFmpeg takes the rate of the first pictures for that of all, and complains of each
picture that comes earlier than that, as those after a switch of the speaker do."""
SHORTEST_TEXT_MS, LONGEST_TEXT_MS, LONG_ENOUGH_MS = 1500, 7000, 70
"""How long a caption stands: by its length, within these."""
SEEK_ROOM = 96
_RELATIVE_TIME = struct.Struct(">h")
_UNKNOWN_SIZE = bytes.fromhex("01ffffffffffffff")
_CODEC_IDS = {"opus": "A_OPUS", "vp8": "V_VP8", "h264": "V_MPEG4/ISO/AVC", "text": "S_TEXT/UTF8"}

EBML, SEGMENT, SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, CHAPTERS, VOID = (
    0x1A45DFA3, 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B, 0x1043A770, 0xEC,
)  # fmt: skip


def size_field(length: int, width: int | None = None) -> bytes:
    """`length` as a data size of `width` bytes, or of as few as it takes (RFC 8794 6)."""
    if width is None:
        width = 1 if length < 0x7F else 2 if length < 0x3FFF else next(count for count in range(3, 9) if length < (1 << 7 * count) - 1)
    return ((1 << 7 * width) | length).to_bytes(width, "big")


def element(identifier: int, *payload: bytes) -> bytes:
    """One element: identifier, size, payload."""
    body = b"".join(payload)
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + size_field(len(body)) + body


def number(identifier: int, value: int) -> bytes:
    """An element that holds an unsigned integer."""
    return element(identifier, value.to_bytes(max((value.bit_length() + 7) // 8, 1), "big"))


def real(identifier: int, value: float) -> bytes:
    """An element that holds a floating point number of eight bytes."""
    return element(identifier, struct.pack(">d", value))


def text(identifier: int, value: str) -> bytes:
    """An element that holds a string."""
    return element(identifier, value.encode())


class Matroska:
    """A Matroska (`document="matroska"`) or WebM (`"webm"`) file being written into `storage`.

    The duration in the head is kept up to date with every cluster, so that a file whose writer was killed shows it as well.
    """

    def __init__(self, storage: Storage, headers: Sequence[TrackHeader], *, document: str) -> None:
        self._storage = storage
        self._headers = headers
        self._track_fields = [size_field(index + 1) for index in range(len(headers))]
        self._blocks: list[bytes] = []
        self._block_bytes = 0
        self._cluster_time = 0
        self._last = 0
        self._cued: set[int] = set()
        self._cues: list[tuple[int, int, int]] = []
        self._write_head(document)

    def write(self, track: int, seconds: float, data: bytes, *, keyframe: bool) -> None:
        """Add one unit (H.264 in Annex B form) to track number `track`, at `seconds` from the start; milliseconds are kept."""
        time = max(round(seconds * 1000), 0)
        if self._blocks and (not -FURTHEST_BACK_MS < time - self._cluster_time < CLUSTER_MS or self._block_bytes > CLUSTER_BYTES):
            self._flush()
        if not self._blocks:
            self._cluster_time = time
        header = self._headers[track]
        payload = length_prefixed(data) if header.codec == "h264" else data
        place = self._track_fields[track] + _RELATIVE_TIME.pack(time - self._cluster_time)
        if header.codec == "text":
            length = min(max(LONG_ENOUGH_MS * len(payload), SHORTEST_TEXT_MS), LONGEST_TEXT_MS)
            head, payload = element(0xA0, element(0xA1, place, b"\x00", payload), number(0x9B, length)), b""
        else:
            head = b"\xa3" + size_field(len(place) + 1 + len(payload)) + place + (b"\x80" if keyframe else b"\x00")
        self._blocks += (head, payload)
        self._block_bytes += len(head) + len(payload)
        self._last = max(self._last, time + (20 if header.codec == "opus" else 33))
        if keyframe and header.codec in {"vp8", "h264"} and track not in self._cued:
            self._cued.add(track)
            self._cues.append((time, track + 1, self._storage.length - self._segment))

    def close(self, chapters: Sequence[Chapter] = ()) -> None:
        """Write what is left, the index of key frames, the chapters, and complete the head."""
        self._flush()
        if self._cues:
            self._places[CUES] = self._storage.length
            self._storage.write(element(CUES, *(cue_element(*cue) for cue in sorted(self._cues))))
        if chapters:
            self._places[CHAPTERS] = self._storage.length
            self._storage.write(chapters_element(chapters))
        self._storage.patch(self._segment, seek_head(self._places, self._segment))
        self._storage.patch(self._segment - 8, size_field(self._storage.length - self._segment, 8))

    def _write_head(self, document: str) -> None:
        ebml = [number(0x4286, 1), number(0x42F7, 1), number(0x42F2, 4), number(0x42F3, 8)]
        head = element(EBML, *ebml, text(0x4282, document), number(0x4287, 4), number(0x4285, 2))
        head += SEGMENT.to_bytes(4, "big") + _UNKNOWN_SIZE
        self._segment = len(head)
        head += _void(SEEK_ROOM)
        self._places = {INFO: len(head)}
        # Eleven bytes: the room of a Duration element, which must not be there with the value zero.
        info = element(INFO, number(0x2AD7B1, 1_000_000), text(0x4D80, "pexrtc_media"), text(0x5741, "pexrtc_media"), _void(11))
        head += info
        self._duration = len(head) - 11
        self._places[TRACKS] = len(head)
        head += element(TRACKS, *(_track_entry(index + 1, header) for index, header in enumerate(self._headers)))
        self._storage.write(head)

    def _flush(self) -> None:
        if not self._blocks:
            return
        self._storage.write(element(CLUSTER, number(0xE7, self._cluster_time), *self._blocks))
        self._storage.patch(self._duration, real(0x4489, float(self._last)))
        self._blocks.clear()
        self._block_bytes = 0
        self._cued.clear()


def seek_head(places: Mapping[int, int], segment: int) -> bytes:
    """Where what is in the file, in `SEEK_ROOM` bytes; `segment` is where the segment's body begins (RFC 9559 5.1.1)."""
    entries = (element(0x4DBB, element(0x53AB, what.to_bytes(4, "big")), number(0x53AC, at - segment)) for what, at in places.items())
    head = element(SEEK_HEAD, *entries)
    return head + _void(SEEK_ROOM - len(head))


def cue_element(time: int, track: int, position: int) -> bytes:
    """An entry of the index: a key frame's time in milliseconds, its track, and where its cluster is in the segment."""
    return element(0xBB, number(0xB3, time), element(0xB7, number(0xF7, track), number(0xF1, position)))


def chapters_element(chapters: Sequence[Chapter]) -> bytes:
    """The chapters of a file (RFC 9559 5.1.7)."""
    atoms = []
    for index, chapter in enumerate(chapters, 1):
        display = element(0x80, text(0x85, chapter.title), text(0x437C, "und"))
        times = number(0x91, max(round(chapter.start * 1e9), 0)) + number(0x92, max(round(chapter.end * 1e9), 0))
        atoms.append(element(0xB6, number(0x73C4, index), times, display))
    return element(CHAPTERS, element(0x45B9, *atoms))


def _void(length: int) -> bytes:
    """A Void element of `length` bytes in all, at least 2 and less than 129."""
    return bytes([VOID, 0x80 | (length - 2)]) + bytes(length - 2)


def _track_entry(track: int, header: TrackHeader) -> bytes:
    fields = [number(0xD7, track), number(0x73C5, track), number(0x9C, 0), text(0x22B59C, "und"), text(0x536E, header.name)]
    fields += [number(0x88, int(header.name != "presentation")), text(0x86, _CODEC_IDS[header.codec])]
    if header.codec == "text":
        return element(0xAE, *fields, number(0x83, 0x11))
    details = _audio_fields() if header.codec == "opus" else _video_fields(header)
    return element(0xAE, *fields, *details)


def _audio_fields() -> list[bytes]:
    # WebRTC's Opus is announced as two channels whatever it carries (RFC 7587 4.1).
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, OPUS_LOOKAHEAD, 48000, 0, 0)
    delay = number(0x56AA, OPUS_LOOKAHEAD * 1_000_000_000 // 48000)
    preroll = number(0x56BB, 80_000_000)
    return [number(0x83, 2), element(0x63A2, head), delay, preroll, element(0xE1, real(0xB5, 48000.0), number(0x9F, 2))]


def _video_fields(header: TrackHeader) -> list[bytes]:
    width, height = picture_size(header.codec, header.keyframe)
    private = [element(0x63A2, avc_configuration(header.keyframe))] if header.codec == "h264" else []
    return [number(0x83, 1), number(0x23E383, SHORTEST_PICTURE), *private, element(0xE0, number(0xB0, width), number(0xBA, height))]
