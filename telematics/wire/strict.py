r"""Strict JSON: bytes become a value of `telematics.model`, or a `Reject`. Nothing here raises on any bytes.

What is accepted, where JSON leaves room:

- UTF-8 without a byte order mark, one object, at most `MAX_BYTES` long and `MAX_DEPTH` levels deep.
- A number is a JSON number: `"12"` and `true` are not. An integer field takes no `12.0`; a float field takes `12`.
- NaN, Infinity and numbers too large for a double (`1e999`) are refused as `not_finite`, wherever they stand.
- Integers of any length are read exactly and then meet the limits of their field.
- Numbers too small for a double (`1e-999`) are 0. `-0.0` is accepted and equals 0.
- A key given twice: the last one counts, as in most readers.
- A lone surrogate (`"\ud800"`) is no Unicode text: `not_json`.
- Unknown fields are ignored (and counted by `telematics.wire.pings`).
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from telematics.wire.reasons import Reject, RejectReason, reject

T = TypeVar("T")

MAX_BYTES = 1_000_000
# Where pydantic's parser stops; orjson's goes on to 1,024. Counting levels ourselves for a lower limit would cost
# every ping 0.3 µs, and 201 is harmless: no message of ours is deeper than five.
MAX_DEPTH = 201

# The closing quote is optional and the repeats are possessive: one unclosed string costs one pass, not many.
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)

_TOO_DEEP = Reject(RejectReason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")

_REASONS = {
    "missing": RejectReason.MISSING_FIELD,
    "finite_number": RejectReason.NOT_FINITE,
    "greater_than_equal": RejectReason.OUT_OF_RANGE,
    "less_than_equal": RejectReason.OUT_OF_RANGE,
    "greater_than": RejectReason.OUT_OF_RANGE,
    "less_than": RejectReason.OUT_OF_RANGE,
    "int_parsing_size": RejectReason.OUT_OF_RANGE,
    "too_short": RejectReason.OUT_OF_RANGE,
    "too_long": RejectReason.OUT_OF_RANGE,
    "string_too_short": RejectReason.OUT_OF_RANGE,
    "string_too_long": RejectReason.OUT_OF_RANGE,
    "enum": RejectReason.BAD_VALUE,
    "literal_error": RejectReason.BAD_VALUE,
    "string_pattern_mismatch": RejectReason.BAD_VALUE,
}


def load_object(value: bytes | None) -> dict[str, Any] | Reject:
    """The JSON object in `value` as a plain dict, or why there is none."""
    if not value:
        return reject(RejectReason.EMPTY, "the value is empty; expected a JSON object")
    if len(value) > MAX_BYTES:
        return reject(RejectReason.TOO_LARGE, f"{len(value)} bytes; at most {MAX_BYTES} are accepted")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return _why_not_json(value, error)
    if type(document) is not dict:
        return reject(RejectReason.NOT_OBJECT, f"expected a JSON object, found {_json_type(document)}")
    return document


def validate(adapter: TypeAdapter[T], value: bytes) -> T | Reject:
    """The value described by `adapter`, from bytes that `load_object` has accepted."""
    try:
        return adapter.validator.validate_json(value, strict=True)  # type: ignore[no-any-return]
    except ValidationError as error:
        return explain(error)


def decode(adapter: TypeAdapter[T], value: bytes | None) -> T | Reject:
    """The value described by `adapter` from any bytes."""
    document = load_object(value)
    if isinstance(document, Reject):
        return document
    return validate(adapter, cast("bytes", value))


def explain(error: ValidationError) -> Reject:
    """The first thing that is wrong: its reason, the path of the field, and what would be right."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "value"
    kind, field = first["type"], str(first["loc"][-1]) if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    if kind == "json_invalid":
        # orjson took these bytes: what is left is depth, on which alone this parser is the stricter one.
        return _TOO_DEEP
    reason = _REASONS.get(kind, RejectReason.WRONG_TYPE)
    if kind == "value_error":
        reason = RejectReason.BAD_TS if field == "ts" else RejectReason.BAD_VALUE
    elif kind == "string_pattern_mismatch" and field == "vehicle_id":
        reason = RejectReason.BAD_VEHICLE_ID
        message = "expected 1 to 64 of the characters A-Z a-z 0-9 . _ : -"
    return reject(reason, f"{path}: {message}")


def _why_not_json(value: bytes, error: orjson.JSONDecodeError) -> Reject:
    try:
        value.decode()
    except UnicodeDecodeError as bad:
        return reject(RejectReason.NOT_UTF8, f"byte {bad.start} is not UTF-8")
    if _depth(value) > MAX_DEPTH:
        return _TOO_DEEP
    # Apart from depth the two parsers disagree on one thing: this one takes NaN, Infinity, numbers beyond a double.
    try:
        from_json(value, allow_inf_nan=True)
    except ValueError:
        # orjson's positions end in "(char 12)", its words name no byte of the value.
        return reject(RejectReason.NOT_JSON, f"not JSON: {error}")
    return reject(RejectReason.NOT_FINITE, f"a number is not finite: {error}")


def _depth(value: bytes) -> int:
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(value):
        byte = value[token.start()]
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _json_type(document: Any) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(document), "a number")
