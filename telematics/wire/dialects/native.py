"""Our own fields (`telematics.model.Ping`), as JSON objects and as rows of a CSV.

Looser than a topic in three places, because files come from anywhere: `ts` may also be epoch seconds or milliseconds,
a `vehicle_id` may be a whole number, and a CSV's texts are read as the type of their field. Numbers of a CSV are
rounded as `encode_ping` would, so that a row is the same ping in a file and on a topic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_type_hints

from telematics.instants import format_rfc3339
from telematics.model import Ping
from telematics.wire.dialects.timestamps import read_instant
from telematics.wire.pings import ping_of_document
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.rounding import rounded

REQUIRED = ("vehicle_id", "ts", "lat", "lon")

_TRUE = frozenset({"true", "1", "yes", "t"})
_FALSE = frozenset({"false", "0", "no", "f"})


def claims(names: Collection[str]) -> bool:
    """Whether columns or fields of these names are probably ours. The fallback: every file may be."""
    return "vehicle_id" in names


def ping_of_object(fields: Mapping[str, Any]) -> Ping | Reject:
    """The ping in a decoded JSON object, unknown fields ignored."""
    document = dict(fields)
    try:
        if "ts" in document:
            document["ts"] = format_rfc3339(read_instant(document["ts"]))
    except ValueError as error:
        return reject(RejectReason.BAD_TS, f"ts: {error}")
    if type(document.get("vehicle_id")) is int:
        document["vehicle_id"] = str(document["vehicle_id"])
    return ping_of_document(document)


def ping_of_row(row: Mapping[str, str]) -> Ping | Reject:
    """The ping in a row of a CSV (column name to text); an empty text is an absent field. Events part with `;`."""
    document: dict[str, Any] = {}
    for name, read in _READERS.items():
        text = row.get(name, "").strip()
        if not text:
            continue
        try:
            document[name] = read(text)
        except ValueError as error:
            reason = RejectReason.BAD_TS if name == "ts" else RejectReason.WRONG_TYPE
            return reject(reason, f"{name}: {error}")
        if type(document[name]) is float:
            if not math.isfinite(document[name]):
                return reject(RejectReason.NOT_FINITE, f"{name}: {text!r} is not finite")
            document[name] = rounded(name, document[name])
    return ping_of_document(document)


def _read_float(text: str) -> float:
    try:
        # Python's own float takes 1_000; no other reader does.
        return float("" if "_" in text else text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number such as 19.5") from None


def _read_int(text: str) -> int:
    number = _read_float(text)
    if not number.is_integer():
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(number)


def _read_bool(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return word in _TRUE


def _read_events(text: str) -> list[str]:
    return [word.strip() for word in text.split(";") if word.strip()]


def _read_ts(text: str) -> str:
    return format_rfc3339(read_instant(text))


def _reader(name: str, annotation: str) -> Callable[[str], Any]:
    """How a field's text is read, by what the class says of it."""
    if name == "events":
        return _read_events
    for word, read in (("Instant", _read_ts), ("int", _read_int), ("float", _read_float), ("bool", _read_bool)):
        if word in annotation:
            return read
    return str


_READERS = {name: _reader(name, str(hint)) for name, hint in get_type_hints(Ping, include_extras=False).items()}
_READERS["ts"] = _read_ts
NAMES = frozenset(_READERS)
"""Every name that is read."""
