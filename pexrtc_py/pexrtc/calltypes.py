"""The call types of the JavaScript object: which sections a call has, and what flows in them."""

from __future__ import annotations

from pexrtc_py.engine.types import Direction, Slot
from pexrtc_py.errors import UsageError

_MAIN: dict[str | None, tuple[bool, bool, bool]] = {
    None: (True, True, True),
    "video": (True, True, True),
    "audioonly": (True, True, False),
    "recvonly": (False, True, True),
    "recvonlyvideo": (False, False, True),
    "presentation": (False, False, False),
    "screen": (False, False, False),
    "rtmp": (True, True, True),
    "stream": (False, True, True),
}
"""Whether it sends at all, and has sound and pictures."""
BY_RTMP = {"rtmp", "stream"}
"""The latter is for others to see as a stream of the conference."""


def directions(call_type: str | None, *, send: dict[Slot, bool], receive: dict[Slot, bool], in_main: bool = False) -> dict[Slot, Direction]:
    """The sections of a call of this type; `send` and `receive` are what the user does not refuse. Slides go both ways, all the time,
    but by RTMP, where they only come.

    With `in_main` slides come in place of the main video. Raises UsageError for a type that there is not.
    """
    if call_type not in _MAIN:
        known = ", ".join(repr(name) for name in (*_MAIN, "none"))
        raise UsageError(f"There are no calls of the type {call_type!r}; there are {known}.")
    sends, *has = _MAIN[call_type]
    wanted = {
        slot: Direction.of(sends=sends and send[slot], receives=receive[slot])
        for slot, there in zip((Slot.AUDIO, Slot.VIDEO), has, strict=True)
        if there
    }
    both_ways = call_type not in BY_RTMP
    slides = Direction.of(sends=both_ways, receives=not in_main)
    return {slot: direction for slot, direction in wanted.items() if direction is not Direction.INACTIVE} | {Slot.PRESENTATION: slides}
