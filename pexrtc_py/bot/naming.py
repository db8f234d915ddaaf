"""The names of a recording's files, and whether there is room for them."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from string import Formatter
from uuid import uuid4

from pexrtc_py.errors import RecordingError, UsageError

LEAST_FREE = 200 * 2**20
"""Bytes that must be free before a recording begins."""
LOW = 50 * 2**20
"""Bytes below which a recording that runs is finished."""
_MOST_TRIES = 1000
_FIELDS = ("alias", "name", "utc", "date", "time", "run")


def expand(template: str, *, alias: str, name: str, now: float, run: str | None = None) -> Path:
    """The path that a template means: {alias}, {name}, {utc}, {date}, {time} and {run}. Raises `UsageError` for another field.

    What comes from outside cannot lead to another directory.
    """
    utc = time.gmtime(now)
    values = {
        "alias": _safe(alias),
        "name": _safe(name),
        "utc": time.strftime("%Y%m%dT%H%M%SZ", utc),
        "date": time.strftime("%Y-%m-%d", utc),
        "time": time.strftime("%H%M%S", utc),
        "run": run or uuid4().hex[:8],
    }
    try:
        wanted = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
    except ValueError as error:
        raise UsageError(f"{template!r} is no file name: {error}. Double a brace that is meant as one.") from None
    if unknown := wanted - values.keys():
        known = ", ".join(f"{{{field}}}" for field in _FIELDS)
        raise UsageError(f"{template!r} has the unknown field {{{min(unknown)}}}; known are {known}.")
    return Path(template.format_map(values))


def unused(path: Path) -> Path:
    """The path, or with a number the first like it that nothing is at, for no recording may be lost to the next."""
    if not _taken(path):
        return path
    for number in range(2, _MOST_TRIES):
        other = path.with_name(f"{path.stem}-{number}{path.suffix}")
        if not _taken(other):
            return other
    raise RecordingError(f"{path} and {_MOST_TRIES - 2} names like it are taken; choose another with --out.")


def check_place(path: Path, *, least: int = LEAST_FREE) -> None:
    """Find out what can be known before anything is joined. Raises `RecordingError`."""
    if path.is_dir():
        raise RecordingError(f"{path} is a directory; name a file in it with --out.")
    if not path.parent.is_dir():
        raise RecordingError(f"{path} cannot be written: there is no directory {path.parent}. Choose one that exists with --out.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise RecordingError(f"{path} cannot be written: permission denied. Choose a place that you may write to with --out.")
    free = shutil.disk_usage(path.parent).free
    if free < least:
        raise RecordingError(
            f"{path} is not begun: {path.parent} has {free / 2**20:.0f} MiB free, and a recording begins with at least "
            f"{least / 2**20:.0f}. Make room, or choose another place with --out."
        )


def _taken(path: Path) -> bool:
    """Whether something is there that is not an empty file."""
    return path.exists() and (path.is_dir() or path.stat().st_size > 0)


def _safe(text: str) -> str:
    """What may stand in a file name everywhere."""
    return re.sub(r"[^\w.@+-]+", "_", text).strip("._") or "conference"
