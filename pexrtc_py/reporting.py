"""What direct media report to the node of how they fare: the engine's figures in the API's names and units; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pexrtc_py.engine.types import Slot
from pexrtc_py.protocol.models import StreamStatistics
from pexrtc_py.protocol.requests import CallStatistics

if TYPE_CHECKING:
    from pexrtc_py.engine.stats import InboundStats, OutboundStats, SlotStats

_NAMES = {"opus": "opus", "vp8": "VP8", "h264": "H264"}


def report(stats: Mapping[Slot, SlotStats]) -> CallStatistics:
    """Every slot's figures; those that nothing can be said of are left out."""
    return CallStatistics(**{slot.value: _stream(slot, one) for slot, one in stats.items()})


def _stream(slot: Slot, stats: SlotStats) -> StreamStatistics:
    received, sent = stats.inbound, stats.outbound
    figures = {
        "rx_bitrate": received.bitrate / 1000,
        "rx_codec": _NAMES.get(received.codec or ""),
        "rx_jitter": received.jitter * 1000,
        "rx_packets_lost": received.packets_lost,
        "rx_packets_received": received.packets_received,
        "rx_windowed_packet_loss": received.percentage_lost_recent,
        "rx_historic_packet_loss": received.percentage_lost,
        "tx_bitrate": sent.bitrate / 1000,
        "tx_codec": _NAMES.get(sent.codec or ""),
        "tx_packets_sent": sent.packets_sent,
        "tx_rb_jitter": sent.jitter * 1000,
        "tx_rb_packetslost": sent.packets_lost,
        "tx_windowed_packet_loss": sent.percentage_lost_recent,
        "tx_historic_packet_loss": sent.percentage_lost,
    }
    if slot is not Slot.AUDIO:
        figures |= {
            "rx_fps": received.frames_per_second,
            "rx_resolution": _size(received),
            "tx_fps": sent.frames_per_second,
            "tx_resolution": _size(sent),
        }
    return StreamStatistics.model_validate({name: value for name, value in figures.items() if value is not None})


def _size(stats: InboundStats | OutboundStats) -> str | None:
    return f"{stats.frame_width}x{stats.frame_height}" if stats.frame_width else None
