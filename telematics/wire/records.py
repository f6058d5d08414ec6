"""A batch of one partition's records becomes a `Batch` for the engine, beside what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from telematics.model import Batch, Ping
from telematics.wire.arrivals import check_arrival
from telematics.wire.partitioner import partition_of
from telematics.wire.pings import read_ping
from telematics.wire.reasons import Reject, RejectReason, reject
from telematics.wire.strict import MAX_BYTES
from telematics.wire.ticks import check_tick, is_tick


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


def decode_records(records: Iterable[Record], partition: int, partitions: int) -> Decoded:
    """Decode records of one partition, in log order, of a topic of `partitions` partitions. Never raises on bytes."""
    offsets: list[int] = []
    arrivals: list[int] = []
    pings: list[Ping | None] = []
    rejects: list[Rejected] = []
    unknown_fields = 0
    for record in records:
        result: Ping | Reject | None = check_arrival(record.timestamp)
        unknown = 0
        if result is None:
            key = record.key
            if key is None:
                result = _decode_keyless(record)
            else:
                result, unknown = read_ping(record.value)
                if isinstance(result, Ping):
                    result = _check_place(result.vehicle_id, key, partition, partitions) or result
        if isinstance(result, Reject):
            rejects.append(Rejected(record, result))
            continue
        unknown_fields += unknown
        offsets.append(record.offset)
        arrivals.append(record.timestamp)
        pings.append(result)
    return Decoded(Batch(offsets, arrivals, pings), rejects, unknown_fields)


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
