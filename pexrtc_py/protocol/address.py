"""What a request is sent to, and its path: conference, breakout room, participant, call, registration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pexrtc_py.errors import ProtocolError, UsageError
from pexrtc_py.protocol.declare import Scope
from pexrtc_py.protocol.paths import escaped, unescaped, usable

PREFIX = "/api/client/v2"


@dataclass(frozen=True)
class Address:
    """A conference (by alias) or something in it, or the place where a device registers (by its alias); of neither, the node itself.

    Raises UsageError for parts that cannot stand in a path or make no sense together.
    """

    conference: str = ""
    breakout: str | None = None
    participant: str | None = None
    call: str | None = None
    registration: str | None = None

    def __post_init__(self) -> None:
        inner = (self.breakout, self.participant, self.call)
        if self.call is not None and self.participant is None:
            raise UsageError("A call is reached through its participant; give both.")
        if not self.conference and any(part is not None for part in inner):
            raise UsageError("A breakout room, participant or call is reached through its conference; give its alias.")
        if self.registration is not None and self.conference:
            raise UsageError("A device registers with the node, not with a conference; give one alias.")
        for part in (self.conference or "-", *inner, self.registration):
            if part is not None and not usable(part):
                raise UsageError(f"{part!r} cannot be a part of a path.")

    @property
    def scope(self) -> Scope:
        """Which requests can be sent here."""
        if self.call is not None:
            return Scope.CALL
        if self.participant is not None:
            return Scope.PARTICIPANT
        if self.registration is not None:
            return Scope.REGISTRATION
        return Scope.CONFERENCE if self.conference else Scope.NODE

    def path(self, name: str) -> str:
        """The path of the request `name` (`declare.name_of`) from the root of the node, each part escaped."""
        parts = [PREFIX]
        for folder, part in (
            ("conferences", self.conference or None),
            ("breakouts", self.breakout),
            ("participants", self.participant),
            ("calls", self.call),
            ("registrations", self.registration),
        ):
            if part is not None:
                parts += [folder, escaped(part)]
        return "/".join([*parts, name])

    @classmethod
    def parse(cls, raw_path: str) -> tuple[Self, str]:
        """The address and the request's name in a path that is still escaped; a query and a trailing slash are ignored.

        An id is always followed by something, so `breakouts/empty`, `participants/breakout` and `theme/x` are names of requests.
        Raises ProtocolError when the path is not of this API.
        """
        path = raw_path.partition("?")[0]
        if not path.startswith(PREFIX + "/"):
            raise ProtocolError(f"the path is not below {PREFIX}", path="path")
        rest = path[len(PREFIX) + 1 :].rstrip("/").split("/")
        if rest[0] != "conferences":
            registration, rest = _below("registrations", rest)
            return cls(registration=registration), _named(rest)
        if len(rest) < 3:
            raise ProtocolError("no request is named after the conference", path="path")
        alias, rest = unescaped(rest[1]), rest[2:]
        breakout, rest = _below("breakouts", rest)
        participant, rest = _below("participants", rest)
        call, rest = _below("calls", rest) if participant is not None else (None, rest)
        return cls(alias, breakout, participant, call), _named(rest)


def _below(folder: str, rest: list[str]) -> tuple[str | None, list[str]]:
    """The id in `folder/<id>/more` and what follows it."""
    if rest[0] == folder and len(rest) > 2:
        return unescaped(rest[1]), rest[2:]
    return None, rest


def _named(rest: list[str]) -> str:
    if "" in rest:
        raise ProtocolError("the path has an empty part", path="path")
    return "/".join(rest)
