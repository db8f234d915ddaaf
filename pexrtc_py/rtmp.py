"""A call by RTMP: what it sends is published, and what comes is played, as H.264 and AAC over TCP.

The call itself is like any other, with the same slots. The other end of its connection is a peer in this process, which passes on to
RTMP what the call sends, and to the call what RTMP brings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from pexrtc_media.base import AccessUnit, MediaError
from pexrtc_media.rtmp.chunks import Kind
from pexrtc_media.rtmp.client import play, publish
from pexrtc_media.rtmp.connection import Connection
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.peer import Peer
from pexrtc_py.engine.rtmp import Feed, Played, Timing
from pexrtc_py.engine.types import Direction, Slot, SlotOptions
from pexrtc_py.errors import CallError, MediaLost, PexRTCError
from pexrtc_py.protocol.events import PresentationStart
from pexrtc_py.ways import end_call

if TYPE_CHECKING:
    from pexrtc_py.engine.types import Candidate
    from pexrtc_py.protocol.requests.participant import Calls
    from pexrtc_py.ways import CallControl

logger = logging.getLogger(__name__)

CODECS = ("h264", "vp8")
"""H.264 goes as it is; VP8, which a file may need, is made of it."""
GRACE = 1.0
"""How long after a connection's end the node may take to say why, in seconds."""
SLIDES = "-presentation"
"""The stream of the slides is called as that of the call, with this behind it."""


class ByRtmp:
    """Media go by RTMP; `on_lost` hears when a connection is gone that nobody has ended."""

    def __init__(self, control: CallControl, peer: Peer, placing: Calls) -> None:
        self.uuid: str | None = None
        self.on_lost: Callable[[Exception], None] | None = None
        self._control, self._peer, self._placing = control, peer, placing
        self._url = ""
        self._over = False
        self._changing = asyncio.Lock()
        self._feed: Feed | None = None
        self._publishing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        options = {
            Slot.AUDIO: SlotOptions(direction=Direction.SENDRECV, codecs=("opus",)),
            Slot.VIDEO: SlotOptions(direction=Direction.SENDRECV, codecs=CODECS),
            Slot.PRESENTATION: SlotOptions(direction=Direction.SENDONLY, codecs=CODECS),
        }
        self._near = Peer(slots=options, loopback=True, name="rtmp")
        for slot in (Slot.AUDIO, Slot.VIDEO):
            self._near.transceivers[slot].receiver.subscribe(self._publish)

    async def connect(self, seconds: float) -> None:
        """Place the call, and play what the node has; publishing begins with the first that is sent."""
        answer = await self._control.ask_as_me(self._placing)
        self.uuid = answer.call_uuid
        if self._over:  # meanwhile, when there was no call yet that the node could have been told of
            await self.hang_up()
            raise CallError("The call was ended while it was being placed.")
        self._url = answer.secure_url or answer.url or ""
        if not self._url:
            raise CallError("The node placed a call by RTMP, but does not say where to publish and to play.")
        self._peer.on_candidate = self._pass
        await self.offer_again()
        self._spawn(self._peer.gather())
        await self._peer.wait_connected(seconds)
        playing = await self._reached(play(self._url))
        self._spawn(self._main(playing))
        self._spawn(self._slides())

    async def offer_again(self, *, restart: bool = False) -> None:
        """Agree on what is wanted now; the node need not hear of it."""
        if self.uuid is None or self._over:
            return
        async with self._changing:
            offer = await self._peer.create_offer(restart=restart)
            await self._peer.set_answer(await self._near.create_answer(offer))

    async def hang_up(self) -> None:
        """Close the connections, and tell the node."""
        self._over = True
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(*self._tasks - {asyncio.current_task()}, return_exceptions=True)
        if self._feed is not None:
            await self._feed.aclose()
        await self._near.close()
        if self.uuid is not None:
            await end_call(self._control, self.uuid)

    def _pass(self, found: Candidate | None) -> None:
        self._near.add_candidate(found.candidate if found else "", ufrag=found.ufrag if found else None)

    # Publishing

    def _publish(self, unit: AccessUnit) -> None:
        if self._feed is not None:
            self._feed.put(unit, unit.arrival if unit.ntp is None else unit.ntp)
        elif self._publishing is None:
            self._publishing = self._spawn(self._begin_to_publish())

    async def _begin_to_publish(self) -> None:
        connection, stream = await self._reached(publish(self._url))
        bitrate = None if self._placing.bandwidth is None else int(self._placing.bandwidth * 1000)
        self._feed = Feed(connection, stream, executor=None, need_keyframe=self._need_keyframe, bitrate=bitrate, passes=True)
        self._need_keyframe()
        while await connection.receive() is not None:
            pass
        await self._gone("The node closed the RTMP connection that we publish to.")

    def _need_keyframe(self) -> None:
        self._near.transceivers[Slot.VIDEO].receiver.request_keyframe(unix_time())

    # Playing

    async def _main(self, connection: Connection) -> None:
        await self._play(connection, Slot.VIDEO)
        await self._gone("The node closed the RTMP connection that we play from.")

    async def _slides(self) -> None:
        """Some servers have the stream of the slides while there are slides, others at all times."""
        starts = self._control.hub.events(PresentationStart, limit=1)
        try:
            await self._show_slides()
            async for _ in starts:
                await self._show_slides()
        finally:
            starts.close()

    async def _show_slides(self) -> None:
        try:
            await self._play(await play(self._url + SLIDES), Slot.PRESENTATION)
        except MediaError as error:
            logger.debug("No slides by RTMP now: %s", error)

    async def _play(self, connection: Connection, pictures: Slot) -> None:
        """Pass on what comes until the other side is gone."""
        loop, played, timing = asyncio.get_running_loop(), Played(), Timing()
        shown = self._near.transceivers[pictures].sender

        def begin_anew() -> None:
            played.keyframe = True

        shown.on_keyframe_request = begin_anew
        try:
            while (message := await connection.receive()) is not None:
                if message.kind not in (Kind.AUDIO, Kind.VIDEO) or shown.codec is None:
                    continue
                timing.see(message, unix_time())
                for unit, seconds in await loop.run_in_executor(None, played.units, message, shown.codec.name):
                    sender = self._near.transceivers[Slot.AUDIO].sender if unit.codec == "opus" else shown
                    sender.send(unit, captured=timing.captured(seconds))
        finally:
            shown.on_keyframe_request = None
            await connection.aclose()

    # Ends

    async def _reached(self, reaching: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await reaching
        except MediaError as error:
            raise CallError(f"The call by RTMP cannot be made: {error}") from error

    async def _gone(self, why: str) -> None:
        await asyncio.sleep(GRACE)
        self._lose(MediaLost(why))

    def _lose(self, error: Exception) -> None:
        if self.on_lost is not None and not self._over:
            self.on_lost(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, (PexRTCError, MediaError)):
            logger.error("A call by RTMP has failed", exc_info=error)
        self._lose(error if isinstance(error, PexRTCError) else MediaLost(str(error)))
