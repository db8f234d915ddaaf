"""Joining and staying: tokens and the event stream."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pexrtc_py.protocol.declare import OPEN, ConferenceRequest, get, post
from pexrtc_py.protocol.models import RefreshedToken, Token
from pexrtc_py.protocol.wire import HEADER, OR_HEADER, Done, NoneWord, Nothing


@post("request_token", by=OPEN)
class RequestToken(ConferenceRequest[Token]):
    """Ask to join; the answer is a token, or a challenge (see `challenges`) to be met by asking again with everything said so far.

    `pin` travels as a header; the PIN "none" enters as a guest where only hosts need one. `token` is a one-time token from a transfer.
    """

    display_name: str
    pin: Annotated[str | None, HEADER] = Field(default=None, repr=False)
    call_tag: str = ""
    direct_media: bool = False
    conference_extension: str | None = None
    chosen_idp: NoneWord = None
    sso_token: NoneWord = Field(default=None, repr=False)
    sso_redirect_target: str | None = None
    node: str | None = None
    token: str | None = Field(default=None, repr=False)
    client_id: str | None = None
    supports_direct_chat: bool = False
    breakout_rooms: bool | None = None
    breakout_capable: bool | None = None
    registration_token: Annotated[str | None, OR_HEADER] = Field(default=None, repr=False)
    start_conference_if_host: bool | None = None


@post("refresh_token")
class RefreshToken(ConferenceRequest[RefreshedToken]):
    """Exchange the token for a new one before it expires."""


@post("release_token")
class ReleaseToken(ConferenceRequest[Done]):
    """Leave; all calls end and the token dies."""

    reason: str | None = None
    error: str | None = None


@get("events")
class Events(ConferenceRequest[Nothing]):
    """Open the event stream (text/event-stream)."""
