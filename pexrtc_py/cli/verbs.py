"""The requests of the registry as verbs of the command line: their names, what they are sent to, and their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel

from pexrtc_py.cli.options import usage
from pexrtc_py.cli.wording import near
from pexrtc_py.protocol.declare import Request, Scope
from pexrtc_py.protocol.wire import Open
from pexrtc_py.signaling import scopes

PLACES = {
    Scope.CONFERENCE: "the conference, or a room with --breakout",
    Scope.PARTICIPANT: "a participant: --participant NAME, UUID or me",
    Scope.CALL: "a call: --participant and --call UUID",
    Scope.NODE: "the node",
}
_SCOPES = (scopes.ConferenceScope, scopes.ParticipantScope, scopes.CallScope, scopes.NodeScope)


@dataclass(frozen=True)
class Verb:
    """A request as it is called on the command line, which is what the client's method is called."""

    name: str
    kind: type[Request[Any]]

    @property
    def arguments(self) -> str:
        """Its arguments, those that may be left out in brackets."""
        return " ".join(argument(self.kind, name) for name in self.kind.model_fields)

    @property
    def sentence(self) -> str:
        """What it is for."""
        return (self.kind.__doc__ or "").strip().partition("\n")[0]


def argument(kind: type[BaseModel], name: str) -> str:
    """One argument as `name=WHAT`."""
    field = kind.model_fields[name]
    text = f"{name}={word(field.annotation, field.metadata)}"
    return text if field.is_required() else f"[{text}]"


def word(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What stands for a value of this type in help."""
    opened = next((mark.kind for mark in (*metadata, *parts(annotation)) if isinstance(mark, Open)), None)
    kinds = [opened] if opened else [part for part in parts(annotation) if isinstance(part, type)]
    for kind, text in ((BaseModel, "JSON"), (tuple, "JSON"), (bytes, "@FILE"), (bool, "true|false")):
        if any(issubclass(one, kind) for one in kinds):
            return text
    words = [member.value for one in kinds if issubclass(one, Enum) for member in one]
    if words:
        return "|".join(map(str, words))
    if str in kinds:
        return "TEXT"
    return "NUMBER" if {int, float} & set(kinds) else "JSON"


def parts(annotation: Any) -> list[Any]:
    """A type, what it is made of, and the marks on it; a sequence counts as a tuple and is not looked into."""
    origin = getattr(annotation, "__origin__", None)
    if origin in (tuple, list) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return [tuple]
    inside = get_args(annotation)
    return [annotation] if not inside else [part for one in inside for part in parts(one)]


def _all() -> list[Verb]:
    return [
        Verb(name, each.kind)  # type: ignore[arg-type]  # which is the request's class
        for scope in _SCOPES
        for name, each in vars(scope).items()
        if isinstance(each, scopes.verb)
    ]


VERBS = _all()
"""Every request that has a method of the client, in the order of the scopes."""


def find(wanted: str, scope: Scope, *, told: bool) -> Verb:
    """The verb of this name, dashes or underscores, or of this name on the wire, which can be sent to `scope`.

    Without an address being `told`, what only a participant is asked for about oneself counts as being about oneself. Raises a usage error.
    """
    named = [verb for verb in VERBS if _bare(verb.name) == _bare(wanted)]
    named = named or [verb for verb in VERBS if _bare(verb.kind.name) == _bare(wanted)]
    if not named:
        known = [verb.name for verb in VERBS] + [verb.kind.name for verb in VERBS]
        raise usage(f"There is no request {wanted!r}.{near(wanted, known)} `pexrtc control --help` lists them.")
    fitting = [verb for verb in named if verb.kind.scope is scope or (not told and verb.kind.scope is Scope.NODE)]
    if not fitting and not told:
        fitting = [verb for verb in named if verb.kind.by.value == "self" and verb.kind.scope is Scope.PARTICIPANT]
    if not fitting:
        raise usage(f"{named[0].name} is asked of {PLACES[named[0].kind.scope]}.{_instead(wanted, scope)}")
    return fitting[0]


def _instead(wanted: str, scope: Scope) -> str:
    """A request of the scope whose name on the wire is the word that means another one here."""
    other = next((verb for verb in VERBS if verb.kind.scope is scope and _bare(verb.kind.name) == _bare(wanted)), None)
    return f" Of {PLACES[scope]} it is {other.name}: {other.sentence}" if other else ""


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
