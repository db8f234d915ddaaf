"""Joining, staying, leaving, and what is asked before."""

from __future__ import annotations

from uuid import uuid4

from pexrtc_py.node import modes, views
from pexrtc_py.node.admission import LIMIT_REACHED, Refused
from pexrtc_py.node.asked import Asked, answers
from pexrtc_py.node.ladder import Entrance, entrance, version
from pexrtc_py.node.member import Member
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.models import RefreshedToken, ServiceType, Token
from pexrtc_py.protocol.requests import RefreshToken, ReleaseToken, RequestToken, Status

NAME_LENGTH = 250


@answers(RequestToken)
def request_token(asked: Asked, request: RequestToken) -> Token:
    """The ladder of admission, the limit; then a participant and its first token."""
    way = entrance(asked, request)
    room = way.room
    if way.previous is None and _full(room.main):
        raise Refused(403, LIMIT_REACHED)
    asked.room.invitations.spend(request.token or "")
    asked.house.registrar.accepted(request.token or "", request.registration_token or "", asked.now)
    asked.house.sign_ins.done.drop(request.sso_token or "")
    member = _member(asked, request, way)
    member.direct = modes.may_be_direct(room, capable=member.direct_capable)
    room.enter(member)
    if way.previous == room.place:
        room.admit([member])  # it was in, and goes on with other media
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
    """The participant leaves: calls close, the floor is free, the token dies. Of a one-time token: it is declined."""
    if asked.invited:
        return asked.house.registrar.reject(asked.invited) or asked.room.invitations.spend(asked.invited)
    asked.room.leave(asked.sender, asked.now)
    return True


@answers(Status)
def status(asked: Asked, _: Status) -> str:
    """Whether the node takes calls."""
    if asked.house.maintenance:
        raise Refused(503, "Maintenance mode")
    return "OK"


def _full(conference: Room) -> bool:
    limit = conference.vmr.participant_limit
    return limit is not None and conference.breakouts.sessions >= limit


def _member(asked: Asked, request: RequestToken, way: Entrance) -> Member:
    name = (way.signed_in.user if way.signed_in else None) or request.display_name
    return Member(
        str(uuid4()),
        name[:NAME_LENGTH],
        role=way.role,
        idp=way.signed_in.idp if way.signed_in else "",
        alias=asked.address.conference,
        joined=asked.now,
        call_tag=request.call_tag[:NAME_LENGTH],
        vendor=" ".join(filter(None, (asked.agent, request.client_id)))[:NAME_LENGTH],
        supports_direct_chat=request.supports_direct_chat,
        previous=way.previous,
        direct_capable=request.direct_media,
    )


def _token(room: Room, member: Member, token: str) -> Token:
    return Token(
        token=token,
        participant_uuid=member.uuid,
        expires=room.config.token_seconds,
        version=version(room.config),
        role=member.role,
        display_name=member.display_name,
        conference_name=room.name,
        current_service_type=views.service_type(room, member),
        service_type=ServiceType(room.vmr.service_type),
        chat_enabled=room.vmr.chat,
        fecc_enabled=True,
        rtmp_enabled=room.config.rtmp is not None,
        guests_can_present=room.vmr.guests_can_present,
        live_captions_available=room.captions.available,
        call_tag=member.call_tag,
        breakout_rooms=room.breakout is None,
        idp_uuid=member.idp,
        stun=views.stun_servers(room.config),
        turn=views.turn_servers(room.config, "token"),
        use_relay_candidates_only=room.config.relay_only,
        bandwidth_in=room.vmr.bandwidth,
        bandwidth_out=room.vmr.bandwidth,
        direct_media=member.direct,
        pex_datachannel_id=modes.CHANNEL if member.direct else None,
        client_stats_update_interval=room.config.statistics_milliseconds if member.direct else None,
    )
