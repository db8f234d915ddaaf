"""Media calls: answers, candidates, cameras at the far end, statistics."""

from __future__ import annotations

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from pexrtc_py.protocol.models.joining import TurnServer
from pexrtc_py.protocol.models.words import CallId, OpenFeccAxis, OpenFeccDirection
from pexrtc_py.protocol.wire import Forgiving, Wire


class CallAnswer(Forgiving):
    """What `calls` answers: the new call and its SDP, empty when there is nothing to apply yet; `url` and `secure_url` for RTMP.

    A `turn` that is present, even empty, makes clients restart ICE.
    """

    call_uuid: CallId
    sdp: str = ""
    offer_ignored: bool | None = None
    turn: tuple[TurnServer, ...] | None = None
    url: str | None = None
    secure_url: str | None = None

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> Any:
        without = {"sdp"} if self.url is not None and not self.sdp else set[str]()
        return {key: value for key, value in handler(self).items() if value is not None and key not in without}


class UpdateAnswer(Forgiving):
    """What `update` answers: an SDP, empty when there is nothing to apply.

    On the wire it is a bare string without `call_uuid` (transcoded calls), an object with it (direct media).
    """

    sdp: str = ""
    call_uuid: CallId | None = None
    offer_ignored: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"sdp": data or ""} if data is None or isinstance(data, str) else data

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> Any:
        return self.sdp if self.call_uuid is None else {key: value for key, value in handler(self).items() if value is not None}


class IceCandidate(Wire):
    """An ICE candidate as it travels; an empty `candidate` ends them."""

    candidate: str
    mid: str | None = None
    ufrag: str | None = None
    pwd: str | None = None


class FeccMovement(Forgiving):
    """One movement of a camera."""

    axis: OpenFeccAxis
    direction: OpenFeccDirection


class StreamStatistics(Wire):
    """How one kind of media fares in direct media: bit rates in kbit/s, jitter in ms, losses in packets, or in percent where they are of a
    window or of all time; a resolution is "1280x720", a codec "VP8".
    """

    rx_bitrate: float | None = None
    rx_codec: str | None = None
    rx_fps: float | None = None
    rx_resolution: str | None = None
    rx_jitter: float | None = None
    rx_packets_lost: float | None = None
    rx_packets_received: float | None = None
    rx_windowed_packet_loss: float | None = None
    rx_historic_packet_loss: float | None = None
    tx_bitrate: float | None = None
    tx_codec: str | None = None
    tx_fps: float | None = None
    tx_resolution: str | None = None
    tx_packets_sent: float | None = None
    tx_rb_jitter: float | None = None
    tx_rb_packetslost: float | None = None
    tx_windowed_packet_loss: float | None = None
    tx_historic_packet_loss: float | None = None
