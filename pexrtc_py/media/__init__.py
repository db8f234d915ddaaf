"""The public names of `pexrtc_media`: `from pexrtc_py.media import Recorder`. Loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pexrtc_media

if TYPE_CHECKING:
    from pexrtc_media import stamp
    from pexrtc_media.base import AccessUnit, MediaError, Sink, Source, Timeline
    from pexrtc_media.encoding import OpusEncoding, VideoEncoding
    from pexrtc_media.files import FileSource, Image, ImageSequence, MediaFile
    from pexrtc_media.inputs import RecorderInput
    from pexrtc_media.recorder import Recorder
    from pexrtc_media.recording import RecordingResult, TrackResult
    from pexrtc_media.sinks import Callback, Discard, Latest, Queue, Tee
    from pexrtc_media.stamp import Mark
    from pexrtc_media.synthetic import FlashBeep, Pattern, Silence, Still, Tone
    from pexrtc_media.transform import Resampler, letterbox

__all__ = [
    "AccessUnit",
    "Callback",
    "Discard",
    "FileSource",
    "FlashBeep",
    "Image",
    "ImageSequence",
    "Latest",
    "Mark",
    "MediaError",
    "MediaFile",
    "OpusEncoding",
    "Pattern",
    "Queue",
    "Recorder",
    "RecorderInput",
    "RecordingResult",
    "Resampler",
    "Silence",
    "Sink",
    "Source",
    "Still",
    "Tee",
    "Timeline",
    "Tone",
    "TrackResult",
    "VideoEncoding",
    "letterbox",
    "stamp",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(pexrtc_media, name)


def __dir__() -> list[str]:
    return sorted(__all__)
