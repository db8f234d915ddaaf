"""Video of a room, encoded: each receiver's sender is fed with the source it shall see, transcoded only where codecs differ.

Decisions are `routing`'s; what is here moves access units.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.decoders import VideoDecoder
from pexrtc_py.engine.encoders import VideoEncoder
from pexrtc_py.node.backlog import Backlog
from pexrtc_py.node.legs import Port
from pexrtc_py.node.routing import ASK_EVERY, STALL, Board, KeyframeAsker, Route, first_alive
from pexrtc_py.node.signs import Signs
from pexrtc_py.node.splash import splash

logger = logging.getLogger(__name__)

KEYFRAME_TRIES = 6
"""How often a keyframe is asked for on behalf of somebody who waits for it."""


@dataclass(frozen=True)
class TranscoderStats:
    """What one transcoder has done: units taken, waiting, given up; frames sent."""

    taken: int
    waiting: int
    dropped: int
    sent: int


class Transcoder:
    """Turns one source's video into another codec for all who need it; keeps up by encoding the latest frame only.

    `deliver` gets the units with their capture times and `ask` requests a keyframe of the source, both on the event loop.
    """

    def __init__(self, codec: str, *, executor: Executor, deliver: Callable[[AccessUnit, float], None], ask: Callable[[], None]) -> None:
        self._executor, self._deliver = executor, deliver
        self._encoder = VideoEncoder(codec)
        self._decoder: VideoDecoder | None = None
        self._backlog = Backlog(ask)
        self._keyframe = False
        self._sent = 0
        self.limit: int | None = None
        """The most to encode with, in bits/s: what the weakest of its receivers can take."""
        self._task = asyncio.create_task(self._run())

    @property
    def stats(self) -> TranscoderStats:
        """Counts so far."""
        return TranscoderStats(self._backlog.taken, len(self._backlog), self._backlog.dropped, self._sent)

    def put(self, unit: AccessUnit, captured: float) -> None:
        """Take a unit of the source; what cannot be decoded or kept up with is dropped."""
        self._backlog.put(unit, captured)

    def refresh(self) -> None:
        """Make the next frame a keyframe."""
        self._keyframe = True

    async def aclose(self) -> None:
        """Stop; what is being computed is thrown away."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            units = await self._backlog.take()
            keyframe, self._keyframe = self._keyframe, False
            try:
                encoded, damaged = await loop.run_in_executor(self._executor, self._work, units, keyframe)
            except Exception:
                logger.exception("Video cannot be transcoded to %s; going on with the next keyframe", self._encoder.codec)
                self._decoder, encoded, damaged = None, [], True
            if damaged:
                self._backlog.start_over()
            for unit in encoded:
                self._sent += 1
                self._deliver(unit, units[-1][1])

    def _work(self, units: tuple[tuple[AccessUnit, float], ...], keyframe: bool) -> tuple[list[AccessUnit], bool]:
        if self._decoder is None:
            self._decoder = VideoDecoder(units[0][0].codec)
        damaged = self._decoder.damaged
        frames = [frame for unit, _ in units for frame in self._decoder.decode(unit)]
        self._encoder.limit = self.limit
        encoded = self._encoder.encode(frames[-1], keyframe=keyframe) if frames else []
        return encoded, self._decoder.damaged > damaged


@dataclass
class _Source:
    ask: Callable[[float], None]
    """Requests a keyframe of it; takes the time."""
    seen: float = float("-inf")
    codec: str | None = None


@dataclass
class _Receiver:
    transceiver: Port
    route: Route = field(default_factory=Route)
    fed: float | None = None
    """When it last got a picture, or was first able to."""
    board: Board | None = None
    """The splash it sees now."""
    round: tuple[AccessUnit, ...] = ()
    """The pictures of that splash, in its codec."""
    place: int = 0
    """Which of them comes next."""

    @property
    def codec(self) -> str | None:
        """What it gets when its video has to be made."""
        codec = self.transceiver.sender.codec
        return codec.name if codec else None

    def accepts(self, codec: str) -> bool:
        return self.transceiver.sender.accepts(codec)

    def send(self, unit: AccessUnit, captured: float, now: float) -> bool:
        sent = self.transceiver.sender.send(unit, captured=captured)
        self.fed = now if sent else self.fed
        return sent

    def show(self, board: Board, pictures: tuple[AccessUnit, ...], now: float) -> None:
        """Send the next picture of a splash's round; the first one when something else was seen, or the last did not go out."""
        place = self.place if self.board is not None and self.round is pictures else 0
        sent = self.send(pictures[place], now, now)
        self.place = (place + 1) % len(pictures) if sent else 0
        if sent:
            self.route.interrupt()
            self.board, self.round = board, pictures


@dataclass(frozen=True)
class View:
    """What one receiver shall see: the sources it may see, best first, and the splash for lack of them."""

    sources: tuple[str, ...] = ()
    board: Board | None = None


class Forwarder:
    """One slot (main video or presentation) of all calls of one room; everything runs on the event loop but the codecs."""

    def __init__(self, *, executor: Executor, signs: Signs) -> None:
        self._executor, self._signs = executor, signs
        self._sources: dict[str, _Source] = {}
        self._receivers: dict[str, _Receiver] = {}
        self._transcoders: dict[tuple[str, str], Transcoder] = {}
        self._asker = KeyframeAsker()
        self._splashes: dict[tuple[str, Board], tuple[AccessUnit, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[asyncio.Future[AccessUnit | None], frozenset[str]] = {}

    @property
    def transcoders(self) -> Mapping[tuple[str, str], TranscoderStats]:
        """Counts of the running transcoders by source and codec."""
        return {key: transcoder.stats for key, transcoder in self._transcoders.items()}

    def shown(self, receiver: str) -> str | None:
        """The source that the receiver sees now."""
        known = self._receivers.get(receiver)
        return known.route.current if known else None

    def board(self, receiver: str) -> Board | None:
        """The splash that the receiver sees now."""
        known = self._receivers.get(receiver)
        return known.board if known else None

    def add(self, call: str, transceiver: Port) -> None:
        """A call takes part: as a source, and as a receiver."""
        self._sources[call] = _Source(transceiver.receiver.request_keyframe)
        self._receivers[call] = _Receiver(transceiver)
        transceiver.sender.on_keyframe_request = lambda: self._refresh(call, unix_time())

    def add_source(self, name: str, transceiver: Port) -> None:
        """Something that is only seen, and sees nothing."""
        self._sources[name] = _Source(transceiver.receiver.request_keyframe)

    def add_view(self, name: str, refresh: Callable[[], None]) -> None:
        """A composed picture; `refresh` makes its next one a keyframe."""
        self._sources[name] = _Source(lambda now: refresh())

    def remove(self, call: str) -> None:
        """The call, or the source, is gone; an unknown one is no error."""
        if self._sources.pop(call, None):
            if (receiver := self._receivers.pop(call, None)) is not None:
                receiver.transceiver.sender.on_keyframe_request = None
            self._hand_out(call, None)
            self._asker.forget(call)
            self._asker.forget(_splash_for(call))

    def feed(self, source: str, unit: AccessUnit, captured: float, now: float) -> None:
        """A unit of a source has arrived; `captured` on our clock."""
        known = self._sources.get(source)
        if known is None:
            return
        known.seen, known.codec = now, unit.codec
        if unit.keyframe:
            self._hand_out(source, unit)
        for receiver in self._receivers.values():
            if receiver.accepts(unit.codec):
                self._pass(receiver, source, unit, captured, now)
        for (transcoded, _), transcoder in self._transcoders.items():
            if transcoded == source:
                transcoder.put(unit, captured)

    async def keyframe(self, sources: Collection[str]) -> AccessUnit | None:
        """The next keyframe of any of these sources, which is asked for; None when there is none within some seconds."""
        if not sources:
            return None
        arrived: asyncio.Future[AccessUnit | None] = asyncio.get_running_loop().create_future()
        self._waiting[arrived] = frozenset(sources)
        try:
            for _ in range(KEYFRAME_TRIES):
                for source in sources:
                    self.ask(source, unix_time())
                done, _ = await asyncio.wait([arrived], timeout=ASK_EVERY)
                if done:
                    return arrived.result()
            return None
        finally:
            self._waiting.pop(arrived)

    def show(self, views: Mapping[str, View], now: float) -> None:
        """Make each receiver see what it shall; called on each change and several times a second."""
        alive = {name for name, source in self._sources.items() if now - source.seen < STALL}
        for name, receiver in self._receivers.items():
            view = views.get(name, View())
            receiver.route.want(first_alive(view.sources, alive), allowed=view.sources, now=now)
            if receiver.transceiver.sender.ready:
                self._tend(receiver, view.board, now)
        self._fit_transcoders()

    async def aclose(self) -> None:
        """Let go of all calls and stop the transcoders."""
        for call in list(self._sources):
            self.remove(call)
        self._fit_transcoders()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _hand_out(self, source: str, keyframe: AccessUnit | None) -> None:
        """Tell those who wait for a keyframe of this source, None when there will be none."""
        for arrived, sources in self._waiting.items():
            if source in sources and not arrived.done():
                arrived.set_result(keyframe)

    def _pass(self, receiver: _Receiver, source: str, unit: AccessUnit, captured: float, now: float) -> None:
        if not receiver.route.passes(source, keyframe=unit.keyframe):
            return
        if receiver.send(unit, captured, now):
            receiver.board = None
        else:
            receiver.route.interrupt()  # what builds on this unit is of no use to a receiver that did not get it

    def _tend(self, receiver: _Receiver, board: Board | None, now: float) -> None:
        """What a receiver needs besides the units that arrive by themselves: keyframes, and a splash for lack of a picture."""
        if receiver.route.waiting is not None:
            self.ask(receiver.route.waiting, now)
        receiver.fed = receiver.fed or now
        if board is not None and receiver.route.needs_splash(board, shown=receiver.board, fed=receiver.fed, now=now):
            self._send_splash(receiver, board, now)

    def _send_splash(self, receiver: _Receiver, board: Board, now: float) -> None:
        codec = receiver.codec
        if codec is None:
            return
        pictures = self._splashes.get((codec, board))
        if pictures is None:
            self._splashes[codec, board] = ()
            self._spawn(self._draw(codec, board))
        elif pictures:
            receiver.show(board, pictures, now)

    async def _draw(self, codec: str, board: Board) -> None:
        pictures = await asyncio.get_running_loop().run_in_executor(self._executor, splash, codec, self._signs, board)
        self._splashes[codec, board] = pictures

    def _refresh(self, call: str, now: float) -> None:
        """A receiver asked for a keyframe."""
        receiver = self._receivers[call]
        if receiver.route.current is not None:
            self.ask(receiver.route.current, now)
        elif receiver.board is not None and self._asker.due(_splash_for(call), now):
            receiver.place = 0
            self._send_splash(receiver, receiver.board, now)

    def ask(self, source: str, now: float) -> None:
        """Request a keyframe of a source, unless that was just done; an unknown one is ignored."""
        known = self._sources.get(source)
        if known is None or not self._asker.due(source, now):
            return
        known.ask(now)
        for (transcoded, _), transcoder in self._transcoders.items():
            if transcoded == source:
                transcoder.refresh()

    def _fit_transcoders(self) -> None:
        needed: dict[tuple[str, str], list[int]] = {}
        for key, limit in self._needed():
            needed.setdefault(key, []).extend([limit] if limit is not None else [])
        for key in self._transcoders.keys() - needed.keys():
            self._spawn(self._transcoders.pop(key).aclose())
        for (source, codec), limits in needed.items():
            if (source, codec) not in self._transcoders:
                self._transcoders[source, codec] = self._transcoder(source, codec)
            self._transcoders[source, codec].limit = min(limits, default=None)

    def _needed(self) -> Iterable[tuple[tuple[str, str], int | None]]:
        """Sources and codecs to transcode, each with what one of the receivers can take, in bits/s."""
        for receiver in self._receivers.values():
            for source in {receiver.route.wanted, receiver.route.current} - {None}:
                known = self._sources.get(source or "")
                if known and known.codec and receiver.codec and not receiver.accepts(known.codec):
                    yield (source or "", receiver.codec), receiver.transceiver.sender.limit

    def _transcoder(self, source: str, codec: str) -> Transcoder:
        logger.info("The video of call %s is transcoded to %s", source[:8], codec)  # the whole of it is a stream's key in RTMP calls
        return Transcoder(
            codec,
            executor=self._executor,
            deliver=lambda unit, captured: self._deliver(source, unit, captured),
            ask=lambda: self.ask(source, unix_time()),
        )

    def _deliver(self, source: str, unit: AccessUnit, captured: float) -> None:
        native = self._sources[source].codec if source in self._sources else None
        for receiver in self._receivers.values():
            if native is not None and receiver.codec == unit.codec and not receiver.accepts(native):
                self._pass(receiver, source, unit, captured, unix_time())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _splash_for(call: str) -> str:
    return f"splash for {call}"
