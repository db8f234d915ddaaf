"""Joining: the token and what comes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, Field, model_validator

from pexrtc_py.protocol.models.words import MediaType, OpenMediaType, OpenServiceType, ParticipantId, Role, ServiceType, Strings, TokenRole
from pexrtc_py.protocol.wire import Forgiving, Seconds


class Version(Forgiving):
    """The node's version; `version_id` is text and at least "29" for all known clients to accept it."""

    version_id: str = "37"
    pseudo_version: str = "79019.0.0"


class IceServer(Forgiving):
    """A STUN server, `stun:host:port`."""

    url: str = Field(validation_alias=AliasChoices("url", "urls"))

    @model_validator(mode="before")
    @classmethod
    def _first(cls, data: Any) -> Any:
        urls = data.get("urls") if isinstance(data, Mapping) else None
        return {**data, "url": urls[0]} if isinstance(urls, (list, tuple)) and urls and "url" not in data else data


class TurnServer(Forgiving):
    """A TURN server with credentials."""

    urls: Strings = Field(validation_alias=AliasChoices("urls", "url"))
    username: str = ""
    credential: str = Field(default="", repr=False)


class Token(Forgiving):
    """What request_token grants: the right to act as `participant_uuid` for `expires` seconds, and what the conference is like.

    Bandwidths are kbit/s, absent when unlimited; `client_stats_update_interval` is milliseconds.
    """

    token: str = Field(repr=False)
    participant_uuid: ParticipantId
    expires: Seconds = 120.0
    version: Version = Version()
    role: TokenRole = Role.GUEST
    display_name: str = ""
    conference_name: str = ""
    current_service_type: OpenServiceType = ServiceType.CONFERENCE
    service_type: OpenServiceType = ServiceType.CONFERENCE
    chat_enabled: bool = True
    stun: tuple[IceServer, ...] | None = None
    turn: tuple[TurnServer, ...] | None = None
    analytics_enabled: bool = False
    fecc_enabled: bool = False
    rtmp_enabled: bool = False
    rtsp_enabled: bool = False
    vp9_enabled: bool = False
    allow_1080p: bool = False
    guests_can_present: bool = True
    call_type: OpenMediaType = MediaType.VIDEO
    call_tag: str = ""
    bandwidth_in: float | None = None
    bandwidth_out: float | None = None
    trickle_ice_enabled: bool = True
    route_via_registrar: bool | None = None
    idp_uuid: str = ""
    service_name: str | None = None
    direct_media: bool = False
    pex_datachannel_id: int | None = None
    client_stats_update_interval: float | None = None
    use_relay_candidates_only: bool = False
    breakout_rooms: bool = False
    live_captions_available: bool = False
    parent_participant_uuid: ParticipantId | None = None


class RefreshedToken(Forgiving):
    """What refresh_token grants; a new role or statistics interval arrives this way."""

    token: str = Field(repr=False)
    expires: Seconds = 120.0
    role: TokenRole | None = None
    client_stats_update_interval: float | None = None


class Idp(Forgiving):
    """An identity provider to choose."""

    uuid: str
    name: str = ""
    img: str | None = None
    disable_popup_flow: bool | None = None
