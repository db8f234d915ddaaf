"""Sources and sinks of media: files, synthetic pictures and sound, recordings. Knows neither Pexip nor WebRTC.

Names are loaded when first used, so that importing this package needs neither numpy nor PyAV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pexrtc_media.base import AccessUnit, MediaError, Sink, Source, Timeline
    from pexrtc_media.inputs import RecorderInput
    from pexrtc_media.recorder import Recorder
    from pexrtc_media.recording import RecordingResult, TrackResult

_HOMES = {
    "AccessUnit": "base",
    "MediaError": "base",
    "Sink": "base",
    "Source": "base",
    "Timeline": "base",
    "Recorder": "recorder",
    "RecorderInput": "inputs",
    "RecordingResult": "recording",
    "TrackResult": "recording",
}

__all__ = ["AccessUnit", "MediaError", "Recorder", "RecorderInput", "RecordingResult", "Sink", "Source", "Timeline", "TrackResult"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
