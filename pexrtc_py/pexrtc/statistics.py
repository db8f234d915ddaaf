"""A call's statistics in the shape of the JavaScript object: `{"outgoing": {"audio": {...}, ...}, "incoming": {...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pexrtc_py.engine.stats import InboundStats, OutboundStats, SlotStats
from pexrtc_py.engine.types import Slot

Statistics: TypeAlias = dict[str, dict[str, dict[str, Any]]]


def media_statistics(stats: Mapping[Slot, SlotStats]) -> Statistics:
    """Bitrates in kbps, delays and jitter in ms, losses in percent."""
    return {
        "outgoing": {str(slot): _outgoing(slot, both.outbound) for slot, both in stats.items()},
        "incoming": {str(slot): _incoming(slot, both.inbound) for slot, both in stats.items()},
    }


def _outgoing(slot: Slot, stats: OutboundStats) -> dict[str, Any]:
    return {
        **_common(slot, stats),
        "packets_sent": stats.packets_sent,
    }


def _incoming(slot: Slot, stats: InboundStats) -> dict[str, Any]:
    decoding = {"decode_delay": 1000 * stats.decode_delay} if slot.kind == "video" else {}
    return {**_common(slot, stats), "packets_received": stats.packets_received, **decoding}


def _common(slot: Slot, stats: InboundStats | OutboundStats) -> dict[str, Any]:
    picture = {"resolution": f"{stats.frame_width}x{stats.frame_height}", "frames_per_second": stats.frames_per_second}
    return {
        "codec": stats.codec,
        "bitrate": stats.bitrate / 1000,
        "packets_lost": stats.packets_lost,
        "percentage_lost": stats.percentage_lost,
        "percentage_lost_recent": stats.percentage_lost_recent,
        "jitter": 1000 * stats.jitter,
        **(picture if slot.kind == "video" else {}),
    }
