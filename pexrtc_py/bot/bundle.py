"""The debug bundle: what is known of a run that ended badly, as a zip without secrets, to be sent to whoever looks into it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import io
import json
import logging
import os
import platform
import time
import traceback
import zipfile
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pexrtc_py.bot.redacting import HIDDEN, LogTail, Redactor
from pexrtc_py.errors import UsageError

if TYPE_CHECKING:
    from pexrtc_py.bot.job import Job
    from pexrtc_py.bot.running import Outcome
    from pexrtc_py.call import Call
    from pexrtc_py.conference import Conference

logger = logging.getLogger(__name__)

MOST_EVENTS = 500
_LIBRARIES = ("pexrtc-py", "aiortc", "aioice", "aiohttp", "av", "numpy", "pydantic", "pyOpenSSL", "pylibsrtp", "uvloop")


class Witness:
    """Sees a run go by, and writes down what it saw when the run ended badly. `secrets` are hidden besides those of the job."""

    def __init__(self, job: Job, run: str, secrets: Iterable[str | None] = ()) -> None:
        self._job, self._run = job, run
        self._redact = Redactor([job.pin, *secrets])
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._conference: Conference | None = None
        self._media: dict[str, str] = {}
        self.log = LogTail()

    def see(self, conference: Conference) -> None:
        """It has joined: remember what comes."""
        self._conference = conference
        conference.hub.on(object)(self._saw)
        self.look()

    def look(self) -> None:
        """Know the token of the moment: it is renewed every minute."""
        if self._conference is not None:
            token = self._conference.session.token
            self._redact.hide(token.token, *(server.credential for server in _servers(token)))

    def part(self) -> None:
        """It is about to leave: look at the media for the last time."""
        if self._conference is None:
            return
        self._conference.hub.off(self._saw)
        self.look()
        if (call := self._conference.call) is not None:
            self._media = _media(call)

    def _saw(self, event: object) -> None:
        uuid = next((str(value) for name in ("uuid", "participant_uuid") if (value := getattr(event, name, None))), None)
        self._events.append({"at": round(time.time(), 3), "event": type(event).__name__} | ({"uuid": uuid} if uuid else {}))

    async def write(self, outcome: Outcome, states: Mapping[Any, float]) -> Path | None:
        """Write the bundle; None when it cannot be, which is logged."""
        self._hide_secrets_of_the_job()
        path = _place(self._job, outcome)
        try:
            await asyncio.to_thread(self._write, path, self._contents(outcome, states))
        except OSError as error:
            logger.warning("The debug bundle %s cannot be written: %s", path, error.strerror or error)
            return None
        return path

    def _hide_secrets_of_the_job(self) -> None:
        with contextlib.suppress(UsageError):  # it could not be read, then or now
            self._redact.hide(self._job.secret())
        for url in (self._job.proxy, self._job.webhook):
            self._redact.hide(urlsplit(url).password if url else None)

    def _contents(self, outcome: Outcome, states: Mapping[Any, float]) -> dict[str, str]:
        end = outcome.end
        told = {
            "run": self._run,
            "reason": end.reason.value,
            "detail": end.detail,
            "exit": outcome.exit_code,
            "evidence": end.evidence,
            "states": {str(state): at for state, at in states.items()},
            "error": "".join(traceback.format_exception(end.error)).splitlines() if end.error is not None else None,
        }
        contents = {"end.json": _json(told), "job.json": _json(_shown(self._job)), "machine.json": _json(_machine())}
        contents["log.txt"] = self.log.text(time.time())
        contents["events.jsonl"] = "".join(json.dumps(event) + "\n" for event in self._events)
        if outcome.result is not None:
            contents["recording.json"] = _json(asdict(outcome.result))
        return contents | self._media

    def _write(self, path: Path, contents: Mapping[str, str]) -> None:
        """Write it whole or not at all."""
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in contents.items():
                if text:
                    archive.writestr(name, self._redact(text))
        beside = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(whole.getvalue())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def _place(job: Job, outcome: Outcome) -> Path:
    """In the folder for such things, or beside the recording."""
    if job.debug_dir is not None:
        return Path(job.debug_dir) / f"{outcome.run}.debug.zip"
    if outcome.result is not None:
        return outcome.result.path.with_name(f"{outcome.result.path.stem}.debug.zip")
    return Path(job.out.partition("{")[0]).parent / f"{outcome.run}.debug.zip"


def _media(call: Call) -> dict[str, str]:
    described = call.peer.descriptions
    stats = {slot.value: _plain(stats) for slot, stats in call.stats().items()}
    return {
        "stats.json": _json({"media": call.peer.state.value, "direct": call.direct, "slots": stats}),
        "local.sdp": str(described.local or described.offered or ""),
        "remote.sdp": str(described.remote or ""),
    }


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _servers(token: Any) -> list[Any]:
    """The TURN servers that came with a token."""
    return list(getattr(token, "turn", None) or [])


def _shown(job: Job) -> dict[str, Any]:
    """The job without its secrets: of addresses the host, of a command its name."""
    shown = asdict(job) | {"pin": HIDDEN if job.pin else None}
    for name in ("webhook", "proxy"):
        if (url := getattr(job, name)) is not None:
            shown[name] = urlsplit(url).hostname
    if job.on_finish is not None:
        shown["on_finish"] = job.on_finish.split(maxsplit=1)[0]
    return shown


def _machine() -> dict[str, Any]:
    def version(name: str) -> str | None:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None

    return {
        "utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "libraries": {name: version(name) for name in _LIBRARIES},
        "environment": sorted(name for name in os.environ if name.startswith("PEXRTC_")),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n"
