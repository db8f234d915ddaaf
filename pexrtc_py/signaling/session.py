"""Our token at work: requests are sent with it, it is kept alive, and given back on every way out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from pexrtc_py.errors import Disconnected, NodeError, NodeUnreachable, ProtocolError, RequestRefused, TokenExpired
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.models import RefreshedToken, Token
from pexrtc_py.protocol.requests import RefreshToken, ReleaseToken
from pexrtc_py.signaling.asking import ask
from pexrtc_py.signaling.ending import Ended, EndReason
from pexrtc_py.signaling.tokenlife import Expired, Refresh, Refreshed, Refused, Release, Released, SessionState, TokenLife, Unanswered
from pexrtc_py.signaling.transport import Transport

T = TypeVar("T")
_logger = logging.getLogger(__name__)

RELEASE_SECONDS = 3.0
_REFRESH = RefreshToken()


class Session:
    """Sends requests with a token that is kept alive; `run` comes back when that is over.

    `refresh` and `release` are how the token is renewed and given back, where it is not that of a participant.
    """

    def __init__(
        self,
        transport: Transport,
        conference: Address,
        token: Token,
        *,
        refresh: Request[RefreshedToken] = _REFRESH,
        release: Callable[[str], Request[bool]] = lambda reason: ReleaseToken(reason=reason),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fresh, self._giving_back = refresh, release
        self.life = TokenLife(token, clock())
        self._transport, self._conference, self._clock = transport, conference, clock
        self._ended: Ended | None = None
        self._trouble: Exception | None = None
        self._refreshing = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def token(self) -> Token:
        """The newest token."""
        return self.life.token

    async def send(self, address: Address, request: Request[T]) -> T:
        """Send a request with our token. Raises a kind of `NodeError`; `Disconnected` after the end.

        A token that is refused here is refreshed at once, which finds out whether it is dead; the request fails either way.
        """
        if not self.life.usable:
            raise Disconnected(f"the participation is over, {request.name} cannot be sent")
        try:
            return await ask(self._transport, address, request, token=self.token.token)
        except TokenExpired:
            self.hurry()
            raise

    def hurry(self) -> None:
        """Refresh now, in the background."""
        self.life.hurry(self._clock())
        self._wake.set()

    async def run(self) -> Ended:
        """Keep the token alive until it is lost; returns how it ended."""
        while self._ended is None:
            await self.renew(only_when_due=True)
            pause = self.life.wake - self._clock()
            if self._ended is None:
                await self._sleep(max(pause, 0.05))
        return self._ended

    async def renew(self, *, only_when_due: bool = False) -> None:
        """Refresh now, unless somebody just did; what comes of it shows in `token` and `run`, it never raises a `NodeError`."""
        before = self.token
        async with self._refreshing:
            if self.token is not before or self.life.state is not SessionState.JOINED:
                return
            if not only_when_due:
                self.life.hurry(self._clock())
            match self.life.due(self._clock()):
                case Refresh() as refresh:
                    self.life.see(refresh, self._clock())
                    await self._refresh()
                case Expired() as expired:
                    self._lose(expired, EndReason.NODE_LOST, "the token expired before it could be refreshed")
                case None:
                    pass

    async def release(self, reason: str) -> None:
        """Give the token back, within a few seconds; calling it again, or when it is lost, does nothing."""
        if self.life.state not in {SessionState.JOINED, SessionState.REFRESHING}:
            return
        token = self.token.token
        self.life.see(Release(), self._clock())
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await ask(self._transport, self._conference, self._giving_back(reason), token=token)
        except (NodeError, TimeoutError) as error:
            _logger.info("the token could not be given back, the node will drop it by itself: %s", error or "no answer")
        finally:
            self.life.see(Released(), self._clock())

    async def _refresh(self) -> None:
        asked = self._clock()
        try:
            fresh = await ask(self._transport, self._conference, self._fresh, token=self.token.token)
        except (NodeUnreachable, ProtocolError) as error:
            self._retry(error)
        except RequestRefused as error:
            if error.status not in {401, 403, 404}:
                self._retry(error)
            elif self.life.state is SessionState.REFRESHING:
                self._lose(Refused(), EndReason.TOKEN_LOST, str(error), error)
        except asyncio.CancelledError:
            self.life.see(Unanswered(), self._clock())
            raise
        else:
            self._trouble = None
            self.life.see(Refreshed(fresh, asked), self._clock())

    def _retry(self, error: NodeError) -> None:
        _logger.info("the token could not be refreshed, it lives %.0f s more: %s", self.life.expires - self._clock(), error)
        self._trouble = error
        self.life.see(Unanswered(), self._clock())

    def _lose(self, seen: object, reason: EndReason, detail: str, error: Exception | None = None) -> None:
        self.life.see(seen, self._clock())
        error = error or self._trouble
        self._ended = Ended(reason=reason, detail=f"{detail}: {error}" if error and str(error) != detail else detail, error=error)
        self._wake.set()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
