"""`key=value` on the command line as the fields of a request, read by the types that its declaration has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pexrtc_py.cli.options import usage
from pexrtc_py.cli.verbs import Verb, argument, parts
from pexrtc_py.cli.wording import near
from pexrtc_py.errors import ProtocolError
from pexrtc_py.protocol.declare import Request
from pexrtc_py.protocol.wire import FORM, PATH, decode_request, from_text, marked


def built(verb: Verb, words: Sequence[str]) -> Request[Any]:
    """The request that these words make, such as `payload=Hello` or `transforms.layout=1:7`. Raises a usage error that names the word."""
    body: dict[str, Any] = {}
    for text in words:
        key, equals, value = text.partition("=")
        if not equals:
            raise usage(f"{text!r} is not KEY=VALUE; {verb.name} takes {verb.arguments or 'no arguments'}.")
        _put(verb.kind, key.split("."), value, body, key)
    fields = verb.kind.model_fields
    missing = [argument(verb.kind, name) for name, field in fields.items() if field.is_required() and name not in body]
    if missing:
        raise usage(f"{verb.name} needs {' '.join(missing)}.")
    elsewhere = {name: body.pop(name) for name in (*marked(verb.kind, PATH), *marked(verb.kind, FORM)) if name in body}
    try:
        return decode_request(verb.kind, body, besides=elsewhere)
    except ProtocolError as error:
        raise usage(f"{verb.name} {error.path.removeprefix('$.')}: {error.problem}.") from error


def _put(kind: type[BaseModel], path: list[str], value: str, into: dict[str, Any], where: str) -> None:
    """Put a value at its place in the body."""
    name = _field(kind, path[0], where)
    field = kind.model_fields[name]
    if len(path) == 1:
        into[name] = _read(field.annotation, value, where)
        return
    inner = next((part for part in parts(field.annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)
    if inner is None:
        raise usage(f"{where}: {name} has no parts.")
    _put(inner, path[1:], value, into.setdefault(name, {}), where)


def _field(kind: type[BaseModel], key: str, where: str) -> str:
    """The field called so, in our words or on the wire."""
    names = {key: name for name, field in kind.model_fields.items() for key in (name, *_aliases(field.validation_alias))}
    if key not in names:
        raise usage(f"{where}: there is no {key!r}.{near(key, names)} There is {', '.join(kind.model_fields) or 'nothing to say'}.")
    return names[key]


def _aliases(alias: Any) -> list[str]:
    return [one for one in getattr(alias, "choices", [alias]) if isinstance(one, str)]


def _read(annotation: Any, value: str, where: str) -> Any:
    """The value in JSON, or as it stands where it is text."""
    kinds = parts(annotation)
    if bytes in kinds:
        return _file(value, where)
    if value == "null" and type(None) in kinds:
        return None
    if any(isinstance(kind, type) and issubclass(kind, str) for kind in kinds):
        return value
    try:
        return from_text(value)
    except ProtocolError:
        return value  # such as YES, which a truth is read from too


def _file(value: str, where: str) -> bytes:
    if not value.startswith("@"):
        raise usage(f"{where}: name a file, with @ before it.")
    try:
        return Path(value[1:]).read_bytes()
    except OSError as error:
        raise usage(f"{where}: {value[1:]} cannot be read: {error.strerror}.") from error
