"""The values that RTMP commands consist of (AMF 0): numbers, texts, truth values, objects, lists and nothing."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from pexrtc_media.base import MediaError

DEPTH = 8
"""Objects may stand in each other this deep."""
NUMBER, BOOLEAN, STRING, OBJECT, NULL, UNDEFINED, ARRAY, END, LIST, DATE, LONG = 0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12


def encode(*values: object) -> bytes:
    """Values one after the other: str, bool, int or float, None, or a mapping from str to such."""
    return b"".join(map(_encoded, values))


def _encoded(value: object) -> bytes:
    if value is None:
        return bytes([NULL])
    if isinstance(value, bool):
        return bytes([BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", NUMBER, value)
    if isinstance(value, str):
        return bytes([STRING]) + _text(value)
    if isinstance(value, Mapping):
        fields = b"".join(_text(str(key)) + _encoded(item) for key, item in value.items())
        return bytes([OBJECT]) + fields + bytes([0, 0, END])
    raise MediaError(f"AMF has no {type(value).__name__}.")


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> list[Any]:
    """All values; lists and arrays with names become lists and dicts, what is undefined None. Raises MediaError for what is no AMF 0."""
    reader = _Reader(data)
    values = []
    try:
        while reader.place < len(data):
            values.append(reader.value(DEPTH))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise MediaError(f"An RTMP command of {len(data)} bytes is cut off or garbled.") from error
    return values


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def value(self, depth: int) -> Any:
        if depth == 0:
            raise MediaError(f"An RTMP command nests objects more than {DEPTH} deep.")
        kind = self._take("B")
        if kind in (NUMBER, DATE):
            number = self._take("d")
            return number if kind == NUMBER else (number, self._take("H"))[0]
        if kind == BOOLEAN:
            return self._take("B") != 0
        if kind in (STRING, LONG):
            return self._string("H" if kind == STRING else "I")
        if kind in (NULL, UNDEFINED):
            return None
        if kind in (OBJECT, ARRAY):
            return self._fields(kind, depth)
        if kind == LIST:
            return [self.value(depth - 1) for _ in range(min(self._take("I"), len(self.data)))]
        raise MediaError(f"An RTMP command has a value of the unknown kind {kind}.")

    def _fields(self, kind: int, depth: int) -> dict[str, Any]:
        if kind == ARRAY:
            self._take("I")
        found: dict[str, Any] = {}
        while True:
            name = self._string("H")
            if not name and self.data[self.place] == END:
                self.place += 1
                return found
            found[name] = self.value(depth - 1)

    def _string(self, size: str) -> str:
        length = self._take(size)
        data = self.data[self.place : self.place + length]
        if len(data) < length:
            raise IndexError
        self.place += length
        return data.decode()

    def _take(self, form: str) -> Any:
        (value,) = struct.unpack_from(f">{form}", self.data, self.place)
        self.place += struct.calcsize(f">{form}")
        return value
