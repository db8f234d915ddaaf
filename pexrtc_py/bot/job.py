"""What an unattended recorder is to do, as one value: from options, from Python, or from a JSON file (`--spec`)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pexrtc_media.base import MediaError
from pexrtc_media.composed import Composed
from pexrtc_media.fileset import Limits
from pexrtc_py.bot.leaving import AutoLeave
from pexrtc_py.errors import UsageError

SCHEMA = 1
_SECRETS = ("pin",)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One recording of one conference. Raises `UsageError` for what cannot be."""

    conference: str
    """The alias, or alias@domain."""
    out: str
    """The file; {alias}, {name}, {utc}, {date}, {time} and {run} are replaced."""
    node: str | None = None
    name: str = "Recorder"
    pin: str | None = field(default=None, repr=False)
    pin_file: str | None = None
    call_type: str = "webrtc"
    seconds: float | None = None
    """So much recording."""
    join_timeout: float = 60.0
    """Seconds until the node must have let us in, the waiting room not counted."""
    media_timeout: float = 20.0
    """Seconds for which something to record is waited for."""
    leave: AutoLeave = field(default_factory=AutoLeave)
    limits: Limits = field(default_factory=Limits)
    captions: bool = False
    transcode: bool = False
    """Decode, and encode one picture of main video and slides."""
    size: str = "1280x720"
    """That picture's, as WIDTHxHEIGHT."""
    manifest: bool = True
    webhook: str | None = None
    """A URL that is told of each state by POST."""
    on_finish: str | None = None
    """A command that is run when the recording is complete, with PEXRTC_FILE, PEXRTC_SUMMARY and PEXRTC_REASON set."""
    debug_dir: str | None = None
    """Where a debug bundle goes when it ends badly; without it, beside the recording, if anything (`manifest`) is to lie there."""
    ca_file: str | None = None
    insecure: bool = False
    proxy: str | None = None

    def __post_init__(self) -> None:
        if not self.conference or not self.out:
            raise UsageError("A recording needs a conference, and a file to go to (out).")
        for name in ("seconds", "join_timeout", "media_timeout"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise UsageError(f"{name} must be above 0 seconds, not {value:g}.")
        if self.limits.on_change == "scale" and not self.transcode:
            raise UsageError("Only what is decoded can be scaled: transcode as well, or let on_change be native or segment.")
        self.composed()

    def composed(self) -> Composed | None:
        """How pictures are composed; None where they are written as they come."""
        if not self.transcode:
            return None
        width, _, height = self.size.partition("x")
        if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
            raise UsageError(f"The size {self.size!r} is not WIDTHxHEIGHT, as in 1280x720.")
        try:
            return Composed(size=(int(width), int(height)))
        except MediaError as error:
            raise UsageError(str(error)) from error

    def secret(self) -> str | None:
        """The PIN, from the job or its file. Raises `UsageError` with the file's name, never with the PIN."""
        if self.pin_file is None:
            return self.pin
        try:
            lines = Path(self.pin_file).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The PIN file {self.pin_file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
        if not lines or not lines[0].strip():
            raise UsageError(f"The PIN file {self.pin_file} is empty; its first line must be the PIN.")
        return lines[0].strip()

    @classmethod
    def load(cls, path: str | Path) -> Job:
        """The job in a JSON file. Raises `UsageError` that says where and what."""
        (job,) = load_jobs(path, several=False)
        return job


def load_jobs(path: str | Path, *, several: bool = True) -> list[Job]:
    """The jobs in a JSON file: one object, or with `several` a list of them. Raises `UsageError` that says where and what."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The job {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except ValueError as error:
        raise UsageError(f"The job {path} is no valid JSON: {error}.") from error
    except RecursionError:
        raise UsageError(f"The job {path} is nested too deeply to be one.") from None
    rows = told if several and isinstance(told, list) else [told]
    if not rows:
        raise UsageError(f"{path} has no jobs in it.")
    return [_job(row, f"{path}" if len(rows) == 1 else f"{path}, job {index}") for index, row in enumerate(rows, 1)]


def _job(row: object, where: str) -> Job:
    if not isinstance(row, Mapping):
        raise UsageError(f"{where}: a job is an object, not {type(row).__name__}.")
    if row.get("schema", SCHEMA) != SCHEMA:
        raise UsageError(f"{where}: the schema is {row['schema']!r}, and this program knows {SCHEMA}.")
    values = {key: value for key, value in row.items() if key != "schema"}
    values["leave"] = _part(AutoLeave, values.get("leave", {}), f"{where}, leave")
    values["limits"] = _part(Limits, values.get("limits", {}), f"{where}, limits")
    job: Job = _built(Job, values, where)
    return job


def _part(kind: type[Any], value: object, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is an object, not {value!r}.")
    value = dict(value)
    if "bot_words" in value and isinstance(value["bot_words"], list):
        value["bot_words"] = frozenset(map(str, value["bot_words"]))
    return _built(kind, value, where)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "str | None": (str, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
}
_TYPES |= {"bool": bool, "int | None": (int, type(None))}
_WORDS = {"str": "text", "float": "a number", "bool": "true or false", "int": "a whole number"}


def _built(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    known = {each.name: each for each in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{where}: the key {key!r} is unknown; known are {', '.join(known)}.")
        types = _TYPES.get(str(known[key].type))
        wrong = types is not None and (not isinstance(value, types) or (isinstance(value, bool) and types is not bool))
        if wrong:
            shown = "what is there" if key in _SECRETS else repr(value)
            raise UsageError(f"{where}: {key} must be {_WORDS[str(known[key].type).partition(' ')[0]]}, not {shown}.")
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"{where}: {error}.") from None
    except (UsageError, MediaError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from None


def at_clock(text: str, now: float) -> float:
    """Unix seconds of the next `HH:MM` local time, or of an ISO date and time. Raises `UsageError`."""
    from datetime import datetime, timedelta

    try:
        if len(text) == 5 and text[2] == ":":
            local = datetime.fromtimestamp(now).replace(hour=int(text[:2]), minute=int(text[3:]), second=0, microsecond=0)
            return (local if local.timestamp() > now else local + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UsageError(f"{text!r} is no time of day: write 17:30, or 2026-01-31T17:30.") from None


def run_id() -> str:
    """A short name for one run, for file names and logs."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.monotonic_ns() & 0xFFFF:04x}"
