"""A node's media part that can be looked at."""

from __future__ import annotations

from pexrtc_py.node.bridge import Bridge
from pexrtc_py.node.bridge_room import RoomStats
from pexrtc_py.node.plan import OnLost, OnVoice


class Media:
    """Builds the bridge of a node (`Node(media=...)`), and keeps it."""

    bridge: Bridge

    def __call__(self, *, on_voice: OnVoice, on_lost: OnLost) -> Bridge:
        self.bridge = Bridge(on_voice=on_voice, on_lost=on_lost, loopback=True)
        return self.bridge

    def stats(self) -> RoomStats:
        """Of the only room."""
        (stats,) = self.bridge.stats().values()
        return stats
