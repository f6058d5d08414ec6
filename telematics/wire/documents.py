"""A dataclass of `telematics.model` as a plain JSON document, in the order of its fields."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any

from telematics.instants import format_rfc3339
from telematics.wire.rounding import decimals, rounded

# Annotations are texts here (PEP 563): `Instant` and `Instant | None` are known by their words.
_INSTANTS = frozenset({"Instant", "Instant | None"})


def to_document(value: Any, *, sparse: bool) -> dict[str, Any]:
    """Field name to JSON value: instants as RFC 3339, floats rounded by their unit; enums are left to orjson.

    With `sparse`, fields that hold their default are left out (pings and trips: small, and a reader's defaults are
    the same); without, every field is there (alerts: a reader should not need to know the defaults).
    """
    document: dict[str, Any] = {}
    for name, default, places, instant in _plan(value.__class__):
        inner = getattr(value, name)
        if sparse and (inner is default or inner == default):
            continue
        if instant and inner is not None:
            document[name] = format_rfc3339(inner)
        elif type(inner) is float and isfinite(inner):
            document[name] = round(inner, places) + 0.0
        else:
            document[name] = inner if type(inner) in _AS_THEY_ARE else _plain(name, inner, sparse=sparse)
    return document


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def _plain(name: str, value: Any, *, sparse: bool) -> Any:
    if is_dataclass(value):
        return to_document(value, sparse=sparse)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return [to_document(inner, sparse=sparse) for inner in value]
    return rounded(name, value)


@cache
def _plan(kind: Any) -> tuple[tuple[str, Any, int, bool], ...]:
    return tuple((f.name, _default(f), decimals(f.name), f.type in _INSTANTS) for f in fields(kind))


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    # MISSING equals nothing a field can hold: a required field is never left out.
    return field.default
