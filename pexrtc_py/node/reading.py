"""Reading a node's configuration: TOML files, and rooms written in one line; what may stand there follows from the dataclasses."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints, runtime_checkable

from pexrtc_py.errors import UsageError
from pexrtc_py.node.config import NodeConfig, Vmr
from pexrtc_py.node.endpoints import Endpoint

T = TypeVar("T")
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_NAMES = {str: "text", bool: "true or false", int: "a whole number", float: "a number", bytes: "the name of a file"}
_SECRET = ("pin", "password")
"""What is in a key whose value never gets into a message."""


@runtime_checkable
class FromFiles(Protocol):
    """A class whose value stands in files: the configuration names their folder."""

    @classmethod
    def load(cls, folder: Path) -> Any:
        """The value. Raises UsageError."""
        ...


@dataclass(frozen=True)
class _Place:
    """Where in the configuration something stands, for messages, and the folder that names of files count from."""

    name: str
    folder: Path

    def within(self, name: str) -> _Place:
        return _Place(f"{self.name}, {name}", self.folder)


def load(path: str | Path) -> NodeConfig:
    """Read a TOML file with `[[conference]]` and `[[endpoint]]` tables. Raises `UsageError` with the place of what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration {path} cannot be read: {error}.") from error
    try:
        return parse_toml(text, folder=Path(path).parent)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parse_toml(text: str, *, folder: Path = Path()) -> NodeConfig:
    """The configuration in a TOML text; files it names are looked for from `folder`. Raises `UsageError`."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"This is not valid TOML: {error}.") from error
    hints = _hints(NodeConfig)
    listed = {key: f"{key}s" for key in tables if f"{key}s" in hints}  # `conferences` are written as [[conference]] tables
    ready = {listed[key]: _tables(hints[listed[key]], key, tables.pop(key), folder) for key in listed}
    return _build(NodeConfig, tables, _Place("the node", folder), **ready)


def parse_vmr(text: str) -> Vmr:
    """A VMR written `ALIAS[,host_pin=..][,guest_pin=..]`, with any other key of `Vmr` too. Raises `UsageError`."""
    return _parse(Vmr, "alias", text, "conference", "host_pin=1234")


def parse_endpoint(text: str) -> Endpoint:
    """Somebody to call, written `ADDRESS[,outcome=..][,answers_after=..]`, with any other key of `Endpoint` too. Raises `UsageError`."""
    return _parse(Endpoint, "uri", text, "endpoint", "answers_after=2")


def _parse(kind: type[T], first: str, text: str, name: str, example: str) -> T:
    named, *settings = (part.strip() for part in text.split(","))
    table: dict[str, object] = {first: named}
    hints: dict[str, Any] = get_type_hints(kind)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting!r} in {named!r} is not of the form key=value, such as {example}.")
        if key in table:
            raise UsageError(f"{key} is given twice in {named!r}.")
        table[key] = _from_word(hints.get(key), value)
    return _build(kind, table, _Place(f"{name} {named!r}", Path()))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _tables(hint: Any, key: str, tables: object, folder: Path) -> tuple[Any, ...]:
    if not isinstance(tables, list):
        raise UsageError(f"{key.capitalize()}s are written as [[{key}]] tables, with double brackets.")
    kind = get_args(hint)[0]
    return tuple(_build(kind, table, _Place(f"{key} {number}", folder)) for number, table in enumerate(tables, 1))


def _build(kind: type[T], table: object, place: _Place, **ready: Any) -> T:
    if not isinstance(table, Mapping):
        raise UsageError(f"{place.name}: expected a table of keys, not {table!r}.")
    hints = _hints(cast("Any", kind))
    wanted = [field for field in fields(kind) if field.name not in ready]  # type: ignore[arg-type]
    known = [field.name for field in wanted]
    values: dict[str, Any] = {key: _checked(key, value, hints, known, place) for key, value in table.items()}
    for field in wanted:
        if field.name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise UsageError(f"{place.name}: the key {field.name} is missing.")
    return kind(**values, **ready)


def _checked(key: str, value: object, hints: Mapping[str, object], known: list[str], place: _Place) -> object:
    if key not in known:
        near = get_close_matches(key, known, 1)
        advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        raise UsageError(f"{place.name}: the key {key!r} is unknown; {advice}")
    if not _fits(hints[key], value):
        quotes = " (in quotes)" if _is_secret(key) and isinstance(value, int) else ""
        shown = "what is there" if _is_secret(key) else repr(value)
        raise UsageError(f"{place.name}: {key} must be {_named(hints[key])}{quotes}, not {shown}.")
    return _read(hints[key], value, place.within(key))


def _is_secret(key: str) -> bool:
    return any(word in key for word in _SECRET)


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {UnionType, Union} else (hint,)


def _fits(hint: Any, value: object) -> bool:
    if len(choices := _choices(hint)) > 1:
        return any(_fits(choice, value) for choice in choices)
    if (origin := get_origin(hint)) is not None:
        return _fits_several(origin, get_args(hint), value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is bytes or isinstance(hint, FromFiles):
        return isinstance(value, str)
    return isinstance(value, Mapping) if is_dataclass(hint) else type(value) is hint


def _fits_several(origin: Any, inner: tuple[Any, ...], value: object) -> bool:
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(inner[0], item) for item in value)
    return isinstance(value, Mapping) and all(_fits(inner[1], item) for item in value.values())


def _read(hint: Any, value: Any, place: _Place) -> Any:
    """What a value that fits says."""
    hint = next(choice for choice in _choices(hint) if _fits(choice, value))
    inner = get_args(hint)
    if isinstance(value, list | tuple):
        return tuple(_read(inner[0], item, place.within(str(number))) for number, item in enumerate(value, 1))
    if hint is bytes:
        return _file(place.folder / value, place)
    if isinstance(hint, FromFiles):
        return hint.load(place.folder / value)
    if isinstance(value, Mapping):
        return {key: _read(inner[1], item, place.within(key)) for key, item in value.items()} if inner else _build(hint, value, place)
    return value


def _file(path: Path, place: _Place) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{place.name}: the file {path} cannot be read: {error.strerror}.") from error


def _named(hint: Any) -> str:
    if len(choices := _choices(hint)) > 1:
        return " or ".join(_named(choice) for choice in choices if choice is not type(None))
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(repr, inner))
    if origin is tuple:
        return "a list of texts" if inner[0] is str else "tables in double brackets"
    if isinstance(hint, FromFiles):
        return "the name of a folder"
    return _NAMES.get(hint, "a table")


def _from_word(hint: Any, value: str) -> object:
    choices = _choices(hint)
    if bool in choices:
        return _YES_NO.get(value.lower(), value)
    if int in choices and value.isascii() and value.isdigit():
        return int(value[:18])
    if float in choices and value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    if any(get_origin(choice) is tuple for choice in choices):
        return tuple(value.split())
    if any(isinstance(origin := get_origin(choice), type) and issubclass(origin, Mapping) for choice in choices):
        return {key: word for key, _, word in (pair.partition(":") for pair in value.split())}
    return value
