"""What sources and sinks are, and the encoded access unit that both may carry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

F_co = TypeVar("F_co", covariant=True)
F_contra = TypeVar("F_contra", contravariant=True)


class MediaError(Exception):
    """A source, a sink or a file that cannot do what was asked; the sentence says which and what to do."""


class Source(Protocol[F_co]):
    """Anything that can be iterated for timed frames: an async generator is a source.

    Items are `av.VideoFrame`, `av.AudioFrame` (with `pts` and `time_base`) or `AccessUnit`. A source does not
    pace itself: its timestamps say when an item is due and the consumer waits. A source that has something to
    close brings `aclose()`. Sources that share a time line (the audio and video of one file) carry the same
    `timeline` attribute.
    """

    def __aiter__(self) -> AsyncIterator[F_co]: ...


class Sink(Protocol[F_contra]):
    """Takes items one by one. `aclose()` may be called twice. A sink with `encoded = True` wants `AccessUnit`s."""

    async def write(self, frame: F_contra, /) -> None:
        """Take one frame (or access unit)."""
        ...

    async def aclose(self) -> None:
        """Finish; calling it again does nothing."""
        ...


@dataclass(slots=True)
class AccessUnit:
    """One encoded video frame or audio packet, complete and in order."""

    data: bytes
    """Opus packet, VP8 frame, or H.264 access unit in Annex B form."""
    codec: str
    """`"opus"`, `"vp8"` or `"h264"`."""
    timestamp: int
    """Media time in units of `1 / clock_rate` seconds, unwrapped; continuous within one `epoch`."""
    clock_rate: int
    """48000 for Opus, 90000 for video."""
    keyframe: bool = True
    ntp: float | None = None
    """Capture time on the sender's clock in Unix seconds by RTCP sender reports (RFC 3550 6.4.1); None before the first."""
    arrival: float = 0.0
    """When it was complete here, in Unix seconds; 0 for units that were not received."""
    epoch: int = 0
    """Counts changes of the RTP source (SSRC); timestamps of different epochs do not compare."""


class Timeline:
    """The common zero of sources that belong together; whoever is due first anchors it for all of them."""

    def __init__(self) -> None:
        self.origin: float | None = None
        self.shifted = 0.0
        """Seconds by which those who fell behind have moved the origin so far; the others follow, to stay in sync."""

    def anchor(self, now: float, seconds: float) -> float:
        """The Unix time of media time zero; set by the first caller, whose item of media time `seconds` is due `now`."""
        if self.origin is None:
            self.origin = now - seconds
        return self.origin
