"""What one picture of main video and slides is to be; `composing` draws it. Apart from that, since whoever only records needs no arrays."""

from __future__ import annotations

from dataclasses import dataclass

from pexrtc_media.base import MediaError

SMALLEST, LARGEST = 64, 4096


@dataclass(frozen=True)
class Composed:
    """How a composed picture is made: main video fills it; while slides are shown they are large, and main video is small beside them.

    Raises MediaError for a size that cannot be.
    """

    size: tuple[int, int] = (1280, 720)
    frame_rate: float = 30.0
    """At most so many pictures a second."""
    bitrate: int = 2_000_000
    """Bits per second."""

    def __post_init__(self) -> None:
        if any(side % 2 or not SMALLEST <= side <= LARGEST for side in self.size):
            width, height = self.size
            raise MediaError(f"A picture of {width}x{height} cannot be composed; both are even, and from {SMALLEST} to {LARGEST} pixels.")
        if not 1 <= self.frame_rate <= 60 or self.bitrate < 10_000:
            raise MediaError(f"{self.frame_rate:g} pictures a second at {self.bitrate} bit/s cannot be encoded; 1 to 60, from 10000 bit/s.")
