"""Law: no bytes, however hostile, raise out of `wire`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telematics.model import PING_FIELDS, Alert, Ping, Trip
from telematics.wire.alerts import decode_alert
from telematics.wire.deadletters import DeadLetter, from_dead_letter, to_dead_letter
from telematics.wire.dialects import DIALECTS, DialectName
from telematics.wire.dialects.traccar import decode_traccar
from telematics.wire.pings import decode_ping
from telematics.wire.reasons import Reject
from telematics.wire.records import decode_records
from telematics.wire.ticks import check_tick
from telematics.wire.trips import decode_trip, trip_of_record
from tests.support.records import Raw
from tests.support.strategies import FEW, LAW, json_values, texts

names = st.sampled_from(
    [*sorted(PING_FIELDS), "position", "device", "attributes", "uniqueId", "fixTime", "deviceTime", "latitude",
     "longitude", "valid", "outdated", "speed", "alarm", "sat", "trip", "vehicle", "effective_at", "evidence", "v"]
)  # fmt: skip
plausible = st.sampled_from(["2026-01-28T15:22:00Z", "a", 0, 1, 1e300, -1, 1700000000, "1700000000", "nan", [], {}])
nested = st.recursive(json_values | plausible, lambda inner: st.dictionaries(names, inner, max_size=8), max_leaves=10)
documents = st.dictionaries(names, nested, max_size=12)
near_json = documents.map(orjson.dumps)
# Real JSON cut, doubled and overwritten somewhere: what networks and writers do to it.
damaged = st.builds(
    lambda value, at, junk: value[: at % (len(value) + 1)] + junk + value[at % (len(value) + 1) :],
    near_json,
    st.integers(0, 10_000),
    st.binary(max_size=4) | st.sampled_from([b"NaN", b"1e999", b"\\ud800", b"9" * 5000, b"[" * 300, b'"']),
)
values = st.none() | st.binary(max_size=200) | near_json | damaged
headers = st.lists(
    st.tuples(
        st.sampled_from(["type", "reason", "detail", "topic", "partition", "offset", "arrival", "size", "value"]),
        st.binary(max_size=8) | st.sampled_from([b"tick", b"1", b"9" * 5000, b"2026-01-28T15:22:00Z"]),
    ),
    max_size=9,
).map(tuple)
raws = st.builds(Raw, st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1), values, values, headers)

DECODERS: dict[str, tuple[Callable[[bytes | None], Any], type | tuple[type, ...]]] = {
    "ping": (decode_ping, Ping),
    "alert": (decode_alert, Alert),
    "trip": (decode_trip, Trip),
    "tick": (check_tick, type(None)),
    "traccar": (decode_traccar, Ping),
}


@pytest.mark.parametrize("name", DECODERS)
@LAW
@given(value=values)
def test_decoders(name: str, value: bytes | None) -> None:
    """Every decoder gives its value or a refusal, whatever the bytes."""
    decode, kind = DECODERS[name]
    assert isinstance(decode(value), (Reject, kind))


@FEW
@given(records=st.lists(raws, max_size=5), partition=st.integers(0, 7))
def test_batches(records: list[Raw], partition: int) -> None:
    """Of every record of a batch there is an input or a refusal, and nothing twice."""
    decoded = decode_records(records, partition, 8)
    assert len(decoded.batch) + len(decoded.rejects) == len(records)


@LAW
@given(record=raws, partition=st.integers(0, 99))
def test_dead_letters(record: Raw, partition: int) -> None:
    """Any record can be written as a dead letter and read back with its bytes unchanged."""
    refusal = decode_ping(b"")
    assert isinstance(refusal, Reject)
    key, value, written = to_dead_letter(record, "telematics.pings", partition, refusal)
    letter = from_dead_letter(Raw(0, 0, key, value, tuple(written)))
    assert isinstance(letter, DeadLetter)
    assert (letter.key, letter.value) == (record.key, record.value)
    assert (letter.partition, letter.offset, letter.arrival) == (partition, record.offset, record.timestamp)


@LAW
@given(record=raws)
def test_foreign_dead_letters(record: Raw) -> None:
    """A record that somebody else wrote to the dead letter topic is refused, never an error."""
    assert isinstance(from_dead_letter(record), DeadLetter | Reject)


@LAW
@given(key=values, value=values, arrival=st.integers(0, 2**41))
def test_trip_records(key: bytes | None, value: bytes | None, arrival: int) -> None:
    """A record of the trips topic is a trip with its instant, or a refusal."""
    trip = trip_of_record(key, value, arrival, live=True)
    assert isinstance(trip, Reject) or trip.effective_at is not None


@FEW
@pytest.mark.parametrize("name", DialectName)
@given(document=documents, row=st.dictionaries(names, texts | st.text() | near_json.map(bytes.decode), max_size=10))
def test_dialects(name: DialectName, document: dict[str, Any], row: dict[str, str]) -> None:
    """Every dialect gives a ping or a refusal for any object and any row of texts, lone surrogates included."""
    dialect = DIALECTS[name]
    assert isinstance(dialect.ping_of_object(document), Ping | Reject)
    assert isinstance(dialect.ping_of_row(row), Ping | Reject)


@LAW
@given(depth=st.integers(1, 1020), field=names)
def test_depth(depth: int, field: str) -> None:
    """No depth of nesting that a parser lets through breaks what comes after it."""
    value = b'{"uniqueId":"a","fixTime":1,"' + field.encode() + b'":' + b"[" * depth + b"]" * depth + b"}"
    assert isinstance(decode_ping(value), Ping | Reject)
    assert isinstance(decode_traccar(value), Ping | Reject)
    assert isinstance(DIALECTS[DialectName.NATIVE].ping_of_object(orjson.loads(value)), Ping | Reject)
