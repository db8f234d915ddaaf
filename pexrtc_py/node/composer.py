"""Composed video of a room: one composition and one encode per distinct view, however many see it.

A view is fed into the room's forwarder like the video of a call, so that keyframes, switches and splashes are its business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from fractions import Fraction

from av import VideoFrame

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.clock import unix_time
from pexrtc_py.engine.encoders import VIDEO_RATE, VideoEncoder, default_bitrate
from pexrtc_py.node.compositing import Painter, boxes
from pexrtc_py.node.looking import Eye, Picture
from pexrtc_py.node.pressure import Pressure
from pexrtc_py.node.sizes import sufficient
from pexrtc_py.node.viewing import Order, SourceName

logger = logging.getLogger(__name__)

STILL = 0.5
"""Seconds after which a view is composed again although nobody in it sent a picture."""
STALE = 5.0
"""Seconds without a picture after which a place is shown empty."""
EARLY = 0.8
"""The part of the time between two pictures after which the next one may be composed, since sources are not even."""


@dataclass(frozen=True)
class ViewStats:
    """One view so far."""

    size: tuple[int, int]
    composed: int
    keyframes: int


@dataclass
class _View:
    order: Order
    encoder: VideoEncoder
    keyframe: bool = True
    changed: bool = True
    composed: int = 0
    keyframes: int = 0
    when: float = float("-inf")
    """When it was composed last."""
    captured: float = float("-inf")
    """The capture time that its last picture had."""
    picture: VideoFrame | None = None
    """Its last picture."""
    lead: Picture | None = None
    """The picture in the first place of the last composition."""


@dataclass(frozen=True)
class _Job:
    view: _View
    pictures: Mapping[str, VideoFrame]
    size: tuple[int, int]
    captured: float
    keyframe: bool
    made: list[AccessUnit] = field(default_factory=list)


class Composer:
    """Composes the views of one room on the event loop's behalf; what computes does so in the executor.

    `deliver(view, unit, captured)` and `ask(source)` are called on the event loop.
    """

    def __init__(
        self,
        *,
        executor: Executor,
        deliver: Callable[[str, AccessUnit, float], None],
        ask: Callable[[SourceName], None],
        now: Callable[[], float] = unix_time,
    ) -> None:
        self._executor, self._deliver, self._ask, self._now = executor, deliver, ask, now
        self._eyes: dict[SourceName, Eye] = {}
        self._views: dict[str, _View] = {}
        self._painter = Painter()
        self._pressure = Pressure()
        self._seen = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def stats(self) -> Mapping[str, ViewStats]:
        """Counts by view."""
        return {name: ViewStats(view.encoder.size or (0, 0), view.composed, view.keyframes) for name, view in self._views.items()}

    @property
    def waiting(self) -> int:
        """Units that are not decoded yet, of all sources."""
        return sum(eye.waiting for eye in self._eyes.values())

    @property
    def dropped(self) -> int:
        """Units of the present sources that were given up."""
        return sum(eye.dropped for eye in self._eyes.values())

    def picture(self, view: str) -> VideoFrame | None:
        """The latest picture of a view; None before there is one."""
        return self._views[view].picture if view in self._views else None

    def want(self, orders: Mapping[str, Order]) -> None:
        """Make these views, by name, and no others; a view of the same name goes on."""
        for name in self._views.keys() - orders.keys():
            del self._views[name]
        for name, order in orders.items():
            known = self._views.get(name)
            if known is None or known.order.codec != order.codec:
                self._views[name] = _View(order, VideoEncoder(order.codec, fps=order.quality.fps, max_size=None))
            elif known.order != order:
                known.order, known.changed = order, True
        self._painter.keep({name for order in orders.values() for name in order.sources})
        self._fit_eyes({source for order in orders.values() for sources in order.sources.values() for source in sources})
        if self._views and self._task is None:
            self._task = asyncio.create_task(self._run())
        elif not self._views and self._task is not None:
            self._close(self._task)
            self._task = None

    def feed(self, source: SourceName, unit: AccessUnit, captured: float) -> None:
        """A unit of a source has arrived; sources that nobody composes are ignored."""
        if (eye := self._eyes.get(source)) is not None:
            eye.put(unit, captured)

    def refresh(self, view: str) -> None:
        """Make the next picture of a view a keyframe, soon."""
        if (known := self._views.get(view)) is not None:
            known.keyframe = True
            self._seen.set()

    async def aclose(self) -> None:
        """Stop everything that computes."""
        self.want({})
        while self._closing:
            await asyncio.wait(self._closing)

    def _fit_eyes(self, wanted: Collection[SourceName]) -> None:
        gone = self._eyes.keys() - wanted
        for source in gone:
            self._later(self._eyes.pop(source))
        for source in wanted - self._eyes.keys():
            self._eyes[source] = self._eye(source)

    def _eye(self, source: SourceName) -> Eye:
        return Eye(executor=self._executor, now=self._now, seen=self._seen.set, ask=lambda: self._ask(source))

    def _later(self, eye: Eye) -> None:
        task = asyncio.create_task(eye.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _close(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _run(self) -> None:
        while True:
            await self._next()
            now = self._now()
            jobs = [job for view in self._views.values() if (job := self._job(view, now)) is not None]
            if not jobs:
                continue
            try:
                await self._make(jobs)
            except Exception:
                logger.exception("A picture cannot be composed; going on with the next one")
                continue
            self._pressure.see(self._now(), self._now() - now)
            self._hand_out(jobs)

    async def _next(self) -> None:
        """Until there may be something to compose."""
        pause = min((self._due(view) for view in self._views.values()), default=STILL)
        try:
            async with asyncio.timeout(max(pause, 0.002)):
                await self._seen.wait()
        except TimeoutError:
            pass
        self._seen.clear()

    def _due(self, view: _View) -> float:
        """Seconds until a view is to be composed whether or not its first place has a new picture."""
        if view.keyframe or view.changed:
            return view.when + EARLY / view.order.quality.fps - self._now() if self._pictures(view.order) else STILL
        patience = 1.5 / view.order.quality.fps if self._moved(view) else STILL
        return view.when + patience - self._now()

    def _moved(self, view: _View) -> bool:
        """Whether anybody in the view has sent a picture since."""
        return any(picture.decoded > view.when for picture in self._pictures(view.order).values())

    def _pictures(self, order: Order) -> dict[str, Picture]:
        shown = {}
        for name, sources in order.sources.items():
            pictures = [eye.latest for source in sources if (eye := self._eyes.get(source)) and eye.latest is not None]
            if pictures:
                shown[name] = max(pictures, key=lambda picture: picture.decoded)
        return shown

    def _job(self, view: _View, now: float) -> _Job | None:
        """What is to be composed of a view now, if anything."""
        order, pictures = view.order, self._pictures(view.order)
        fresh = {name: picture for name, picture in pictures.items() if now - picture.decoded < STALE}
        if not pictures or now - view.when < EARLY / order.quality.fps:
            return None
        lead = next(pictures[name] for name, _ in order.scene.places if name in pictures)
        if not (view.keyframe or view.changed or lead is not view.lead or self._due(view) <= 0):
            return None
        view.captured, view.lead = self._captured(view, lead, now), lead
        view.when, keyframe, view.keyframe, view.changed = now, view.keyframe, False, False
        frames = {name: picture.frame for name, picture in fresh.items()}
        return _Job(view, frames, self._size(order, frames), view.captured, keyframe)

    def _size(self, order: Order, frames: Mapping[str, VideoFrame]) -> tuple[int, int]:
        """No larger than what is shown is worth, nor than can be kept up with."""
        size = order.quality.size
        places = boxes(order.scene, size)
        shown = [((frame.width, frame.height), places[name][2:]) for name, frame in frames.items()]
        return self._pressure.fitted(sufficient(size, shown))

    def _captured(self, view: _View, lead: Picture, now: float) -> float:
        """The capture time of a composition: that of its first place, or as much later than the last one as time went on."""
        if lead is view.lead:
            return view.captured + now - view.when
        return max(lead.captured, view.captured + 0.001)

    async def _make(self, jobs: list[_Job]) -> None:
        loop = asyncio.get_running_loop()
        frames = await loop.run_in_executor(self._executor, self._paint, jobs)
        encodings = [loop.run_in_executor(self._executor, _encode, job, frame) for job, frame in zip(jobs, frames, strict=True)]
        await asyncio.gather(*encodings)
        for job, frame in zip(jobs, frames, strict=True):
            job.view.picture = frame

    def _paint(self, jobs: Iterable[_Job]) -> list[VideoFrame]:
        # One thread at a time: those who see the same people at the same size share the scaled pictures.
        return [self._painter.paint(job.view.order.scene, job.size, job.pictures) for job in jobs]

    def _hand_out(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            name = next((name for name, view in self._views.items() if view is job.view), None)
            for unit in job.made if name is not None else ():
                job.view.composed += 1
                job.view.keyframes += unit.keyframe
                self._deliver(name or "", replace(unit, arrival=self._now()), job.captured)


def _encode(job: _Job, frame: VideoFrame) -> None:
    frame.pts, frame.time_base = round(job.captured * VIDEO_RATE), Fraction(1, VIDEO_RATE)
    encoder = job.view.encoder
    quality = job.view.order.quality
    encoder.bitrate = min(quality.bitrate, default_bitrate(*job.size, quality.fps))
    job.made.extend(encoder.encode(frame, keyframe=job.keyframe))
