"""How values are spelled in JSON: the few types the API's habits need, encoding, decoding, and the envelope round every reply.

Null is never sent, since clients take a missing field well and a null one badly; a field marked `SEND_NULL` is the exception.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, overload

import pydantic_core
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import core_schema

from pexrtc_py.errors import ProtocolError

_log = logging.getLogger(__name__)
T = TypeVar("T")
M = TypeVar("M", bound="Wire")

# --- marks on fields -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """A note on a field about where or how it travels; put it in `Annotated`."""

    meaning: str


SEND_NULL = Mark("null is sent, because it says something else than absence")
HEADER = Mark("travels as an HTTP header of the field's name, with dashes for underscores, not in the body")
OR_HEADER = Mark("is read from an HTTP header of the field's very name too, where the body or query lacks it")
PATH = Mark("stands in the request's name, at the place <field>, not in the body")
FORM = Mark("travels as a file of a form, instead of a body of JSON")
WHOLE = Mark("is the payload itself, not a key in it")


_ELSEWHERE = (HEADER, PATH, FORM)


@cache
def marked(kind: type[BaseModel], mark: Mark) -> tuple[str, ...]:
    """The names of the fields of `kind` that carry `mark`."""
    return tuple(name for name, field in kind.model_fields.items() if mark in field.metadata)


@cache
def _elsewhere(kind: type[BaseModel]) -> frozenset[str]:
    """The names of the fields that are not in the body."""
    return frozenset(name for mark in _ELSEWHERE for name in marked(kind, mark))


# --- spellings -------------------------------------------------------------------------------------------------------


def _on(value: object) -> object:
    """Read "Unknown" (which some nodes send for encryption) as off."""
    return False if isinstance(value, str) and value.lower() == "unknown" else value


def _seconds(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _time(value: float) -> int | float:
    return value or 0  # a bare 0 when unset: one client compares the text with "0"


def _no_word(value: object) -> object:
    return None if value in ("", "none") else value


def _nothing(_: object) -> None:
    return None


def _done(value: object) -> object:
    return True if value is None else value


YesNo = Annotated[bool, PlainSerializer(lambda value: "YES" if value else "NO", return_type=str)]
"""A truth spelled "YES" or "NO"."""
Yes = Annotated[bool, PlainSerializer(lambda value: "yes" if value else "no", return_type=str)]
"""A truth spelled "yes" or "no"."""
OnOff = Annotated[bool, BeforeValidator(_on), PlainSerializer(lambda value: "On" if value else "Off", return_type=str)]
"""A truth spelled "On" or "Off"."""
Seconds = Annotated[float, Field(gt=0, lt=1e9, allow_inf_nan=False), PlainSerializer(_seconds)]
"""A duration spelled as a string of seconds ("120")."""
UnixTime = Annotated[float, PlainSerializer(_time)]
"""Seconds since 1970, 0 when it never happened."""
NoneWord = Annotated[str | None, BeforeValidator(_no_word)]
"""A string that some clients spell "none" when there is none."""
Done = Annotated[bool, BeforeValidator(_done)]
"""An answer of true or false; null, from old nodes, counts as true."""
Nothing = Annotated[None, BeforeValidator(_nothing)]
"""An answer of null; newer documents have true here, so anything is read as null."""


@dataclass(frozen=True)
class Open:
    """Marks `SomeEnum | str`: values the enumeration knows become its members, others stay strings."""

    kind: type[StrEnum]

    def _read(self, value: str) -> str:
        try:
            return self.kind(value)
        except ValueError:
            return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """The schema of a string that is looked up in the enumeration."""
        return core_schema.no_info_after_validator_function(
            self._read, core_schema.str_schema(coerce_numbers_to_str=True), serialization=core_schema.to_string_ser_schema()
        )


# --- bases -----------------------------------------------------------------------------------------------------------


class Wire(BaseModel):
    """Anything that travels as a JSON object: frozen, compared by value, keeping the keys it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="allow", populate_by_name=True, protected_namespaces=(), coerce_numbers_to_str=True, hide_input_in_errors=True
    )

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = handler(self)
        null, elsewhere = marked(type(self), SEND_NULL), _elsewhere(type(self))
        return {key: value for key, value in body.items() if (value is not None or key in null) and key not in elsewhere}

    def __hash__(self) -> int:
        return hash((type(self), _frozen(self.__dict__), _frozen(self.__pydantic_extra__ or {})))


def _frozen(value: object) -> object:
    """A hashable stand-in for `value`, equal for equal values."""
    if isinstance(value, Mapping):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


FORGIVING: Mapping[str, bool] = {"forgiving": True}


class Forgiving(Wire):
    """What the vendor may extend: read from the wire, an optional field that makes no sense takes its default instead of failing all.

    Built in a program, it is as strict as any other.
    """

    complained: ClassVar[set[tuple[str, str]]] = set()

    @model_validator(mode="wrap")
    @classmethod
    def _forgive(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            if info.context is not FORGIVING or not isinstance(data, Mapping):
                raise
            wrong = {place["loc"][0] for place in error.errors(include_url=False, include_input=False) if place["loc"]}
            spare = {key for key in wrong if key in cls.model_fields and not cls.model_fields[str(key)].is_required()}
            cls._complain(str(key) for key in spare if data.get(key) is not None)  # a null is but another way to leave out
            return handler({key: value for key, value in data.items() if key not in spare})

    @classmethod
    def _complain(cls, fields: Iterable[str]) -> None:
        """Log each of these fields of this class once."""
        for field in sorted(fields):
            if (cls.__name__, field) not in cls.complained:
                cls.complained.add((cls.__name__, field))
                _log.warning("%s.%s is not as the protocol has it; using the default", cls.__name__, field)


# --- encoding and decoding -------------------------------------------------------------------------------------------


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _path(place: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)


@overload
def decode(kind: type[T], data: object) -> T: ...
@overload
def decode(kind: Any, data: object) -> Any: ...
def decode(kind: Any, data: object) -> Any:
    """The value of type `kind` (a model, `bool`, `list[Participant]`, ...) that the parsed JSON `data` spells.

    Raises ProtocolError with the path of the first thing that is wrong.
    """
    return _read(kind, data, FORGIVING)


def _read(kind: Any, data: object, context: Mapping[str, bool] | None) -> Any:
    try:
        return _adapter(kind).validate_python(data, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError(first["msg"], path=_path(first["loc"])) from None


def decode_request(
    kind: type[M], body: object, *, headers: Mapping[str, str] | None = None, besides: Mapping[str, object] | None = None
) -> M:
    """The request of type `kind` in a body (or a query), in headers, and `besides` in its path or as files.

    No body, null and {} are the same, and so are no key and a null one. Header names are looked up in lower case. Raises ProtocolError.
    """
    if body is None:
        body = {}
    if not isinstance(body, Mapping):
        raise ProtocolError("Input should be an object")
    null, elsewhere = marked(kind, SEND_NULL), _elsewhere(kind)
    said = {key: value for key, value in body.items() if key not in elsewhere and (value is not None or key in null)}
    request: M = _read(kind, _in_headers(kind, headers or {}) | said | dict(besides or {}), None)
    return request


def _in_headers(kind: type[Wire], headers: Mapping[str, str]) -> dict[str, object]:
    names = {name: _header(name) for name in marked(kind, HEADER)} | {name: name for name in marked(kind, OR_HEADER)}
    return {name: headers[header] for name, header in names.items() if header in headers}


def _header(field: str) -> str:
    return field.replace("_", "-")


def encode(value: Wire) -> dict[str, Any]:
    """The JSON object of a request (its body, or the query of a GET) or model, ready for `to_text`."""
    return value.model_dump(mode="json", by_alias=True)


def encode_answer(kind: Any, value: object) -> Any:
    """The JSON of an answer of type `kind` (`Request.answer`)."""
    return _adapter(kind).dump_python(value, mode="json", by_alias=True)


def headers_of(request: Wire) -> dict[str, str]:
    """The headers that carry the fields of `request` marked HEADER and set."""
    values = {_header(name): getattr(request, name) for name in marked(type(request), HEADER)}
    return {name: str(value) for name, value in values.items() if value is not None}


def files_of(request: Wire) -> dict[str, bytes]:
    """The fields of `request` that travel as files of a form."""
    return {name: getattr(request, name) for name in marked(type(request), FORM)}


def query_of(request: Wire) -> dict[str, str]:
    """The query parameters of a GET; truths are spelled true and false."""
    return {key: value if isinstance(value, str) else to_text(value) for key, value in encode(request).items()}


def to_text(value: object) -> str:
    """JSON on one line."""
    return pydantic_core.to_json(value, inf_nan_mode="null").decode()


def from_text(text: str | bytes) -> Any:
    """Parsed JSON; nothing but white space is null. Raises ProtocolError."""
    if not text.strip():
        return None
    try:
        return pydantic_core.from_json(text.encode() if isinstance(text, str) else text)
    except ValueError:
        raise ProtocolError("this is not JSON") from None


# --- the envelope ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Envelope:
    """What every JSON reply is wrapped in; `processed` is its status, `result` whether and what came of it."""

    processed: bool
    result: Any

    @property
    def reason(self) -> str:
        """The result as a sentence for a person; empty when it is not text."""
        return self.result if isinstance(self.result, str) else ""


def success(result: Any) -> dict[str, Any]:
    """The reply of a request that was carried out, and of the challenges of request_token."""
    return _sealed("success", result)


def failed(reason: str) -> dict[str, Any]:
    """The reply of a request that was refused; the word is "failed", whatever the prose of the documents says."""
    return _sealed("failed", reason)


def _sealed(status: Literal["success", "failed"], result: Any) -> dict[str, Any]:
    return {"status": status, "result": result}


def unseal(body: object) -> Envelope:
    """What is in the envelope; "failed" and "failure" are one. Raises ProtocolError when it is none."""
    if not isinstance(body, Mapping) or not isinstance(body.get("status"), str):
        raise ProtocolError("Input should be an object with status and result")
    result = body["result"] if "result" in body else body.get("reason")
    return Envelope(processed=body["status"] == "success", result=result)
