"""One side of a call as the bridge sees it, whether a peer connection or something in this process; and the latter, in small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pexrtc_media.base import AccessUnit
from pexrtc_py.engine.types import Codec, Slot

CLOCK_RATES = {"opus": 48_000, "vp8": 90_000, "h264": 90_000}

ECHO_DELAY = 0.25
"""Seconds after capture for which an echo sets its sound: a mix is behind capture itself, and what comes after its time is not heard."""


class Outlet(Protocol):
    """What the node sends to somebody in one slot."""

    on_keyframe_request: Callable[[], None] | None

    @property
    def ready(self) -> bool:
        """Whether anything can be sent."""
        ...

    @property
    def codec(self) -> Codec | None:
        """The codec of first choice."""
        ...

    @property
    def limit(self) -> int | None:
        """The most that it can take, in bits/s; None where that is not known."""
        ...

    def accepts(self, codec: str) -> bool:
        """Whether units of this codec may be sent."""
        ...

    def send(self, unit: AccessUnit, *, captured: float) -> bool:
        """Send one unit captured at this time (Unix seconds of our clock); False when that cannot be."""
        ...


class Inlet(Protocol):
    """What the node gets from somebody in one slot."""

    def subscribe(self, callback: Callable[[AccessUnit], None], /) -> Callable[[], None]:
        """Call back with each unit; returns what ends it."""
        ...

    def request_keyframe(self, now: float, /) -> None:
        """Ask for a keyframe."""
        ...


class Port(Protocol):
    """One slot of a leg."""

    @property
    def sender(self) -> Outlet:
        """What is sent."""
        ...

    @property
    def receiver(self) -> Inlet:
        """What arrives."""
        ...


class Leg(Protocol):
    """One side of a call."""

    @property
    def transceivers(self) -> Mapping[Slot, Port]:
        """Its slots."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


class LocalPort:
    """A slot that ends in this process: units sent to it go to `take`, units it sends come from `say`. It is its own outlet and inlet."""

    def __init__(self, codecs: tuple[str, ...], take: Callable[[AccessUnit, float], bool]) -> None:
        self.on_keyframe_request: Callable[[], None] | None = None
        self.wants_keyframe: Callable[[], None] = lambda: None
        """Somebody who sees what this slot sends needs a keyframe."""
        self._codecs = tuple(Codec(name, 96, CLOCK_RATES[name]) for name in codecs)
        self._take = take
        self._listeners: list[Callable[[AccessUnit], None]] = []

    @property
    def sender(self) -> LocalPort:
        """What is sent to it."""
        return self

    @property
    def receiver(self) -> LocalPort:
        """What it sends."""
        return self

    @property
    def ready(self) -> bool:
        """Whether anything can be sent to it."""
        return bool(self._codecs)

    @property
    def codec(self) -> Codec | None:
        """What it would like to get."""
        return self._codecs[0] if self._codecs else None

    @property
    def limit(self) -> int | None:
        """What is in this process has no network before it."""
        return None

    def accepts(self, codec: str) -> bool:
        """Whether it takes units of this codec."""
        return any(known.name == codec for known in self._codecs)

    def send(self, unit: AccessUnit, *, captured: float) -> bool:
        """Take a unit."""
        return self.accepts(unit.codec) and self._take(unit, captured)

    def need_keyframe(self) -> None:
        """What is sent to it must begin anew."""
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    def subscribe(self, callback: Callable[[AccessUnit], None]) -> Callable[[], None]:
        """Call back with each unit that it sends; returns what ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def request_keyframe(self, now: float) -> None:
        """What it sends shall begin anew."""
        self.wants_keyframe()

    def say(self, data: bytes, codec: str, captured: float, *, keyframe: bool = True) -> None:
        """Send a unit captured at this time (Unix seconds); there is no network, and so no delay to be found out."""
        rate = CLOCK_RATES[codec]
        unit = AccessUnit(data, codec, round(captured * rate), rate, keyframe=keyframe, ntp=captured, arrival=captured)
        for listener in list(self._listeners):
            listener(unit)


class Echo:
    """A leg that sends back what is sent to it: sound and main video."""

    def __init__(self) -> None:
        self.transceivers: dict[Slot, LocalPort] = {
            Slot.AUDIO: LocalPort(("opus",), self._sound),
            Slot.VIDEO: LocalPort(("vp8", "h264"), self._picture),
            Slot.PRESENTATION: LocalPort((), self._picture),
        }
        video = self.transceivers[Slot.VIDEO]
        video.wants_keyframe = video.need_keyframe

    def _sound(self, unit: AccessUnit, captured: float) -> bool:
        self.transceivers[Slot.AUDIO].say(unit.data, unit.codec, captured + ECHO_DELAY)
        return True

    def _picture(self, unit: AccessUnit, captured: float) -> bool:
        self.transceivers[Slot.VIDEO].say(unit.data, unit.codec, captured + ECHO_DELAY, keyframe=unit.keyframe)
        return True

    async def close(self) -> None:
        """Nothing to do."""
