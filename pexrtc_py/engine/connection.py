"""The one transport of a call: ICE below, DTLS-SRTP above, from the first candidate to the goodbye."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiortc import RTCDtlsFingerprint, RTCDtlsParameters

from pexrtc_py.engine.data import DataChannel
from pexrtc_py.engine.dtls import Certificate, DtlsTransport
from pexrtc_py.engine.ice import IceTransport
from pexrtc_py.engine.sdp import Fingerprint, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pexrtc_py.engine.negotiation import DataSection
    from pexrtc_py.engine.network import Impairment
    from pexrtc_py.engine.types import IceServer


class Connection:
    """Carries RTP and RTCP to and from the other side; `on_rtp` and `on_rtcp` get decrypted packets and their time of arrival."""

    def __init__(
        self,
        *,
        controlling: bool,
        servers: Sequence[IceServer],
        loopback: bool,
        relay_only: bool,
        impairment: Impairment | None = None,
        on_rtp: Callable[[bytes, float], None],
        on_rtcp: Callable[[bytes, float], None],
        on_candidate: Callable[[str], None],
    ) -> None:
        self.ice = IceTransport(controlling=controlling, servers=servers, loopback=loopback, relay_only=relay_only, impairment=impairment)
        self.ice.on_candidate(on_candidate)
        self._dtls = DtlsTransport(self.ice, Certificate.generateCertificate())
        self._dtls.on_rtp, self._dtls.on_rtcp = on_rtp, on_rtcp
        self._remote_ufrag: str | None = None
        self._channel: DataChannel | None = None
        self._closing: asyncio.Task[None] | None = None
        self.ignored_candidates = 0

    @property
    def fingerprint(self) -> Fingerprint:
        """The hash of our certificate."""
        return Fingerprint(*self._dtls.fingerprint.split(" "))

    @property
    def stage(self) -> str:
        """What a connection that is not up yet waits for, in words."""
        return "DTLS did not complete" if self.ice.state == "completed" else "no network path was found"

    @property
    def ended(self) -> bool:
        """Whether the other side said goodbye, or ours did."""
        return self._dtls.state == "closed"

    def silence(self) -> float:
        """For how many seconds nothing has arrived; the machine's clock may be set meanwhile."""
        return time.monotonic() - self.ice.agent.last_heard

    async def gather(self, seconds: float | None = None) -> None:
        """Find candidates; servers that need longer than `seconds` are not waited for."""
        await self.ice.gather()
        try:
            async with asyncio.timeout(seconds):
                await self.ice.gathered()
        except TimeoutError:
            pass

    def add_candidate(self, candidate: str, *, ufrag: str | None = None) -> None:
        """Take a remote candidate; what is of no use (TCP, names, another generation, junk) is counted."""
        stale = ufrag is not None and self._remote_ufrag is not None and ufrag != self._remote_ufrag
        if candidate and (stale or not self.ice.add_candidate(candidate)):
            self.ignored_candidates += 1

    def expect(self, remote: Transport) -> None:
        """Know whose candidates are current, and take those that came with the description."""
        self._remote_ufrag = self._remote_ufrag or remote.ufrag
        for candidate in remote.candidates:
            self.add_candidate(candidate, ufrag=remote.ufrag)

    def restarts(self, remote: Transport) -> bool:
        """Whether a description asks for an ICE restart: its credentials are not those that we know."""
        return self._remote_ufrag not in {None, remote.ufrag}

    async def restart(self, seconds: float) -> None:
        """Take new credentials and find candidates anew, to offer or to answer with; `reconnect()` follows."""
        await self.ice.restart()
        await self.gather(seconds)

    def restarted(self, remote: Transport) -> None:
        """Know the other side by its new credentials."""
        self._remote_ufrag = remote.ufrag

    async def reconnect(self, remote: Transport) -> None:
        """Find another way to the other side and take it; raises ConnectionError. Set your own deadline."""
        await self.ice.reconnect(remote.ufrag, remote.pwd, lite=remote.lite)

    async def connect(self, remote: Transport, *, active: bool) -> None:
        """Connect to the other side, as DTLS client when `active`; raises ConnectionError. Set your own deadline."""
        await self.ice.gather()
        await self.ice.connect(remote.ufrag, remote.pwd, lite=remote.lite)
        self._dtls.set_role("client" if active else "server")
        await self._dtls.start(RTCDtlsParameters(fingerprints=[RTCDtlsFingerprint(f.algorithm, f.value) for f in remote.fingerprints]))
        if self._dtls.state != "connected":
            raise ConnectionError("the DTLS handshake was refused, or the certificate is not the one signaled")
        self._dtls.dispatch_directly()

    async def open_channel(self, channel: DataChannel, remote: DataSection) -> None:
        """Open the data channel, once connected."""
        self._channel = channel
        await channel.start(self._dtls, remote)

    def send(self, data: bytes) -> None:
        """Send one RTP or RTCP packet now; raises ConnectionError when not connected."""
        self._dtls.send(data)

    async def close(self) -> None:
        """Say goodbye and close the sockets, to the end even if whoever waits for it is cancelled; calling it again waits for the same."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
        await self._dtls.stop()
        await self.ice.close()
