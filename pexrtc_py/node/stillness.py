"""Whether a picture rests, told small copies of it; pure.

Faces are not looked for, so with `require_no_faces` a face that rests counts as nobody too. A picture that does not arrive rests.
"""

from __future__ import annotations

from dataclasses import dataclass

from pexrtc_py.protocol.models import SilentVideo

STEP = 8
"""By so much a point's brightness (of 255) may differ between two key frames of the same scene."""
SHARE = 0.01
"""The part of all points from which on a difference counts as movement."""


@dataclass
class Stillness:
    """What is known of one participant's picture. Times are Unix seconds."""

    silent: bool = False
    looked: float = float("-inf")
    """When it was last looked at; infinite while somebody looks."""
    last: bytes | None = None
    """The brightness of its points then."""
    since: float | None = None
    """When it began to rest, or while it is silent, to move; None while it does not."""

    def see(self, points: bytes | None, now: float, config: SilentVideo) -> bool:
        """Take the latest picture, None for lack of one; True when `silent` changed."""
        moves = points is not None and self.last is not None and differ(points, self.last)
        self.last, self.looked = points or self.last, now
        if moves is not self.silent:
            self.since = None
            return False
        if self.since is None:
            self.since = now
        if now - self.since < (config.reactivate_after if self.silent else config.silent_after):
            return False
        self.silent, self.since = not self.silent, None
        return True


def differ(points: bytes, before: bytes) -> bool:
    """Whether something moved between two pictures."""
    changed = sum(abs(one - other) > STEP for one, other in zip(points, before, strict=False))
    return changed >= SHARE * len(points)
