"""Breakout rooms. What can be asked of a conference can be asked of a room too, at its longer address; here is what is about rooms."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AliasChoices, Field

from pexrtc_py.protocol.declare import HOST, ConferenceRequest, post
from pexrtc_py.protocol.models import BreakoutCreated, BreakoutId, EndAction, OpenEndAction, ParticipantId
from pexrtc_py.protocol.wire import Done, Nothing


@post("breakouts", by=HOST, since=33)
class CreateBreakout(ConferenceRequest[BreakoutCreated]):
    """Open a breakout room for `duration` seconds, or until it is closed, and move participants there, named by the room they are in.

    The main room is called "main". `breakout_name` travels as `name`. `end_action` says what becomes of them in the end.
    """

    breakout_name: str = Field(validation_alias=AliasChoices("name", "breakout_name"), serialization_alias="name")
    description: str | None = None
    duration: float | None = None
    end_action: OpenEndAction = EndAction.TRANSFER
    participants: Mapping[BreakoutId, tuple[ParticipantId, ...]] | None = None
    guests_allowed_to_leave: bool | None = None


@post("breakouts/message", by=HOST, since=None)
class MessageBreakouts(ConferenceRequest[Done]):
    """Say something in all breakout rooms."""

    payload: str
    type: str = "text/plain"


@post("breakouts/disconnect", by=HOST, since=None)
class DisconnectBreakouts(ConferenceRequest[Nothing]):
    """Close all breakout rooms."""


@post("breakouts/empty", by=HOST, since=33)
class EmptyBreakouts(ConferenceRequest[Done]):
    """Move everybody back to the main room; the breakout rooms stay."""


@post("participants/breakout", by=HOST, since=33)
class MoveParticipants(ConferenceRequest[Done]):
    """Move participants of this room, or all when none is named, to another: an id, "main", or "previous" for the one they came from."""

    breakout_uuid: BreakoutId
    participants: tuple[ParticipantId, ...] = ()


@post("request_guest_token", by=HOST, since=None)
class RequestGuestToken(ConferenceRequest[str]):
    """A one-time token with which a guest joins this breakout room directly."""


@post("breakoutbuzz", since=34)
class BreakoutBuzz(ConferenceRequest[Done]):
    """Ask for help in this breakout room."""


@post("clearbreakoutbuzz", since=34)
class ClearBreakoutBuzz(ConferenceRequest[Done]):
    """Help is no longer needed in this breakout room."""


@post("leavebreakout", since=34)
class LeaveBreakout(ConferenceRequest[Done]):
    """Go back to the main room, where guests are allowed to leave."""
