"""Why a conference ended for us: a closed list of reasons, and how the node's own texts map to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndReason(StrEnum):
    """The reasons a conference can end for one participant; there are no others."""

    LEFT = "left"
    """We left."""
    REMOVED = "removed"
    """Somebody removed us, or the node refused to keep us."""
    TRANSFERRED = "transferred"
    """We followed where we were sent, see `Conference.follow`."""
    CONFERENCE_ENDED = "conference ended"
    """The conference itself ended, for everybody."""
    TOKEN_LOST = "token lost"
    """The node no longer honours our token."""
    NODE_LOST = "node lost"
    """The node, or the way to it, was gone for longer than our token lives."""
    MEDIA_LOST = "media lost"
    """The media stopped for good."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The last event of every conference: why it is over."""

    reason: EndReason
    detail: str = ""
    """The node's own words, or a sentence with the evidence."""
    error: Exception | None = None
    """What went wrong, when something did."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


_TEXTS: tuple[tuple[str, EndReason], ...] = (
    ("timer expired awaiting token refresh", EndReason.TOKEN_LOST),
    ("conference host ended the conference", EndReason.CONFERENCE_ENDED),
    ("api initiated conference termination", EndReason.CONFERENCE_ENDED),
    ("conference terminated by", EndReason.CONFERENCE_ENDED),
    ("no participants can keep conference alive", EndReason.CONFERENCE_ENDED),
    ("all conference hosts departed", EndReason.CONFERENCE_ENDED),
    ("last remaining participant removed", EndReason.CONFERENCE_ENDED),
    ("test call finished", EndReason.CONFERENCE_ENDED),
    ("signaling node disconnected", EndReason.NODE_LOST),
    ("media node disconnected", EndReason.NODE_LOST),
    ("media process disconnected", EndReason.NODE_LOST),
    ("proxied participant disconnected", EndReason.NODE_LOST),
    ("ice failure", EndReason.MEDIA_LOST),
)


def ended_by_node(text: str) -> Ended:
    """What the node's `disconnect` reason means; a text nobody knows counts as a removal."""
    found = (reason for start, reason in _TEXTS if text.lower().startswith(start))
    return Ended(reason=next(found, EndReason.REMOVED), detail=text)
