"""Handles for what requests are sent to; each endpoint is one line, its signature and answer come from the request's class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from pexrtc_py.errors import UsageError
from pexrtc_py.protocol import requests as r
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import CallRequest, ConferenceRequest, NodeRequest, ParticipantRequest, RegistrationRequest, Request
from pexrtc_py.signaling.camera import moving

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
    dtmf = verb(r.CallDtmf)
    fecc = verb(r.CallFecc)
    statistics = verb(r.CallStatistics)

    def moving(self, *, pan: str | None = None, tilt: str | None = None, zoom: str | None = None) -> AbstractAsyncContextManager[None]:
        """Move the camera at the far end of a gateway call inside the block: `pan` left or right, `tilt` up or down, `zoom` in or out.

        Raises a kind of `NodeError`, or `UsageError` where there is no camera that can be moved.
        """
        return moving(self.fecc, pan=pan, tilt=tilt, zoom=zoom)

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
    role = verb(r.ParticipantRole)
    transfer = verb(r.Transfer)
    spotlight_on = verb(r.SpotlightOn)
    spotlight_off = verb(r.SpotlightOff)
    hold = verb(r.Hold)
    resume = verb(r.Resume)
    notify_not_afk = verb(r.NotifyNotAfk)
    get_avatar = verb(r.Avatar)

    allow_rx_presentation = verb(r.AllowRxPresentation)
    deny_rx_presentation = verb(r.DenyRxPresentation)
    pres_in_mix = verb(r.PresInMix)
    preferred_aspect_ratio = verb(r.PreferredAspectRatio)
    layout_group = verb(r.LayoutGroup)
    show_live_captions = verb(r.ShowLiveCaptions)
    hide_live_captions = verb(r.HideLiveCaptions)
    dtmf = verb(r.Dtmf)
    fecc = verb(r.Fecc)
    statistics = verb(r.Statistics)

    send_to_audio_mixes = verb(r.SendToAudioMixes)
    receive_from_audio_mix = verb(r.ReceiveFromAudioMix)
    tx_mute = verb(r.TxMute)
    tx_unmute = verb(r.TxUnmute)
    studiosound = verb(r.Studiosound)

    def call(self, uuid: str) -> CallScope:
        """One of its media calls."""
        return CallScope(self._sender, replace(self.address, call=uuid))

    def moving(self, *, pan: str | None = None, tilt: str | None = None, zoom: str | None = None) -> AbstractAsyncContextManager[None]:
        """Move its camera inside the block: `pan` left or right, `tilt` up or down, `zoom` in or out.

        Raises a kind of `NodeError`, or `UsageError` where there is no camera that can be moved.
        """
        return moving(self.fecc, pan=pan, tilt=tilt, zoom=zoom)

    async def send(self, request: ParticipantRequest[T]) -> T:
        """Send any request for a participant and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)


class ConferenceScope(Handle):
    """A conference, or one of its breakout rooms."""

    get_conference_status = verb(r.GetConferenceStatus)
    get_participants = verb(r.Participants)
    lock = verb(r.Lock)
    unlock = verb(r.Unlock)
    start_conference = verb(r.StartConference)
    mute_guests = verb(r.MuteGuests)
    unmute_guests = verb(r.UnmuteGuests)
    message = verb(r.Message)
    disconnect_all = verb(r.Disconnect)
    dial = verb(r.Dial)
    set_guests_can_unmute = verb(r.SetGuestsCanUnmute)
    clear_all_buzz = verb(r.ClearAllBuzz)
    clear_spotlights = verb(r.ClearSpotlights)
    set_classification_level = verb(r.SetClassificationLevel)
    get_classification_level = verb(r.GetClassificationLevel)
    set_message_text = verb(r.SetMessageText)
    get_message_text = verb(r.GetMessageText)

    transform_layout = verb(r.TransformLayout)
    override_layout = verb(r.OverrideLayout)
    get_available_layouts = verb(r.AvailableLayouts)
    get_layout_svgs = verb(r.LayoutSvgs)
    set_pinning_config = verb(r.SetPinningConfig)
    get_pinning_config = verb(r.GetPinningConfig)
    silent_video_detection = verb(r.SilentVideoDetection)
    create_video_mix = verb(r.CreateVideoMix)
    configure_video_mix = verb(r.ConfigureVideoMix)
    delete_video_mix = verb(r.DeleteVideoMix)

    get_theme = verb(r.GetTheme)
    get_theme_resource = verb(r.ThemeResource)
    get_presentation_jpeg = verb(r.PresentationJpeg)
    get_presentation_high_jpeg = verb(r.PresentationHighJpeg)
    get_presentation_png = verb(r.PresentationPng)
    post_presentation = verb(r.PostPresentation)

    create_breakout = verb(r.CreateBreakout)
    message_breakouts = verb(r.MessageBreakouts)
    disconnect_breakouts = verb(r.DisconnectBreakouts)
    empty_breakouts = verb(r.EmptyBreakouts)
    move_participants = verb(r.MoveParticipants)
    request_guest_token = verb(r.RequestGuestToken)
    breakout_buzz = verb(r.BreakoutBuzz)
    clear_breakout_buzz = verb(r.ClearBreakoutBuzz)
    leave_breakout = verb(r.LeaveBreakout)

    def breakout(self, uuid: str) -> ConferenceScope:
        """One of its breakout rooms, of which everything can be asked that can be asked of a conference."""
        return ConferenceScope(self._sender, Address(self.address.conference, breakout=uuid))

    def participant(self, uuid: str) -> ParticipantScope:
        """One of its participants."""
        return ParticipantScope(self._sender, replace(self.address, participant=uuid))

    async def send(self, request: ConferenceRequest[T]) -> T:
        """Send any request for a conference and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)


class RegistrationScope(Handle):
    """Where a device registers, by its alias."""

    request_token = verb(r.RegistrationRequestToken)
    refresh_token = verb(r.RegistrationRefreshToken)
    release_token = verb(r.RegistrationReleaseToken)
    get_avatar = verb(r.RegistrationAvatar)

    async def send(self, request: RegistrationRequest[T]) -> T:
        """Send any request for a registration and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)


class NodeScope(Handle):
    """The node itself."""

    get_status = verb(r.Status)
    get_registrations = verb(r.Registrations)

    def conference(self, alias: str) -> ConferenceScope:
        """One of its conferences."""
        return ConferenceScope(self._sender, Address(alias))

    def registration(self, alias: str) -> RegistrationScope:
        """Where a device registers."""
        return RegistrationScope(self._sender, Address(registration=alias))

    async def send(self, request: NodeRequest[T]) -> T:
        """Send any request for the node and return its answer; raises a kind of `NodeError`."""
        return await self._ask(request)
