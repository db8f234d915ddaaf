"""The engine's figures as direct media report them."""

from __future__ import annotations

from pexrtc_py.engine.stats import InboundStats, OutboundStats, SlotStats
from pexrtc_py.engine.types import Slot
from pexrtc_py.protocol.wire import encode
from pexrtc_py.reporting import report


def test_rates_are_kilobits_and_times_milliseconds() -> None:
    received = InboundStats(
        codec="vp8", bitrate=1_500_000, packets_received=99, packets_lost=1, percentage_lost=1.0, percentage_lost_recent=2.0, jitter=0.004,
        frames_per_second=29.5, frame_width=1280, frame_height=720,
    )  # fmt: skip
    sent = OutboundStats(codec="h264", bitrate=64_000, packets_sent=50, packets_lost=2, percentage_lost=4.0, jitter=0.01)

    told = encode(report({Slot.VIDEO: SlotStats(inbound=received, outbound=sent)}))

    assert told == {
        "video": {
            "rx_bitrate": 1500.0, "rx_codec": "VP8", "rx_fps": 29.5, "rx_resolution": "1280x720", "rx_jitter": 4.0, "rx_packets_lost": 1.0,
            "rx_packets_received": 99.0, "rx_windowed_packet_loss": 2.0, "rx_historic_packet_loss": 1.0, "tx_bitrate": 64.0,
            "tx_codec": "H264", "tx_fps": 0.0, "tx_packets_sent": 50.0, "tx_rb_jitter": 10.0, "tx_rb_packetslost": 2.0,
            "tx_windowed_packet_loss": 0.0, "tx_historic_packet_loss": 4.0,
        }
    }  # fmt: skip


def test_sound_has_no_pictures_and_what_is_unknown_is_left_out() -> None:
    told = encode(report({Slot.AUDIO: SlotStats(), Slot.PRESENTATION: SlotStats()}))

    assert not {"rx_fps", "rx_resolution", "rx_codec", "tx_codec"} & set(told["audio"])
    assert "rx_fps" in told["presentation"]
    assert "rx_resolution" not in told["presentation"]
