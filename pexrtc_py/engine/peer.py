"""A peer connection for the three sections of a conference call, assembled from aiortc's and aioice's parts.

One transport (RFC 9143), sections found by content and mid, candidates trickled (RFC 8838), directions changed by
further offers over the same transport. The same class offers (a client) and answers (the node); in direct media, where both
sides offer, it does both, and carries a data channel too.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING

from pexrtc_py.engine.cancelling import cancelled
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.connection import Connection
from pexrtc_py.engine.data import DataChannel
from pexrtc_py.engine.descriptions import Descriptions
from pexrtc_py.engine.feedback import DEFAULT_MAX_BITRATE, Feedback
from pexrtc_py.engine.negotiation import DataSection, Negotiated, dtls_role, negotiate, negotiate_data
from pexrtc_py.engine.network import Impairment, Network
from pexrtc_py.engine.offers import LocalParameters, LocalSlot, build_answer, build_offer
from pexrtc_py.engine.receiver import EncodedReceiver
from pexrtc_py.engine.router import Router
from pexrtc_py.engine.rtp import parse
from pexrtc_py.engine.sdp import Description, SdpError, Transport
from pexrtc_py.engine.sender import RtpSender
from pexrtc_py.engine.ticker import Reading, Ticker
from pexrtc_py.engine.types import Candidate, Codec, Direction, IceServer, PeerState, Slot, SlotOptions
from pexrtc_py.errors import IceFailed, NegotiationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pexrtc_py.engine.feedback import RemoteReport
    from pexrtc_py.engine.receiver import FeedbackRequest
    from pexrtc_py.engine.sockets import DatagramSocket

logger = logging.getLogger(__name__)

RELAXED_AFTER = 1.0
"""Seconds for which a connection is up before its packets may wait for a tick."""
CONNECT_DEADLINE = 15.0
DISCONNECTED_AFTER = 4.0
"""Both sides report at least each second and a half, so this long a silence is no accident."""
FAILED_AFTER = 30.0
GATHER_DEADLINE = 2.0
"""How long an answer waits for STUN and TURN servers when nobody takes candidates later; a call that is answered late is lost."""
CHANNEL = "pexChannel"
"""What the data channel is called."""

_DEFAULT_CODECS = {Slot.AUDIO: ("opus",), Slot.VIDEO: ("vp8", "h264"), Slot.PRESENTATION: ("vp8", "h264")}


class Transceiver:
    """One section: what we want of it, what was agreed, and the sender and receiver of its media."""

    def __init__(
        self,
        slot: Slot,
        options: SlotOptions,
        sender: RtpSender,
        receiver: EncodedReceiver,
        *,
        remote_report: Callable[[], RemoteReport | None] = lambda: None,
        reading: Callable[[], Reading] = Reading,
    ) -> None:
        self.slot = slot
        self.direction = options.direction
        self.wanted_codecs = options.codecs or _DEFAULT_CODECS[slot]
        self.sender = sender
        self.receiver = receiver
        self.remote_report = remote_report
        """What the other side last said of what we send."""
        self.reading = reading
        """How the call's sockets are read."""
        self.negotiated: Negotiated | None = None

    def apply(self, negotiated: Negotiated | None) -> None:
        """Put what was negotiated in force; None: the section was rejected."""
        self.negotiated = negotiated
        if not self.current.receives:
            self.receiver.pause()
        if negotiated is not None:
            self.receiver.configure(negotiated.codecs)
            self.sender.bandwidth = negotiated.bandwidth
            self.sender.configure(
                negotiated.codecs,
                mid=negotiated.mid,
                mid_extension_id=negotiated.mid_extension,
                abs_send_time_id=negotiated.abs_send_time_extension,
            )

    @property
    def mid(self) -> str | None:
        """The section's identification tag once negotiated."""
        return self.negotiated.mid if self.negotiated else None

    @property
    def current(self) -> Direction:
        """The direction in force."""
        return self.negotiated.direction if self.negotiated else Direction.INACTIVE

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The negotiated codecs, the preferred one first."""
        return self.negotiated.codecs if self.negotiated else ()


class Peer:
    """One peer connection.

    `slots` says which sections to offer or accept; `bandwidth` is what we want to receive per video section in kbps.
    `loopback` gathers 127.0.0.1 instead of the machine's addresses. `audio_patience` is how many seconds a missing packet of
    sound is waited for. `data_channel` is the number both sides gave the data channel. With a `network` the peer's own datagrams, but
    not what goes through a TURN server, are treated as by one.
    """

    def __init__(
        self,
        *,
        slots: Mapping[Slot, SlotOptions],
        ice_servers: Sequence[IceServer] = (),
        loopback: bool = False,
        relay_only: bool = False,
        bandwidth: int | None = None,
        audio_patience: float | None = None,
        data_channel: int | None = None,
        network: Network | None = None,
        name: str = "",
    ) -> None:
        self.impairment = Impairment(network) if network is not None else None
        """What the pretended network does to our datagrams; None when there is none."""
        self._audio_patience = audio_patience
        self.name = name or secrets.token_hex(4)
        self.state = PeerState.NEW
        self.on_candidate: Callable[[Candidate | None], None] | None = None
        self.malformed_packets = 0
        self.transceivers = {slot: self._transceiver(slot, options) for slot, options in slots.items()}
        self.connection: Connection | None = None
        self._ice_settings = (tuple(ice_servers), loopback, relay_only)
        self._bandwidth = bandwidth
        self._cname, self._session_id = secrets.token_hex(8), secrets.randbits(62)
        self._tasks: list[asyncio.Task[None]] = []
        self._up_since = 0.0
        self._closing: asyncio.Task[None] | None = None
        self._state_callbacks: list[Callable[[PeerState], None]] = []
        self._settled = asyncio.Event()
        self._begin(data_channel)

    def _begin(self, data_channel: int | None) -> None:
        """Know nothing of the other side."""
        self.descriptions = Descriptions()
        self.data = DataChannel(data_channel, CHANNEL) if data_channel is not None else None
        self.failure: IceFailed | None = None
        """Why the state is FAILED."""
        self._role: str | None = None
        self._settled.set()  # whoever waits for the connection before this one
        self._settled = asyncio.Event()
        transceivers = self.transceivers.values()
        self._router = Router({transceiver.slot: transceiver.receiver for transceiver in transceivers})
        receivers, senders = [one.receiver for one in transceivers], [one.sender for one in transceivers]
        self.feedback = Feedback(receivers=receivers, senders=senders, cname=self._cname)
        self.bandwidth = self._bandwidth

    @property
    def bandwidth(self) -> int | None:
        """What we want to receive per video section in kbps; told at once by RTCP, and in the next offer or answer."""
        return self._bandwidth

    @bandwidth.setter
    def bandwidth(self, bandwidth: int | None) -> None:
        self._bandwidth = bandwidth
        videos = sum(slot.kind == "video" for slot in self.transceivers)
        self.feedback.max_bitrate = DEFAULT_MAX_BITRATE if bandwidth is None else bandwidth * 1000 * videos

    def _transceiver(self, slot: Slot, options: SlotOptions) -> Transceiver:
        sender = RtpSender(slot=slot, transmit=self._transmit)
        sender.on_started = self._report_now
        patience = self._audio_patience if slot is Slot.AUDIO else None
        receiver = EncodedReceiver(slot=slot, request=self._request, patience=patience)
        receiver.on_urgent = self._settle_hurry
        return Transceiver(
            slot, options, sender, receiver, remote_report=lambda: self.feedback.remote_reports.get(sender.ssrc), reading=self.reading
        )

    def on_state(self, callback: Callable[[PeerState], None]) -> None:
        """Call back at each change of `state`."""
        self._state_callbacks.append(callback)

    # Negotiation

    async def create_offer(self, *, restart: bool = False) -> str:
        """Our offer, the first one or a further one. Candidates follow through `on_candidate` once `gather()` is called.

        With `restart`, a connection that was up looks for another way to the other side (RFC 8839 4.4.1.1.1); media goes on as before
        until it is found.
        """
        connection = self.connection or self._start(controlling=True)
        if restart and self._was_up:
            await connection.restart(self._gather_deadline)
        self.descriptions.offered = build_offer(self._parameters(connection), previous=self.descriptions.local)
        return str(self.descriptions.offered)

    async def set_answer(self, sdp: str) -> None:
        """Take the answer to our last offer; raises NegotiationFailed when it cannot be used."""
        offer = self.descriptions.offered
        if offer is None:
            raise NegotiationFailed("An answer came without an offer of ours; call create_offer() first.")
        try:
            answer = Description.parse(sdp)
            agreed = negotiate(offer, answer, offered=True)
            remote = answer.transport
        except SdpError as error:
            raise NegotiationFailed(f"The node's answer cannot be used: {error}") from error
        self.descriptions.agree(offer, answer)
        restarts = self.connection is not None and self.connection.ice.restarting and self.connection.restarts(remote)
        self._apply(agreed, dtls_role(answer, offered=True), remote, negotiate_data(offer, answer, offered=True), restarts=restarts)

    async def take_back_offer(self) -> None:
        """Our last offer is not answered any more. A first one takes its transport with it: the next begins anew."""
        if self.descriptions.take_back():
            await self._without_first_offer()

    async def _without_first_offer(self) -> None:
        if self.state is PeerState.NEW and self.connection is not None:
            connection, self.connection = self.connection, None
            await connection.close()

    async def create_answer(self, offer: str) -> str:
        """Our answer to an offer, the first one or a further one, with our candidates so far; raises NegotiationFailed.

        An unanswered offer of ours is taken back if we are polite; else this raises `OffersCrossed`.
        """
        if self.descriptions.give_way():
            await self._without_first_offer()
        connection = self.connection or self._start(controlling=False)
        if self.state is PeerState.NEW:
            await connection.gather(self._gather_deadline)
        try:
            theirs = Description.parse(offer)
            restarts = self._was_up and connection.restarts(theirs.transport)
            if restarts:
                await connection.restart(self._gather_deadline)
            answer = build_answer(theirs, self._parameters(connection), previous=self.descriptions.local)
            agreed = negotiate(theirs, answer, offered=False)
            remote = theirs.transport
        except SdpError as error:
            raise NegotiationFailed(f"The offer cannot be used: {error}") from error
        self.descriptions.agree(answer, theirs)
        self._apply(agreed, dtls_role(answer, offered=False), remote, negotiate_data(theirs, answer, offered=False), restarts=restarts)
        return str(answer)

    def use_servers(self, servers: Sequence[IceServer]) -> None:
        """Ask these STUN and TURN servers first; when others have been asked already, with the next restart."""
        before, loopback, relay_only = self._ice_settings
        self._ice_settings = ((*servers, *before), loopback, relay_only)
        if self.connection is not None:
            self.connection.ice.use(self._ice_settings[0])

    def set_direction(self, slot: Slot, direction: Direction) -> None:
        """Want another direction; effective with the next offer or answer."""
        self.transceivers[slot].direction = direction

    def set_codecs(self, slot: Slot, codecs: tuple[str, ...]) -> None:
        """Want other codecs, the preferred one first; effective with the next offer or answer."""
        self.transceivers[slot].wanted_codecs = codecs

    def add_candidate(self, candidate: str, *, mid: str | None = None, ufrag: str | None = None) -> None:
        """Take a remote candidate, whatever its `mid` since all sections share one transport; `""` ends them."""
        if self.connection is not None:
            self.connection.add_candidate(candidate, ufrag=ufrag)

    async def gather(self) -> None:
        """Find our candidates and tell them through `on_candidate`, at last None; an offerer calls it once it can send them."""
        connection = self.connection
        if connection is None:
            raise NegotiationFailed("There is nothing to gather candidates for; call create_offer() first.")
        await connection.gather()
        if self.on_candidate is not None and self.connection is connection:
            self.on_candidate(None)

    @property
    def _gather_deadline(self) -> float:
        """No answer waits for servers where what they say can be told afterwards."""
        return GATHER_DEADLINE if self.on_candidate is None else 0.0

    def _start(self, *, controlling: bool) -> Connection:
        if self.state is PeerState.CLOSED:
            raise IceFailed("The media connection is closed, so no other is begun.")
        servers, loopback, relay_only = self._ice_settings
        self.connection = Connection(
            controlling=controlling,
            servers=servers,
            loopback=loopback,
            relay_only=relay_only,
            impairment=self.impairment,
            on_rtp=self._rtp_received,
            on_rtcp=self._rtcp_received,
            on_candidate=self._tell_candidate,
        )
        return self.connection

    def _parameters(self, connection: Connection) -> LocalParameters:
        ice, answering = connection.ice, connection.ice.role == "controlled"
        told = answering or ice.restarting  # else they follow one by one, and before a restart nobody would know whose they are
        return LocalParameters(
            ufrag=ice.ufrag,
            pwd=ice.pwd,
            fingerprints=(connection.fingerprint,),
            slots={slot: self._local_slot(t) for slot, t in self.transceivers.items()},
            session_id=self._session_id,
            cname=self._cname,
            candidates=tuple(ice.candidates) if told else (),
            complete=answering and self.on_candidate is None,
            bandwidth=self._bandwidth,
            channel=self.data.number if self.data is not None else None,
            role=self._role,
        )

    def _local_slot(self, transceiver: Transceiver) -> LocalSlot:
        options = SlotOptions(direction=transceiver.direction, codecs=transceiver.wanted_codecs)
        sender = transceiver.sender
        return LocalSlot(options=options, ssrc=sender.ssrc, rtx_ssrc=sender.rtx_ssrc if transceiver.slot is not Slot.AUDIO else None)

    def _apply(self, agreed: Mapping[Slot, Negotiated], role: str, remote: Transport, data: DataSection | None, *, restarts: bool) -> None:
        """Put what was negotiated in force; with the first description of the other side begin to connect."""
        self._router.configure(agreed)
        for slot, transceiver in self.transceivers.items():
            transceiver.apply(agreed.get(slot))
        self.feedback.remb = any("goog-remb" in found.feedback for found in agreed.values())
        self._role = self._role or role
        self._enable_senders()
        assert self.connection is not None
        if restarts:
            self.connection.restarted(remote)
        self.connection.expect(remote)
        if self.state is PeerState.NEW:
            self._set_state(PeerState.CONNECTING)
            self._tasks = [asyncio.create_task(self._connect(self.connection, remote, data))]
            Ticker.of_loop().add(self)
        elif restarts:
            self._tasks.append(asyncio.create_task(self._reconnect(self.connection, remote)))

    @property
    def _was_up(self) -> bool:
        return self.state in {PeerState.CONNECTED, PeerState.DISCONNECTED}

    def _enable_senders(self) -> None:
        for transceiver in self.transceivers.values():
            transceiver.sender.ready = self._was_up and transceiver.current.sends

    def _tell_candidate(self, candidate: str) -> None:
        described = self.descriptions.offered or self.descriptions.local
        if self.on_candidate is not None and self.connection is not None and described is not None:
            ice = self.connection.ice
            self.on_candidate(Candidate(candidate, (*described.bundle, "0")[0], ice.ufrag, ice.pwd))

    # Connecting

    async def _connect(self, connection: Connection, remote: Transport, data: DataSection | None) -> None:
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                await connection.connect(remote, active=self._role == "active")
        except TimeoutError:
            self._fail(f"The media connection was not up within {CONNECT_DEADLINE:.0f} s: {connection.stage}. Check firewalls and UDP.")
        except ConnectionError as error:
            self._fail(f"The media connection failed: {error}. Check firewalls and UDP.")
        else:
            if self.data is not None and data is not None:
                await connection.open_channel(self.data, data)
            self._up_since = time.monotonic()
            self._set_state(PeerState.CONNECTED)

    async def _reconnect(self, connection: Connection, remote: Transport) -> None:
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                await connection.reconnect(remote)
        except (TimeoutError, ConnectionError):
            logger.warning("%s: ICE was restarted, and no other way was found within %.0f s.", self.name, CONNECT_DEADLINE)
        else:
            logger.info("%s: ICE was restarted", self.name)

    async def wait_connected(self, timeout: float = CONNECT_DEADLINE + 1) -> None:  # noqa: ASYNC109  # a deadline of the call, told in its error
        """Wait until media can flow; raises IceFailed."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            raise IceFailed(f"The media connection was not up within {timeout:.0f} s. Check firewalls and UDP.") from None
        if self.failure is not None:
            raise self.failure
        if self.state in {PeerState.NEW, PeerState.CLOSED}:
            raise IceFailed("The media connection was closed while it was being made.")

    def _set_state(self, state: PeerState) -> None:
        if state is self.state or self.state is PeerState.CLOSED:
            return
        logger.info("%s: %s -> %s", self.name, self.state, state)
        self.state = state
        self._enable_senders()
        if state in {PeerState.CONNECTED, PeerState.FAILED, PeerState.CLOSED}:
            self._settled.set()
        for callback in list(self._state_callbacks):
            try:
                callback(state)
            except Exception:
                logger.exception("%s: a callback for its state raised", self.name)

    def _fail(self, why: str) -> None:
        self.failure = IceFailed(why)
        self._set_state(PeerState.FAILED)

    def _watch(self, connection: Connection) -> None:
        """Tell silence from a living connection; the end of DTLS is an end at once."""
        silent = connection.silence()
        if connection.ended:
            self._fail("The other side closed the media connection.")
        elif silent > FAILED_AFTER:
            self._fail(f"Nothing was received for {silent:.0f} s: the media connection is lost.")
        else:
            self._set_state(PeerState.DISCONNECTED if silent > DISCONNECTED_AFTER else PeerState.CONNECTED)

    async def close(self) -> None:
        """Say goodbye and close the sockets, to the end even if whoever waits for it is cancelled; calling it again waits for the same."""
        if self._closing is None:
            self._set_state(PeerState.CLOSED)
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._disconnect()
        for transceiver in self.transceivers.values():
            transceiver.receiver.close()

    async def renew(
        self, *, data_channel: int | None = None, ice_servers: Sequence[IceServer] | None = None, relay_only: bool = False
    ) -> None:
        """Leave the other side and begin anew, to connect to another; who sends and who receives here stays as it is.

        With `ice_servers`, these are asked from now on instead of those before, and `relay_only` holds.
        """
        if self.state is PeerState.CLOSED:
            return
        if ice_servers is not None:
            self._ice_settings = (tuple(ice_servers), self._ice_settings[1], relay_only)
        for transceiver in self.transceivers.values():
            transceiver.sender.ready = False
        before = self.connection
        await self._disconnect()
        if self.connection is not before:
            return  # somebody else was quicker, and has begun anew
        self.connection = None
        for transceiver in self.transceivers.values():
            transceiver.apply(None)
        self._begin(data_channel)
        self._set_state(PeerState.NEW)

    async def _disconnect(self) -> None:
        Ticker.of_loop().remove(self)
        await cancelled(self._tasks)
        self._transmit_feedback([self.feedback.goodbye()])
        if self.connection is not None:
            await self.connection.close()

    # Media and feedback

    def _rtp_received(self, data: bytes, now: float) -> None:
        known = self._router.known.get(data[8:12])
        if known is not None and known.receive_next(data, now):
            return
        try:
            packet = parse(data)
        except ValueError:
            self.malformed_packets += 1
            return
        receiver = self._router.route(packet)
        if receiver is not None:
            receiver.receive(packet, now)

    def _rtcp_received(self, data: bytes, now: float) -> None:
        self.feedback.incoming(data, now)

    def _transmit(self, data: bytes) -> None:
        if self.connection is None:
            raise ConnectionError("Cannot send: nothing was negotiated yet.")
        self.connection.send(data)

    def _transmit_feedback(self, packets: Sequence[bytes]) -> None:
        try:
            for packet in packets:
                self._transmit(packet)
        except ConnectionError:
            logger.debug("%s: feedback before or after the connection", self.name)

    def _request(self, requests: list[FeedbackRequest]) -> None:
        self._transmit_feedback([self.feedback.urgent(requests)])

    def _report_now(self) -> None:
        self._transmit_feedback(self.feedback.outgoing(unix_time()))

    # Time

    @property
    def relaxed(self) -> bool:
        """Whether the packets may wait for a tick: nobody needs them at once, nothing is sent, and the call has begun."""
        transceivers = self.transceivers.values()
        return (
            self.state is PeerState.CONNECTED
            and self.data is None
            and time.monotonic() - self._up_since > RELAXED_AFTER
            and all(one.receiver.relaxed and not one.current.sends for one in transceivers)
        )

    @property
    def sockets(self) -> list[DatagramSocket]:
        """What media comes through; through others come checks at most, once in seconds."""
        return self.connection.ice.agent.carrying if self.connection is not None else []

    def reading(self) -> Reading:
        """How the sockets are read, and what did not fit into them."""
        sockets = self.connection.ice.agent.sockets if self.connection is not None else []
        return Reading(Ticker.of_loop().seconds if self.relaxed else 0.0, sum(socket.stats.overflowed for socket in sockets))

    def tick(self, now: float) -> None:
        """Do what time calls for: repeated requests, reports, the watch on silence."""
        connection = self.connection
        if connection is None or self.state in {PeerState.FAILED, PeerState.CLOSED}:
            Ticker.of_loop().remove(self)
            return
        for transceiver in self.transceivers.values():
            transceiver.receiver.tick(now)
        if self._was_up:
            self._transmit_feedback(self.feedback.outgoing(now))
            self._watch(connection)
            self._settle_hurry()

    def _settle_hurry(self) -> None:
        """Read the sockets at each tick, or as soon as something comes."""
        relaxed, carrying = self.relaxed, self.sockets
        for socket in self.connection.ice.agent.sockets if self.connection is not None else ():
            socket.relaxed = relaxed and socket in carrying
