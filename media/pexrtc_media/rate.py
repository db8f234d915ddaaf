"""Sources that give less than another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from av import VideoFrame

from pexrtc_media.base import Source


class AtMost:
    """The pictures of a source, at most `fps` of them a second; what is encoded already passes, since nothing can be left out of it."""

    def __init__(self, source: Source[Any], fps: float) -> None:
        self._source, self._interval = source, 1 / fps
        self.live = getattr(source, "live", False)
        self.request_keyframe = getattr(source, "request_keyframe", None)
        self.timeline = getattr(source, "timeline", None)

    async def __aiter__(self) -> AsyncIterator[Any]:
        due: float | None = None
        iterator = aiter(self._source)
        closing = aclosing(iterator) if hasattr(iterator, "aclose") else None  # type: ignore[type-var]
        try:
            async for item in iterator:
                time = item.time if isinstance(item, VideoFrame) else None
                if time is None:
                    yield item
                elif due is None or time >= due - self._interval / 4 or time < due - 2 * self._interval:
                    # A source's own steps need not divide ours: keep to the grid, begin anew after a jump.
                    due = time + self._interval if due is None or abs(time - due) > self._interval else due + self._interval
                    yield item
        finally:
            if closing is not None:
                await closing.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """Close the source."""
        if closes := getattr(self._source, "aclose", None):
            await closes()
