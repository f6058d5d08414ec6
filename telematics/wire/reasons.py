"""Why a record was refused: one closed list, used in dead letters, in reject files and as a metric label."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_DETAIL_CHARS = 300


class RejectReason(StrEnum):
    """Why bytes did not become a value. The names are part of the wire format: add to them, never rename."""

    TOO_LARGE = "too_large"
    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_OBJECT = "not_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NOT_FINITE = "not_finite"
    BAD_VALUE = "bad_value"
    BAD_VEHICLE_ID = "bad_vehicle_id"
    BAD_TS = "bad_ts"
    BAD_ARRIVAL = "bad_arrival"
    BAD_TICK = "bad_tick"
    NO_KEY = "no_key"
    KEY_MISMATCH = "key_mismatch"
    WRONG_PARTITION = "wrong_partition"
    BAD_ROW = "bad_row"
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class Reject:
    """A refusal: the reason for machines, the detail (one line, at most 300 characters) for people."""

    reason: RejectReason
    detail: str


def reject(reason: RejectReason, detail: str) -> Reject:
    """A `Reject` whose detail is safe to print and to put in a header: one line, bounded, valid Unicode."""
    clean = detail.encode("utf-8", "backslashreplace").decode()
    line = " ".join(clean.split())
    return Reject(reason, line if len(line) <= _DETAIL_CHARS else line[: _DETAIL_CHARS - 1] + "…")
