"""A batch of one partition's records becomes a `Batch` for the engine, beside what was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from telematics.memo import Memo
from telematics.model import Batch, Ping, Pings, fields_of
from telematics.wire.arrivals import check_arrival
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import read_regular, read_strictly, vehicle_id_of
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.strict import MAX_BYTES
from telematics.wire.ticks import check_tick, is_tick

# One irregular record makes so many be looked at by halves.
_AT_ONCE = 64
_LONGEST_ID = 64
_VEHICLES = 131_072  # keys of a partition that are remembered; more are only read more slowly


class Record(Protocol):
    """What is needed of a consumed record; aiokafka's ConsumerRecord has it. `timestamp` is arrival in ms."""

    @property
    def offset(self) -> int:
        """Place in the partition's log."""
        ...

    @property
    def timestamp(self) -> int:
        """Arrival in ms since the epoch."""
        ...

    @property
    def key(self) -> bytes | None:
        """Bytes of the key."""
        ...

    @property
    def value(self) -> bytes | None:
        """Bytes of the value."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values."""
        ...


@dataclass(frozen=True, slots=True)
class Rejected:
    """A refused record, for the dead letters."""

    record: Record
    reject: Reject


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded batch: inputs for the engine, refusals, and how many fields nobody knew."""

    batch: Batch
    rejects: list[Rejected]
    unknown_fields: int


def decode_records(records: Sequence[Record], partition: int, partitions: int) -> Decoded:
    """Decode records of one partition, in log order, of a topic of `partitions` partitions. Never raises on bytes."""
    decoding = _Decoding(partition, partitions)
    for start in range(0, len(records), _AT_ONCE):
        decoding.add(records[start : start + _AT_ONCE])
    return Decoded(
        Batch(decoding.offsets, decoding.arrivals, Pings(decoding.rows)), decoding.rejects, decoding.unknown_fields
    )


class _Decoding:
    """What came of the records so far."""

    def __init__(self, partition: int, partitions: int) -> None:
        self.offsets: list[int] = []
        self.arrivals: list[int] = []
        self.rows: list[tuple[Any, ...] | None] = []
        self.rejects: list[Rejected] = []
        self.unknown_fields = 0
        self._place = (partition, partitions)
        self._home = _home(partition, partitions)

    def add(self, records: Sequence[Record]) -> None:
        """All at once if they are regular, else half by half."""
        rows: Sequence[tuple[Any, ...] | None] | None = _regular(records, self._home)
        if rows is None:
            if len(records) > 1:
                half = len(records) // 2
                self.add(records[:half])
                self.add(records[half:])
                return
            result, unknown = _decode_one(records[0], *self._place)
            if isinstance(result, Reject):
                self.rejects.append(Rejected(records[0], result))
                return
            self.unknown_fields += unknown
            rows = [None if result is None else fields_of(result)]
        self.offsets += [record.offset for record in records]
        self.arrivals += [record.timestamp for record in records]
        self.rows += rows


def _regular(records: Sequence[Record], home: Mapping[bytes | None, str]) -> list[tuple[Any, ...]] | None:
    """The fields of the pings in records of which nothing else is to be said; None if that is not so of each."""
    arrivals = [record.timestamp for record in records]
    if check_arrival(min(arrivals)) or check_arrival(max(arrivals)):
        return None
    try:
        vehicle_ids = [home[record.key] for record in records]
    except ValueError:
        return None
    return read_regular([record.value or b"" for record in records], vehicle_ids)


@lru_cache(maxsize=256)
def _home(partition: int, partitions: int) -> Memo[bytes | None, str]:
    """The vehicle that a record's key on a partition names. Raises ValueError for a key whose pings are not there."""

    def vehicle_at_home(key: bytes | None) -> str:
        if key is None or len(key) > _LONGEST_ID or partition_of(key, partitions) != partition:
            raise ValueError
        return vehicle_id_of(key)

    return Memo(vehicle_at_home, _VEHICLES)


def _decode_one(record: Record, partition: int, partitions: int) -> tuple[Ping | Reject | None, int]:
    """A ping, None for a tick, or the refusal; and the number of unknown fields."""
    wrong = check_arrival(record.timestamp)
    if wrong is not None:
        return wrong, 0
    key = record.key
    if key is None:
        return _decode_keyless(record), 0
    ping, unknown = read_strictly(record.value)
    if isinstance(ping, Reject):
        return ping, 0
    wrong = _check_place(ping.vehicle_id, key, partition, partitions)
    return (ping, unknown) if wrong is None else (wrong, 0)


def _decode_keyless(record: Record) -> Reject | None:
    if is_tick(None, record.headers):
        return check_tick(record.value)
    if record.value is not None and len(record.value) > MAX_BYTES:
        return reject(RejectReason.TOO_LARGE, f"{len(record.value)} bytes; at most {MAX_BYTES} are accepted")
    return reject(RejectReason.NO_KEY, "the record has no key; a ping's key is its vehicle_id")


def _check_place(vehicle_id: str, key: bytes, partition: int, partitions: int) -> Reject | None:
    """None for a ping whose record is where its vehicle's pings are."""
    if vehicle_id.encode() != key:
        return reject(RejectReason.KEY_MISMATCH, f"key {key[:64]!r} is not vehicle_id {vehicle_id!r}")
    expected = partition_of(key, partitions)
    if expected == partition:
        return None
    return reject(
        RejectReason.WRONG_PARTITION,
        f"key {vehicle_id!r} is on partition {partition}; murmur2 mod {partitions} is {expected}: "
        "set the producer's partitioner to murmur2",
    )
