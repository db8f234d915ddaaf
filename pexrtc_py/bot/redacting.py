"""What a debug bundle must not hold: takes secrets out of texts, and keeps log lines without what is no plain value."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterable
from pathlib import PurePath

HIDDEN = "[hidden]"
MOST_LINES = 3000
MINUTES = 10
LONGEST_LINE = 4000
_LOGGERS = ("pexrtc_py", "pexrtc_media")
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s\"']+@")
_QUERY = re.compile(r"(https?://[^\s\"'?]+)\?[^\s\"']+")
_ICE_PASSWORD = re.compile(r"(a=ice-pwd:)\S+")
_PLAIN = (str, int, float, bool, type(None), PurePath, BaseException)


class Redactor:
    """Takes secrets out of texts: those that it was told, and what looks like one in an address or a description."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._secrets: set[str] = set()
        self.hide(*secrets)

    def hide(self, *secrets: str | None) -> None:
        """From now on these are hidden as well."""
        self._secrets.update(secret for secret in secrets if secret)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            # A PIN may be short: within a longer number it is none.
            text = re.sub(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", HIDDEN, text)
        text = _CREDENTIALS_IN_URL.sub(f"{HIDDEN}@", text)
        text = _QUERY.sub(rf"\1?{HIDDEN}", text)
        return _ICE_PASSWORD.sub(rf"\1{HIDDEN}", text)


class LogTail(logging.Handler):
    """Keeps the last lines that our loggers let through; what is no plain value is told by its type, for an event may hold a chat."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[tuple[float, str]] = deque(maxlen=MOST_LINES)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        told = logging.makeLogRecord(record.__dict__)
        if isinstance(told.args, tuple):
            told.args = tuple(value if isinstance(value, _PLAIN) else f"<{type(value).__name__}>" for value in told.args)
        try:
            line = self.format(told)
        except (TypeError, ValueError):  # a number was wanted
            line = str(record.msg)
        self._lines.append((record.created, line[:LONGEST_LINE]))

    def text(self, now: float) -> str:
        """The lines of the last minutes."""
        return "".join(f"{line}\n" for at, line in self._lines if now - at <= MINUTES * 60)

    def __enter__(self) -> LogTail:
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)
