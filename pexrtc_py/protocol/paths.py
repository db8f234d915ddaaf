"""Parts of paths: escaping, and names with places in them (`theme/<resource>`). A place at the end takes the rest, slashes and all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import quote, unquote

from pexrtc_py.errors import ProtocolError, UsageError

_PLACE = re.compile(r"<(\w+)>")


def usable(part: str) -> bool:
    """Whether a part survives a URL: not empty, not relative, and text."""
    return part not in ("", ".", "..") and not any("\ud800" <= letter <= "\udfff" for letter in part)


def escaped(part: str) -> str:
    """One part of a path as encodeURIComponent writes it. Raises UsageError when it cannot be one."""
    if not usable(part):
        raise UsageError(f"{part!r} cannot be a part of a path.")
    return quote(part, safe="!~*'()")


def unescaped(segment: str) -> str:
    """What one part of a path says. Raises ProtocolError when it is empty, relative or not UTF-8."""
    try:
        part = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise ProtocolError("the path is not UTF-8", path="path") from None
    if not usable(part):
        raise ProtocolError("the path has an empty or relative part", path="path")
    return part


def places(template: str) -> tuple[str, ...]:
    """The places in a name, in order."""
    return tuple(_PLACE.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The name with these values, escaped, in its places. Raises UsageError for values that cannot stand in a path."""

    def value(place: re.Match[str]) -> str:
        parts = values[place[1]].split("/") if place.end() == len(template) else [values[place[1]]]
        return "/".join(escaped(part) for part in parts)

    return _PLACE.sub(value, template)


def read(template: str, name: str) -> dict[str, str] | None:
    """What stands in the places when `name`, still escaped, is of this form; None when it is not. Raises ProtocolError as `unescaped`."""
    found = _pattern(template).fullmatch(name)
    if found is None:
        return None
    return {place: "/".join(unescaped(part) for part in text.split("/")) for place, text in found.groupdict().items()}


def fits(template: str, name: str) -> bool:
    """Whether a name, still escaped, is of this form."""
    return _pattern(template).fullmatch(name) is not None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    last = template.endswith(">")
    pieces = _PLACE.split(template)  # text, place, text, place, ...
    whole = ""
    for number, piece in enumerate(pieces):
        final = last and number == len(pieces) - 2
        whole += re.escape(piece) if number % 2 == 0 else f"(?P<{piece}>{'.+' if final else '[^/]+'})"
    return re.compile(whole, re.DOTALL)
