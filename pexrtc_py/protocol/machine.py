"""State machines as tables: `(state, type of input) -> state`, and one function that looks up."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from pexrtc_py.errors import InvalidTransition

__all__ = ["InvalidTransition", "Machine", "Table", "see"]

S = TypeVar("S", bound=Enum)
Table: TypeAlias = Mapping[tuple[S, type[Any]], S]
"""The legal transitions; a pair that is not in it is refused."""


def see(machine: str, table: Table[S], state: S, seen: object) -> S:
    """The state after `seen` (a value, or its type); raises InvalidTransition when the table has no such row."""
    kind = seen if isinstance(seen, type) else type(seen)
    try:
        return table[state, kind]
    except KeyError:
        raise InvalidTransition(machine, state, seen) from None


class Machine(Generic[S]):
    """A state and the table it moves by; what follows from a move is the owner's business."""

    def __init__(self, name: str, table: Table[S], state: S) -> None:
        self.name, self.table, self.state = name, table, state

    def allows(self, seen: object) -> bool:
        """Whether `seen` (a value, or its type) would be accepted now."""
        return (self.state, seen if isinstance(seen, type) else type(seen)) in self.table

    def see(self, seen: object) -> S:
        """Move; raises InvalidTransition and stays where it is when `seen` makes no sense now."""
        self.state = see(self.name, self.table, self.state, seen)
        return self.state
