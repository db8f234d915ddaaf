"""Hypothesis strategies for whatever is declared: values of requests, events and answers, built from the models' own fields."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import annotated_types
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from pexrtc_py.protocol.declare import EVENTS, REQUESTS, Event, Request
from pexrtc_py.protocol.wire import FORM, HEADER, PATH

B = TypeVar("B", bound=BaseModel)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
path_parts = texts.filter(lambda text: text not in ("", ".", "..") and "/" not in text)
header_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
ALL_REQUESTS: tuple[type[Request[Any]], ...] = tuple(sorted(set(REQUESTS.values()), key=lambda kind: kind.__name__))
ALL_EVENTS: tuple[type[Event], ...] = tuple(sorted(set(EVENTS.values()), key=lambda kind: kind.__name__))


@cache
def values(kind: type[B]) -> st.SearchStrategy[B]:
    """Any value of a model; what has a default may be left to it."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    spare: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in kind.model_fields.items():
        if not field.exclude or FORM in field.metadata:
            (needed if field.is_required() else spare)[name] = _of(field.annotation, tuple(field.metadata))
    return st.fixed_dictionaries(needed, optional=spare).map(lambda fields: kind(**fields))


def answers(kind: type[Request[Any]]) -> st.SearchStrategy[Any]:
    """Any answer of a request."""
    return _of(kind.answer, ())


def _of(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:  # noqa: PLR0911  # a table
    if annotation is JsonValue or annotation is Any:
        return json_values
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of(inside[0], (*metadata, *inside[1:]))
    if origin in (Union, types.UnionType):
        return st.one_of([_of(one, metadata) for one in inside])
    if origin is tuple and inside[-1] is not Ellipsis:
        return st.tuples(*[_of(one, ()) for one in inside])
    if origin in (tuple, list):
        return st.lists(_of(inside[0], ()), max_size=3).map(origin)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(_of(inside[0], ()), _of(inside[1], ()), max_size=3)
    return _plain(annotation, metadata)


def _plain(kind: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if issubclass(kind, BaseModel):
        return values(kind)
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if kind is str:
        return path_parts if PATH in metadata else header_texts if HEADER in metadata else texts
    plain: dict[type, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(-(2**53), 2**53),
        float: _numbers(metadata),
        bytes: st.binary(max_size=40),
        types.NoneType: st.none(),
    }
    return plain[kind]


def _numbers(metadata: Iterable[Any]) -> st.SearchStrategy[float]:
    limits = [limit for each in metadata for limit in (each.metadata if hasattr(each, "metadata") else [each])]
    low, high = -1e15, 1e15
    for limit in limits:
        match limit:
            case annotated_types.Gt(gt=value) | annotated_types.Ge(ge=value):
                low = float(value)  # type: ignore[arg-type]
            case annotated_types.Lt(lt=value) | annotated_types.Le(le=value):
                high = float(value)  # type: ignore[arg-type]
    open_low = any(isinstance(limit, annotated_types.Gt) for limit in limits)
    open_high = any(isinstance(limit, annotated_types.Lt) for limit in limits)
    return st.floats(low, high, exclude_min=open_low, exclude_max=open_high)
