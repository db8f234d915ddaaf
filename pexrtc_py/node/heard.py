"""The requests that a node has heard, for tests and for whoever looks: the latest of them, without their files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pexrtc_py.protocol.address import Address
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.wire import files_of

Q = TypeVar("Q", bound=Request[Any])
HEARD_LIMIT = 10_000
HEARD_BYTES = 32 * 1024 * 1024
"""The bodies of the requests that are kept are together no longer than this."""


@dataclass(frozen=True)
class Heard:
    """A request that passed the checks: who asked (None before there is a token), where, and what."""

    participant: str | None
    address: Address
    request: Request[Any]


class HeardList:
    """The latest requests in order; `Lock() in node.heard` compares requests. The files that came with them are empty here."""

    def __init__(self) -> None:
        self._items: deque[tuple[Heard, int]] = deque()
        self._bytes = 0
        self.on_append: Callable[[Heard], None] = lambda heard: None
        """Called with each request that is added."""

    def append(self, heard: Heard, size: int) -> None:
        """Add the latest, whose body had `size` bytes; the oldest go when they are too many, or too long together."""
        if files := files_of(heard.request):
            heard, size = replace(heard, request=heard.request.model_copy(update=dict.fromkeys(files, b""))), 0
        self._items.append((heard, size))
        self.on_append(heard)
        self._bytes += size
        while len(self._items) > HEARD_LIMIT or self._bytes > HEARD_BYTES:
            self._bytes -= self._items.popleft()[1]

    def __iter__(self) -> Iterator[Heard]:
        return iter([heard for heard, _ in self._items])

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, request: object) -> bool:
        return any(request in (heard, heard.request) for heard in self)

    def of(self, kind: type[Q], *, participant: str | None = None) -> list[Q]:
        """The requests of one kind, of one participant where given."""
        ours = (heard for heard in self if participant in (None, heard.participant))
        return [heard.request for heard in ours if isinstance(heard.request, kind)]
