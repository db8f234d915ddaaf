"""The unattended recorder: joins, records, leaves by its rules, and says with evidence why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pexrtc_media.base import MediaError
from pexrtc_py.bot import hooks
from pexrtc_py.bot.bundle import Witness
from pexrtc_py.bot.entering import entered
from pexrtc_py.bot.leaving import Watch
from pexrtc_py.bot.manifest import Manifest
from pexrtc_py.bot.naming import LOW, check_place, expand, unused
from pexrtc_py.bot.reasons import End, Reason, of_conference, of_error
from pexrtc_py.bot.stopping import unless
from pexrtc_py.bot.summary import write_summary
from pexrtc_py.errors import PexRTCError

if TYPE_CHECKING:
    from pexrtc_media.recording import RecordingResult
    from pexrtc_py.bot.job import Job
    from pexrtc_py.conference import Conference
    from pexrtc_py.recording import Recording

logger = logging.getLogger(__name__)

LOOK = 0.25
_AS_EXPECTED = {0, 2}
"""Exit codes of runs that went as they were meant to, or were not meant well; others leave a debug bundle."""
DISK_LOOK = 5.0


class State(StrEnum):
    """How far a run is."""

    JOINING = "joining"
    WAITING = "waiting"
    """In the waiting room."""
    CONNECTED = "connected"
    """Media may flow; nothing is in the file yet."""
    RECORDING = "recording"
    """The first picture and sound are in the file."""
    FINISHING = "finishing"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended."""

    run: str
    end: End
    result: RecordingResult | None
    manifest: Path | None = None
    summary: Path | None = None
    bundle: Path | None = None
    """What is known of a run that ended badly."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return self.end.reason.exit_code


class Bot:
    """One run of a job; `state` and `recording` tell how it goes, `on_state` is called at each change.

    `enter` gives the conference, by default by `pexrtc_py.join` with what the job says; `secrets` are those it knows besides the job's.
    """

    def __init__(
        self,
        job: Job,
        *,
        run: str,
        enter: Callable[[], AbstractAsyncContextManager[Conference | None]] | None = None,
        secrets: tuple[str | None, ...] = (),
    ) -> None:
        self.job, self.run_id = job, run
        self.state = State.JOINING
        self.conference: Conference | None = None
        self.recording: Recording | None = None
        self.on_state: Callable[[State], None] | None = None
        self.states: dict[State, float] = {}
        """When each state was reached, in Unix seconds."""
        self._enter = enter or (lambda: entered(job, on_lobby=self.waits))
        self._hooks = hooks.Hooks(job, run)
        self._witness = Witness(job, run, secrets)
        self._manifest: Manifest | None = None
        self._next_disk_look = 0.0

    async def run(self, stop: asyncio.Event | None = None) -> Outcome:
        """Do the job until it ends by itself or `stop` is set. Raises nothing but cancellation: the outcome says what went wrong."""
        with self._witness.log:
            return await self._run(stop or asyncio.Event())

    async def _run(self, stop: asyncio.Event) -> Outcome:
        self._turn_to(State.JOINING)
        try:
            path = self._path()
            end = await self._do(path, stop)
        except PexRTCError as error:
            end = of_error(error)
        except MediaError as error:
            end = End(reason=Reason.WRITE_FAILED, detail=str(error), error=error)
        except asyncio.CancelledError:
            await self._finish(End(reason=Reason.STOPPED, detail="cancelled"))
            raise
        except Exception as error:
            logger.exception("The recorder failed")
            end = of_error(error)
        return await self._finish(end)

    def waits(self) -> None:
        """It is in the waiting room."""
        self._turn_to(State.WAITING)

    def _path(self) -> Path:
        from pexrtc_py.recording import recordable

        path = expand(self.job.out, alias=self.job.conference.partition("@")[0], name=self.job.name, now=time.time(), run=self.run_id)
        recordable(path)
        check_place(path)
        return unused(path)

    async def _do(self, path: Path, stop: asyncio.Event) -> End:
        async with contextlib.AsyncExitStack() as place:
            conference = await unless(stop, place.enter_async_context(self._enter()))
            if conference is None:
                return End(reason=Reason.STOPPED, detail="stopped before anything was recorded")
            self.conference = conference
            self._witness.see(conference)
            self._turn_to(State.CONNECTED)
            self.recording = recording = await conference.record(
                path, limits=self.job.limits, captions=self.job.captions, composed=self.job.composed()
            )
            if self.job.manifest:
                self._manifest = Manifest(recording, conference, run=self.run_id)
            try:
                end = await self._until_done(conference, recording, stop)
                return End(reason=end.reason, detail=end.detail, error=end.error, evidence=end.evidence | self._evidence(conference))
            finally:
                self._turn_to(State.FINISHING)
                self._witness.part()
                await self._close(recording)

    async def _close(self, recording: Recording) -> None:
        if self._manifest is not None:
            now = recording.now()
            for start, stopped, name in self._manifest.presentations:
                recording.chapter(start, now if stopped is None else stopped, f"{name or 'Somebody'} presents")
        await recording.stop()

    async def _until_done(self, conference: Conference, recording: Recording, stop: asyncio.Event) -> End:
        began = time.monotonic()
        watch = Watch(self.job.leave, conference.my_uuid, began)
        while True:
            self._witness.look()
            if stop.is_set():
                return End(reason=Reason.STOPPED, detail="stopped from outside")
            if (end := self._end_of(conference, recording)) is not None:
                return end
            units = sum(track.units for track in recording.result.tracks.values())
            self._see_recording(recording, time.monotonic() - began)
            if not units and time.monotonic() - began > self.job.media_timeout:
                return End(reason=Reason.NO_MEDIA, detail=f"nothing to record arrived within {self.job.media_timeout:.0f} s")
            speaking = any(entry.vad for entry in conference.stage)
            people = conference.participants.values()
            due = watch.see(people, speaking=speaking, units=units, now=time.monotonic(), clock=time.time())
            if due is not None:
                return _by_rule(*due)
            await self._wait(recording, stop)

    def _end_of(self, conference: Conference, recording: Recording) -> End | None:
        if recording.error is not None:
            return of_error(recording.error)
        if conference.ended is not None:
            return of_conference(conference.ended)
        length = recording.duration
        if self.job.seconds is not None and length >= self.job.seconds:
            return End(reason=Reason.LENGTH_REACHED, detail=f"{length:.1f} s were recorded")
        if time.monotonic() >= self._next_disk_look:
            self._next_disk_look = time.monotonic() + DISK_LOOK
            with contextlib.suppress(OSError):
                free = shutil.disk_usage(recording.path.parent).free
                if free < LOW:
                    return End(reason=Reason.LOW_DISK, detail=f"{recording.path.parent} has {free >> 20} MiB left", evidence={"free": free})
        return None

    def _see_recording(self, recording: Recording, passed: float) -> None:
        """Recording is what it is called once sound and picture are in the file, or one of them and the other does not come."""
        if self.state is not State.CONNECTED:
            return
        tracks = recording.result.tracks
        there = [tracks[name].units > 0 for name in ("audio", "video")]
        if recording.begun is not None and (all(there) or (any(there) and passed > self.job.media_timeout)):
            self._turn_to(State.RECORDING)

    async def _wait(self, recording: Recording, stop: asyncio.Event) -> None:
        seconds = LOOK
        if self.job.seconds is not None:
            seconds = max(0.01, min(LOOK, self.job.seconds - recording.duration))
        waiting = [asyncio.ensure_future(one.wait()) for one in (stop, recording.failed)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _evidence(self, conference: Conference) -> dict[str, Any]:
        call, now = conference.call, time.time()
        received = {slot: arriving.received for slot, arriving in call.slots.items()} if call is not None else {}
        return {
            "participants": len(conference.participants),
            "seconds since a packet": {
                slot.value: round(now - stats.last_packet_received, 2) for slot, stats in received.items() if stats.last_packet_received
            },
            "media": call.peer.state.value if call is not None else "none",
        }

    async def _finish(self, end: End) -> Outcome:
        result = self.recording.result if self.recording is not None else None
        manifest = None
        if self._manifest is not None:
            manifest = self._manifest.file.path
            await self._manifest.aclose({"reason": end.reason.value, "detail": end.detail})
        outcome = Outcome(run=self.run_id, end=end, result=result, manifest=manifest)
        if result is not None and self.job.manifest:
            outcome = replace(outcome, summary=await write_summary(outcome, self.job, self.states))
        if outcome.exit_code not in _AS_EXPECTED and (self.job.manifest or self.job.debug_dir is not None):
            outcome = replace(outcome, bundle=await self._witness.write(outcome, self.states))
        self._turn_to(State.DONE)
        await self._hooks.finish(outcome)
        return outcome

    def _turn_to(self, state: State) -> None:
        if state is self.state and state in self.states:
            return
        self.state = state
        self.states[state] = time.time()
        logger.info("%s: %s", self.job.conference, state)
        self._hooks.tell(state)
        if self.on_state is not None:
            self.on_state(state)


def _by_rule(reason: Reason, held: float) -> End:
    words = {
        Reason.EMPTY: "nobody else was there",
        Reason.ONLY_BOTS: "nobody but bots was there",
        Reason.SILENCE: "nobody spoke",
        Reason.NO_SIGNAL: "nothing came to be recorded",
        Reason.MAX_TIME: "it was recorded",
        Reason.CLOCK_TIME: "the time was reached; it was recorded",
    }
    return End(reason=reason, detail=f"{words[reason]} for {held:.0f} s", evidence={"held": round(held, 1)})
