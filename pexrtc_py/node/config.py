"""What a node is configured with: its virtual meeting rooms (VMRs) and a few times and limits; pure, with the TOML reader."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pexrtc_py.errors import UsageError

T = TypeVar("T")
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class Vmr:
    """A virtual meeting room. Raises `UsageError` for PINs that cannot work together."""

    alias: str
    """What participants dial; compared without regard to case."""
    _: KW_ONLY
    aliases: tuple[str, ...] = ()
    """Other names for the same room."""
    name: str | None = None
    """Shown to participants; the alias when absent."""
    host_pin: str | None = None
    """With it, Guests wait until a Host has arrived; without it, everybody is a Host."""
    guest_pin: str | None = None
    allow_guests: bool = True
    service_type: Literal["conference", "lecture"] = "conference"
    """In a lecture Guests are muted from the start."""
    chat: bool = True
    guests_can_present: bool = True
    guests_can_unmute: bool = True
    classification_levels: tuple[str, ...] = ()
    """What the levels of secrecy are called, from number 0 on; Hosts choose among them."""
    participant_limit: int | None = None
    bandwidth: int | None = None
    """Limit per call and direction in kbps."""

    def __post_init__(self) -> None:
        for alias in self.all_aliases:
            if not alias or alias != alias.strip() or not alias.isprintable():
                raise UsageError(f"{alias!r} cannot be an alias: it must be printable text without blanks around it.")
        for pin in (self.host_pin, self.guest_pin):
            if pin is not None:
                self._check_pin(pin)
        if self.guest_pin is not None and self.host_pin is None:
            raise UsageError(f"{self.alias}: a guest_pin needs a host_pin, or nobody could be a Guest.")
        if self.guest_pin is not None and not self.allow_guests:
            raise UsageError(f"{self.alias}: guest_pin makes no sense with allow_guests = false.")
        if self.guest_pin is not None and self.guest_pin == self.host_pin:
            raise UsageError(f"{self.alias}: host_pin and guest_pin must differ.")
        for key in ("participant_limit", "bandwidth"):
            if (limit := getattr(self, key)) is not None and limit < 1:
                raise UsageError(f"{self.alias}: {key} must be at least 1, not {limit}.")

    def _check_pin(self, pin: str) -> None:
        # The PIN travels in a header, and the word `none` there means entering without one.
        if not pin.isascii() or not pin.isprintable() or pin != pin.strip() or pin.lower() in ("", "none"):
            raise UsageError(f"{self.alias}: a PIN must be printable ASCII text, not blank and not the word 'none'.")

    @property
    def all_aliases(self) -> tuple[str, ...]:
        """The alias and the further ones."""
        return (self.alias, *self.aliases)


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """Everything about a node but the code that carries its media."""

    conferences: tuple[Vmr, ...] = ()
    """Empty: any alias is an open conference."""
    listen: str | None = None
    """`HOST:PORT`; port 0 takes a free one."""
    tls: bool | None = None
    version: str = "37"
    """The emulated `version_id`; some clients refuse texts below "29"."""
    pseudo_version: str = "79019.0.0"
    token_seconds: int = 120
    waiting_seconds: float = 900.0
    """How long somebody may stay in the waiting room."""
    keepalive_seconds: float = 15.0
    """Between comments on an idle event stream."""
    stream_limit: int = 5000
    """Events that may wait for a slow reader of an event stream before it is dropped."""
    maintenance: bool = False

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for alias in (alias for vmr in self.conferences for alias in vmr.all_aliases):
            if alias.casefold() in seen:
                raise UsageError(f"The alias {alias!r} is given to two conferences; an alias must be unique.")
            seen.add(alias.casefold())
        for key in ("token_seconds", "waiting_seconds", "keepalive_seconds", "stream_limit"):
            if not getattr(self, key) > 0:
                raise UsageError(f"{key} must be above 0, not {getattr(self, key)}.")
        if self.listen is not None:
            split_listen(self.listen)


def load(path: str | Path) -> NodeConfig:
    """Read a TOML file with `[[conference]]` tables. Raises `UsageError` with the place of what is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration {path} cannot be read: {error}.") from error
    try:
        return parse_toml(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parse_toml(text: str) -> NodeConfig:
    """The configuration in a TOML text. Raises `UsageError`."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"This is not valid TOML: {error}.") from error
    conferences = tables.pop("conference", [])
    if not isinstance(conferences, list):
        raise UsageError("Conferences are written as [[conference]] tables, with double brackets.")
    vmrs = tuple(_build(Vmr, table, f"conference {number}") for number, table in enumerate(conferences, 1))
    return _build(NodeConfig, tables, "the node", conferences=vmrs)


def parse_vmr(text: str) -> Vmr:
    """A VMR written `ALIAS[,host_pin=..][,guest_pin=..]`, with any other key of `Vmr` too. Raises `UsageError`."""
    alias, *settings = (part.strip() for part in text.split(","))
    table: dict[str, object] = {"alias": alias}
    hints = get_type_hints(Vmr)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"{setting!r} in {alias!r} is not of the form key=value, such as host_pin=1234.")
        if key in table:
            raise UsageError(f"{key} is given twice in {alias!r}.")
        table[key] = _from_word(hints.get(key), value)
    return _build(Vmr, table, f"conference {alias!r}")


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`. Raises `UsageError`."""
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise UsageError(f"{listen!r} is not HOST:PORT, such as 127.0.0.1:8443 or [::1]:0.")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)


def _build(kind: type[T], table: object, where: str, **ready: Any) -> T:
    if not isinstance(table, Mapping):
        raise UsageError(f"{where}: expected a table of keys, not {table!r}.")
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind) if field.name not in ready]  # type: ignore[arg-type]
    values: dict[str, Any] = {key: _checked(key, value, hints, known, where) for key, value in table.items()}
    if kind is Vmr and "alias" not in values:
        raise UsageError(f"{where}: the key alias is missing.")
    return kind(**values, **ready)


def _checked(key: str, value: object, hints: Mapping[str, object], known: Iterable[str], where: str) -> object:
    known = list(known)
    if key not in known:
        near = get_close_matches(key, known, 1)
        advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        raise UsageError(f"{where}: the key {key!r} is unknown; {advice}")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    if not _fits(hints[key], value):
        quotes = " (in quotes)" if "pin" in key and isinstance(value, int) else ""
        raise UsageError(f"{where}: {key} must be {_named(hints[key])}{quotes}, not {_shown(key, value)}.")
    return value


def _fits(hint: object, value: object) -> bool:
    if isinstance(hint, UnionType):
        return any(_fits(choice, value) for choice in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint


def _named(hint: object) -> str:
    if isinstance(hint, UnionType):
        return " or ".join(_named(choice) for choice in get_args(hint) if choice is not type(None))
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(hint, "a list of texts")  # type: ignore[call-overload, no-any-return]


def _shown(key: str, value: object) -> str:
    return "what is there" if "pin" in key else repr(value)  # a PIN never gets into a message


def _from_word(hint: Any, value: str) -> object:
    choices = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if bool in choices:
        return _YES_NO.get(value.lower(), value)
    if int in choices and value.isascii() and value.isdigit():
        return int(value[:18])
    if get_origin(hint) is tuple:
        return tuple(value.split())
    return value
