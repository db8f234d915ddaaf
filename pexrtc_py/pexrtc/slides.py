"""The slides of the JavaScript object: having them, presenting them as video or as still pictures, and the addresses of stills."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from av import VideoFrame

from pexrtc_py.channel import PresentationImage
from pexrtc_py.errors import FloorRefused, PexRTCError, UsageError
from pexrtc_py.pexrtc.control import ConferenceControl
from pexrtc_py.pexrtc.pending import Pending
from pexrtc_py.pexrtc.streams import MediaStream, RemoteStream, pictures_of
from pexrtc_py.protocol import events as told
from pexrtc_py.protocol.requests import PresentationHighJpeg, PresentationJpeg, PresentationPng

if TYPE_CHECKING:
    from pexrtc_media.base import Source
    from pexrtc_py.conference import Conference

_SMALL_STILLS = 384
"""With so many kbps or less to receive, stills of the presentation are the small ones."""
STILLS_FPS = 1.0

logger = logging.getLogger(__name__)


class Slides(ConferenceControl):
    """What has to do with presentations."""

    def __init__(self) -> None:
        super().__init__()
        self._node = ""
        self._sharing: contextlib.AsyncExitStack | None = None
        self._watching = False
        self._still: str | None = None

    async def _add(self, call_type: str | None) -> None:
        raise NotImplementedError

    # Receiving

    def get_presentation(self) -> Pending[None]:
        """Have the slides; `on_presentation_connected` comes next. Without a call one is made."""
        return self._do(self._get_presentation())

    async def _get_presentation(self) -> None:
        if self.conference.call is None:
            await self._add("presentation")
            return
        self._watching = True
        self._call("on_presentation_connected", RemoteStream(video=self.conference.call.presentation))

    def _stop_watching(self, reason: str) -> None:
        if self._watching:
            self._watching = False
            self._call("on_presentation_disconnected", reason)

    def get_presentation_url(self) -> str | None:
        """Where the newest still of the presentation is, in direct media a `data:` URL with the picture; None before there was one."""
        return self._still

    def _see_still(self, event: told.PresentationFrame | PresentationImage) -> None:
        if isinstance(event, PresentationImage):
            self._still = f"data:{event.media_type};base64,{base64.b64encode(event.data).decode()}"
        else:
            small = self.bandwidth_in is not None and self.bandwidth_in <= _SMALL_STILLS
            kind = PresentationPng if self.png_presentation else PresentationJpeg if small else PresentationHighJpeg
            self._still = f"{self._url(kind.name)}&id={event.id}"
        self._call("on_presentation_reload", self._still)

    def _url(self, name: str) -> str:
        base = self._node if "://" in self._node else f"https://{self._node}"
        return f"{base.rstrip('/')}{self.conference.address.path(name)}?token={self.token}"

    # Presenting

    def present(self, call_type: str | None) -> Pending[None]:
        """Present `user_presentation_stream` ("screen", or "screen_http" as still pictures), or stop (None)."""
        if call_type not in {"screen", "screen_http", None}:
            raise UsageError(f"One presents a 'screen' or 'screen_http', or stops with None; {call_type!r} is neither.")
        if call_type is None:
            return self._do(self._stop_sharing("Screenshare stopped"))
        return self._do(self._share() if call_type == "screen" else self._share_stills())

    async def _share(self) -> None:
        source = self._screen(self.screenshare_fps)
        if self.conference.call is None:
            await self._add("screen")
            return
        await self._begin_to_share(self.conference.present(source), source)

    async def _share_stills(self) -> None:
        """Pictures posted by HTTP, at most one a second; no call is needed."""
        source = self._screen(STILLS_FPS)
        await self._begin_to_share(_posting(self.conference, source), source)

    async def _begin_to_share(self, presenting: contextlib.AbstractAsyncContextManager[None], source: Source[Any]) -> None:
        sharing = contextlib.AsyncExitStack()
        try:
            await sharing.enter_async_context(presenting)
        except FloorRefused as refused:
            self._call("on_screenshare_stopped", f"Screenshare rejected: {refused.reason}")
            return
        self._sharing = sharing
        self._call("on_screenshare_connected", MediaStream(video=source))

    def _screen(self, fps: float) -> Source[Any]:
        from pexrtc_media.rate import AtMost

        stream = self.user_presentation_stream
        source = None if stream is None else pictures_of(stream)
        if source is None:
            raise UsageError("There is nothing to present: set user_presentation_stream.")
        return AtMost(source, fps)

    async def _stop_sharing(self, reason: str) -> None:
        sharing, self._sharing = self._sharing, None
        if sharing is not None:
            await sharing.aclose()
            self._call("on_screenshare_stopped", reason)


@contextlib.asynccontextmanager
async def _posting(conference: Conference, source: Source[Any]) -> AsyncIterator[None]:
    """Hold the floor and post the pictures of a source inside the block. Raises FloorRefused."""
    granted = asyncio.Event()
    posting = asyncio.create_task(conference.present_stills(_paced(source, granted)))
    waiting = asyncio.create_task(granted.wait())
    try:
        await asyncio.wait([posting, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not granted.is_set():
            await posting
        yield
    finally:
        waiting.cancel()
        posting.cancel()
        try:
            await posting
        except PexRTCError as error:
            if granted.is_set():
                logger.warning("Posting stills has ended: %s", error)
        except asyncio.CancelledError:
            pass
        if closes := getattr(source, "aclose", None):
            await closes()


async def _paced(source: Source[Any], granted: asyncio.Event) -> AsyncIterator[VideoFrame]:
    """The pictures of a source, each when it is due; they are asked for when there is the floor."""
    granted.set()
    began: float | None = None
    async for picture in source:
        if isinstance(picture, VideoFrame):
            now, media = asyncio.get_running_loop().time(), picture.time or 0.0
            began = now - media if began is None else began
            await asyncio.sleep(max(0.0, began + media - now))
            yield picture
