"""What Hosts have set for a conference; it holds until the conference ends, and is pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from pexrtc_py.protocol.models import HandmadeLayout, MessageText, SilentVideo, Transforms


@dataclass
class Settings:
    """Everything a Host may set besides locking, muting and starting."""

    guests_can_unmute: bool
    classification: int | None = None
    """The number of the level that holds; None before one is set."""
    message: MessageText | None = None
    """The banner; None before the first, and one without text when it was taken away."""
    pinning_config: str = ""
    transforms: Transforms = field(default_factory=Transforms)
    """All the layout transforms asked for, `layout` written as `host_layout`; the node announces them and goes on showing the speaker."""
    by_hand: HandmadeLayout | None = None
    """The layout that a Host made by hand, which goes before the transforms."""
    silent_video: SilentVideo = field(default_factory=SilentVideo)
    """When a still picture counts as nobody, in Adaptive Composition."""
