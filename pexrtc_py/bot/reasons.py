"""Why a recording ended: a closed list, each with the exit code it deserves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pexrtc_py.errors import (
    CallError,
    ConferenceNotFound,
    Disconnected,
    JoinNeedsMore,
    LobbyTimeout,
    MediaLost,
    NodeError,
    NodeUnreachable,
    NotAllowed,
    OutOfCapacity,
    PexRTCError,
    RecordingError,
    TokenExpired,
    UsageError,
)
from pexrtc_py.signaling.ending import Ended, EndReason


class JoinTimedOut(NodeUnreachable):
    """The node did not let us in within the time that the job gives it."""


class Reason(StrEnum):
    """Every way in which a recording can end; there are no others."""

    LENGTH_REACHED = "length reached"
    """As long as was asked for."""
    STOPPED = "stopped"
    """By a signal, or whoever runs the bot."""
    CONFERENCE_ENDED = "conference ended"
    REMOVED = "removed"
    """Somebody removed the bot, or the node refused to keep it."""
    TRANSFERRED = "transferred"
    EMPTY = "empty"
    """Nobody else was there."""
    ONLY_BOTS = "only bots"
    """Nobody but recorders and the like was there."""
    SILENCE = "silence"
    """Nobody spoke."""
    MAX_TIME = "max time"
    CLOCK_TIME = "clock time"
    """The time of day was reached that was told."""
    LOBBY_TIMEOUT = "lobby timeout"
    JOIN_TIMEOUT = "join timeout"
    NOT_ADMITTED = "not admitted"
    """PIN, token, role or sign-in were refused, or are missing."""
    NO_CONFERENCE = "no conference"
    NO_CAPACITY = "no capacity"
    NODE_UNREACHABLE = "node unreachable"
    NODE_LOST = "node lost"
    TOKEN_LOST = "token lost"
    NO_MEDIA = "no media"
    """The media connection did not come up, or nothing to record arrived."""
    NO_SIGNAL = "no signal"
    """Media had come, and came no more."""
    MEDIA_LOST = "media lost"
    LOW_DISK = "low disk"
    WRITE_FAILED = "write failed"
    MISTAKE = "mistake"
    """What was asked for cannot be done."""
    FAULT = "fault"
    """A fault in this program."""

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return _EXIT_CODES.get(self, 0)


_EXIT_CODES = {
    Reason.FAULT: 1,
    Reason.MISTAKE: 2,
    Reason.NODE_UNREACHABLE: 10,
    Reason.JOIN_TIMEOUT: 10,
    Reason.NOT_ADMITTED: 11,
    Reason.TOKEN_LOST: 11,
    Reason.NO_CONFERENCE: 12,
    Reason.LOBBY_TIMEOUT: 13,
    Reason.NO_CAPACITY: 14,
    Reason.NO_MEDIA: 20,
    Reason.NO_SIGNAL: 21,
    Reason.MEDIA_LOST: 21,
    Reason.NODE_LOST: 21,
    Reason.LOW_DISK: 31,
    Reason.WRITE_FAILED: 31,
}


@dataclass(frozen=True, kw_only=True)
class End:
    """Why, in words, and what shows it."""

    reason: Reason
    detail: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None


_OF_CONFERENCE = {
    EndReason.LEFT: Reason.STOPPED,
    EndReason.REMOVED: Reason.REMOVED,
    EndReason.TRANSFERRED: Reason.TRANSFERRED,
    EndReason.CONFERENCE_ENDED: Reason.CONFERENCE_ENDED,
    EndReason.TOKEN_LOST: Reason.TOKEN_LOST,
    EndReason.NODE_LOST: Reason.NODE_LOST,
    EndReason.MEDIA_LOST: Reason.MEDIA_LOST,
}
_OF_ERROR: tuple[tuple[type[Exception], Reason], ...] = (
    (RecordingError, Reason.WRITE_FAILED),
    (MediaLost, Reason.MEDIA_LOST),
    (CallError, Reason.NO_MEDIA),
    (LobbyTimeout, Reason.LOBBY_TIMEOUT),
    (ConferenceNotFound, Reason.NO_CONFERENCE),
    (OutOfCapacity, Reason.NO_CAPACITY),
    (TokenExpired, Reason.TOKEN_LOST),
    (NotAllowed, Reason.NOT_ADMITTED),
    (JoinNeedsMore, Reason.NOT_ADMITTED),
    (Disconnected, Reason.REMOVED),
    (JoinTimedOut, Reason.JOIN_TIMEOUT),
    (NodeError, Reason.NODE_UNREACHABLE),
    (UsageError, Reason.MISTAKE),
    (PexRTCError, Reason.MISTAKE),
)


def of_conference(ended: Ended) -> End:
    """What the end of the conference means for its recording."""
    return End(reason=_OF_CONFERENCE[ended.reason], detail=ended.detail, evidence={"node said": ended.detail}, error=ended.error)


def of_error(error: Exception) -> End:
    """What an error means; anything unknown is a fault of ours."""
    reason = next((reason for kind, reason in _OF_ERROR if isinstance(error, kind)), Reason.FAULT)
    evidence: dict[str, Any] = {"error": type(error).__name__}
    if (status := getattr(error, "status", None)) is not None:
        evidence |= {"http status": status, "request": error.request.name}  # type: ignore[attr-defined]  # RequestRefused
    return End(reason=reason, detail=str(error), evidence=evidence, error=error)
