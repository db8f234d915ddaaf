"""Which nodes a domain's DNS names, in which order they are tried, and what is said when none will do; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import attrgetter
from random import Random

from pexrtc_py.errors import DnsFailed, NodeError, NodeUnreachable, NotANode, OutOfCapacity, TlsNotTrusted

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII | re.IGNORECASE)
_ALL_DIGITS = re.compile(r"[0-9.]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One SRV record (RFC 2782); the target has no dot at its end, and is empty where the record says there is no service."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True)
class Candidate:
    """A node that may serve a domain; `why` says how it was found."""

    host: str
    port: int
    why: str

    @property
    def url(self) -> str:
        """Its address; certificates are checked against the name in it."""
        return f"https://{self.host}:{self.port}"


def is_domain(host: str) -> bool:
    """Whether DNS may know nodes of `host`: a name in ASCII, no address of a machine, and not this machine."""
    host = host.removesuffix(".").lower()
    return bool(_HOST.fullmatch(host)) and not _ALL_DIGITS.fullmatch(host) and not f".{host}".endswith(".localhost")


def ordered(services: Iterable[Service], rng: Random) -> list[Service]:
    """All the records in the order to try them: by priority, within one at random by weight (RFC 2782, "Weight")."""
    found: list[Service] = []
    for _, equals in groupby(sorted(services, key=attrgetter("priority")), key=attrgetter("priority")):
        waiting = list(equals)
        rng.shuffle(waiting)
        waiting.sort(key=lambda service: service.weight > 0)  # a record of weight 0 is only chosen when it stands first
        while waiting:
            sums = list(accumulate(service.weight for service in waiting))
            point = rng.randint(0, sums[-1])
            found.append(waiting.pop(next(place for place, total in enumerate(sums) if total >= point)))
    return found


def candidates(services: Iterable[Service], rng: Random) -> list[Candidate]:
    """The nodes the records name, each once, in the order to try them; none where the only target is "." or nonsense."""
    found: dict[tuple[str, int], Candidate] = {}
    for service in ordered(services, rng):
        host, port = service.target.lower(), service.port
        if _HOST.fullmatch(host) and port:
            why = f"by an SRV record of priority {service.priority}, weight {service.weight}"
            found.setdefault((host, port), Candidate(host, port, why))
    return list(found.values())


def none_usable(domain: str, failures: Sequence[tuple[Candidate, NodeError]]) -> NodeError:
    """The error when every candidate failed: names each with its reason, and is of their kind where they agree on one."""
    kinds = {type(error) for _, error in failures}
    if kinds == {OutOfCapacity}:
        return failures[-1][1]
    kind = kinds.pop() if len(kinds) == 1 else NodeUnreachable
    tried = " ".join(f"{candidate.url}, {candidate.why}: {error}" for candidate, error in failures)
    text = f"No conferencing node of {domain} can be used. {tried}"
    return kind(text) if kind in {DnsFailed, TlsNotTrusted, NotANode} else NodeUnreachable(text)
