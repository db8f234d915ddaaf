"""One declaration per endpoint and per event; paths, JSON, routes, checks and answer types follow from it.

```python
@post("lock", by=HOST)
class Lock(ConferenceRequest[Done]):
    \"""Keep newcomers in the waiting room.\"""
```

The base says where it is sent, its parameter what is answered, the decorator how it is spelled and who may; the fields are the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar, Generic, Self, TypeVar

from pexrtc_py.errors import ProtocolError, UsageError
from pexrtc_py.protocol import paths
from pexrtc_py.protocol.wire import FORGIVING, PATH, WHOLE, Forgiving, Wire, encode, marked

T = TypeVar("T")


class Scope(Enum):
    """What a request is sent to."""

    NODE = "node"
    CONFERENCE = "conference"
    PARTICIPANT = "participant"
    CALL = "call"
    REGISTRATION = "registration"


class Permission(Enum):
    """Who may send a request."""

    OPEN = "open"  # no token needed
    ANYONE = "anyone"  # any token of the conference
    HOST = "host"
    HOST_OR_SELF = "host or self"
    SELF = "self"  # only about oneself


OPEN, ANYONE, HOST, HOST_OR_SELF, SELF = (
    Permission.OPEN,
    Permission.ANYONE,
    Permission.HOST,
    Permission.HOST_OR_SELF,
    Permission.SELF,
)


class Request(Wire, Generic[T]):
    """A request whose answer is a `T`; a value, so it can be compared, logged and listed."""

    name: ClassVar[str]
    method: ClassVar[str]
    scope: ClassVar[Scope]
    by: ClassVar[Permission]
    since: ClassVar[int | None]
    answer: ClassVar[Any]


class NodeRequest(Request[T], Generic[T]):
    """Sent to the node itself."""

    scope: ClassVar[Scope] = Scope.NODE


class ConferenceRequest(Request[T], Generic[T]):
    """Sent to a conference or a breakout room."""

    scope: ClassVar[Scope] = Scope.CONFERENCE


class ParticipantRequest(Request[T], Generic[T]):
    """Sent to one participant of a room."""

    scope: ClassVar[Scope] = Scope.PARTICIPANT


class CallRequest(Request[T], Generic[T]):
    """Sent to one media call of a participant."""

    scope: ClassVar[Scope] = Scope.CALL


class RegistrationRequest(Request[T], Generic[T]):
    """Sent to the place where a device registers."""

    scope: ClassVar[Scope] = Scope.REGISTRATION


class Event(Forgiving):
    """Something the node tells its participants over the event stream."""

    name: ClassVar[str]
    empty: ClassVar[Any]

    @classmethod
    def from_wire(cls, data: Any, *, id: str | None = None) -> Self:
        """The event with this parsed payload; raises pydantic's ValidationError when it lacks what identifies it."""
        whole = marked(cls, WHOLE)
        payload = {whole[0]: data} if whole else dict(data) if isinstance(data, dict) else {}
        if id is not None and "id" in cls.model_fields:
            payload["id"] = id
        return cls.model_validate(payload, context=FORGIVING)

    def to_wire(self) -> Any:
        """The payload; what an event says without one (null or {}) is part of its declaration."""
        body, whole = encode(self), marked(type(self), WHOLE)
        return body[whole[0]] if whole else body or self.empty


R = TypeVar("R", bound=Request[Any])
E = TypeVar("E", bound=Event)

REQUESTS: dict[tuple[Scope, str, str], type[Request[Any]]] = {}
"""Every endpoint, by what it is sent to, HTTP method, and name on the wire without a trailing slash."""
EVENTS: dict[str, type[Event]] = {}
"""Every event, by name on the wire; old names too."""


def find(scope: Scope, method: str, name: str) -> type[Request[Any]] | None:
    """The request declared for this name, which may still be escaped; a trailing slash makes no difference."""
    name = name.rstrip("/")
    if (scope, method.upper(), name) in REQUESTS:
        return REQUESTS[scope, method.upper(), name]
    fitting = (kind for key, kind in REQUESTS.items() if key[:2] == (scope, method.upper()) and paths.fits(kind.name, name))
    return next(fitting, None)


def name_of(request: Request[Any]) -> str:
    """The request's name as it stands in a path, with the fields it has a place for. Raises UsageError for what cannot stand there."""
    return paths.fill(request.name, {place: str(getattr(request, place)) for place in paths.places(request.name)})


def fields_in(kind: type[Request[Any]], name: str) -> dict[str, str]:
    """The fields of a request that stand in its name, for `wire.decode_request`. Raises ProtocolError for names that are not its own."""
    if not paths.places(kind.name):
        return {}
    fields = paths.read(kind.name, name.rstrip("/"))
    if fields is None:
        raise ProtocolError(f"this is not {kind.name}", path="path")
    return fields


def get(name: str, *, by: Permission = ANYONE, since: int | None = 14) -> Callable[[type[R]], type[R]]:
    """Declare a GET: its name on the wire, who may send it, and since when; see `post`."""
    return _declared("GET", name, by, since)


def post(name: str, *, by: Permission = ANYONE, since: int | None = 14) -> Callable[[type[R]], type[R]]:
    """Declare a POST: its name on the wire, who may send it, and the version of the API that brought it.

    In the name, `<field>` is the place of a field marked PATH. The oldest document is of version 14; what is missing from that of version
    19 and dated by no changelog counts as 20; None is for what no document has.
    """
    return _declared("POST", name, by, since)


def _declared(method: str, name: str, by: Permission, since: int | None) -> Callable[[type[R]], type[R]]:
    def declare(kind: type[R]) -> type[R]:
        kind.name, kind.method, kind.by, kind.since, kind.answer = name, method, by, since, _answer(kind)
        if set(paths.places(name)) != set(marked(kind, PATH)):
            raise UsageError(f"{kind.__name__} must mark PATH exactly the fields with a place in {name}.")
        _refuse_twice(REQUESTS, (kind.scope, method, name.rstrip("/")))
        REQUESTS[kind.scope, method, name.rstrip("/")] = kind
        return kind

    return declare


def event(name: str, *old_names: str, empty: Any = None) -> Callable[[type[E]], type[E]]:
    """Declare an event: its name on the wire, names older nodes use, and the payload that says nothing (null or {})."""

    def declare(kind: type[E]) -> type[E]:
        kind.name, kind.empty = name, empty
        for known in (name, *old_names):
            _refuse_twice(EVENTS, known)
            EVENTS[known] = kind
        return kind

    return declare


def _refuse_twice(registry: Mapping[Any, type[Wire]], key: object) -> None:
    if key in registry:
        raise UsageError(f"{key} is already declared, as {registry[key].__name__}.")


def _answer(kind: type[Request[Any]]) -> Any:
    """The parameter of the base; pydantic keeps it on the parametrized class, where typing would use __orig_bases__."""
    for base in kind.__mro__:
        arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
        if arguments:
            return arguments[0]
    raise TypeError(f"{kind.__name__} does not say what is answered: write ConferenceRequest[...]")
