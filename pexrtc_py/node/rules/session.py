"""Joining, staying, leaving, and what is asked before."""

from __future__ import annotations

from uuid import uuid4

from pexrtc_py.node import views
from pexrtc_py.node.admission import INVALID_TOKEN, LIMIT_REACHED, PinWanted, Refused, role_for
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.challenges import PinChallenge
from pexrtc_py.protocol.models import RefreshedToken, Role, ServiceType, Theme, Token, Version
from pexrtc_py.protocol.requests import GetTheme, RefreshToken, ReleaseToken, RequestToken, Status
from pexrtc_py.protocol.wire import encode

NAME_LENGTH = 250


@answers(RequestToken)
def request_token(asked: Asked, request: RequestToken) -> Token:
    """The ladder of admission: one-time token, PIN, limit; then a participant and its first token."""
    invitation = _invitation(asked, request)
    room = _entered(asked.room, invitation)
    role = invitation.role if invitation else _role(room, request)
    if not (invitation and invitation.previous) and _full(room.main):
        raise Refused(403, LIMIT_REACHED)
    asked.room.invitations.spend(request.token or "")
    member = _member(asked, request, role, previous=invitation.previous if invitation else None)
    room.enter(member)
    if request.start_conference_if_host and member.is_host and not member.waiting:
        room.start()
    return _token(room, member, room.passes.issue(member.uuid, asked.now))


@answers(RefreshToken)
def refresh_token(asked: Asked, _: RefreshToken) -> RefreshedToken:
    """A new token for the same participant; the old one lives on until its own expiry."""
    token = asked.room.passes.issue(asked.sender.uuid, asked.now)
    return RefreshedToken(token=token, expires=asked.config.token_seconds, role=asked.sender.role)


@answers(ReleaseToken)
def release_token(asked: Asked, _: ReleaseToken) -> bool:
    """The participant leaves: calls close, the floor is free, the token dies."""
    asked.room.leave(asked.sender, asked.now)
    return True


@answers(Status)
def status(asked: Asked, _: Status) -> str:
    """Whether the node takes calls."""
    if asked.house.maintenance:
        raise Refused(503, "Maintenance mode")
    return "OK"


@answers(GetTheme)
def theme(asked: Asked, _: GetTheme) -> Theme | None:
    """There is no theme (HTTP 204); clients draw their own screens."""
    return None


def _invitation(asked: Asked, request: RequestToken) -> Invitation | None:
    if request.token in (None, "", "none"):
        return None
    invitation = asked.room.invitations.shown(request.token, asked.now)
    if invitation is None:
        raise Refused(403, INVALID_TOKEN)
    return invitation


def _entered(conference: Room, invitation: Invitation | None) -> Room:
    """The conference, or the breakout room that an invitation leads into; it may have closed since."""
    if invitation is None or invitation.breakout is None:
        return conference
    if invitation.breakout not in conference.breakouts.open_places:
        raise Refused(403, INVALID_TOKEN)
    return conference.breakouts.named(invitation.breakout)


def _full(conference: Room) -> bool:
    limit = conference.vmr.participant_limit
    return limit is not None and conference.breakouts.sessions >= limit


def _role(room: Room, request: RequestToken) -> Role:
    try:
        return role_for(room.vmr, request.pin)
    except PinWanted as wanted:
        challenge = PinChallenge(pin=True, guest_pin=wanted.guests, version=_version(room))
        raise Refused(403, encode(challenge), processed=True) from None


def _member(asked: Asked, request: RequestToken, role: Role, *, previous: str | None) -> Member:
    return Member(
        str(uuid4()),
        request.display_name[:NAME_LENGTH],
        role=role,
        alias=asked.address.conference,
        joined=asked.now,
        call_tag=request.call_tag[:NAME_LENGTH],
        vendor=" ".join(filter(None, (asked.agent, request.client_id)))[:NAME_LENGTH],
        supports_direct_chat=request.supports_direct_chat,
        previous=previous,
    )


def _token(room: Room, member: Member, token: str) -> Token:
    return Token(
        token=token,
        participant_uuid=member.uuid,
        expires=room.config.token_seconds,
        version=_version(room),
        role=member.role,
        display_name=member.display_name,
        conference_name=room.name,
        current_service_type=views.service_type(room, member),
        service_type=ServiceType(room.vmr.service_type),
        chat_enabled=room.vmr.chat,
        guests_can_present=room.vmr.guests_can_present,
        live_captions_available=room.captions.available,
        call_tag=member.call_tag,
        breakout_rooms=room.breakout is None,
        bandwidth_in=room.vmr.bandwidth,
        bandwidth_out=room.vmr.bandwidth,
    )


def _version(room: Room) -> Version:
    return Version(version_id=room.config.version, pseudo_version=room.config.pseudo_version)
