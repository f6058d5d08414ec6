"""The forms in which others write pings. Each dialect reads a JSON object and a CSV row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from telematics.model import Ping
from telematics.wire.dialects import native, traccar
from telematics.wire.reasons import Reject


class DialectName(StrEnum):
    """The dialects a user can name."""

    NATIVE = "native"
    TRACCAR = "traccar"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one dialect is recognised (by its field names) and read."""

    claims: Callable[[Collection[str]], bool]
    ping_of_object: Callable[[Mapping[str, Any]], Ping | Reject]
    ping_of_row: Callable[[Mapping[str, str]], Ping | Reject]


DIALECTS = {
    DialectName.NATIVE: Dialect(native.claims, native.ping_of_object, native.ping_of_row),
    DialectName.TRACCAR: Dialect(traccar.claims, traccar.ping_of_object, traccar.ping_of_row),
}


def recognise(names: Collection[str]) -> DialectName:
    """The dialect whose field names these are; ours when nobody claims them."""
    claimed = (name for name, dialect in DIALECTS.items() if dialect.claims(names))
    return next(claimed, DialectName.NATIVE)


def is_field(name: str) -> bool:
    """Whether some dialect reads a column or field of this name."""
    return name in native.NAMES or name.lower().removeprefix("attributes.") in traccar.NAMES
