"""What stands for JavaScript's media streams: sources on the way out, slots of a call on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pexrtc_media.base import Source
    from pexrtc_py.slots import CallSlot


@runtime_checkable
class HasSources(Protocol):
    """A stream to send: `MediaStream`, or a `MediaFile` as it is."""

    @property
    def audio(self) -> Source[Any] | None:
        """What is said."""
        ...

    @property
    def video(self) -> Source[Any] | None:
        """What is shown."""
        ...


@dataclass(frozen=True)
class MediaStream:
    """What is sent: a source of sound, of pictures, or both."""

    audio: Source[Any] | None = None
    video: Source[Any] | None = None


@dataclass(frozen=True)
class RemoteStream:
    """What arrives: iterate `frames()` or `packets()` of its slots, or connect sinks to them; None where the call has no such section."""

    audio: CallSlot | None = None
    video: CallSlot | None = None


def pictures_of(stream: HasSources | Source[Any]) -> Source[Any] | None:
    """The pictures of a stream; a bare source is taken for them."""
    return stream.video if isinstance(stream, HasSources) else stream
