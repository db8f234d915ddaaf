"""The ladder of admission: one-time token, extension, identity provider, PIN; what is missing is asked for, what is wrong refused; pure.

Clients repeat all their earlier answers with each request, so nothing is remembered between two of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pexrtc_py.node.admission import INVALID_TOKEN, PinWanted, Refused, role_for
from pexrtc_py.node.asked import Asked
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.identity import PLACEHOLDER, IdentityProvider, SignedIn, SignIn
from pexrtc_py.node.invitations import Invitation
from pexrtc_py.node.room import Room
from pexrtc_py.protocol.challenges import Challenge, ExtensionChallenge, IdpChallenge, PinChallenge, RedirectChallenge
from pexrtc_py.protocol.models import Role, Version
from pexrtc_py.protocol.requests import RequestToken
from pexrtc_py.protocol.wire import encode

EXTENSION_NOT_FOUND = "Conference extension not found"
SSO_FAILED = "SSO Authentication Failed"
SSO_WITHOUT_PROVIDERS = "SSO enabled but no Identity Providers configured"
SSO_NOT_FROM_HERE = "SSO Authentication Failed. SSO is not available from this domain"
SIGN_IN_PATH = "/sso/"
"""Where on the node its sign-in pages are."""
_SCRIPTS = ("", "javascript", "data", "vbscript")


@dataclass(frozen=True)
class Entrance:
    """Somebody may come in: where, as what, and how it was found out."""

    room: Room
    role: Role
    signed_in: SignedIn | None = None
    previous: str | None = None
    """The participant whose session goes on in this one, by an invitation."""


def entrance(asked: Asked, request: RequestToken) -> Entrance:
    """Which room the request leads into, in which role. Raises `Refused` with the challenge, or the reason."""
    if request.token not in (None, "", "none"):
        invitation = asked.room.invitations.shown(request.token, asked.now)
        if invitation is None:
            raise Refused(403, INVALID_TOKEN)
        return Entrance(_led(asked.room, invitation), invitation.role, invitation.signed_in, invitation.previous)
    room = _behind(asked, request)
    vmr = room.vmr
    if None not in (vmr.host_idps, vmr.guest_idps) and vmr.host_pin is not None:  # nobody comes in without, whatever the PIN
        _sign_in(asked, request, (*(vmr.host_idps or ()), *(vmr.guest_idps or ())))
    role = _role(vmr, asked.config, request)
    idps = providers(vmr, role)
    return Entrance(room, role, _sign_in(asked, request, idps) if idps is not None else None)


def providers(vmr: Vmr, role: Role) -> tuple[str, ...] | None:
    """The names of the identity providers with one of which this role must sign in; None when it need not."""
    return vmr.host_idps if role is Role.HOST else vmr.guest_idps


def check_signed_in(vmr: Vmr, role: Role, idp: str, config: NodeConfig) -> None:
    """Whether somebody who signed in with `idp` (a uuid, or empty) may be sent into a conference in a role. Raises `Refused`."""
    names = providers(vmr, role)
    if names is not None and idp not in {one.idp.uuid for one in config.identity_providers if one.name in names}:
        raise Refused(403, SSO_FAILED)


def _led(conference: Room, invitation: Invitation) -> Room:
    """The conference, or the breakout room that an invitation leads into; it may have closed since."""
    if invitation.breakout is None:
        return conference
    if invitation.breakout not in conference.breakouts.open_places:
        raise Refused(403, INVALID_TOKEN)
    return conference.breakouts.named(invitation.breakout)


def version(config: NodeConfig) -> Version:
    """What the node says it is."""
    return Version(version_id=config.version, pseudo_version=config.pseudo_version)


def _challenge(challenge: Challenge) -> Refused:
    return Refused(403, encode(challenge), processed=True)


def _behind(asked: Asked, request: RequestToken) -> Room:
    """The conference that the extension names, at a reception, or a gateway call of the caller's own; otherwise what was dialled."""
    vmr, extension = asked.room.vmr, request.conference_extension
    if vmr.reception is None:
        return asked.room
    if not extension:
        raise _challenge(ExtensionChallenge(conference_extension_type=vmr.reception, version=version(asked.config)))
    alias = vmr.extensions.get(extension, "") if vmr.extensions else extension
    room = asked.house.lines.room(alias, "", asked.now) or asked.house.room(alias)
    if room is None or room.vmr.reception is not None:
        raise Refused(404, EXTENSION_NOT_FOUND)
    return room


def _role(vmr: Vmr, config: NodeConfig, request: RequestToken) -> Role:
    try:
        return role_for(vmr, request.pin)
    except PinWanted as wanted:
        raise _challenge(PinChallenge(pin=True, guest_pin=wanted.guests, version=version(config))) from None


def _sign_in(asked: Asked, request: RequestToken, names: Iterable[str]) -> SignedIn:
    """Who has signed in with one of these providers."""
    known = {one.name: one for one in asked.config.identity_providers}
    offered = {one.idp.uuid: one for name in names for one in [known[name]]}
    if not offered:
        raise Refused(403, SSO_WITHOUT_PROVIDERS)
    chosen = _chosen(request, offered, asked.config)
    if chosen.domains and (request.node or "").partition(":")[0].casefold() not in {domain.casefold() for domain in chosen.domains}:
        raise Refused(403, SSO_NOT_FROM_HERE)
    if request.sso_token is None:
        raise _redirected(asked, request, chosen)
    signed_in = asked.house.sign_ins.done.get(request.sso_token, asked.now)
    if signed_in is None or signed_in.idp != chosen.idp.uuid:
        raise Refused(403, SSO_FAILED)
    return signed_in


def _chosen(request: RequestToken, offered: dict[str, IdentityProvider], config: NodeConfig) -> IdentityProvider:
    if request.chosen_idp in offered:
        return offered[request.chosen_idp]
    if request.chosen_idp is not None and request.chosen_idp not in {one.idp.uuid for one in config.identity_providers}:
        raise Refused(403, SSO_FAILED)
    raise _challenge(IdpChallenge(idp=tuple(one.idp for one in offered.values()), version=version(config)))


def _redirected(asked: Asked, request: RequestToken, provider: IdentityProvider) -> Refused:
    target = request.sso_redirect_target
    if target is not None and (PLACEHOLDER not in target or urlsplit(target).scheme in _SCRIPTS):
        raise Refused(400, f"Illegal value: sso_redirect_target must be an address with {PLACEHOLDER} in it")
    key = asked.house.sign_ins.open.keep(SignIn(provider, target, asked.origin), asked.now)
    return _challenge(
        RedirectChallenge(
            redirect_url=f"{asked.base}{SIGN_IN_PATH}{key}",
            redirect_idp=provider.idp,
            disable_popup_flow=not provider.popup,
            version=version(asked.config),
        )
    )
