"""A dataclass of `telematics.model` as a plain JSON document, in the order of its fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any, get_args, get_type_hints

from telematics.instants import format_rfc3339
from telematics.wire.rounding import decimals, rounded

# Annotations are texts here (PEP 563): `Instant` and `Instant | None` are known by their words.
_INSTANTS = frozenset({"Instant", "Instant | None"})
# What orjson writes as we want it.
_PLAIN = (str, int, Enum, type(None))


def to_document(value: Any, *, sparse: bool) -> dict[str, Any]:
    """Field name to JSON value: instants as RFC 3339, floats rounded by their unit; enums are left to orjson.

    With `sparse`, fields that hold their default are left out (pings and trips: small, and a reader's defaults are
    the same); without, every field is there (alerts: a reader should not need to know the defaults).
    """
    names, values_of, defaults, to_write = _plan(value.__class__)
    values = list(values_of(value))
    for i, places, instant in to_write:
        inner = values[i]
        if inner is None:
            continue
        if instant:
            values[i] = format_rfc3339(inner)
        elif type(inner) is float:
            values[i] = round(inner, places) + 0.0 if isfinite(inner) else None
        elif type(inner) is not int:
            values[i] = _write(names[i], inner, sparse=sparse)
    if not sparse:
        return dict(zip(names, values, strict=True))
    held = zip(names, values, values_of(value), defaults, strict=True)
    return {name: inner for name, inner, given, default in held if given is not default and given != default}


def _write(name: str, value: Any, *, sparse: bool) -> Any:
    if _is_record(value.__class__):
        return to_document(value, sparse=sparse)
    if isinstance(value, tuple) and value and _is_record(value[0].__class__):
        return [to_document(inner, sparse=sparse) for inner in value]
    return rounded(name, value)


@cache
def _is_record(kind: type) -> bool:
    return is_dataclass(kind)


@cache
def _plan(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], Any], tuple[Any, ...], list[tuple[int, int, bool]]]:
    """Names, values and defaults of a class; places of the fields orjson would not write as we want, decimals, instant?"""
    names = tuple(field.name for field in fields(kind))
    hints = get_type_hints(kind)
    to_write = [
        (i, decimals(field.name), field.type in _INSTANTS)
        for i, field in enumerate(fields(kind))
        if field.type in _INSTANTS or not _is_plain(hints[field.name])
    ]
    return names, attrgetter(*names), tuple(_default(field) for field in fields(kind)), to_write


def _is_plain(hint: Any) -> bool:
    return all(isinstance(kind, type) and issubclass(kind, _PLAIN) for kind in get_args(hint) or [hint])


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    # MISSING equals nothing a field can hold: a required field is never left out.
    return field.default
