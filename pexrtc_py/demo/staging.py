"""The demo's call: an embedded node, two participants who take turns, slides in the middle, and a bot that records it all."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from pexrtc_media.base import Source, Timeline
from pexrtc_media.files import ImageSequence
from pexrtc_py.conference import Conference
from pexrtc_py.demo.pictures import FILM, PORTRAIT, Assets, Film, Portrait
from pexrtc_py.demo.voices import Speech, Turns, Voice, recording
from pexrtc_py.errors import RecordingError
from pexrtc_py.joining import join
from pexrtc_py.node.config import Vmr
from pexrtc_py.node.server import Node
from pexrtc_py.recording import Recording, recordable

F = TypeVar("F")
ALIAS = "meet.alice"
SLIDES_FPS = 5
NO_SLIDES = "no slides"
SHOW = 0.2
_TICK = 0.05
_PATIENCE = 10.0
"""Seconds by which the recording may lag behind the clock before the demo gives up waiting for it."""


@dataclass
class Outcome:
    """What was done, for judging what became of it; times are seconds of the recording."""

    path: Path
    turns: Turns
    voices: dict[int, Voice]
    """By the stream number in the stamps."""
    spoken: float = 0.0
    """Up to which media time they spoke at most."""
    presented: tuple[float, float] | None = None
    held_up: float = 0.0
    """For how long at most the event loop could do nothing, in seconds: how busy the machine was."""
    shown_slides: list[Path] = field(default_factory=list)


Tell = Callable[[str, dict[str, object]], None]
"""Takes the status line, and the same as fields."""


class Held(Generic[F]):
    """A source that begins when `start` is set, so that all participants have the same media time."""

    def __init__(self, source: Source[F], timeline: Timeline, start: asyncio.Event) -> None:
        self.timeline = timeline
        self._source, self._start = source, start

    def __aiter__(self) -> AsyncIterator[F]:
        return self._items()

    async def _items(self) -> AsyncIterator[F]:
        await self._start.wait()
        async for item in self._source:
            yield item


class Stage:
    """The node and the two participants, inside `async with`: they are in the conference, and wait for `begin()` to talk."""

    def __init__(self, seconds: float) -> None:
        self.turns = Turns.within(seconds)
        self.voices = {
            FILM: Voice(recording("voice-film.flac"), self.turns, 0),
            PORTRAIT: Voice(recording("voice-portrait.flac"), self.turns, 1),
        }
        self._host_pin, self._guest_pin = (f"{secrets.randbelow(9000) + 1000 + offset}" for offset in (0, 10000))
        self._start = asyncio.Event()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the node and join."""
        async with contextlib.AsyncExitStack() as stack:
            self.assets = stack.enter_context(Assets())
            self.node = await stack.enter_async_context(Node(Vmr(ALIAS, host_pin=self._host_pin, guest_pin=self._guest_pin), ui=True))
            film = Film(self.assets.path("film.mp4"), Timeline())
            stack.push_async_callback(film.aclose)
            portrait = Portrait(self.assets.path("portrait.png"), Timeline())
            self.film = await stack.enter_async_context(self._join("Film", film, FILM))
            self.portrait = await stack.enter_async_context(self._join("Portrait", portrait, PORTRAIT))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Everybody leaves, the node stops."""
        await self._stack.aclose()

    def watch(self, outcome: Outcome) -> None:
        """Measure until the end how much the event loop is held up."""

        async def measure() -> None:
            while True:
                due = asyncio.get_running_loop().time() + _TICK
                await asyncio.sleep(_TICK)
                outcome.held_up = max(outcome.held_up, asyncio.get_running_loop().time() - due)

        watching = asyncio.create_task(measure())
        self._stack.callback(watching.cancel)

    def begin(self) -> float:
        """Let the participants talk; returns when, by the loop's clock."""
        self._start.set()
        return asyncio.get_running_loop().time()

    async def bot(self, stack: contextlib.AsyncExitStack, path: Path) -> Recording:
        """A guest that records."""
        joining = join(ALIAS, node=self.node.url, display_name="Recorder", pin=self._guest_pin, codecs=recordable(path))
        conference = await stack.enter_async_context(joining)
        return await conference.record(path)

    def _join(self, name: str, video: Film | Portrait, stream: int) -> contextlib.AbstractAsyncContextManager[Conference]:
        speech = Speech(self.voices[stream], video.timeline)
        return join(
            ALIAS,
            node=self.node.url,
            display_name=name,
            pin=self._host_pin,
            audio=Held(speech, video.timeline, self._start),
            video=Held(video, video.timeline, self._start),
        )


async def perform(path: Path, seconds: float, *, tell: Tell, stop: asyncio.Event) -> Outcome:
    """Play and record the call, `seconds` of it; ends early when `stop` is set. Raises a `PexRTCError`."""
    _make_room(path)
    tell("Starting a node and joining two participants ...", {"state": "starting"})
    async with Stage(seconds) as stage, contextlib.AsyncExitStack() as bot:
        tell(f"Watch it at {stage.node.page}", {"state": "on stage", "page": stage.node.page})
        outcome = Outcome(path, stage.turns, stage.voices, shown_slides=stage.assets.slides())
        began = stage.begin()
        stage.watch(outcome)
        recording = await stage.bot(bot, path)
        await _play(stage, recording, outcome, seconds, tell=tell, stop=stop)
        await recording.stop()
        outcome.spoken = asyncio.get_running_loop().time() - began + 1.0
        if recording.error is not None:
            raise recording.error
        tell("Leaving ...", {"state": "leaving"})
    return outcome


def _make_room(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"The directory {path.parent} cannot be made: {error.strerror}. Choose another with --out.") from error


async def _play(stage: Stage, recording: Recording, outcome: Outcome, seconds: float, *, tell: Tell, stop: asyncio.Event) -> None:
    """Wait while the participants talk; the middle third with slides."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds + _PATIENCE

    async def until(moment: float, slides: str) -> bool:
        while (now := recording.duration) < moment:
            if stop.is_set() or recording.failed.is_set() or loop.time() > deadline:
                return False
            tell(*_status(stage, recording, now, seconds, slides))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.01, min(SHOW, moment - now)))
        return True

    if not await until(seconds / 3, NO_SLIDES):
        return
    each = seconds / 3 / len(outcome.shown_slides) * 1.1  # a little longer, so that the last one stays until the end
    slides = ImageSequence(outcome.shown_slides, max(1 / SLIDES_FPS, each), fps=SLIDES_FPS, loop=True)
    async with stage.portrait.present(slides):
        begin = recording.duration
        went_on = await until(seconds * 2 / 3, "Portrait presents")
        outcome.presented = (begin, recording.duration)
    if went_on:
        await until(seconds, NO_SLIDES)


def _status(stage: Stage, recording: Recording, now: float, seconds: float, slides: str) -> tuple[str, dict[str, object]]:
    people = {person.uuid: person.display_name for person in stage.film.participants.values()}
    speaker = next((people[entry.participant_uuid] for entry in stage.film.stage if entry.participant_uuid in people), "nobody")
    size = recording.result.bytes
    text = f"{now:4.1f} of {seconds:g} s, {size / 1e6:.2f} MB | {speaker} speaks | {slides} | {', '.join(people.values())} in {ALIAS}"
    fields: dict[str, object] = {"speaker": speaker, "slides": slides, "seconds": round(now, 1), "bytes": size}
    return text, {"state": "recording" if slides == NO_SLIDES else "presenting", **fields}
