"""Handles for what requests are sent to; each endpoint is one line, its signature and answer come from the request's class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol import requests as r
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import CallRequest, ConferenceRequest, ParticipantRequest, Request

P = ParamSpec("P")
T = TypeVar("T")


class Sender(Protocol):
    """Whatever carries a request to an address and brings its answer."""

    async def carry(self, address: Address, request: Request[T]) -> T:
        """Send it; raises a kind of `NodeError`."""
        ...


class Handle:
    """Something on the node at an address, and the way to it."""

    def __init__(self, sender: Sender, address: Address) -> None:
        self._sender = sender
        self.address = address

    async def _ask(self, request: Request[T]) -> T:
        return await self._sender.carry(self.address, request)


class verb(Generic[P, T]):  # reads as a keyword where it is used
    """The method that builds a request from its arguments and sends it; read from the class, it is itself."""

    def __init__(self, kind: Callable[P, Request[T]]) -> None:
        self.kind = kind
        self.__doc__ = kind.__doc__
        self.__signature__ = inspect.signature(kind)

    @overload
    def __get__(self, handle: None, owner: type[Handle]) -> Self: ...

    @overload
    def __get__(self, handle: Handle, owner: type[Handle]) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, handle: Handle | None, owner: type[Handle]) -> Self | Callable[P, Coroutine[Any, Any, T]]:
        if handle is None:
            return self

        def ask(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            return handle._ask(_built(self.kind, *args, **kwargs))

        ask.__doc__, ask.__name__ = self.__doc__, getattr(self.kind, "__name__", "verb")
        ask.__signature__ = self.__signature__  # type: ignore[attr-defined]  # for help()
        return ask


def _built(kind: Callable[P, Request[T]], *args: P.args, **kwargs: P.kwargs) -> Request[T]:
    """The request; unlike its class, which keeps what other versions send, it takes no argument that is not declared."""
    known = getattr(kind, "model_fields", kwargs)
    if unknown := kwargs.keys() - known:
        raise UsageError(f"{kind} has no {', '.join(sorted(unknown))}; it has {', '.join(known) or 'no arguments'}.")
    return kind(*args, **kwargs)


class CallScope(Handle):
    """One media call of a participant."""

    ack = verb(r.Ack)
    update = verb(r.Update)
    new_candidate = verb(r.NewCandidate)
    disconnect = verb(r.CallDisconnect)

    async def send(self, request: CallRequest[T]) -> T:
        """Send any request for a call and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)


class ParticipantScope(Handle):
    """One participant of a room."""

    disconnect = verb(r.ParticipantDisconnect)
    mute = verb(r.Mute)
    unmute = verb(r.Unmute)
    video_muted = verb(r.VideoMuted)
    video_unmuted = verb(r.VideoUnmuted)
    client_mute = verb(r.ClientMute)
    client_unmute = verb(r.ClientUnmute)
    unlock = verb(r.ParticipantUnlock)
    message = verb(r.ParticipantMessage)
    overlay_text = verb(r.OverlayText)
    buzz = verb(r.Buzz)
    clear_buzz = verb(r.ClearBuzz)
    take_floor = verb(r.TakeFloor)
    release_floor = verb(r.ReleaseFloor)
    calls = verb(r.Calls)

    def call(self, uuid: str) -> CallScope:
        """One of its media calls."""
        return CallScope(self._sender, replace(self.address, call=uuid))

    async def send(self, request: ParticipantRequest[T]) -> T:
        """Send any request for a participant and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)


class ConferenceScope(Handle):
    """A conference, or one of its breakout rooms."""

    get_conference_status = verb(r.GetConferenceStatus)
    get_participants = verb(r.Participants)
    get_theme = verb(r.GetTheme)
    lock = verb(r.Lock)
    unlock = verb(r.Unlock)
    start_conference = verb(r.StartConference)
    mute_guests = verb(r.MuteGuests)
    unmute_guests = verb(r.UnmuteGuests)
    message = verb(r.Message)
    disconnect_all = verb(r.Disconnect)

    def participant(self, uuid: str) -> ParticipantScope:
        """One of its participants."""
        return ParticipantScope(self._sender, replace(self.address, participant=uuid))

    async def send(self, request: ConferenceRequest[T]) -> T:
        """Send any request for a conference and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)
