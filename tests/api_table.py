"""Writes docs/api.md from the registry (`python -m tests.api_table`): where the client, PexRTC, the node and a test have each row."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pexrtc_py.node.asked import RULES
from pexrtc_py.node.desk import Desk
from pexrtc_py.protocol import events as e
from pexrtc_py.protocol import requests as r
from pexrtc_py.protocol.declare import EVENTS, REQUESTS, Event, Request, Scope
from pexrtc_py.signaling import scopes
from tests.pexrtc_names import CALLBACKS, METHODS, snake

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "api.md"
STREAMS = {r.Events, r.RegistrationEvents}
"""What is answered by an event stream, not by a rule."""
BY_ITSELF: dict[type[Any], str] = {
    r.RequestToken: "`join()`",
    r.RefreshToken: "by itself",
    r.ReleaseToken: "`leave()`",
    r.Events: "`events()`",
    r.RegistrationEvents: "`register()`",
}
"""What the client sends without having a method for it."""
TITLES = {
    Scope.CONFERENCE: ("Of a conference, or of a breakout room", "conference"),
    Scope.PARTICIPANT: ("Of a participant", "participant"),
    Scope.CALL: ("Of a call", "call"),
    Scope.NODE: ("Of the node", "node"),
    Scope.REGISTRATION: ("Of a registration", "registration"),
}
TESTS = (
    "tests/node/test_rules_*.py",
    "tests/node/test_*.py",
    "tests/interop/test_*.py",
    "tests/*.py",
    "tests/phenomena/test_*.py",
    "tests/signaling/test_*.py",
)
"""Where a request or event is shown to work, best first; tests of the protocol alone do not count."""
INTRODUCTION = """\
# The API, row by row

Written by `make docs` from the declarations in `pexrtc_py/protocol`; a test fails when a row lacks anything, or when this page is not what
the declarations say.

- **Since**: the version of the API whose document has it first (14 is the oldest there is; 20 is "between 19 and 33"); empty where no
  document dates it.
- **Who**: open to all, anyone with a token, a host, or oneself.
- **Client**: the method; `send(requests.Lock())` is the same as `lock()`.
- **PexRTC**: the method or callback of the JavaScript object, in its Python spelling; a dash where that object has none.
- **Node**: the rule, in `pexrtc_py/node/rules`, or what tells the event.
- **Shown by**: a file of tests that asks or awaits it.
"""
MEANT = {"listen": "pexrtc_py.protocol.requests.Events"}
"""Methods of the tests' participants that ask for something without naming it."""
NEVER_TOLD: dict[type[Event], str] = {e.OnHold: "never told: clients read it in two ways"}
Declared = type[Request[Any]] | type[Event]


@dataclass(frozen=True)
class Row:
    """One request or event; what is missing is empty."""

    kind: Declared
    wire: str
    who: str
    since: str
    client: str
    pexrtc: str
    node: str
    test: str

    @property
    def lacking(self) -> set[str]:
        """Which columns are empty that must not be."""
        return {column for column in ("client", "pexrtc", "node", "test") if not getattr(self, column)}


def requests() -> list[Row]:
    """A row for each request, in the order of their declarations."""
    return [_request(kind) for kind in dict.fromkeys(REQUESTS.values())]


def events() -> list[Row]:
    """A row for each event."""
    return [_event(kind) for kind in dict.fromkeys(EVENTS.values())]


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    rows = requests()
    for scope, (title, _) in TITLES.items():
        parts.append(f"## {title}\n\n{_table([row for row in rows if getattr(row.kind, 'scope', None) is scope])}")
    parts.append(f"## Events\n\n{_table(events())}")
    return "\n".join(parts)


def _table(rows: Iterable[Row]) -> str:
    lines = ["| Request | Who | Since | Client | PexRTC | Node | Shown by |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {row.wire} | {row.who} | {row.since} | {row.client} | {row.pexrtc} | {row.node} | {row.test} |" for row in rows]
    return "\n".join(lines).replace("| Request | Who | Since |", "| Name | Who | Since |") + "\n"


def _request(kind: type[Request[Any]]) -> Row:
    return Row(
        kind=kind,
        wire=f"{kind.method} `{kind.name}`",
        who=kind.by.value,
        since="" if kind.since is None else str(kind.since),
        client=_client(kind),
        pexrtc=_pexrtc(kind, METHODS),
        node=_rule(kind),
        test=_test(f"pexrtc_py.protocol.requests.{kind.__name__}", _best(kind)),
    )


def _event(kind: type[Event]) -> Row:
    names = [name for name, known in EVENTS.items() if known is kind]
    return Row(
        kind=kind,
        wire=", formerly ".join(f"`{name}`" for name in names),
        who="",
        since="",
        client=f"`{kind.__name__}`",
        pexrtc=_pexrtc(kind, CALLBACKS),
        node=_teller(kind),
        test=_test(f"pexrtc_py.protocol.events.{kind.__name__}"),
    )


def _client(kind: type[Request[Any]]) -> str:
    if kind in BY_ITSELF:
        return BY_ITSELF[kind]
    for scope in (scopes.ConferenceScope, scopes.ParticipantScope, scopes.CallScope, scopes.NodeScope, scopes.RegistrationScope):
        for name, each in vars(scope).items():
            if isinstance(each, scopes.verb) and each.kind is kind:
                return f"`{name}()`"
    return ""


def _pexrtc(kind: Declared, names: dict[str, tuple[Declared, ...]]) -> str:
    if not any(kind in kinds for kinds in names.values()):
        return ""
    return ", ".join(f"`{snake(name)}`" for name, kinds in names.items() if kind in kinds and name) or "–"


def _rule(kind: type[Request[Any]]) -> str:
    if kind in STREAMS:
        return f"`{Desk.listen.__qualname__}`"
    rule = RULES.get(kind)
    return f"`{rule.__module__.rpartition('.')[2]}.{rule.__name__}`" if rule else ""


def _teller(kind: type[Event]) -> str:
    """The function of the node that makes this event."""
    if kind in NEVER_TOLD:
        return NEVER_TOLD[kind]
    full = f"pexrtc_py.protocol.events.{kind.__name__}"
    for path in sorted((ROOT / "pexrtc_py" / "node").rglob("*.py")):
        for function, named in _functions(path):
            if full in named:
                return f"`{path.stem}.{function}`"
    return ""


def _best(kind: type[Request[Any]]) -> tuple[str, ...]:
    """The file of tests that is named after the module of its rule."""
    return (f"tests/node/test_rules_{RULES[kind].__module__.rpartition('.')[2]}.py",) if kind in RULES else ()


def _test(full: str, best: tuple[str, ...] = ()) -> str:
    for pattern in (*best, *TESTS):
        for path in sorted(ROOT.glob(pattern)):
            for function, named in _functions(path):
                if function.startswith("test_") and full in named:
                    return f"[{path.stem}](../{path.relative_to(ROOT).as_posix()})"
    return ""


@cache
def _functions(path: Path) -> tuple[tuple[str, frozenset[str]], ...]:
    """Each function of a module, and the full names of what it, or its decorators, speak of."""
    tree = ast.parse(path.read_text())
    known = dict(_imported(tree))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return tuple((node.name, frozenset(_named(node, known))) for node in functions)


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The local names of what a module imports, and what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, _declared(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0], alias.name


def _named(node: ast.AST, known: dict[str, str]) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in known:
            yield known[part.id]
        elif isinstance(part, ast.Attribute) and part.attr in MEANT:
            yield MEANT[part.attr]
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in known:
            yield _declared(f"{known[part.value.id]}.{part.attr}")


def _declared(name: str) -> str:
    """The name where it is declared, of one that is exported elsewhere too."""
    package, _, last = name.rpartition(".")
    if package == "pexrtc_py" and last in ("requests", "events"):
        return f"pexrtc_py.protocol.{last}"
    if package in ("pexrtc_py", "pexrtc_py.protocol") and any(kind.__name__ == last for kind in EVENTS.values()):
        return f"pexrtc_py.protocol.events.{last}"
    return name


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(f"{PAGE}: {len(requests())} requests, {len(events())} events")


if __name__ == "__main__":
    main()
