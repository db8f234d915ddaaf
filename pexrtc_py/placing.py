"""The media call of a conference: placed, ended, and placed again elsewhere with what it sent before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from pexrtc_py.calling import CallOptions, changed, ice_servers, new_call
from pexrtc_py.engine.types import IceServer, Slot
from pexrtc_py.errors import UsageError

if TYPE_CHECKING:
    from pexrtc_py.call import Call
    from pexrtc_py.direct import DirectOptions
    from pexrtc_py.protocol.models import Token
    from pexrtc_py.ways import CallControl

_logger = logging.getLogger(__name__)

CALL_SECONDS = 15.0
"""How long the call may take to end, its recordings included."""


class Placing:
    """One call at a time, for one participant. `lost` hears when the media is gone for good."""

    def __init__(self, control: CallControl, *, loopback: bool, lost: Callable[[Exception], None]) -> None:
        self.call: Call | None = None
        self._control, self._loopback, self._lost = control, loopback, lost
        self._options: CallOptions | None = None

    async def add(self, granted: Token, options: CallOptions, *, direct: DirectOptions | None) -> Call:
        """Place a call with these options. Raises `UsageError` when there is one, a kind of CallError or NodeError when it fails."""
        if self.call is not None:
            raise UsageError("There is a call already: change what it sends, or drop_call() it first.")
        self.call = call = new_call(self._control, granted, options, loopback=self._loopback, direct=direct)
        self._options = options
        call.on_lost = self._lost
        try:
            await call.connect()
        except BaseException:
            await self._drop(call)
            raise
        return call

    def servers(self, granted: Token) -> list[IceServer]:
        """The STUN and TURN servers for a call like the latest one, in a session with this token."""
        return ice_servers(granted, self._options or {})

    async def drop(self) -> None:
        """End the call and its recordings, within some seconds; nothing happens without one."""
        if self.call is not None:
            await self._drop(self.call)

    async def hand_over(self) -> CallOptions | None:
        """End the call, and say what another one needs to be like the latest there was; None when there was none.

        These are its options and what it sent, which stays open; what an earlier call sent was closed with it.
        """
        if (call := self.call) is None or self._options is None:
            return self._options
        sources = await call.detach()
        await self._drop(call)
        self._options = changed(self._options, CallOptions(audio=sources.get(Slot.AUDIO), video=sources.get(Slot.VIDEO)))
        return self._options

    async def _drop(self, call: Call) -> None:
        if self.call is call:
            self.call = None  # first: what the node tells about its end concerns nobody any more
            self._options = changed(self._options, CallOptions(audio=None, video=None))
        try:  # what goes wrong in it must not keep the rest of an ending from being done
            async with asyncio.timeout(CALL_SECONDS):
                await call.close()
        except Exception:
            _logger.exception("ending the call")
