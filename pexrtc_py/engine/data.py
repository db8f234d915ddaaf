"""The data channel of a call: text over SCTP over the call's own DTLS (RFC 8831), with a number agreed beforehand."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCSctpTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from pexrtc_py.engine.dtls import DtlsTransport
    from pexrtc_py.engine.negotiation import DataSection

logger = logging.getLogger(__name__)

PORT = 5000
LONGEST = 256 * 1024
"""Bytes of a message that we take."""
MAX_WAITING = 4 * 1024 * 1024
"""Bytes that may wait to be sent."""


class _Association(RTCSctpTransport):
    """aiortc's SCTP, without the power to end the media: what it cannot read is counted."""

    unreadable = 0

    async def _handle_data(self, data: bytes) -> None:
        try:
            await super()._handle_data(data)
        except Exception as error:  # asserts, struct and Unicode errors, and what a handler raised
            self.unreadable += 1
            logger.info("A data packet was ignored: %r", error)


class DataChannel:
    """One channel: `send` once it is `open`; `on_message` gets each text, on the event loop."""

    def __init__(self, number: int, label: str) -> None:
        self.number, self.label = number, label
        self.on_message: Callable[[str], None] | None = None
        self.ignored = 0
        """Messages that were no text, or that nobody wanted."""
        self._association: _Association | None = None
        self._channel: RTCDataChannel | None = None
        self._opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether a message can be sent."""
        return self._channel is not None and self._channel.readyState == "open"

    @property
    def unreadable(self) -> int:
        """Packets that made no sense."""
        return self._association.unreadable if self._association else 0

    async def wait_open(self) -> None:
        """Wait until it is open for the first time; set your own deadline."""
        await self._opened.wait()

    def send(self, text: str) -> None:
        """Send a message, in order and repeated until it arrives; ConnectionError when it is not open, or too much waits already."""
        if self._channel is None or not self.is_open:
            raise ConnectionError(f"The data channel {self.label} is not open; the other side has not joined it.")
        if self._channel.bufferedAmount + len(text) > MAX_WAITING:
            raise ConnectionError(f"{self._channel.bufferedAmount} bytes wait in the data channel {self.label}; the other side takes none.")
        self._channel.send(text)

    async def start(self, dtls: DtlsTransport, remote: DataSection) -> None:
        """Open the channel over a connected transport."""
        self._association = _Association(dtls, port=PORT)
        self._channel = RTCDataChannel(self._association, RTCDataChannelParameters(label=self.label, negotiated=True, id=self.number))
        self._channel.on("open", self._opened.set)
        self._channel.on("message", self._heard)
        await self._association.start(RTCSctpCapabilities(maxMessageSize=remote.longest), remote.port)

    def _heard(self, message: str | bytes) -> None:
        if isinstance(message, bytes) or self.on_message is None:
            self.ignored += 1
            return
        try:
            self.on_message(message)
        except Exception:
            logger.exception("what reads the data channel %s raised", self.label)

    async def close(self) -> None:
        """End it, while the transport still stands; calling it again does nothing."""
        if self._association is not None:
            await self._association.stop()
            self._association = None
