"""Registering as a device that can be called, and taking its calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pexrtc_py.errors import CredentialsRefused, NodeError, TokenExpired
from pexrtc_py.following import Joining
from pexrtc_py.hub import Events as Heard
from pexrtc_py.hub import Hub
from pexrtc_py.joining import join, node_url
from pexrtc_py.protocol import events as told
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.models import DirectoryEntry, Token
from pexrtc_py.protocol.requests import (
    RegistrationAvatar,
    RegistrationEvents,
    RegistrationRefreshToken,
    RegistrationReleaseToken,
    RegistrationRequestToken,
    Registrations,
    ReleaseToken,
)
from pexrtc_py.signaling.asking import ask, outgoing
from pexrtc_py.signaling.ending import Ended, EndReason
from pexrtc_py.signaling.session import Session
from pexrtc_py.signaling.stream import IDLE, EventStream, StreamLost
from pexrtc_py.signaling.transport import Frame, HttpTransport


@dataclass(eq=False)
class IncomingCall:
    """Somebody calls this device: `accept` or `reject` it."""

    conference: str
    """The alias of the conference it leads into."""
    caller: str
    caller_alias: str
    token: str = field(repr=False)
    _registration: Registration = field(repr=False)
    over: bool = False
    """Whether it rings no more: it was answered somewhere, rejected, or given up."""

    def accept(self, **options: Any) -> Joining:
        """Join the conference, as `pexrtc_py.join` does with these options. Raises `NotAllowed` when it rings no more."""
        self.over = True
        return self._registration.joins(self, options)

    async def reject(self) -> None:
        """Decline; the caller hears of it. Raises a kind of `NodeError`."""
        self.over = True
        await self._registration.decline(self)


class Registration:
    """A device that is registered with a node; made by `register`. `calls()` are those that ring."""

    def __init__(self, way: HttpTransport, alias: str, token: Token, reach: dict[str, Any]) -> None:
        self.address = Address(registration=alias)
        self.session = Session(way, self.address, token, refresh=RegistrationRefreshToken(), release=lambda _: RegistrationReleaseToken())
        self.hub = Hub()
        self._way, self._reach = way, reach
        self._ringing: dict[str, IncomingCall] = {}
        self._tasks = [asyncio.create_task(self._stay()), asyncio.create_task(self._listen())]

    @property
    def alias(self) -> str:
        """What callers dial."""
        return self.address.registration or ""

    @property
    def uuid(self) -> str:
        """This registration; a device may have several."""
        return self.session.token.participant_uuid

    @property
    def ended(self) -> Ended | None:
        """How it ended, once it has."""
        return self.hub.ended

    def calls(self) -> Heard[IncomingCall]:
        """Iterate the calls that ring from now on, until the registration ends."""
        return self.hub.events(IncomingCall)

    async def directory(self, text: str = "") -> list[DirectoryEntry]:
        """Who can be called: those with this text in alias, description or user name. Raises a kind of `NodeError`."""
        return await self.session.send(Address(), Registrations(q=text))

    async def avatar(self, alias: str) -> bytes:
        """The portrait of somebody in the directory. Raises `ConferenceNotFound` when there is none."""
        return await self.session.send(Address(registration=alias), RegistrationAvatar())

    async def leave(self) -> None:
        """Be registered no longer; again does nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.release("")
        await self._way.aclose()
        self.hub.publish(Ended(reason=EndReason.LEFT))

    def joins(self, call: IncomingCall, options: dict[str, Any]) -> Joining:
        """Join the conference of a call."""
        registration = self.session.token.token
        return join(call.conference, token=call.token, registration_token=registration, **{"node": self._way.url, **self._reach, **options})

    async def decline(self, call: IncomingCall) -> None:
        """Give the one-time token of a call back."""
        await ask(self._way, Address(call.conference), ReleaseToken(), token=call.token)

    # --- how it runs -----------------------------------------------------------------------------------------------

    async def _stay(self) -> None:
        self.hub.publish(await self.session.run())

    async def _listen(self) -> None:
        stream = EventStream(self._connect, refused=self.session.renew)
        try:
            async with contextlib.aclosing(stream.frames()) as frames:
                async for frame in frames:
                    self._take(frame)
        except StreamLost as error:
            self.hub.publish(Ended(reason=EndReason.NODE_LOST, detail=str(error), error=error))

    def _connect(self, _: str) -> AsyncGenerator[Frame, None]:
        return self._way.events(outgoing(self.address, RegistrationEvents(), token=self.session.token.token), idle=IDLE)

    def _take(self, frame: object) -> None:
        event = told.decode(frame.name, frame.data, id=frame.id or None) if isinstance(frame, Frame) else frame
        match event:
            case told.Incoming() if event.token not in self._ringing:  # what still rings is told again on a new stream
                call = IncomingCall(event.conference_alias, event.remote_display_name, event.remote_alias, event.token, self)
                self._ringing[event.token] = call
                self.hub.publish(call)
            case told.IncomingCancelled():
                if (over := self._ringing.pop(event.token, None)) is not None:
                    over.over = True
        self.hub.publish(event)


class Registering:
    """What `register` returns: `async with` it, or await it and call `leave()` yourself."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Registration]]) -> None:
        self._work = work
        self._registration: Registration | None = None

    def __await__(self) -> Generator[Any, None, Registration]:
        return self._work().__await__()

    async def __aenter__(self) -> Registration:
        self._registration = await self._work()
        return self._registration

    async def __aexit__(self, *_: object) -> None:
        if self._registration is not None:
            await self._registration.leave()


def register(
    alias: str,
    *,
    username: str,
    password: str,
    node: str | None = None,
    ca_file: str | Path | None = None,
    insecure: bool = False,
    proxy: str | None = None,
) -> Registering:
    """Register a device: `async with register("device.bob@example.com", username="bob", password=...) as registration`.

    The node is `node` (a URL, or a host), or the host after the "@". Raises `CredentialsRefused`, or another kind of `NodeError`.
    """
    reach = {"ca_file": ca_file, "insecure": insecure, "proxy": proxy}
    return Registering(partial(_registered, alias, node_url(alias, node), RegistrationRequestToken.of(username, password), reach))


async def _registered(alias: str, url: str, request: RegistrationRequestToken, reach: dict[str, Any]) -> Registration:
    way = HttpTransport(url, **reach)
    try:
        granted = await ask(way, Address(registration=alias), request)
    except TokenExpired as error:
        await way.aclose()
        raise CredentialsRefused(error.request, error.status, error.reason, about=alias) from None
    except (NodeError, asyncio.CancelledError):
        await way.aclose()
        raise
    token = Token(token=granted.token, expires=granted.expires, participant_uuid=granted.registration_uuid, display_name=alias)
    return Registration(way, alias, token, reach)
