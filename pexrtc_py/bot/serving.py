"""What an unattended recorder shows to those who watch over it: metrics for Prometheus, health, readiness, state."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pexrtc_py.bot.running import State
from pexrtc_py.errors import UsageError

if TYPE_CHECKING:
    from pexrtc_py.bot.running import Bot, Outcome

LAG_LOOK = 0.5
_TYPES = {
    "pexrtc_calls_active": ("gauge", "Recordings that run."),
    "pexrtc_ends_total": ("counter", "Recordings that ended, by reason."),
    "pexrtc_recording_bytes_total": ("counter", "Bytes of all files."),
    "pexrtc_recording_duration_seconds": ("gauge", "Length of the recordings that run, together."),
    "pexrtc_recording_av_offset_seconds": ("gauge", "The largest offset of picture against sound among them."),
    "pexrtc_recording_last_write_timestamp_seconds": ("gauge", "When something was last recorded, the oldest of all."),
    "pexrtc_recording_units_total": ("counter", "Units recorded, by kind."),
    "pexrtc_recording_dropped_total": ("counter", "Units not recorded, by kind."),
    "pexrtc_media_gap_seconds_total": ("counter", "Seconds without media, by kind."),
    "pexrtc_rtp_packets_total": ("counter", "Packets received, by kind."),
    "pexrtc_rtp_packets_lost_total": ("counter", "Packets lost by the network, by kind."),
    "pexrtc_rtp_jitter_seconds": ("gauge", "Interarrival jitter, by kind, the largest."),
    "pexrtc_disk_free_bytes": ("gauge", "Room left where the files are, the least."),
    "pexrtc_event_loop_lag_seconds": ("gauge", "By how much the event loop was late when last looked."),
}
Sample = tuple[str, Mapping[str, str], float]


class Board:
    """The runs of a process, and how they fare."""

    def __init__(self) -> None:
        self.bots: list[Bot] = []
        self.lag = 0.0
        self._ended: Counter[str] = Counter()
        self._seen: dict[str, tuple[int, float]] = {}

    def ended(self, outcome: Outcome) -> None:
        """Count an end."""
        self._ended[outcome.end.reason.value] += 1

    async def watch_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_LOOK
            await asyncio.sleep(LAG_LOOK)
            self.lag = max(0.0, loop.time() - due)

    def samples(self) -> Iterator[Sample]:
        """All metrics as they are now."""
        running = [bot for bot in self.bots if bot.state is not State.DONE]
        results = [bot.recording.result for bot in self.bots if bot.recording is not None]
        live = [bot.recording.result for bot in running if bot.recording is not None]
        yield "pexrtc_calls_active", {}, len(running)
        for reason, count in self._ended.items():
            yield "pexrtc_ends_total", {"reason": reason}, count
        yield "pexrtc_recording_bytes_total", {}, sum(result.bytes for result in results)
        yield "pexrtc_recording_duration_seconds", {}, sum(result.duration for result in live)
        yield "pexrtc_recording_av_offset_seconds", {}, max((abs(result.av_offset or 0.0) for result in live), default=0.0)
        for kind in ("audio", "video", "presentation"):
            tracks = [result.tracks[kind] for result in results]
            yield "pexrtc_recording_units_total", {"kind": kind}, sum(track.units for track in tracks)
            yield "pexrtc_recording_dropped_total", {"kind": kind}, sum(track.dropped for track in tracks)
            yield "pexrtc_media_gap_seconds_total", {"kind": kind}, sum(end - start for track in tracks for start, end in track.gaps)
        yield from self._reception()
        free = [shutil.disk_usage(bot.recording.path.parent).free for bot in running if bot.recording is not None]
        if free:
            yield "pexrtc_disk_free_bytes", {}, min(free)
        if live:
            yield "pexrtc_recording_last_write_timestamp_seconds", {}, min(self._last_write(bot) for bot in running)
        yield "pexrtc_event_loop_lag_seconds", {}, self.lag

    def _reception(self) -> Iterator[Sample]:
        calls = [bot.conference.call for bot in self.bots if bot.conference is not None and bot.conference.call is not None]
        for kind in ("audio", "video", "presentation"):
            stats = [arriving.received for call in calls for slot, arriving in call.slots.items() if slot.value == kind]
            yield "pexrtc_rtp_packets_total", {"kind": kind}, sum(one.packets_received for one in stats)
            yield "pexrtc_rtp_packets_lost_total", {"kind": kind}, sum(max(one.packets_lost, 0) for one in stats)
            yield "pexrtc_rtp_jitter_seconds", {"kind": kind}, max((one.jitter for one in stats), default=0.0)

    def _last_write(self, bot: Bot) -> float:
        """When the units of a recording were last seen to grow."""
        units = sum(track.units for track in bot.recording.result.tracks.values()) if bot.recording is not None else 0
        before = self._seen.get(bot.run_id)
        if before is None or before[0] != units:
            self._seen[bot.run_id] = (units, time.time())
        return self._seen[bot.run_id][1]

    def status(self) -> dict[str, Any]:
        """The state of each run."""
        return {"runs": [_status(bot) for bot in self.bots]}


def _status(bot: Bot) -> dict[str, Any]:
    recording = bot.recording
    return {
        "run": bot.run_id,
        "conference": bot.job.conference,
        "state": bot.state.value,
        "states": {state.value: round(at, 3) for state, at in bot.states.items()},
        "file": str(recording.path) if recording is not None else None,
        "seconds": round(recording.duration, 3) if recording is not None else 0.0,
    }


def exposition(samples: Iterator[Sample]) -> str:
    """The text that Prometheus reads (exposition format 0.0.4)."""
    families: dict[str, list[str]] = {}  # the lines of a metric must stand together
    for name, labels, value in samples:
        inside = ",".join(f'{label}="{text}"' for label, text in labels.items())
        families.setdefault(name, []).append(f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}")
    lines = []
    for name, rows in families.items():
        kind, help_text = _TYPES[name]
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *rows]
    return "\n".join(lines) + "\n"


class Window:
    """Serves `/metrics`, `/healthz`, `/readyz` and `/status` on an address; `async with` it. Raises `UsageError` when it is taken."""

    def __init__(self, board: Board, address: str) -> None:
        self._board = board
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise UsageError(f"{address!r} is not HOST:PORT, such as 127.0.0.1:9464.")
        self._host, self._port = host.strip("[]") or "127.0.0.1", int(port)
        self.url = ""

    async def __aenter__(self) -> Window:
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthy)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/status", self._status)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(f"{self._host}:{self._port} cannot be listened on: {error.strerror}. Choose another address.") from error
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._lag = asyncio.create_task(self._board.watch_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lag.cancel()
        await asyncio.gather(self._lag, return_exceptions=True)
        await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=exposition(self._board.samples()), headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        """Ready is who has begun to record, everywhere."""
        waiting = [bot.state.value for bot in self._board.bots if bot.state in {State.JOINING, State.WAITING, State.CONNECTED}]
        return web.Response(text=f"{', '.join(waiting)}\n", status=503) if waiting else web.Response(text="ok\n")

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(self._board.status())
