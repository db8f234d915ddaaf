"""Getting a token: what is asked on the way (PIN, identity provider, extension) is answered from what the caller gave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TypedDict

from pexrtc_py.errors import (
    ExtensionRequired,
    IdpRequired,
    JoinNeedsMore,
    NotAllowed,
    PinIncorrect,
    PinRequired,
    ProtocolError,
    RequestRefused,
    SsoRedirect,
)
from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.challenges import (
    INVALID_PIN,
    Challenge,
    ExtensionChallenge,
    IdpChallenge,
    PinChallenge,
    RedirectChallenge,
    read_challenge,
)
from pexrtc_py.protocol.models import Role, Token
from pexrtc_py.protocol.requests import RequestToken
from pexrtc_py.protocol.wire import from_text, unseal
from pexrtc_py.signaling.asking import answered, outgoing
from pexrtc_py.signaling.transport import Incoming, Transport

_MOST_QUESTIONS = 6


@dataclass(frozen=True, kw_only=True)
class Introduction:
    """Who joins, and the answers to what a node may ask."""

    display_name: str
    pin: str | None = field(default=None, repr=False)
    """The host's or the guests' PIN; "none" enters as a guest where guests need no PIN."""
    role: Role | None = None
    """With `Role.GUEST` no PIN is needed where guests need none; it is never more than a wish."""
    extension: str | None = None
    """The conference wanted, at a virtual reception."""
    idp: str | None = None
    """Name or uuid of the identity provider to use."""
    sso_token: str | None = field(default=None, repr=False)
    """What the identity provider gave after signing in."""
    token: str | None = field(default=None, repr=False)
    """A one-time token, from a `refer` event."""
    call_tag: str = ""
    client_id: str | None = None
    """Who made the program; others see it in `vendor`."""
    registration_token: str | None = field(default=None, repr=False)
    """Proves that this is a registered device."""
    sso_redirect_target: str | None = None
    """Where an identity provider sends the browser back to, with `__pexip-sso-token__` where the token belongs."""
    node: str | None = None
    """The host that was dialled, which some identity providers insist on."""
    direct_media: bool = False
    """Whether media may go to the other participant directly."""


class Answers(TypedDict, total=False):
    """Answers to what a node asks; see `Introduction`."""

    pin: str
    extension: str
    idp: str
    sso_token: str
    sso_redirect_target: str


Ask = Callable[[JoinNeedsMore], Awaitable[Answers]]
"""Asks the user for what is missing."""


async def join_node(transport: Transport, conference: Address, who: Introduction, *, ask: Ask | None = None) -> Token:
    """Run `joining` over a transport. Raises a kind of `NodeError`; of `JoinNeedsMore` when an answer is missing and nobody to `ask`."""
    while True:
        try:
            return await _run(transport, conference, who)
        except JoinNeedsMore as wanted:
            if ask is None:
                raise
            who = replace(who, **await ask(wanted))


async def _run(transport: Transport, conference: Address, who: Introduction) -> Token:
    flow = joining(who)
    request = next(flow)
    while True:
        incoming = await transport.request(outgoing(conference, request))
        try:
            request = flow.send(incoming)
        except StopIteration as done:
            token: Token = done.value
            return token
        except RequestRefused as error:
            raise type(error)(error.request, error.status, error.reason, about=conference.conference) from error


def joining(who: Introduction) -> Generator[RequestToken, Incoming, Token]:
    """The flow: yields each request to send, is sent its response, and returns the token.

    Every answer given so far is repeated with each request, as the node keeps none of them.
    """
    request = RequestToken(
        display_name=who.display_name,
        call_tag=who.call_tag,
        token=who.token,
        client_id=who.client_id,
        registration_token=who.registration_token,
        sso_redirect_target=who.sso_redirect_target,
        direct_media=who.direct_media,
    )
    for _ in range(_MOST_QUESTIONS):
        incoming = yield request
        challenge = _challenge(incoming)
        if challenge is None:
            return _granted(request, incoming)
        request = request.model_copy(update=_reply(challenge, request, who))
    raise ProtocolError(f"the node asked {_MOST_QUESTIONS} questions and still wants more")


def _granted(request: RequestToken, incoming: Incoming) -> Token:
    try:
        return answered(request, incoming)
    except NotAllowed as refused:
        if refused.reason == INVALID_PIN:
            raise PinIncorrect from refused
        raise


def _challenge(incoming: Incoming) -> Challenge | None:
    if incoming.status != 403 or incoming.content_type != "application/json":
        return None
    return read_challenge(unseal(from_text(incoming.body)).result)


def _reply(challenge: Challenge, request: RequestToken, who: Introduction) -> dict[str, str]:
    match challenge:
        case PinChallenge():
            return {"pin": _pin(challenge, request, who)}
        case ExtensionChallenge():
            return {"conference_extension": _extension(challenge, request, who)}
        case IdpChallenge():
            told = {"sso_token": who.sso_token, "sso_redirect_target": who.sso_redirect_target, "node": who.node}
            return {"chosen_idp": _idp(challenge, request, who), **{key: value for key, value in told.items() if value}}
        case RedirectChallenge():
            raise SsoRedirect(challenge.redirect_url, challenge.redirect_idp, popup=not challenge.disable_popup_flow)


def _pin(challenge: PinChallenge, request: RequestToken, who: Introduction) -> str:
    if request.pin is not None:
        raise PinIncorrect
    if who.pin:
        return who.pin
    if who.role is Role.GUEST and not challenge.guest_pin:
        return "none"
    raise PinRequired(guest_pin=challenge.guest_pin)


def _extension(challenge: ExtensionChallenge, request: RequestToken, who: Introduction) -> str:
    if who.extension is None or request.conference_extension is not None:
        raise ExtensionRequired(challenge.conference_extension_type)
    return who.extension


def _idp(challenge: IdpChallenge, request: RequestToken, who: Introduction) -> str:
    if [idp.uuid for idp in challenge.idp] == [request.chosen_idp]:  # whoever is asked could only say the same again
        raise ProtocolError(f"{challenge.idp[0].name} was chosen, and the node asks for an identity provider again but knows no other")
    for idp in challenge.idp if request.chosen_idp is None else ():
        if who.idp in (idp.uuid, idp.name):
            return idp.uuid
    raise IdpRequired(challenge.idp)
