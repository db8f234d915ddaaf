"""Every error a user of this package can meet, one class per reaction.

```
PexRTCError                           1   whatever this package raises
├── UsageError                        2   you
│   └── InvalidTransition                 (machine, state, input)
├── NodeError                        10   the node, or the way to it
│   ├── NodeUnreachable                   also ConnectionError
│   │   └── DnsFailed · TlsNotTrusted · NotANode
│   ├── ProtocolError                     also ValueError; says where in the JSON
│   ├── RequestRefused                    request, status, reason
│   │   ├── ConferenceNotFound       12   also LookupError
│   │   ├── TokenExpired             11
│   │   ├── CredentialsRefused       11   also PermissionError
│   │   ├── NotAllowed               11   also PermissionError
│   │   └── OutOfCapacity            14   resources, participant limit, licence
│   ├── LobbyTimeout                 13
│   ├── ReferWithdrawn                    the transfer to follow was taken back
│   └── Disconnected                 22   reason
├── JoinNeedsMore                    11   not a failure: what to ask the user
│   └── PinRequired · PinIncorrect · IdpRequired · SsoRedirect · SignInFailed · ExtensionRequired
├── CallError                        20   media did not come up, or not in time
│   ├── NegotiationFailed · IceFailed
│   ├── MediaLost                    21
│   └── FloorRefused                 11
├── RecordingError                   31   the file; __cause__ is media's own error
└── DeviceError                       3   the camera, microphone or speaker; likewise
```

The number is `exit_code`, what the command line ends with. Messages are sentences with the values in them, never with tokens or PINs.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pexrtc_py.protocol.declare import Request
    from pexrtc_py.protocol.models import Idp


class PexRTCError(Exception):
    """Whatever goes wrong in this package."""

    exit_code: ClassVar[int] = 1


class UsageError(PexRTCError):
    """The calling program asked for something that makes no sense; fix the program."""

    exit_code = 2


class InvalidTransition(UsageError):
    """A state machine was shown something that cannot happen now; its state is unchanged."""

    def __init__(self, machine: str, state: Enum, seen: object) -> None:
        kind = seen if isinstance(seen, type) else type(seen)
        super().__init__(f"{kind.__name__} makes no sense for the {machine} while it is {state.name}.")
        self.machine, self.state, self.input = machine, state, seen


class NodeError(PexRTCError):
    """The node, or the way to it, is at fault."""

    exit_code = 10


class NodeUnreachable(NodeError, ConnectionError):
    """No answer came from the node; trying again later, or another node, may help."""


class DnsFailed(NodeUnreachable):
    """The node's name has no address."""


class TlsNotTrusted(NodeUnreachable):
    """The node's certificate is not trusted here, or is for another name."""


class NotANode(NodeUnreachable):
    """Something answered that is not a conferencing node."""


class ProtocolError(NodeError, ValueError):
    """The other side sent something that is not this protocol.

    `path` is the place in the JSON (`$.participant.uuid`), `problem` what is wrong with it.
    """

    def __init__(self, problem: str, *, path: str = "$") -> None:
        super().__init__(f"What arrived is not as the protocol has it at {path}: {problem}.")
        self.path, self.problem = path, problem


class RequestRefused(NodeError):
    """The node understood, and said no; `request`, HTTP `status` and the node's `reason` are attributes.

    `about` names what was asked for, where the request itself does not.
    """

    advice: ClassVar[str] = ""

    def __init__(self, request: Request[Any], status: int, reason: str, *, about: str = "") -> None:
        what = f"{request.name} for {about}" if about else request.name
        said = (reason or "no reason given").rstrip(".")
        super().__init__(f"The node refused {what} ({status}): {said}.{self.advice and ' ' + self.advice}")
        self.request, self.status, self.reason = request, status, reason


class ConferenceNotFound(RequestRefused, LookupError):
    """There is no such conference, participant or call on this node."""

    advice = "Check the spelling of the alias, and that this is the right node."
    exit_code = 12


class TokenExpired(RequestRefused):
    """The session's token is no longer valid; only joining again helps."""

    advice = "Join again."
    exit_code = 11


class CredentialsRefused(RequestRefused, PermissionError):
    """The node knows no device with this alias, user name and password."""

    advice = "Check the alias, the user name and the password."
    exit_code = 11


class NotAllowed(RequestRefused, PermissionError):
    """The role of this participant, or the conference's settings, do not allow it."""

    advice = "A host may be able to do it, or to allow it."
    exit_code = 11


class OutOfCapacity(RequestRefused):
    """The node lacks resources or licences, or the conference is full; another node or a later try may do."""

    advice = "Try again later, or another node."
    exit_code = 14


class LobbyTimeout(NodeError):
    """Nobody let this participant in within the time it was willing to wait."""

    exit_code = 13

    def __init__(self, seconds: float) -> None:
        super().__init__(f"No host admitted this participant within {seconds:g} s; start the conference or wait longer.")
        self.seconds = seconds


class Disconnected(NodeError):
    """The node ended this participation; `reason` is in the node's words."""

    exit_code = 22

    def __init__(self, reason: str) -> None:
        super().__init__(f"The conference is over: {reason}")
        self.reason = reason


class JoinNeedsMore(PexRTCError):
    """Joining goes on once the user has given what is asked for."""

    exit_code = 11


class PinRequired(JoinNeedsMore):
    """A PIN is needed; without `guest_pin` a guest may enter with the PIN `none`."""

    def __init__(self, *, guest_pin: bool) -> None:
        who = "Everybody needs a PIN to join" if guest_pin else "Hosts need a PIN to join, guests enter with the PIN 'none'"
        super().__init__(f"{who}; give one.")
        self.guest_pin = guest_pin


class PinIncorrect(JoinNeedsMore):
    """The PIN given is neither the host's nor the guests'."""

    def __init__(self) -> None:
        super().__init__("The PIN is not the right one for this conference; check it and try again.")


class IdpRequired(JoinNeedsMore):
    """An identity provider must be chosen from `idps`."""

    def __init__(self, idps: Sequence[Idp]) -> None:
        names = ", ".join(idp.name for idp in idps) or "none, which is the conference's configuration at fault"
        super().__init__(f"This conference asks who you are; choose an identity provider (offered: {names}).")
        self.idps = tuple(idps)


class SsoRedirect(JoinNeedsMore):
    """The user must sign in at `url`; the token that yields is then given with the next try.

    With `popup` the page tells the token to the window that opened it; otherwise it goes to the address given as `sso_redirect_target`.
    """

    def __init__(self, url: str, idp: Idp, *, popup: bool = True) -> None:
        super().__init__(f"Sign in with {idp.name} in a browser, then join with the token it returns.")
        self.url, self.idp, self.popup = url, idp, popup


class SignInFailed(JoinNeedsMore):
    """The identity provider did not let the user in, or nobody signed in in time."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"Signing in with {provider} failed: {reason}. Try again, or sign in elsewhere and give the token.")
        self.provider, self.reason = provider, reason


class ExtensionRequired(JoinNeedsMore):
    """A virtual reception asks which conference is wanted; `kind` is "standard" or "mssip"."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"This is a virtual reception ({kind}); give the extension of the conference you want.")
        self.kind = kind


class ReferWithdrawn(NodeError):
    """Where the node sent us, it no longer lets us go; we are still where we were."""

    def __init__(self, alias: str, here: str) -> None:
        super().__init__(f"The node has taken back that it sent us to {alias!r}; we stay in {here!r}. Wait for another Refer.")
        self.alias = alias


class CallError(PexRTCError):
    """Media did not come up, or is gone."""

    exit_code = 20


class NegotiationFailed(CallError):
    """Offer and answer do not fit together."""


class IceFailed(CallError):
    """No path for media was found between here and the node."""


class MediaLost(CallError):
    """Media was up and has stopped for good."""

    exit_code = 21


class FloorRefused(CallError):
    """The node does not let this participant present; `reason` is in the node's words."""

    exit_code = 11

    def __init__(self, reason: str) -> None:
        super().__init__(f"The node does not let this participant present: {reason or 'no reason given'}")
        self.reason = reason


class RecordingError(PexRTCError):
    """A recording could not be written; `__cause__` is the media error."""

    exit_code = 31


class DeviceError(PexRTCError):
    """A capture or playback device, or a library it needs, is missing or busy; `__cause__` is the media error."""

    exit_code = 3


_CAPACITY = (
    "out of resource",
    "out of transcoding resource",
    "out of proxying resource",
    "resource unavailable",
    "participant limit reached",
    "insufficient licenses",
    "invalid license",
)
_TOKEN = ("invalid token", "timer expired awaiting token refresh")


def refusal(request: Request[Any], status: int, reason: str) -> RequestRefused:
    """The error for a request the node refused, by HTTP `status` and, as the words are all there is for it, by `reason`."""
    said = reason.strip().rstrip(".").lower()
    if said in _CAPACITY or status == 529:  # 529 is "site overloaded"
        return OutOfCapacity(request, status, reason)
    if said in _TOKEN or status == 401:
        return TokenExpired(request, status, reason)
    kinds = {403: NotAllowed, 404: ConferenceNotFound}
    return kinds.get(status, RequestRefused)(request, status, reason)
