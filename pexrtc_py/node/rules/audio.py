"""Muting: what Hosts do to others (administrative), what one does to one's own video, and what clients say of themselves."""

from __future__ import annotations

from typing import Literal

from pexrtc_py.node.admission import Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.protocol.requests import (
    ClientMute,
    ClientUnmute,
    Mute,
    MuteGuests,
    Unmute,
    UnmuteGuests,
    VideoMuted,
    VideoUnmuted,
)

CANNOT_UNMUTE = "Guests cannot unmute themselves"


@answers(Mute)
def mute(asked: Asked, _: Mute) -> bool:
    """The participant's audio leaves the mix."""
    return _set(asked, "muted", True)


@answers(Unmute)
def unmute(asked: Asked, _: Unmute) -> bool:
    """The participant's audio returns; Guests may do that to themselves where the conference allows it."""
    if not asked.sender.is_host and not asked.room.settings.guests_can_unmute:
        raise Refused(403, CANNOT_UNMUTE)
    return _set(asked, "muted", False)


@answers(VideoMuted)
def video_muted(asked: Asked, _: VideoMuted) -> bool:
    """The participant's video is not shown."""
    return _set(asked, "video_muted", True)


@answers(VideoUnmuted)
def video_unmuted(asked: Asked, _: VideoUnmuted) -> bool:
    """The participant's video is shown again."""
    return _set(asked, "video_muted", False)


@answers(ClientMute)
def client_mute(asked: Asked, _: ClientMute) -> bool:
    """The participant says that its microphone is off; nothing else changes."""
    return _set(asked, "client_muted", True)


@answers(ClientUnmute)
def client_unmute(asked: Asked, _: ClientUnmute) -> bool:
    """The participant says that its microphone is on."""
    return _set(asked, "client_muted", False)


@answers(MuteGuests)
def mute_guests(asked: Asked, _: MuteGuests) -> bool:
    """All Guests are muted, and those who come later too."""
    return _set_guests_muted(asked, True)


@answers(UnmuteGuests)
def unmute_guests(asked: Asked, _: UnmuteGuests) -> bool:
    """All Guests are unmuted."""
    return _set_guests_muted(asked, False)


def _set(asked: Asked, flag: Literal["muted", "video_muted", "client_muted"], value: bool) -> bool:
    if getattr(asked.target, flag) is not value:
        setattr(asked.target, flag, value)
        asked.room.updated(asked.target)
        if flag == "video_muted" and asked.target.has_media and not asked.target.waiting:
            asked.room.stage_changed()
    return True


def _set_guests_muted(asked: Asked, muted: bool) -> bool:
    room = asked.room
    if room.guests_muted is not muted:
        room.guests_muted = muted
        room.conference_updated()
    changed = [member for member in room.members.values() if not member.is_host and member.muted is not muted]
    for member in changed:
        member.muted = muted
    room.updated(*changed)
    return True
