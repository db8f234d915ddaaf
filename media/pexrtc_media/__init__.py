"""Sources and sinks of media: files, synthetic pictures and sound, recordings. Knows neither Pexip nor WebRTC.

Names are loaded when first used, so that importing this package needs neither numpy nor PyAV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pexrtc_media import stamp
    from pexrtc_media.base import AccessUnit, MediaError, Sink, Source, Timeline
    from pexrtc_media.composed import Composed
    from pexrtc_media.encoding import OpusEncoding, VideoEncoding
    from pexrtc_media.files import FileSource, Image, ImageSequence, MediaFile
    from pexrtc_media.fileset import Limits
    from pexrtc_media.inputs import RecorderInput
    from pexrtc_media.rate import AtMost
    from pexrtc_media.recorder import Recorder
    from pexrtc_media.recording import Note, RecordingResult, Segment, TrackResult
    from pexrtc_media.sinks import Callback, Discard, Latest, Queue, Tee
    from pexrtc_media.stamp import Mark
    from pexrtc_media.synthetic import FlashBeep, Pattern, Silence, Still, Tone
    from pexrtc_media.transform import Resampler, letterbox

__all__ = [
    "AccessUnit",
    "AtMost",
    "Callback",
    "Composed",
    "Discard",
    "FileSource",
    "FlashBeep",
    "Image",
    "ImageSequence",
    "Latest",
    "Limits",
    "Mark",
    "MediaError",
    "MediaFile",
    "Note",
    "OpusEncoding",
    "Pattern",
    "Queue",
    "Recorder",
    "RecorderInput",
    "RecordingResult",
    "Resampler",
    "Segment",
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

_NAMES = {
    "base": "AccessUnit MediaError Sink Source Timeline",
    "composed": "Composed",
    "encoding": "OpusEncoding VideoEncoding",
    "files": "FileSource Image ImageSequence MediaFile",
    "fileset": "Limits",
    "inputs": "RecorderInput",
    "rate": "AtMost",
    "recorder": "Recorder",
    "recording": "Note RecordingResult Segment TrackResult",
    "sinks": "Callback Discard Latest Queue Tee",
    "stamp": "Mark",
    "synthetic": "FlashBeep Pattern Silence Still Tone",
    "transform": "Resampler letterbox",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name == "stamp":  # a module, whose functions read best with its name: stamp.draw, stamp.read_at
        return importlib.import_module(f"{__name__}.stamp")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
